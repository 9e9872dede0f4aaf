//! Which subpackets of a self-signature are marked critical, byte by byte: what a reader does not
//! know and must, it refuses.

use std::collections::BTreeSet;

use crate::common::sandbox::Sandbox;
use crate::interop::packet::packets;

/// The types of the critical subpackets of a signature, those of embedded ones too.
fn critical(body: &[u8]) -> BTreeSet<u8> {
    let size = |at: usize| usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    let hashed = &body[6..6 + size(4)];
    let unhashed = &body[8 + hashed.len()..][..size(6 + hashed.len())];
    let mut found = BTreeSet::new();
    for mut area in [hashed, unhashed] {
        while !area.is_empty() {
            let (length, rest) = match *area {
                [one @ ..=191, ref rest @ ..] => (usize::from(one), rest),
                [one @ 192..=254, two, ref rest @ ..] => {
                    ((usize::from(one) - 192) * 256 + usize::from(two) + 192, rest)
                }
                _ => panic!("a subpacket of five octets of length: {area:02x?}"),
            };
            let (subpacket, rest) = rest.split_at(length);
            if subpacket[0] & 0x80 != 0 {
                found.insert(subpacket[0] & 0x7F);
            }
            if subpacket[0] & 0x7F == 32 {
                found.extend(critical(&subpacket[1..]));
            }
            area = rest;
        }
    }
    found
}

/// Asserts that the signatures of a certificate that were not there before have marks that
/// everybody reads: on the creation time and the key flags.
#[track_caller]
fn has_gpgs_marks(certificate: &[u8], before: &[u8], step: &str) {
    let old = packets(before);
    let new: Vec<_> = packets(certificate).into_iter().filter(|it| !old.contains(it)).collect();
    let signatures: Vec<_> = new.iter().filter(|(tag, _)| *tag == 2).collect();
    assert!(!signatures.is_empty(), "{step}: nothing new");
    for (_, body) in signatures {
        let marked = critical(body);
        assert!(marked.contains(&2), "{step}: {marked:?}");
        assert!(marked.is_subset(&BTreeSet::from([2, 27])), "{step}: {marked:?}");
    }
}

/// Changes a key, and looks at what the change added.
#[track_caller]
fn changes(plugsign: &Sandbox, key: &str, arguments: &[&str]) {
    let before = plugsign.certificate(key);
    plugsign.call([&arguments[..1], &[key], &arguments[1..]].concat()).run().exits(0);
    has_gpgs_marks(&plugsign.certificate(key), &before, arguments[0]);
}

#[test]
fn every_self_signature_marks_the_creation_time_and_the_key_flags_alone() {
    for kind in ["sign", "rsa-rsa", "org"] {
        for expires in ["never", "2y"] {
            let plugsign = Sandbox::with_passphrase();
            let key = plugsign.acme_key(&["--no-passphrase", "--kind", kind, "--expires", expires]);
            has_gpgs_marks(&plugsign.certificate(&key), &[], kind);
            if kind == "rsa-rsa" {
                continue;
            }
            changes(&plugsign, &key, &["extend", "--expires", "3y", "--subkeys"]);
            changes(&plugsign, &key, &["adduid", "--user-id", "Acme Too <t@acme.test>"]);
            changes(&plugsign, &key, &["revoke-uid", "Acme Too <t@acme.test>"]);
            changes(&plugsign, &key, &["rotate"]);
            changes(&plugsign, &key, &["revoke", "--reason", "superseded"]);
        }
    }
}

/// A key as sequoia makes it, every mark that its builder sets, over a hash of old.
fn marked_by_sequoia() -> Vec<u8> {
    use crate::common::craft::*;
    use sequoia_openpgp as openpgp;

    use openpgp::packet::signature::SignatureBuilder;
    use openpgp::packet::{Packet, UserID};
    use openpgp::types::{HashAlgorithm, SignatureType};

    let mut recipe = Recipe::of(Material::a()).user_id("Acme <a@acme.test>");
    recipe.validity = Some(2000 * DAY);
    let mut signer = recipe.signer();
    let cert = recipe.build();
    let user_id = UserID::from("Acme First <f@acme.test>");
    let first = SignatureBuilder::new(SignatureType::PositiveCertification)
        .set_hash_algo(HashAlgorithm::SHA1)
        .set_signature_creation_time(ago(8))
        .and_then(|it| it.set_key_validity_period(2000 * DAY))
        .and_then(|it| it.set_key_flags(recipe.flags.clone()))
        .and_then(|it| it.set_primary_userid(true))
        .and_then(|it| it.set_revocable(true))
        .and_then(|it| it.set_exportable_certification(true))
        .and_then(|it| it.set_signature_validity_period(2000 * DAY))
        .and_then(|it| it.sign_userid_binding(&mut signer, cert.primary_key().key(), &user_id))
        .unwrap();
    let cert = cert.insert_packets([Packet::from(user_id), first.into()]).unwrap().0;
    let how =
        Binding { flags: openpgp::types::KeyFlags::empty().set_signing(), back_signature: true };
    secret(&with_subkey(cert, &mut signer, Material::b(), &how))
}

#[test]
fn a_renewed_self_signature_loses_foreign_critical_marks() {
    let plugsign = Sandbox::with_passphrase();
    let secret = plugsign.write("key", marked_by_sequoia());
    plugsign
        .call(["import", "--no-passphrase", "--refresh", secret.to_str().unwrap()])
        .run()
        .exits(0);
    let listed = plugsign.call(["--json", "list"]).run().exits(0);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let key = listed["keys"][0]["fingerprint"].as_str().unwrap();
    changes(&plugsign, key, &["extend", "--expires", "1y", "--subkeys"]);
    changes(&plugsign, key, &["adduid", "--user-id", "Acme Too <t@acme.test>"]);
}
