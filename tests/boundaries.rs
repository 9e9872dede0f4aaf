//! What belongs where, read from the sources themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// A source file without its comments and without its tests.
struct Source {
    path: PathBuf,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
                let code: Vec<&str> = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .map(|line| line.split(" // ").next().unwrap_or_default())
                    .collect();
                let path = path.strip_prefix(root).unwrap().to_owned();
                found.push(Source { path, code: code.join("\n") });
            }
        }
    }
    assert!(found.len() > 30, "only {} sources", found.len());
    found
}

fn is_program(source: &Source) -> bool {
    source.path.starts_with("src/bin")
}

/// Asserts that none of the words is in any of the sources.
#[track_caller]
fn nowhere(sources: impl Iterator<Item = Source>, words: &[&str]) {
    for source in sources {
        for word in words {
            assert!(!source.code.contains(word), "{} has \"{word}\"", source.path.display());
        }
    }
}

#[test]
fn only_the_openpgp_module_names_sequoia() {
    let others = sources().into_iter().filter(|it| !it.path.starts_with("src/openpgp"));
    nowhere(others, &["sequoia_openpgp"]);
}

#[test]
fn self_signatures_are_signed_in_one_place_that_sets_their_marks() {
    let others = sources().into_iter().filter(|it| !it.path.ends_with("change/made.rs"));
    let words = [
        ".sign_direct_key(",
        ".sign_userid_binding(",
        ".sign_subkey_binding(",
        ".sign_primary_key_binding(",
        "SignatureBuilder::sign_",
    ];
    nowhere(others, &words);
}

#[test]
fn only_the_program_prints_reads_the_environment_and_the_clock_and_exits() {
    let words = [
        "println!",
        "print!",
        "io::stdout",
        "io::stderr",
        "io::stdin",
        "env::var",
        "env::args",
        "SystemTime::now",
        "Timestamp::now",
        "Instant::now",
        "process::exit",
        "umask(",
    ];
    nowhere(sources().into_iter().filter(|it| !is_program(it)), &words);
}

#[test]
fn the_library_does_without_the_programs_crates() {
    let words = [
        "clap::",
        "rpassword::",
        "indicatif::",
        "anstream::",
        "anstyle::",
        "signal_hook::",
        "zeroizing_alloc::",
    ];
    nowhere(sources().into_iter().filter(|it| !is_program(it)), &words);
}

#[test]
fn only_the_programs_edges_read_the_world() {
    let edges = ["edge/world.rs", "args.rs", "edge/terminal.rs"]
        .map(|name| format!("src/bin/plugsign/{name}"));
    let inside = |source: &Source| {
        is_program(source) && !edges.iter().any(|edge| source.path == Path::new(edge))
    };
    nowhere(sources().into_iter().filter(inside), &["env::var", "SystemTime::now", "env::args"]);
}

#[test]
fn verifying_cannot_reach_secret_keys() {
    let verify = |it: &Source| it.path == Path::new("src/openpgp/verify.rs");
    assert_eq!(sources().iter().filter(|it| verify(it)).count(), 1);
    nowhere(
        sources().into_iter().filter(verify),
        &["secret_key", "SecretKey", " SigningKey", "rsa::"],
    );
}

#[test]
fn nothing_in_the_sources_panics_on_purpose() {
    nowhere(
        sources().into_iter(),
        &[".unwrap()", ".expect(", "panic!(", "unreachable!(", "unsafe {"],
    );
}
