//! Runs what the fuzzers run, on what they found worth keeping: seeds, corpora, and every input
//! that once broke something. fuzz/README.md says how to look for more.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[path = "../../src/bin/plugsign/gpg/argv.rs"]
mod argv;
#[path = "../../src/bin/plugsign/gpg/dates.rs"]
#[expect(dead_code, reason = "the program uses the rest")]
mod dates;
#[path = "../../src/bin/plugsign/gpg/parameters.rs"]
#[expect(dead_code, reason = "the program uses the rest")]
mod parameters;
#[path = "../../src/bin/plugsign/gpg/table.rs"]
#[expect(dead_code, reason = "the program uses the rest")]
pub mod table;
mod targets;

/// Runs a target on all files that are kept for it.
fn replay(name: &str, target: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay");
    let mut files = 0;
    for kind in ["seeds", "corpus", "regressions"] {
        for file in files_of(&root.join(kind).join(name)) {
            let input = fs::read(&file).unwrap();
            eprintln!("{}", file.display());
            target(&input);
            // The first half of anything is an input as well.
            target(&input[..input.len() / 2]);
            files += 1;
        }
    }
    assert!(files >= 3, "{name} has only {files} inputs");
    let _ = writeln!(io::stderr(), "replay: {name}: {files} inputs, and half of each");
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let Ok(listing) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name), targets::$name);
            }
        )*

        #[test]
        fn every_fuzzer_has_its_replay() {
            let mut names = [$(stringify!($name)),*];
            names.sort_unstable();
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let fuzzers = files_of(&root.join("fuzz/fuzz_targets"));
            let stems: Vec<_> = fuzzers.iter().filter_map(|path| path.file_stem()).collect();
            assert_eq!(stems, names);
        }
    };
}

targets!(
    cleartext,
    certificate,
    secret_key,
    signature,
    armor,
    verify,
    bundle,
    config,
    gpg,
    marketplace,
    token
);
