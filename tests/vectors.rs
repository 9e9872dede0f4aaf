//! Given cases with their verdicts.

use std::fs;
use std::path::{Path, PathBuf};

use plugsign::judge::ask_server;
use plugsign::mattermost::server::{KeyRing, ServerVerdict};
use plugsign::openpgp::hash::Hasher;

use crate::common::peers::{Question, go_verdict};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/server-verdicts")
}

struct Case {
    name: String,
    key: Vec<u8>,
    signature: Vec<u8>,
    verdict: String,
    message: String,
}

/// Reads the cases of verdicts.tsv: each ran through the library when it was written down.
fn cases() -> Vec<Case> {
    let table = fs::read_to_string(folder().join("verdicts.tsv")).unwrap();
    let file = |name: &str| fs::read(folder().join("files").join(name)).unwrap();
    let cases: Vec<Case> = table
        .lines()
        .skip(1)
        .map(|line| {
            let [name, key, signature, verdict, message] =
                *line.split('\t').collect::<Vec<_>>().as_slice()
            else {
                panic!("not five columns: {line}")
            };
            Case {
                name: name.into(),
                key: file(key),
                signature: file(signature),
                verdict: verdict.into(),
                message: message.into(),
            }
        })
        .collect();
    assert!(cases.len() >= 49, "only {} cases", cases.len());
    cases
}

fn message() -> Vec<u8> {
    fs::read(folder().join("files/message.tar.gz")).unwrap()
}

/// Says a verdict as the server's log does.
fn said(key: &[u8], signature: &[u8], data: &[u8]) -> (&'static str, String) {
    let ring = match KeyRing::read(key) {
        Ok(ring) => ring,
        Err(refusal) => return ("REFUSE", format!("can't read public key: {refusal}")),
    };
    let verdict = match ring.choose(signature) {
        Ok(pending) => pending.finish(&Hasher::new([pending.content_hash()]).read(data).unwrap()),
        Err(refusal) => ServerVerdict::Refuses(refusal),
    };
    match verdict {
        ServerVerdict::Accepts { key_id } => ("ACCEPT", format!("accepted by {key_id:016X}")),
        ServerVerdict::Refuses(refusal) => {
            ("REFUSE", format!("error while checking the signature: {refusal}"))
        }
    }
}

#[test]
fn the_servers_verdicts_are_reproduced() {
    let data = message();
    for case in cases() {
        let (verdict, message) = said(&case.key, &case.signature, &data);
        assert_eq!((verdict, message), (&*case.verdict, case.message), "{}", case.name);
    }
}

#[test]
fn one_pass_gives_the_same_verdict() {
    let data = message();
    for case in cases() {
        let verdict =
            ask_server(std::slice::from_ref(&case.key), &case.signature, data.as_slice()).unwrap();
        let (word, words) = match verdict {
            ServerVerdict::Accepts { key_id } => ("ACCEPT", format!("accepted by {key_id:016X}")),
            ServerVerdict::Refuses(refusal) => ("REFUSE", refusal.words),
        };
        assert_eq!(word, case.verdict, "{}", case.name);
        assert!(case.message.ends_with(&words), "{}: {words}", case.name);
    }
}

#[test]
fn the_servers_library_still_gives_the_recorded_verdicts() {
    let Some(oracle) = go_verdict() else { return };
    let data = message();
    for case in cases() {
        let answer =
            oracle.ask(Question { key: &case.key, signature: &case.signature, data: &data });
        let expected = match case.message.strip_prefix("accepted by ") {
            Some(key_id) => format!("ACCEPT {key_id}"),
            None => format!("REFUSE {}", case.message),
        };
        assert_eq!(answer, expected, "{}", case.name);
    }
}
