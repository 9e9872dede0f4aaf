//! Keys of every kind: each door signs with it, or refuses to.

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::CipherSuite;
use openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation};
use openpgp::{Profile, armor};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::doors::{Answers, keep, why};

/// Where a door finds the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    File,
    Variable,
    Home,
}

const DOORS: [(&str, &str, From); 5] = [
    ("sign --key-file", "sign --key-file key a.tar.gz", From::File),
    ("sign, PLUGSIGN_KEY", "sign a.tar.gz", From::Variable),
    ("gpg -b, PLUGSIGN_KEY", "gpg --batch --detach-sign a.tar.gz", From::Variable),
    ("sign", "sign a.tar.gz", From::Home),
    ("gpg -b", "gpg --batch --detach-sign a.tar.gz", From::Home),
];

/// Copies of a certificate, by the folder of the home and the name that they have there.
type Copies = Vec<(&'static str, Vec<u8>)>;

/// Signs with a key, and returns what came of it.
fn said_by(line: &str, from: From, cert: &Cert, copies: &Copies) -> String {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    let fingerprint = cert.fingerprint();
    for (folder, copy) in copies {
        keep(&sandbox, &format!("{folder}.{fingerprint}.pgp"), copy);
    }
    let mut call = sandbox.call(line.split(' '));
    match from {
        From::File => drop(sandbox.write("key", secret(cert))),
        From::Variable => {
            let key = armor(armor::Kind::SecretKey, &secret(cert));
            call = call.env("PLUGSIGN_KEY", String::from_utf8(key).unwrap());
        }
        From::Home => keep(&sandbox, &format!("keys/{fingerprint}.pgp"), &secret(cert)),
    }
    let done = call.run();
    let has_signature = sandbox.has("a.tar.gz.sig");
    assert_eq!(has_signature, done.code() == Some(0), "{done:?}");
    if has_signature { "signed".into() } else { why(&done) }
}

#[test]
fn every_door_signs_with_the_same_keys() {
    let recipe = || Recipe::of(Material::a()).user_id("Alice <alice@example.org>");
    let expired = Recipe { validity: Some(DAY * 9), ..recipe() };
    let ended = Recipe { bound: ago(5), ..expired.clone() };
    let weak_hash = Recipe { hash: HashAlgorithm::SHA1, ..recipe() };
    let certifies = Recipe { flags: KeyFlags::empty().set_certification(), ..recipe() };
    let revoked = revoked(alice().clone(), &mut alices_key(), ReasonForRevocation::KeySuperseded);
    let binding = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let subkey = with_subkey(alice().clone(), &mut alices_key(), Material::b(), &binding);
    let curve = other(CipherSuite::Cv25519, Profile::RFC4880);
    let mut answers = Answers::new("signing");
    let alone = |name, cert: &Cert, expected| (name, cert.clone(), vec![], expected);
    let copy = |name, place, copy: &Cert, expected| {
        (name, alice().clone(), vec![(place, public(copy))], expected)
    };
    let cases: Vec<(&str, Cert, Copies, &str)> = vec![
        alone("a good key", alice(), "signed"),
        alone("a key with a subkey that signs", &subkey, "signed"),
        alone("an expired key", &expired.build(), "expired"),
        alone("a revoked key", &revoked, "revoked"),
        alone("a weak key", &Recipe::of(Material::weak()).build(), "weak"),
        alone("a key that vouches for itself over SHA-1", &weak_hash.build(), "weak-hash"),
        alone("a key that only certifies", &certifies.build(), "not-a-signing-key"),
        alone("a key of another kind", &curve, "not-rsa"),
        copy("a trusted copy is revoked", "trusted/copy", &revoked, "revoked"),
        copy("a trusted copy ends earlier", "trusted/copy", &ended.build(), "expired"),
    ];
    for (name, cert, copies, expected) in cases {
        for (door, line, from) in DOORS {
            answers.add(name, door, expected, &said_by(line, from, &cert, &copies));
        }
    }
    answers.agree();
}
