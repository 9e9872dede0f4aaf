//! A name on the command line and a key in the environment: each door takes the same key.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp as openpgp;

use openpgp::armor::Kind;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::parse::Parse;
use openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};
use openpgp::{Cert, Packet, PacketPile};

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};
use crate::doors::{Answers, keep, why};

/// Alice, with a user ID that she revoked.
fn alice_renamed() -> Cert {
    let mut recipe = Recipe::of(Material::a()).user_id("Alice <alice@example.org>");
    recipe.user_ids.push(b"Old Name <old@example.com>".to_vec());
    let cert = recipe.build();
    let old = cert.userids().map(|it| it.userid().clone());
    let old = old.into_iter().find(|it| it.value().starts_with(b"Old")).unwrap();
    let revocation = SignatureBuilder::new(SignatureType::CertificationRevocation)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(ago(1))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::UIDRetired, b"")
        .unwrap()
        .sign_userid_binding(&mut recipe.signer(), cert.primary_key().key(), &old)
        .unwrap();
    cert.insert_packets([Packet::from(old), revocation.into()]).unwrap().0
}

/// Carol, who signs with a subkey.
fn carol() -> &'static Cert {
    static CERT: OnceLock<Cert> = OnceLock::new();
    CERT.get_or_init(|| {
        static MATERIAL: OnceLock<Material> = OnceLock::new();
        let recipe = Recipe::of(MATERIAL.get_or_init(fresh)).user_id("Carol <carol@example.org>");
        let binding = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
        with_subkey(recipe.build(), &mut recipe.signer(), Material::strong(), &binding)
    })
}

/// Dave, whose secret key is not here.
fn dave() -> Cert {
    let recipe = Recipe::of(Material::strong()).user_id("Dave <dave@example.net>");
    Recipe { created: ago(20), bound: ago(20), ..recipe }.build()
}

fn subkey_of(cert: &Cert) -> String {
    cert.keys().subkeys().next().unwrap().key().fingerprint().to_hex()
}

/// Names the signer of the file, or says why it was not signed.
fn outcome(sandbox: &Sandbox, done: &Done) -> String {
    let has_signature = sandbox.has("a.tar.gz.sig");
    assert_eq!(has_signature, done.code() == Some(0), "{done:?}");
    if !has_signature {
        return why(done);
    }
    let pile = PacketPile::from_bytes(&sandbox.read("a.tar.gz.sig")).unwrap();
    let Some(Packet::Signature(signature)) = pile.into_children().next() else { panic!() };
    let issuer = signature.issuer_fingerprints().next().unwrap().to_hex();
    let names = [
        ("Alice", alice().fingerprint().to_hex()),
        ("Bob", bob().fingerprint().to_hex()),
        ("Carol", carol().fingerprint().to_hex()),
        ("Carol's subkey", subkey_of(carol())),
    ];
    let name = names.into_iter().find(|(_, fingerprint)| *fingerprint == issuer);
    name.map_or(issuer, |(name, _)| name.to_owned())
}

/// A home with the secret keys of these, and a file to sign.
fn home_of(certs: &[&Cert]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    for cert in certs {
        keep(&sandbox, &format!("keys/{}.pgp", cert.fingerprint()), &secret(cert));
    }
    sandbox
}

/// The words before a name, and what follows it.
const BY_NAME: [(&str, &[&str], &[&str]); 3] = [
    ("sign -u", &["sign", "-u"], &["a.tar.gz"]),
    ("gpg -u", &["gpg", "--batch", "-u"], &["--detach-sign", "a.tar.gz"]),
    ("gpg --default-key", &["gpg", "--batch", "--default-key"], &["--detach-sign", "a.tar.gz"]),
];

#[test]
fn every_door_takes_the_key_that_is_named() {
    let alices = alice_renamed();
    let fingerprint = alices.fingerprint().to_hex();
    let spaced = alices.fingerprint().to_spaced_hex();
    let key_id = fingerprint[24..].to_owned();
    let carols = carol().fingerprint().to_hex();
    let subkey = subkey_of(carol());
    let cases = [
        ("a fingerprint", fingerprint.clone(), "Alice"),
        ("a fingerprint in small letters", fingerprint.to_lowercase(), "Alice"),
        ("a fingerprint with 0x", format!("0x{fingerprint}"), "Alice"),
        ("a fingerprint with spaces", spaced, "Alice"),
        ("a key ID", key_id.clone(), "Alice"),
        ("a key ID with 0x", format!("0x{key_id}"), "Alice"),
        ("a key ID of eight digits", fingerprint[32..].to_owned(), "short"),
        ("a key ID of eight digits with 0x", format!("0x{}", &fingerprint[32..]), "short"),
        ("an e-mail address", "alice@example.org".into(), "Alice"),
        ("an e-mail address in capitals", "ALICE@EXAMPLE.ORG".into(), "Alice"),
        ("a user ID", "Alice <alice@example.org>".into(), "Alice"),
        ("a part of a user ID", "lice".into(), "Alice"),
        ("a name with blanks around it", " alice ".into(), "Alice"),
        ("a part of two user IDs", "example.org".into(), "ambiguous"),
        ("a revoked user ID", "old@example.com".into(), "Alice"),
        ("somebody unknown", "nobody@example.org".into(), "unknown"),
        ("an unknown fingerprint", "0".repeat(40), "unknown"),
        ("somebody without a secret key", "dave".into(), "no-secret"),
        ("nothing", String::new(), "no-name"),
        ("a key that has a subkey", carols.clone(), "Carol's subkey"),
        ("a key that has a subkey, with !", format!("{carols}!"), "Carol"),
        ("a subkey", subkey.clone(), "Carol's subkey"),
        ("a subkey with !", format!("{subkey}!"), "Carol's subkey"),
        ("a subkey's key ID with !", format!("0x{}!", &subkey[24..]), "Carol's subkey"),
    ];
    let mut answers = Answers::new("key by name");
    for (case, name, expected) in cases {
        for (door, before, behind) in BY_NAME {
            let sandbox = home_of(&[&alices, bob(), carol()]);
            let dave = dave();
            keep(&sandbox, &format!("certificates/{}.pgp", dave.fingerprint()), &public(&dave));
            let call = sandbox.call(before).arg(&name).args(behind);
            answers.add(case, door, expected, &outcome(&sandbox, &call.run()));
        }
    }
    answers.agree();
}

