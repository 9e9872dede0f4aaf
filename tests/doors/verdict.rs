//! Signatures and certificates of every kind: each door gives the same verdict.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::armor::Kind;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};
use crate::doors::{Answers, keep};

/// The words of one door. `key` is the key file. Without one, the keys that the home trusts count.
struct Door {
    name: &'static str,
    line: &'static str,
    /// The certificate is in the home, and not in a file that is named.
    by_home: bool,
}

const DOORS: [Door; 6] = [
    Door { name: "verify --key", line: "--json verify --key key a.tar.gz", by_home: false },
    Door {
        name: "gpg --keyring",
        line: "gpg --no-default-keyring --keyring ./key --status-fd 1 --verify a.tar.gz.sig a.tar.gz",
        by_home: false,
    },
    Door {
        name: "gpgv --keyring",
        line: "gpgv --keyring ./key --status-fd 1 a.tar.gz.sig a.tar.gz",
        by_home: false,
    },
    Door { name: "verify", line: "--json verify a.tar.gz", by_home: true },
    Door { name: "gpg", line: "gpg --status-fd 1 --verify a.tar.gz.sig a.tar.gz", by_home: true },
    Door { name: "gpgv", line: "gpgv --status-fd 1 a.tar.gz.sig a.tar.gz", by_home: true },
];

/// A key, a signature, and what every door says of them.
struct Case {
    name: &'static str,
    key: Vec<u8>,
    signature: Vec<u8>,
    data: Vec<u8>,
    expected: &'static str,
    /// What those doors say that find the certificate in the home, where that is more.
    at_home: Option<&'static str>,
    /// What the interface lets gpg and gpgv say instead.
    gpg: Option<&'static str>,
    gpgv: Option<&'static str>,
    /// Other copies of the certificate, by the folder of the home that they are in.
    copies: Vec<(&'static str, Vec<u8>)>,
    /// The certificate that lies in the home for those doors that are told of no file.
    trusted: Option<Cert>,
}

impl Case {
    /// A certificate that can be in a file and in the home.
    fn of(name: &'static str, cert: &Cert, signature: Vec<u8>, expected: &'static str) -> Case {
        let trusted = Some(cert.clone());
        Case { trusted, ..Case::file(name, public(cert), signature, expected) }
    }

    /// A key file that the home would keep in another form.
    fn file(name: &'static str, key: Vec<u8>, signature: Vec<u8>, expected: &'static str) -> Case {
        Case {
            name,
            key,
            signature,
            data: DATA.to_vec(),
            expected,
            at_home: None,
            gpg: None,
            gpgv: None,
            copies: Vec::new(),
            trusted: None,
        }
    }

    fn copy(mut self, folder: &'static str, copy: &Cert) -> Case {
        self.copies.push((folder, public(copy)));
        self
    }

    /// Returns what a door is expected to say.
    fn expected(&self, door: &Door) -> &'static str {
        let own = match door.line.split(' ').next() {
            Some("gpg") => self.gpg,
            Some("gpgv") => self.gpgv.or(self.gpg),
            _ => None,
        };
        let at_home = self.at_home.filter(|_| door.by_home);
        own.or(at_home).unwrap_or(self.expected)
    }

    fn said_by(&self, door: &Door) -> String {
        let sandbox = Sandbox::new();
        sandbox.write("a.tar.gz", &self.data);
        sandbox.write("a.tar.gz.sig", &self.signature);
        if let Some(cert) = &self.trusted {
            let fingerprint = cert.fingerprint();
            for (folder, copy) in &self.copies {
                let name = match *folder {
                    "trusted" => format!("copy.{fingerprint}.pgp"),
                    _ => format!("{fingerprint}.pgp"),
                };
                keep(&sandbox, &format!("{folder}/{name}"), copy);
            }
            if door.by_home {
                keep(&sandbox, &format!("trusted/signer.{fingerprint}.pgp"), &self.key);
            }
        }
        if !door.by_home {
            sandbox.write("key", &self.key);
        }
        let done = sandbox.run(door.line);
        let said = match door.line.starts_with("--json") {
            true => native(&done),
            false => gpgs(&done),
        };
        let is_good = said == "good";
        assert_eq!(is_good, done.code() == Some(0), "{}: {}: {done:?}", self.name, door.name);
        said
    }
}

