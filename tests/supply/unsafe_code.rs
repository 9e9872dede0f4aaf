//! How much `unsafe` there is.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::{built, metadata, read};

#[test]
fn our_own_code_has_no_unsafe_in_it() {
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                assert!(!has_word(line, "unsafe "), "{}: {line}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 60, "only {files} files");
}

/// Says whether a line has a word that is not the end of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(place, _)| !line[..place].ends_with(is_name))
}

/// Counts the lines of Rust sources below a folder in which `unsafe` begins something.
fn unsafe_lines(folder: &Path) -> usize {
    let Ok(listing) = fs::read_dir(folder) else { return 0 };
    let in_line = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"]
            .iter()
            .any(|word| has_word(code, word))
    };
    let in_file = |path: &Path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter(|line| in_line(line)).count()
    };
    let paths = listing.map(|entry| entry.unwrap().path());
    paths
        .map(|path| match path.is_dir() {
            true => unsafe_lines(&path),
            false if path.extension().is_some_and(|it| it == "rs") => in_file(&path),
            false => 0,
        })
        .sum()
}

/// Of others' code we can only say how much there is; SECURITY.md says what we make of it.
#[test]
fn unsafe_code_is_counted_and_none_of_it_is_ours() {
    let metadata = metadata();
    let mut with = 0;
    let mut lines = 0;
    let packages = built(&metadata);
    for package in &packages {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let found = unsafe_lines(&manifest.parent().unwrap().join("src"));
        if package["name"] == "plugsign" {
            assert_eq!(found, 0, "of our own");
        }
        with += usize::from(found > 0);
        lines += found;
    }
    // Standard bindings have some: a scan that finds none looks in the wrong place.
    assert!(with > 10 && with < packages.len(), "{with} of {}", packages.len());
    let all = packages.len();
    let _ = writeln!(
        io::stderr(),
        "supply: {with} of {all} crates have `unsafe` in {lines} lines, plugsign has none"
    );
}
