//! Passphrases from every source: one line end is dropped from each, and nothing else.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use sequoia_openpgp as openpgp;

use openpgp::Packet;
use openpgp::packet::Key;
use openpgp::packet::key::PrimaryRole;
use openpgp::serialize::MarshalInto;

use crate::common::craft::*;
use crate::common::sandbox::{Call, Sandbox};
use crate::doors::{Answers, keep, why};

const WORDS: &[u8] = b"correct horse";

/// Where a passphrase comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Descriptor,
    File,
    Variable,
    CommandLine,
}

impl Source {
    /// Gives a passphrase to a call. Its options stand where `PASSPHRASE` is.
    fn give(self, sandbox: &Sandbox, line: &str, passphrase: &[u8]) -> Call {
        let new = if line.contains("NEW") { "new-" } else { "" };
        let options: Vec<OsString> = match self {
            Source::Descriptor => vec![format!("--{new}passphrase-fd").into(), "0".into()],
            Source::File => {
                sandbox.write("given", passphrase);
                vec![format!("--{new}passphrase-file").into(), "given".into()]
            }
            Source::Variable => Vec::new(),
            Source::CommandLine => {
                vec!["--passphrase".into(), OsString::from_vec(passphrase.to_vec())]
            }
        };
        let mut call = sandbox.call([] as [&str; 0]);
        for word in line.split(' ') {
            call = match word {
                "PASSPHRASE" | "NEW" => call.args(&options),
                word => call.arg(word),
            };
        }
        match self {
            Source::Descriptor => call.stdin(passphrase),
            Source::Variable if new.is_empty() => call.env_bytes("PLUGSIGN_PASSPHRASE", passphrase),
            Source::Variable => call.env_bytes("PLUGSIGN_NEW_PASSPHRASE", passphrase),
            Source::File | Source::CommandLine => call,
        }
    }
}

const SIGN: &str = "sign PASSPHRASE a.tar.gz";
const GPG: &str = "gpg --batch --pinentry-mode loopback PASSPHRASE --detach-sign a.tar.gz";

const DOORS: [(&str, &str, Source); 7] = [
    ("sign --passphrase-fd", SIGN, Source::Descriptor),
    ("sign --passphrase-file", SIGN, Source::File),
    ("sign, PLUGSIGN_PASSPHRASE", SIGN, Source::Variable),
    ("gpg --passphrase-fd", GPG, Source::Descriptor),
    ("gpg --passphrase-file", GPG, Source::File),
    ("gpg, PLUGSIGN_PASSPHRASE", GPG, Source::Variable),
    ("gpg --passphrase", GPG, Source::CommandLine),
];

/// Alice's secret key, locked with a passphrase.
fn locked(passphrase: &[u8]) -> Vec<u8> {
    let key = alice().primary_key().key().clone().parts_into_secret().unwrap();
    let locked: Key<_, PrimaryRole> = key.encrypt_secret(&passphrase.into()).unwrap();
    let cert = alice().clone().insert_packets([Packet::from(locked)]).unwrap().0;
    cert.as_tsk().to_vec().unwrap()
}

/// A home with Alice's key in it, and a file to sign.
fn home_of(key: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    keep(&sandbox, &format!("keys/{}.pgp", alice().fingerprint()), key);
    sandbox
}

fn outcome(sandbox: &Sandbox, call: Call) -> String {
    let done = call.run();
    assert_eq!(sandbox.has("a.tar.gz.sig"), done.code() == Some(0), "{done:?}");
    if done.code() == Some(0) { "opened".into() } else { why(&done) }
}

