//! What belongs where, read from the sources themselves.

mod graph;
mod planted;
mod rules;
mod sequoia;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rules::Fault;
use syn::{Item, Visibility};

/// Returns the Rust files of a folder, each by its path and text.
pub fn files_in(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

fn files() -> Vec<(String, String)> {
    let found = files_in("src");
    assert!(found.len() > 100, "only {} sources", found.len());
    for named in [rules::VERIFY, rules::SELF_SIGNATURES] {
        assert!(found.iter().any(|(path, _)| path == named), "no {named}: a rule is about it");
    }
    // One for each system, with the same functions.
    for file in ["mod.rs", "linux.rs", "macos.rs"] {
        for folder in rules::SYSTEMS {
            let named = format!("{folder}{file}");
            assert!(found.iter().any(|(path, _)| *path == named), "no {named}");
        }
    }
    found
}

/// A command in advice stands on a line of its own, behind `\n  `, so that it can be copied.
#[test]
fn commands_in_advice_stand_alone() {
    let commands = [
        "adduid",
        "announce",
        "check",
        "delete",
        "doctor",
        "export",
        "extend",
        "import",
        "inspect",
        "keygen",
        "list",
        "marketplace",
        "passwd",
        "refresh",
        "revoke",
        "revoke-uid",
        "rotate",
        "sign",
        "trust",
        "verify",
    ];
    let is_command = |behind: &str| {
        let word = behind.split(|it: char| !it.is_ascii_lowercase() && it != '-').next();
        word.is_some_and(|word| commands.contains(&word))
    };
    let mut faults = Vec::new();
    for (path, text) in files().iter().filter(|(path, _)| path.starts_with("src/publisher/")) {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for before in [": plugsign ", "(plugsign ", "then plugsign ", ", plugsign "] {
                if line.split(before).skip(1).any(is_command) {
                    faults.push(format!("{path}: {}", line.trim()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_file_keeps_the_rules_of_the_house() {
    let faults: Vec<String> = rules::faults(&files()).iter().map(Fault::shown).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Who builds on one system does not see what the other one's file lacks.
#[test]
fn both_systems_have_the_same_functions() {
    let files = files();
    let declared = |path: String| {
        let (_, text) = files.iter().find(|(it, _)| *it == path).expect("the file");
        let items = syn::parse_file(text).unwrap().items;
        let named = items.into_iter().filter_map(|item| match item {
            Item::Fn(it) if !matches!(it.vis, Visibility::Inherited) => {
                Some((it.sig.ident.to_string(), it.sig.inputs.len()))
            }
            Item::Const(it) => Some((it.ident.to_string(), 0)),
            _ => None,
        });
        named.collect::<BTreeSet<_>>()
    };
    for folder in rules::SYSTEMS {
        let [linux, macos] = ["linux", "macos"].map(|it| declared(format!("{folder}{it}.rs")));
        assert!(linux.len() > 4, "{linux:?}");
        assert_eq!(linux, macos, "{folder}");
    }
}

/// A test that is left out by `cfg` says nothing. One that asks names itself as skipped.
#[test]
fn tests_ask_for_the_system_in_one_file() {
    let may_ask =
        |path: &str| path == "tests/common/systems.rs" || path.starts_with("tests/boundaries/");
    let files = files_in("tests");
    assert!(files.len() > 100, "only {} files", files.len());
    let asking: Vec<&str> = files
        .iter()
        .filter(|(path, text)| !may_ask(path) && text.contains("target_os"))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(asking, [""; 0]);
}

/// The harness swallows what a passing test prints. What says it past the harness is in one file.
#[test]
fn what_a_test_goes_without_is_said_in_one_file() {
    let may_say =
        |path: &str| path == "tests/common/peers.rs" || path.starts_with("tests/boundaries/");
    let saying: Vec<String> = files_in("tests")
        .into_iter()
        .filter(|(path, text)| {
            let says = ["\"skipped: ", "PLUGSIGN_REQUIRE_PEERS\")"];
            !may_say(path) && says.iter().any(|it| text.contains(it))
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(saying, [""; 0]);
}

/// The check compiles the library alone by building them: what only the program needs is not there.
#[test]
fn the_fuzzers_have_the_library_alone() {
    let manifest = fs::read_to_string("fuzz/Cargo.toml").unwrap();
    let alone =
        r#"plugsign = { path = "..", default-features = false, features = ["crypto-rust"] }"#;
    assert_eq!(manifest.matches("plugsign = {").count(), 1);
    assert!(manifest.lines().any(|line| line == alone), "{manifest}");
}