/// Reads a verdict from plugsign's own document.
fn native(done: &Done) -> String {
    let json = done.json();
    let artifact = &json["artifacts"][0];
    match artifact["verdict"].as_str() {
        Some("good") => "good".into(),
        Some("bad") => artifact["reason"].as_str().unwrap().into(),
        _ => "error".into(),
    }
}

/// Reads a verdict from gpg's status lines: that of the first signature that is not good.
fn gpgs(done: &Done) -> String {
    let verdict = |line: &str| {
        let fields: Vec<&str> = line.strip_prefix("[GNUPG:] ")?.split(' ').collect();
        Some(match (fields[0], fields.get(1).copied(), fields.get(6).copied()) {
            ("GOODSIG", ..) => "good",
            ("BADSIG", ..) => "bad-signature",
            ("EXPSIG", ..) => "expired-signature",
            ("EXPKEYSIG", ..) => "expired-key",
            ("REVKEYSIG", ..) => "revoked-key",
            // A keyring cannot be read.
            ("ERROR", ..) => "error",
            ("NODATA", Some("1"), _) => "malformed",
            ("NODATA", Some("4"), _) => "not-detached",
            // The numbers are libgpg-error's.
            ("ERRSIG", _, Some("1")) => "malformed",
            ("ERRSIG", _, Some("4")) => "weak-key",
            ("ERRSIG", _, Some("5")) => "weak-hash",
            ("ERRSIG", _, Some("9")) => "unknown-signer",
            ("ERRSIG", _, Some("39")) => "future-signature",
            ("ERRSIG", _, Some("125")) => "not-a-signing-key",
            _ => return None,
        })
    };
    let out = done.out();
    let verdicts: Vec<&str> = out.lines().filter_map(verdict).collect();
    let bad = verdicts.iter().find(|verdict| **verdict != "good");
    let error = verdicts.iter().find(|verdict| **verdict == "error");
    (*error.or(bad).or(verdicts.first()).unwrap_or(&"error")).into()
}

fn by(mut key: Pair) -> Vec<u8> {
    forged(&mut key, |_| {})
}

fn forged(key: &mut Pair, change: impl FnOnce(&mut Forge)) -> Vec<u8> {
    let mut forge = Forge::by(key);
    change(&mut forge);
    forge.sign(key, DATA)
}

fn by_alice() -> Vec<u8> {
    by(alices_key())
}

/// Alice's signature with something else about it.
fn alices(change: impl FnOnce(&mut Forge)) -> Vec<u8> {
    forged(&mut alices_key(), change)
}

fn recipe() -> Recipe {
    Recipe::of(Material::a()).user_id("Alice <alice@example.org>")
}

/// Alice as she says of herself later: her key ended yesterday.
fn ended() -> Cert {
    Recipe { bound: ago(5), validity: Some(DAY * 9), ..recipe() }.build()
}

fn revoked_alice(reason: ReasonForRevocation) -> Cert {
    revoked(alice().clone(), &mut alices_key(), reason)
}

/// Alice with a subkey that signs, of Bob's numbers.
fn with_signing_subkey(back_signature: bool) -> Cert {
    let binding = Binding { flags: KeyFlags::empty().set_signing(), back_signature };
    with_subkey(alice().clone(), &mut alices_key(), Material::b(), &binding)
}

fn subkeys_signature() -> Vec<u8> {
    by(Material::b().signer(ago(9)))
}

fn with_revoked_subkey() -> Cert {
    let cert = with_signing_subkey(true);
    let subkey = cert.keys().subkeys().next().unwrap().key().clone();
    let revocation = SignatureBuilder::new(SignatureType::SubkeyRevocation)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(ago(1))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::KeyCompromised, b"")
        .unwrap()
        .sign_subkey_binding(&mut alices_key(), cert.primary_key().key(), &subkey)
        .unwrap();
    cert.insert_packets(Some(openpgp::Packet::from(revocation))).unwrap().0
}

