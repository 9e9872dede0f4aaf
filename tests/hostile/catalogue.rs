//! docs/attack-cases.md names a test for every known attack; they must be there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::hostile::bounded::told;

#[test]
fn every_attack_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("docs/attack-cases.md")).unwrap();
    let mut sources = String::new();
    for path in rust_files(&root.join("tests")).into_iter().chain(rust_files(&root.join("src"))) {
        sources.push_str(&fs::read_to_string(path).unwrap());
    }
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let tests: Vec<&str> =
            row.split('`').skip(1).step_by(2).filter(|it| it.contains('_')).collect();
        let is_left_out = row.contains("not here:") || row.starts_with("| case");
        assert!(!tests.is_empty() || is_left_out, "no test is named: {row}");
        for test in tests {
            let name = test.rsplit("::").next().unwrap();
            let is_there = match test.starts_with("fuzz_target::") {
                true => root.join(format!("fuzz/fuzz_targets/{name}.rs")).is_file(),
                false => is_test(&sources, name),
            };
            assert!(is_there, "there is no test {test}: {row}");
            named += 1;
        }
    }
    assert!(named >= 100, "only {named}");
    told(&format!("{named} tests named for known attacks"));
}

/// Returns whether a function of this name is run as a test, and no helper.
fn is_test(sources: &str, name: &str) -> bool {
    sources.match_indices(&format!("fn {name}(")).any(|(place, _)| {
        let mut above = sources[..place].rsplit('\n').skip(1).map(str::trim_start);
        let mut attributes =
            above.by_ref().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        attributes.any(|line| line == "#[test]")
    })
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}
