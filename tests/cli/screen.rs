//! What a person sees on a screen of 80 columns.

use std::process::Command;

use crate::common::craft::*;
use crate::common::person::Person;
use crate::common::sandbox::{PASSPHRASE, PROGRAM, Sandbox};

const WIDTH: usize = 80;

/// Runs a line of words on a screen of 80 columns, and returns what is on it and the exit code.
#[track_caller]
fn shown(sandbox: &Sandbox, line: &[&str]) -> (String, i32) {
    let mut command = Command::new("sh");
    command.args(["-c", "stty -onlcr cols 80; exec \"$@\"", "sh", PROGRAM]).args(line);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("PLUGSIGN_HOME", sandbox.home()).env("TERM", "dumb");
    command.env("PLUGSIGN_PASSPHRASE", PASSPHRASE);
    command.current_dir(sandbox.folder());
    let (text, code) = Person::at(command).ends();
    (text.replace('\r', ""), code)
}

/// Asserts that no line is too long, unless it has one word only.
#[track_caller]
fn fits(text: &str) {
    for line in text.lines().filter(|line| line.chars().count() > WIDTH) {
        let words = line.trim().trim_end_matches(" \\");
        let quoted = words.starts_with('\'') && words.ends_with('\'');
        assert!(quoted || !words.contains(' '), "{line:?} is too long in:\n{text}");
    }
}

fn release() -> (Sandbox, String) {
    let sandbox = Sandbox::with_passphrase();
    let key = sandbox.acme_key(&[]);
    for name in ["app_1.0_linux_amd64.tar.gz", "app_1.0_amd64.deb", "app_1.0.zip"] {
        sandbox.write(format!("dist/{name}"), DATA);
    }
    (sandbox, key)
}

fn grouped(fingerprint: &str) -> String {
    let groups: Vec<&str> = (0..10).map(|at| &fingerprint[at * 4..at * 4 + 4]).collect();
    format!("{}  {}", groups[..5].join(" "), groups[5..].join(" "))
}

#[test]
fn verify_names_the_signer_once_above_the_good_files() {
    let (sandbox, key) = release();
    sandbox.run("sign dist").exits(0);
    let (text, code) = shown(&sandbox, &["verify", "dist"]);
    assert_eq!(code, 0, "{text}");
    fits(&text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "signed by Acme Release <r@acme.test>", "{text}");
    assert_eq!(lines[1].trim(), grouped(&key), "{text}");
    assert!(lines[2].trim().starts_with("on 20"), "{text}");
    assert_eq!(lines[3..6].iter().filter(|line| line.starts_with("good  dist/")).count(), 3);
    assert!(lines[3..6].iter().all(|line| !line.contains("Acme")), "{text}");
    // A pipe gets it all, each time.
    let piped = sandbox.run("verify dist").exits(0).out();
    assert!(piped.lines().all(|line| line.contains(&format!("  {key}  Acme Release <r@"))));
    let (verbose, _) = shown(&sandbox, &["-v", "verify", "dist"]);
    assert!(verbose.contains(&key), "{verbose}");
}

#[test]
fn verify_says_last_what_is_bad_and_why() {
    let (sandbox, _) = release();
    sandbox.run("sign dist").exits(0);
    sandbox.write("dist/app_1.0.zip", b"changed");
    std::fs::remove_file(sandbox.path("dist/app_1.0_amd64.deb.sig")).unwrap();
    let (text, code) = shown(&sandbox, &["verify", "dist"]);
    assert_eq!(code, 1, "{text}");
    fits(&text);
    let good = text.find("good  dist/app_1.0_linux_amd64.tar.gz\n").unwrap();
    let bad = text.find("BAD   dist/app_1.0.zip\n      bad-signature: ").unwrap();
    assert!(good < bad, "{text}");
    assert!(text.contains("BAD   dist/app_1.0_amd64.deb\n      missing-signature: "), "{text}");
}

#[test]
fn verify_names_the_list_above_its_files() {
    let (sandbox, key) = release();
    sandbox.run("sign --list-only dist").exits(0);
    let (text, code) = shown(&sandbox, &["verify", "dist"]);
    assert_eq!(code, 0, "{text}");
    fits(&text);
    let list = "on the list dist/SHA256SUMS\n  signed by Acme Release <r@acme.test>\n";
    assert!(text.contains(list), "{text}");
    assert_eq!(text.matches(&grouped(&key)).count(), 1, "{text}");
    assert!(text.contains("\ngood  dist/app_1.0.zip\n"), "{text}");
}