fn signature_cases() -> Vec<Case> {
    let of_alice = |name, signature, expected| Case::of(name, alice(), signature, expected);
    let critical = |forge: &mut Forge| forge.hashed.push(subpacket(0x80 | 99, b"x"));
    let text = alices(|forge| forge.kind = 1);
    let bobs = by(bobs_key());
    let mut cut = by_alice();
    cut.truncate(cut.len() - 20);
    let good = by_alice();
    vec![
        of_alice("a good signature", good.clone(), "good"),
        of_alice(
            "a good signature over SHA-384",
            alices(|forge| forge.hash = HashAlgorithm::SHA384),
            "good",
        ),
        of_alice(
            "a good signature over SHA-512",
            alices(|forge| forge.hash = HashAlgorithm::SHA512),
            "good",
        ),
        of_alice("a good signature in armor", armor(Kind::Signature, &good), "good"),
        of_alice("a signature in base64", STANDARD.encode(&good).into_bytes(), "malformed"),
        Case {
            data: b"other bytes".to_vec(),
            ..of_alice("a file that was tampered with", good.clone(), "bad-signature")
        },
        of_alice("a signature by somebody unknown", bobs.clone(), "unknown-signer"),
        of_alice(
            "a signature over SHA-1",
            alices(|forge| forge.hash = HashAlgorithm::SHA1),
            "weak-hash",
        ),
        of_alice("a signature that was cut", cut, "malformed"),
        of_alice("an empty signature", Vec::new(), "malformed"),
        of_alice("a signature of version 3", version_3(&mut alices_key(), DATA), "malformed"),
        of_alice("a signature with an unknown critical part", alices(critical), "malformed"),
        of_alice(
            "a signature from the future",
            Forge::at(&alices_key(), now() + DAY).sign(&mut alices_key(), DATA),
            "future-signature",
        ),
        of_alice(
            "a signature that has expired",
            alices(|forge| forge.hashed.push(subpacket(EXPIRES, &60u32.to_be_bytes()))),
            "expired-signature",
        ),
        of_alice(
            "a signature that is older than its key",
            Forge::at(&alices_key(), ago(20)).sign(&mut alices_key(), DATA),
            "bad-signature",
        ),
        // What git signs is no plugin: gpg and gpgv ask no server.
        Case {
            gpg: Some("good"),
            ..of_alice(
                "a signature that the server cannot read",
                alices(|forge| drop(forge.hashed.pop())),
                "server-refuses",
            )
        },
        // gpg judges each signature of a file, and all must be good.
        Case {
            gpg: Some("good"),
            ..of_alice("two good signatures", [&good[..], &good].concat(), "not-detached")
        },
        Case {
            gpg: Some("unknown-signer"),
            ..of_alice(
                "a good and a strange signature",
                [&good[..], &bobs].concat(),
                "not-detached",
            )
        },
        // apt takes InRelease apart, and gives gpgv the signature that was made over its lines.
        Case { gpgv: Some("good"), ..of_alice("a signature over text", text, "not-detached") },
    ]
}

