//! One case through every door: plugsign's own commands, gpg and gpgv say the same.
//!
//! The interface promises it: keys, certificates, passphrases and signatures are read by the same
//! rules, and only words, status lines and exit codes differ.

mod import;
mod key_choice;
mod passphrase;
mod signing;
mod verdict;

use std::collections::BTreeMap;

use crate::common::sandbox::{Done, Sandbox};

/// What the doors say in the cases of one table.
struct Answers {
    table: &'static str,
    /// By case and door: what was expected, and what was said.
    told: BTreeMap<(String, &'static str), (String, String)>,
}

impl Answers {
    fn new(table: &'static str) -> Answers {
        Answers { table, told: BTreeMap::new() }
    }

    fn add(&mut self, case: &str, door: &'static str, expected: &str, said: &str) {
        let answer = (expected.to_owned(), said.to_owned());
        let before = self.told.insert((case.to_owned(), door), answer);
        assert!(before.is_none(), "{case}: the {door} answers twice");
    }

    /// Asserts that every door says what is expected.
    #[track_caller]
    fn agree(&self) {
        let differs = self.told.iter().filter(|(_, (expected, said))| said != expected);
        let faults: Vec<String> = differs
            .map(|((case, door), (expected, said))| {
                format!("{case}: {door} says {said}, and not {expected}")
            })
            .collect();
        assert!(faults.is_empty(), "{}:\n{}", self.table, faults.join("\n"));
    }
}

/// Puts a file into the home, whatever plugsign would say to it.
fn keep(sandbox: &Sandbox, name: &str, bytes: &[u8]) {
    let path = format!("home/{name}");
    sandbox.write(&path, bytes);
    sandbox.chmod(path, 0o600);
    for folder in ["home", "home/keys", "home/certificates", "home/trusted"] {
        if sandbox.has(folder) {
            sandbox.chmod(folder, 0o700);
        }
    }
}

/// Why a door refuses, by what its message has in it.
const WHY: [(&str, &str); 17] = [
    ("it is revoked", "revoked"),
    ("it expired on", "expired"),
    ("is too weak, at least", "weak"),
    ("its self-signature uses", "weak-hash"),
    ("it is not a signing key", "not-a-signing-key"),
    ("is not accepted, only RSA is", "not-rsa"),
    ("wrong passphrase", "wrong"),
    ("needs a passphrase", "none"),
    ("none was chosen", "ambiguous"),
    ("\" matches ", "ambiguous"),
    ("no key matches", "unknown"),
    ("there is no secret key here", "nobody"),
    ("short key ID", "short"),
    ("an empty KEY", "no-name"),
    ("PLUGSIGN_KEY is empty", "empty"),
    ("no OpenPGP key can be read", "no-key"),
    ("has no secret key here", "no-secret"),
];

/// Says why a command refused, in one word.
fn why(done: &Done) -> String {
    let said = done.err();
    let word_of = |line: &str| {
        let found = WHY.iter().find(|(message, _)| line.contains(message));
        found.map(|(_, word)| (*word).to_owned())
    };
    said.lines().find_map(word_of).unwrap_or(said)
}