/// The words before the name of a key, if one is named, and those behind.
const DOORS: [(&str, &[&str], &[&str]); 2] = [
    ("sign", &["sign"], &["a.tar.gz"]),
    ("gpg -b", &["gpg", "--batch"], &["--detach-sign", "a.tar.gz"]),
];

#[test]
fn every_door_takes_the_only_key_and_none_of_several() {
    let mut answers = Answers::new("key of the home");
    for (case, certs, expected) in [
        ("no key", vec![], "nobody"),
        ("one key", vec![alice()], "Alice"),
        ("two keys", vec![alice(), bob()], "ambiguous"),
        ("one key that has a subkey", vec![carol()], "Carol's subkey"),
    ] {
        for (door, before, behind) in DOORS {
            let sandbox = home_of(&certs);
            let done = sandbox.call(before).args(behind).run();
            answers.add(case, door, expected, &outcome(&sandbox, &done));
        }
    }
    answers.agree();
}

/// A key in the environment, and what every door makes of it.
struct InEnvironment<'a> {
    case: &'static str,
    value: &'a str,
    named: Option<&'static str>,
    /// Whose secret keys are in the home.
    home: &'a [&'a Cert],
    expected: &'static str,
}

#[test]
fn every_door_takes_the_key_in_the_environment() {
    let text = |kind, bytes: &[u8]| String::from_utf8(armor(kind, bytes)).unwrap();
    let bobs = &text(Kind::SecretKey, &secret(bob()));
    let in_one_line = &bobs.replace('\n', "\\n");
    let in_base64 = &STANDARD.encode(secret(bob()));
    let certificate = &text(Kind::PublicKey, &public(bob()));
    let [nobodys, alices]: [&[&Cert]; 2] = [&[], &[alice()]];
    let two: &[&Cert] = &[alice(), carol()];
    let it =
        |case, value, named, home, expected| InEnvironment { case, value, named, home, expected };
    let cases = [
        it("the key, and no home", bobs, None, nobodys, "Bob"),
        it("the key, and another in the home", bobs, None, alices, "Bob"),
        it("the key, and two others in the home", bobs, None, two, "Bob"),
        it("the key in one line", in_one_line, None, nobodys, "Bob"),
        it("the key in base64", in_base64, None, alices, "Bob"),
        it("the key, and it is named", bobs, Some("bob"), alices, "Bob"),
        it("the key, and another is named", bobs, Some("alice"), alices, "Alice"),
        it("nothing", "", None, alices, "empty"),
        it("nothing, and a key is named", "", Some("alice"), alices, "Alice"),
        it("a certificate", certificate, None, alices, "no-key"),
        it("a text", "text", None, alices, "no-key"),
    ];
    let mut answers = Answers::new("key of the environment");
    for InEnvironment { case, value, named, home, expected } in cases {
        for (door, before, behind) in DOORS {
            let sandbox = home_of(home);
            let named = named.into_iter().flat_map(|name| ["-u", name]);
            let call = sandbox.call(before).args(named).args(behind).env("PLUGSIGN_KEY", value);
            answers.add(case, door, expected, &outcome(&sandbox, &call.run()));
        }
    }
    let revoked = revoked(bob().clone(), &mut bobs_key(), ReasonForRevocation::KeySuperseded);
    for (door, before, behind) in DOORS {
        let sandbox = home_of(&[]);
        keep(&sandbox, &format!("certificates/{}.pgp", bob().fingerprint()), &public(&revoked));
        let done = sandbox.call(before).args(behind).env("PLUGSIGN_KEY", bobs).run();
        let case = "the key, and the home knows that it is revoked";
        answers.add(case, door, "revoked", &outcome(&sandbox, &done));
    }
    answers.agree();
}