fn certificate_cases() -> Vec<Case> {
    let expired = Recipe { validity: Some(DAY * 9), ..recipe() };
    let weak = Recipe::of(Material::weak());
    let weak_hash = Recipe { hash: HashAlgorithm::SHA1, ..recipe() };
    let certifies = Recipe { flags: KeyFlags::empty().set_certification(), ..recipe() };
    let hard = ReasonForRevocation::KeyCompromised;
    let soft = ReasonForRevocation::KeySuperseded;
    let plain = || Case::of("", alice(), by_alice(), "");
    let alone = public(alice());
    let case = |name, expected, case: Case| Case { name, expected, ..case };
    let both = |one: &Cert, other: &Cert| [public(one), public(other)].concat();
    let file = Case::file;
    let subkeyed = with_signing_subkey(true);
    vec![
        Case::of("a key that has expired", &expired.build(), signature(&expired), "expired-key"),
        Case::of("a key that is revoked", &revoked_alice(hard), by_alice(), "revoked-key"),
        Case::of("a key that is superseded", &revoked_alice(soft), by_alice(), "revoked-key"),
        Case::of("a key of 2048 bits", &weak.build(), signature(&weak), "weak-key"),
        Case::of(
            "a key that vouches for itself over SHA-1",
            &weak_hash.build(),
            signature(&weak_hash),
            "weak-hash",
        ),
        Case::of(
            "a key that only certifies",
            &certifies.build(),
            signature(&certifies),
            "not-a-signing-key",
        ),
        Case::of("a subkey", &subkeyed, subkeys_signature(), "good"),
        Case::of("a revoked subkey", &with_revoked_subkey(), subkeys_signature(), "revoked-key"),
        Case::of(
            "a subkey that does not agree",
            &with_signing_subkey(false),
            subkeys_signature(),
            "not-a-signing-key",
        ),
        case(
            "a trusted copy is revoked",
            "revoked-key",
            plain().copy("trusted", &revoked_alice(hard)),
        ),
        case(
            "an imported copy is revoked",
            "revoked-key",
            plain().copy("certificates", &revoked_alice(hard)),
        ),
        case("a trusted copy ends earlier", "expired-key", plain().copy("trusted", &ended())),
        case(
            "an imported copy ends earlier",
            "expired-key",
            plain().copy("certificates", &ended()),
        ),
        Case {
            expected: "unknown-signer",
            at_home: Some("good"),
            name: "a copy in the home has one more subkey",
            ..Case { signature: subkeys_signature(), ..plain() }.copy("certificates", &subkeyed)
        },
        file("an armored key file", armor(Kind::PublicKey, &alone), by_alice(), "good"),
        file("a key file in base64", STANDARD.encode(&alone).into_bytes(), by_alice(), "good"),
        file(
            "two copies, the revoked one last",
            both(alice(), &revoked_alice(hard)),
            by_alice(),
            "revoked-key",
        ),
        file(
            "two copies, the revoked one first",
            both(&revoked_alice(hard), alice()),
            by_alice(),
            "revoked-key",
        ),
        file(
            "two copies, that with the subkey last",
            both(alice(), &subkeyed),
            subkeys_signature(),
            "good",
        ),
        file(
            "two copies, that with the subkey first",
            both(&subkeyed, alice()),
            subkeys_signature(),
            "good",
        ),
        file(
            "two copies, that which ends last",
            both(alice(), &ended()),
            by_alice(),
            "expired-key",
        ),
        file(
            "two copies, that which ends first",
            both(&ended(), alice()),
            by_alice(),
            "expired-key",
        ),
        file("two certificates", both(bob(), alice()), by_alice(), "good"),
        file("a key file that was cut", alone[..alone.len() - 20].to_vec(), by_alice(), "error"),
        file("a key file that is text", b"no key".to_vec(), by_alice(), "error"),
    ]
}

#[test]
fn every_door_gives_the_same_verdict() {
    let mut answers = Answers::new("verdict");
    for case in signature_cases().into_iter().chain(certificate_cases()) {
        for door in DOORS.iter().filter(|door| !door.by_home || case.trusted.is_some()) {
            answers.add(case.name, door.name, case.expected(door), &case.said_by(door));
        }
    }
    answers.agree();
}

/// Two copies of one certificate are one certificate.
#[test]
fn a_key_file_of_one_certificate_is_verified_with_and_trusted_alike() {
    let mut answers = Answers::new("trust");
    let is_one = |case: &Case| case.name.starts_with("two copies, that with the subkey");
    for case in certificate_cases().into_iter().filter(is_one) {
        let sandbox = Sandbox::new();
        sandbox.write("a.tar.gz", &case.data);
        sandbox.write("a.tar.gz.sig", &case.signature);
        sandbox.write("key", &case.key);
        let added = sandbox.run("trust add key");
        let verified = native(&sandbox.run("--json verify a.tar.gz"));
        let said = if added.code() == Some(0) { verified } else { "refused".into() };
        answers.add(case.name, "trust add", case.expected, &said);
    }
    answers.agree();
}
