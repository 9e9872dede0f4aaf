//! Key files of every kind: each door keeps the same and refuses the same.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp as openpgp;

use openpgp::armor::Kind;
use openpgp::cert::CipherSuite;
use openpgp::serialize::MarshalInto;
use openpgp::types::{HashAlgorithm, ReasonForRevocation};
use openpgp::{Cert, Packet, Profile};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::doors::{Answers, keep};

const DOORS: [(&str, &str); 2] =
    [("import", "import --no-passphrase file"), ("gpg --import", "gpg --batch --import file")];

/// What the home holds, by the names of the files.
type Held = BTreeMap<String, Vec<u8>>;

fn held(sandbox: &Sandbox) -> Held {
    let mut held = Held::new();
    for folder in ["keys", "certificates", "trusted", "revocations"] {
        for name in sandbox.names(&format!("home/{folder}")) {
            let path = format!("{folder}/{name}");
            held.insert(path.clone(), sandbox.read(format!("home/{path}")));
        }
    }
    held
}

/// A file, and what is in the home before.
struct Case {
    name: &'static str,
    file: Vec<u8>,
    before: Vec<(String, Vec<u8>)>,
    expected: &'static str,
}

fn certificate_path(cert: &Cert) -> String {
    format!("certificates/{}.pgp", cert.fingerprint())
}

fn cases() -> Vec<Case> {
    let case = |name, file, expected| Case { name, file, before: Vec::new(), expected };
    let alices = public(alice());
    let recipe = || Recipe::of(Material::a()).user_id("Alice <alice@example.org>");
    let revoked = revoked(alice().clone(), &mut alices_key(), ReasonForRevocation::KeyCompromised);
    let revocation = revoked.primary_key().self_revocations().next().unwrap().clone();
    let revocation = Packet::from(revocation).to_vec().unwrap();
    let expired = Recipe { validity: Some(DAY * 9), ..recipe() }.build();
    let weak = Recipe::of(Material::weak()).build();
    let weak_hash = Recipe { hash: HashAlgorithm::SHA1, ..recipe() }.build();
    let curve = other(CipherSuite::Cv25519, Profile::RFC4880);
    let text = [b"Dear all,\r\n", &armor(Kind::PublicKey, &alices)[..], b"\nYours"].concat();
    let with = |cert: &Cert, case: Case| Case {
        before: vec![(certificate_path(cert), public(cert))],
        ..case
    };
    vec![
        case("a certificate", alices.clone(), "kept"),
        case("a secret key", secret(alice()), "kept"),
        case("an armored certificate", armor(Kind::PublicKey, &alices), "kept"),
        case("a certificate in a letter", text, "kept"),
        case("a certificate in base64", STANDARD.encode(&alices).into_bytes(), "kept"),
        case("two certificates", [&alices[..], &public(bob())].concat(), "kept"),
        case("a revoked certificate", public(&revoked), "kept"),
        case("an expired certificate", public(&expired), "kept"),
        with(alice(), case("a certificate that is there", alices.clone(), "nothing new")),
        with(alice(), case("a copy that is revoked", public(&revoked), "kept")),
        with(&revoked, case("a copy that is not revoked", alices.clone(), "nothing new")),
        with(alice(), case("a revocation certificate", revocation.clone(), "kept")),
        case("a revocation certificate of nobody", revocation, "refused"),
        case("a weak certificate", public(&weak), "refused"),
        case("a weak secret key", secret(&weak), "refused"),
        case("a certificate over SHA-1", public(&weak_hash), "refused"),
        case("a certificate of another kind", public(&curve), "refused"),
        case("a certificate that was cut", alices[..alices.len() - 20].to_vec(), "refused"),
        case("a text", b"no key".to_vec(), "refused"),
        case("nothing", Vec::new(), "refused"),
    ]
}

#[test]
fn every_door_keeps_the_same_keys() {
    let mut answers = Answers::new("import");
    for case in cases() {
        let mut all: Vec<Held> = Vec::new();
        for (door, line) in DOORS {
            let sandbox = Sandbox::new();
            sandbox.write("file", &case.file);
            case.before.iter().for_each(|(name, bytes)| keep(&sandbox, name, bytes));
            let before = held(&sandbox);
            let done = sandbox.run(line);
            let after = held(&sandbox);
            let said = match (done.code() == Some(0), before == after) {
                (true, true) => "nothing new",
                (true, false) => "kept",
                (false, true) => "refused",
                (false, false) => "refused, and changed the home",
            };
            answers.add(case.name, door, case.expected, said);
            all.push(after);
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{}: not the same", case.name);
    }
    answers.agree();
}
