//! The README's commands, run as they are printed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::sandbox::Sandbox;

/// Returns the plugsign column of the table of Mattermost's steps.
fn steps() -> Vec<String> {
    let readme = include_str!("../README.md");
    let table = readme.split("| Mattermost's page | plugsign |").nth(1).expect("the table");
    table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cell = line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap().trim();
            cell.trim_matches('`').to_string()
        })
        .collect()
}

#[test]
fn every_step_of_the_page_has_a_command_that_works() {
    let steps = steps();
    assert_eq!(steps.len(), 13, "the page has 13 steps");
    let sandbox = Sandbox::new("readme-steps");
    let folder = sandbox.path();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    fs::copy(example.join("organisation.secret.asc"), folder.join("my-priv-gpg-key")).unwrap();
    fs::copy(example.join("organisation.asc"), folder.join("my-pub-gpg-key")).unwrap();
    fs::copy(example.join("organisation.asc"), folder.join("my-pk-file1")).unwrap();
    let plugin = "com.mattermost.demo-plugin-0.1.0.tar.gz";
    fs::copy(example.join("dist/com.example.plugin-1.2.0.tar.gz"), folder.join(plugin)).unwrap();
    let mut fingerprint = String::from("none yet");
    for step in steps {
        let command = step.replace(" ID ", &format!(" {fingerprint} "));
        let output = sandbox.shell(&command);
        assert!(output.status.success(), "{command}\n{}", output.shown());
        if command.starts_with("plugsign keygen") {
            fingerprint = output.stdout.trim().to_string();
            let second = sandbox.shell(&format!("plugsign export {fingerprint} > my-pk-file2"));
            assert!(second.status.success());
        }
    }
    assert!(folder.join(format!("{plugin}.sig")).exists());
    let left = sandbox.shell("plugsign trust list");
    assert!(
        left.stdout.contains("my-pub-key") && !left.stdout.contains("my-pk-file"),
        "{}",
        left.stdout
    );
}

#[test]
fn the_main_job_runs_on_the_example() {
    // The script builds a release; here the program that is tested takes its place.
    let script = include_str!("../keys-example/release.sh");
    let sandbox = Sandbox::new("readme-main-job");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    let job: String = script
        .lines()
        .filter(|line| !line.starts_with("cargo build") && !line.starts_with("here="))
        .map(|line| match line.starts_with("plugsign=") {
            true => format!("here='{}'; plugsign=plugsign\n", here.display()),
            false => format!("{line}\n"),
        })
        .collect();
    let job = job.replace("cd \"$here/..\"\n", "");
    let output = sandbox.shell(&job);
    assert!(output.status.success(), "{}", output.shown());
    assert!(output.stdout.contains("good  "), "{}", output.shown());
}

#[test]
fn the_example_release_verifies_as_it_stands() {
    let sandbox = Sandbox::new("readme-example");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    let output = sandbox.shell(&format!(
        "plugsign verify --key '{0}/organisation.asc' '{0}/dist'",
        example.display()
    ));
    assert!(output.status.success(), "{}", output.shown());
}

#[test]
fn the_example_is_trusted_by_nobody() {
    let sandbox = Sandbox::new("readme-untrusted");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    let output = sandbox.shell(&format!("plugsign verify '{}/dist'", example.display()));
    assert_eq!(output.status.code(), Some(3), "{}", output.shown());
}

#[test]
fn help_is_there_for_every_command() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_plugsign")).args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let top = help(&["--help"]);
    for command in ["keygen", "list", "export", "import", "sign", "verify", "trust"] {
        assert!(top.contains(&format!("  {command} ")), "{command} in\n{top}");
        assert!(help(&[command, "--help"]).contains("Usage: plugsign"), "{command}");
    }
}
