//! Keys that somebody else may end: designated revokers (RFC 9580, section 5.2.3.23).

use openpgp::packet::signature::SignatureBuilder;
use openpgp::packet::signature::subpacket::{Subpacket, SubpacketValue};
use openpgp::types::{HashAlgorithm, ReasonForRevocation, RevocationKey, SignatureType};
use openpgp::{Cert, Packet};
use sequoia_openpgp as openpgp;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::bounded;

/// Alice's certificate, in which she lets Bob revoke it.
fn alice_who_names_bob() -> Cert {
    let alice = alice().clone();
    let (algorithm, revoker) = (bobs_key().public().pk_algo(), bob().fingerprint());
    let named = SignatureBuilder::new(SignatureType::DirectKey)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(ago(8))
        .unwrap()
        .modify_hashed_area(|mut area| {
            let named = RevocationKey::new(algorithm, revoker, false);
            // Not critical, as gpg writes it: the server knows none that are.
            area.add(Subpacket::new(SubpacketValue::RevocationKey(named), false)?)?;
            Ok(area)
        })
        .unwrap()
        .sign_direct_key(&mut alices_key(), alice.primary_key().key())
        .unwrap();
    alice.insert_packets(Some(Packet::from(named))).unwrap().0
}

/// expect: revoked, and kept so by import and trust; why: without Bob's certificate the
/// revocation cannot be checked, and what may be revoked is not known to be good; source:
/// sequoia's `RevocationStatus::CouldBe`, gpg's "revoked by its designated revoker".
#[test]
fn a_key_that_its_designated_revoker_revoked_is_not_good() {
    let named = alice_who_names_bob();
    let ended = revoked(named.clone(), &mut bobs_key(), ReasonForRevocation::KeyCompromised);
    let policy = openpgp::policy::StandardPolicy::new();
    assert_eq!(named.revocation_keys(&policy).count(), 1);
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("named", public(&named));
    sandbox.write("ended", public(&ended));
    bounded(&sandbox, "verify --key named a.tar.gz", "only named").exits(0);
    let done = bounded(&sandbox, "verify --key ended a.tar.gz", "revoked by Bob").exits(1);
    let words = format!("by {:X}, whom it lets revoke it", bob().fingerprint());
    assert!(done.out().contains("revoked-key") && done.out().contains(&words), "{done:?}");
    // What was imported and trusted before learns of it, and does not forget.
    for line in ["trust add named", "import named", "import ended", "import named"] {
        sandbox.run(line).exits(0);
    }
    let listed = sandbox.run("list").exits(0);
    assert!(listed.out().contains("revoked"), "{listed:?}");
    let home = Sandbox::new();
    home.write("ended", public(&ended));
    home.write("a.tar.gz", DATA);
    home.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    home.run("import ended");
    let exported = home.run(&format!("export {} -o out", ended.fingerprint()));
    if exported.code() == Some(0) {
        bounded(&home, "verify --key out a.tar.gz", "exported again").exits(1);
    }
}

/// expect: revoked, also when one copy names Bob and another has his revocation; why: gpg and gpgv
/// say so of the first two; source: the interface, "whatever its digest prefix", "taken together".
#[test]
fn a_designated_revoker_counts_however_odd_the_packet_that_names_it_is() {
    let about = about(alice().primary_key().key());
    let mut forge = Forge::at(&alices_key(), ago(8));
    forge.kind = 0x1F;
    let mut bobs = vec![0x80, 1];
    bobs.extend(bob().fingerprint().as_bytes());
    forge.hashed.push(subpacket(12, &bobs));
    let plain = forge.sign(&mut alices_key(), &about);
    let place = plain.len() - 384 - 2 - 2;
    let mut wrong_prefix = plain.clone();
    wrong_prefix[place] ^= 0xFF;
    let above = forge.sign_above(Material::a(), &mut alices_key(), &about);
    let mut revocation = Forge::at(&bobs_key(), ago(5));
    revocation.kind = 0x20;
    let revocation = revocation.sign(&mut bobs_key(), &about);
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    for (name, names) in [("wrong prefix", wrong_prefix), ("above the modulus", above)] {
        let ended = with_packet(alice(), &[&names[..], &revocation].concat(), 1);
        sandbox.write("ended", ended);
        let done = bounded(&sandbox, "verify --key ended a.tar.gz", name).exits(1);
        assert!(done.out().contains("revoked-key"), "{name}: {done:?}");
        let line = "gpg --no-default-keyring --keyring ./ended --status-fd 1 --verify a.tar.gz.sig a.tar.gz";
        let done = bounded(&sandbox, line, name);
        assert!(done.out().contains("REVKEYSIG"), "{name}: {done:?}");
    }
    sandbox.write("named", with_packet(alice(), &plain, 1));
    sandbox.write("by-bob", with_packet(alice(), &revocation, 1));
    sandbox.run("import named").exits(0);
    let done = bounded(&sandbox, "verify --key by-bob a.tar.gz", "two copies").exits(1);
    assert!(done.out().contains("revoked-key"), "{done:?}");
}

/// expect: revoked here from then on; why: what the server would not take is not trusted, and what
/// it says against a key that is known here counts; source: "a known revocation is never lost".
#[test]
fn what_is_refused_and_revoked_by_a_revoker_ends_the_copy_that_is_here() {
    let named = alice_who_names_bob();
    let ended = revoked(named, &mut bobs_key(), ReasonForRevocation::KeyCompromised);
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("clean", public(alice()));
    sandbox.write("ended", public(&ended));
    sandbox.import(&secret(alice()));
    sandbox.run("trust add clean").exits(0);
    sandbox.run("verify a.tar.gz").exits(0);
    sandbox.run("trust add --name other ended").exits(4).says("is revoked in it, and so here now");
    sandbox.run("verify a.tar.gz").exits(1).prints("revoked-key");
    sandbox.run("sign -o b.sig a.tar.gz").exits(4).says("it is revoked (compromised");
    for folder in ["keys", "certificates"] {
        sandbox.must(&format!("rm -r home/{folder}"));
    }
    sandbox.run("verify a.tar.gz").exits(1).prints("revoked-key");
}

/// expect: good; why: anybody can write a revocation of anybody's key; source: RFC 9580, section
/// 5.2.1.11.
#[test]
fn a_revocation_by_a_stranger_revokes_nothing() {
    let ended = revoked(alice().clone(), &mut bobs_key(), ReasonForRevocation::KeyCompromised);
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("ended", public(&ended));
    bounded(&sandbox, "verify --key ended a.tar.gz", "revoked by a stranger").exits(0);
}

/// expect: refused as before, within the bounds; why: each BEGIN line looked for an END line that
/// is not there, which took the square of the time.
#[test]
fn text_that_only_begins_blocks_costs_little() {
    let sandbox = Sandbox::new();
    let begins = b"-----BEGIN PGP ".repeat(270_000);
    sandbox.write("begins", &begins);
    let messages = b"-----BEGIN PGP MESSAGE-----\n\n".repeat(140_000);
    sandbox.write("messages", &messages);
    sandbox.write("a.tar.gz", DATA);
    for file in ["begins", "messages"] {
        for (line, code) in [
            ("import", 3),
            ("trust add", 4),
            ("sign a.tar.gz --key-file", 3),
            ("verify a.tar.gz --key", 3),
        ] {
            bounded(&sandbox, &format!("{line} {file}"), file).exits(code);
        }
    }
}
