//! What belongs where, read from the sources themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod graph;
mod planted;
mod rules;
mod sequoia;
mod source;

use std::fs;
use std::path::Path;

use rules::Fault;

/// The faults that are still there, one a line. The list only shrinks: whoever mends a fault takes
/// its line out, and the test fails until then.
const KNOWN: &str = include_str!("known.txt");

fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
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
    assert!(found.len() > 100, "only {} sources", found.len());
    for named in [rules::VERIFY, rules::SELF_SIGNATURES] {
        assert!(found.iter().any(|(path, _)| path == named), "no {named}: a rule is about it");
    }
    found
}

#[test]
fn every_file_keeps_the_rules_of_the_house() {
    let faults = rules::faults(&files());
    let known: Vec<&str> = KNOWN.lines().collect();
    let names: Vec<&str> = faults.iter().map(|it| it.name.as_str()).collect();
    let is_new = |it: &&Fault| !known.contains(&it.name.as_str());
    let new: Vec<String> = faults.iter().filter(is_new).map(Fault::shown).collect();
    let mended: Vec<&str> = known.into_iter().filter(|name| !names.contains(name)).collect();
    let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boundaries-known");
    fs::write(&now, names.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
    assert!(
        new.is_empty() && mended.is_empty(),
        "{} new faults:\n{}\n{} are mended and leave tests/boundaries/known.txt:\n{}\n\
         {} is the list as it is now",
        new.len(),
        new.join("\n"),
        mended.len(),
        mended.join("\n"),
        now.display()
    );
}