#[test]
fn doctor_is_in_columns_and_its_commands_stand_alone() {
    let (sandbox, key) = release();
    let (text, code) = shown(&sandbox, &["doctor"]);
    assert_eq!(code, 0, "{text}");
    fits(&text);
    let is_row = |line: &&str| line.starts_with("ok    ") && !line.ends_with("-certificate");
    let rows: Vec<&str> = text.lines().filter(is_row).collect();
    assert!(rows.len() > 5, "{text}");
    for row in rows {
        let name = row[6..].split(' ').next().unwrap().len();
        assert_eq!(row.len() - row[6 + name..].trim_start().len(), 30, "{row}");
    }
    sandbox.run(&format!("extend {key} --expires 10d")).exits(0);
    let (text, _) = shown(&sandbox, &["doctor", "--color", "always"]);
    fits(&anstream_free(&text));
    assert!(text.contains(&format!("\n        plugsign extend {key} --expires 1y\n")), "{text}");
    assert!(text.contains("\x1b[33mwarn"), "a warning is yellow: {text}");
}

fn anstream_free(text: &str) -> String {
    let mut pieces = text.split('\x1b');
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn a_hint_has_a_step_a_line_and_commands_alone() {
    let (sandbox, key) = release();
    sandbox.run(&format!("revoke {key} --reason superseded")).exits(0);
    for line in [
        &["sign", "dist"][..],
        &["sign", "-u", "nobody", "dist"],
        &["verify", "--key", "nobody", "dist"],
        &["inspect", "nowhere"],
        &["list"],
        &["passwd", "x@y"],
        &["revoke", &key, "--certificate", "dist/app_1.0.zip"],
        &["trust", "remove", "nobody"],
        &["import", "dist/app_1.0.zip"],
    ] {
        fits(&shown(&sandbox, line).0);
    }
    let (text, code) = shown(&sandbox, &["sign", "-u", "nobody", "dist"]);
    assert_eq!(code, 3);
    assert!(text.contains("\nhint: see which keys there are:\n        plugsign list\n"), "{text}");
    // The same in a pipe, and JSON has it on one line.
    let piped = sandbox.run("sign -u nobody dist").exits(3).err();
    assert!(
        piped.contains("\nhint: see which keys there are:\n        plugsign list\n"),
        "{piped}"
    );
    let json = sandbox.run("--json sign -u nobody dist").exits(3).json();
    assert_eq!(json["error"]["hint"], "see which keys there are: plugsign list");
}

#[test]
fn a_command_with_blanks_in_its_path_can_be_copied() {
    let (sandbox, _) = release();
    sandbox.write("my files/home/keys/x", b"");
    sandbox.chmod("my files/home", 0o777);
    let home = sandbox.path("my files/home");
    let (text, _) = shown(&sandbox, &["--home", home.to_str().unwrap(), "list"]);
    assert!(text.contains(&format!("\n        chmod 700 '{}'", home.display())), "{text}");
}

#[test]
fn list_inspect_check_and_trust_fit() {
    let (sandbox, key) = release();
    sandbox.run("sign dist").exits(0);
    sandbox.run(&format!("export {key} -a -o cert.asc")).exits(0);
    sandbox.run("trust add cert.asc").exits(0);
    sandbox.run(&format!("rotate {key}")).exits(0);
    sandbox.run(&format!("extend {key} --expires 10d")).exits(0);
    for line in [
        &["list"][..],
        &["inspect", "cert.asc", "dist/app_1.0.zip.sig", "dist/app_1.0.zip"],
        &["check", "dist/app_1.0_linux_amd64.tar.gz"],
        &["trust", "list"],
        &["import", "cert.asc"],
        &["sign", "--force", "dist"],
    ] {
        let (text, _) = shown(&sandbox, line);
        fits(&text);
        assert!(!text.is_empty());
    }
    let (text, _) = shown(&sandbox, &["list"]);
    assert!(text.starts_with(&grouped(&key)), "{text}");
    assert!(sandbox.run("list").exits(0).out().starts_with(&key));
}

#[test]
fn quiet_says_only_what_went_wrong() {
    let (sandbox, _) = release();
    sandbox.run("sign dist").exits(0);
    let done = sandbox.run("-q verify dist").exits(0).prints_nothing();
    assert_eq!(done.err(), "");
    sandbox.write("dist/app_1.0.zip", b"changed");
    let out = sandbox.run("-q verify dist").exits(1).out();
    assert!(out.starts_with("BAD   dist/app_1.0.zip  bad-signature") && out.lines().count() == 1);
    let out = sandbox.run("-q doctor").exits(0).out();
    assert!(!out.contains("ok  "), "{out}");
}