#[test]
fn every_source_drops_one_line_end_and_nothing_else() {
    let ends_blank: &[u8] = b"correct horse ";
    let ends_line: &[u8] = b"correct horse\n";
    let not_text: &[u8] = b"caf\xE9";
    let plain = locked(WORDS);
    let mut answers = Answers::new("passphrase");
    // gpg reads one line from a descriptor or a file: the file to be signed may follow it.
    let by_line = |door: &str, source| {
        door.starts_with("gpg") && matches!(source, Source::Descriptor | Source::File)
    };
    for (case, key, given, expected, expected_by_line) in [
        ("the passphrase", &plain, WORDS, "opened", "opened"),
        ("with a line end", &plain, b"correct horse\n", "opened", "opened"),
        ("with a line end of two octets", &plain, b"correct horse\r\n", "opened", "opened"),
        ("with two line ends", &plain, b"correct horse\n\n", "wrong", "opened"),
        ("with two line ends of two octets", &plain, b"correct horse\r\n\r\n", "wrong", "opened"),
        ("with half a line end", &plain, b"correct horse\r", "wrong", "wrong"),
        ("with a blank behind", &plain, ends_blank, "wrong", "wrong"),
        ("with a blank before", &plain, b" correct horse", "wrong", "wrong"),
        ("with a line behind", &plain, b"correct horse\nbattery\n", "wrong", "opened"),
        ("another one", &plain, b"wrong", "wrong", "wrong"),
        ("one that ends in a blank", &locked(ends_blank), b"correct horse \n", "opened", "opened"),
        (
            "one that ends in a line end",
            &locked(ends_line),
            b"correct horse\n\n",
            "opened",
            "wrong",
        ),
        ("one that is no text", &locked(not_text), b"caf\xE9\n", "opened", "opened"),
    ] {
        for (door, line, source) in DOORS {
            let sandbox = home_of(key);
            let call = source.give(&sandbox, line, given);
            let expected = if by_line(door, source) { expected_by_line } else { expected };
            answers.add(case, door, expected, &outcome(&sandbox, call));
        }
    }
    // A variable that is empty gives none.
    for (door, line, source) in DOORS {
        let expected = if source == Source::Variable { "none" } else { "wrong" };
        let sandbox = home_of(&plain);
        let call = source.give(&sandbox, line, b"");
        answers.add("nothing", door, expected, &outcome(&sandbox, call));
    }
    answers.agree();
}

/// What gives a key its passphrase.
const MAKERS: [(&str, &str, Source); 12] = [
    ("keygen --passphrase-fd", KEYGEN, Source::Descriptor),
    ("keygen --passphrase-file", KEYGEN, Source::File),
    ("keygen, PLUGSIGN_PASSPHRASE", KEYGEN, Source::Variable),
    ("gpg --quick-generate-key --passphrase-fd", GENERATE, Source::Descriptor),
    ("gpg --quick-generate-key --passphrase-file", GENERATE, Source::File),
    ("gpg --quick-generate-key, PLUGSIGN_PASSPHRASE", GENERATE, Source::Variable),
    ("gpg --quick-generate-key --passphrase", GENERATE, Source::CommandLine),
    ("import --passphrase-file", "import PASSPHRASE open", Source::File),
    ("import, PLUGSIGN_PASSPHRASE", "import PASSPHRASE open", Source::Variable),
    ("passwd --new-passphrase-fd", PASSWD, Source::Descriptor),
    ("passwd --new-passphrase-file", PASSWD, Source::File),
    ("passwd, PLUGSIGN_NEW_PASSPHRASE", PASSWD, Source::Variable),
];

const KEYGEN: &str = "keygen -q --name Acme PASSPHRASE";
const GENERATE: &str =
    "gpg --batch --pinentry-mode loopback PASSPHRASE --quick-generate-key Acme rsa3072 sign 0";
const PASSWD: &str = "passwd NEW --passphrase-file old Alice";

#[test]
fn every_door_gives_a_key_the_same_passphrase() {
    let mut answers = Answers::new("new passphrase");
    for (case, given) in [("with a line end", "\n"), ("with a line end of two octets", "\r\n")] {
        for (door, line, source) in MAKERS {
            // To make a key takes long.
            if given == "\n" && (line == KEYGEN || line == GENERATE) {
                continue;
            }
            let sandbox = Sandbox::new();
            sandbox.write("a.tar.gz", DATA);
            match line.split(' ').next() {
                Some("import") => drop(sandbox.write("open", secret(alice()))),
                Some("passwd") => {
                    let name = format!("keys/{}.pgp", alice().fingerprint());
                    keep(&sandbox, &name, &locked(b"old"));
                    sandbox.write("old", "old");
                }
                _ => {}
            }
            let given = [WORDS, given.as_bytes()].concat();
            source.give(&sandbox, line, &given).run().exits(0);
            sandbox.write("right", WORDS);
            let call = sandbox.call("sign --passphrase-file right a.tar.gz".split(' '));
            answers.add(case, door, "opened", &outcome(&sandbox, call));
        }
    }
    answers.agree();
}
