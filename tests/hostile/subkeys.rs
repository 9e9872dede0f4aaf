//! Subkeys that nobody should use, in certificates that are sound without them.

use openpgp::Packet;
use openpgp::cert::Cert;
use openpgp::packet::key::SubordinateRole;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::serialize::MarshalInto;
use openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};
use plugsign::openpgp::bounds::Budget;
use plugsign::openpgp::change::extendable_subkeys;
use plugsign::openpgp::key_file::read_certificates;
use sequoia_openpgp as openpgp;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::bounded;

/// Alice's certificate with a signing subkey of 2048 bits.
fn with_weak_subkey() -> Cert {
    let how = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    with_subkey(alice().clone(), &mut alices_key(), Material::weak(), &how)
}

fn revoked_subkey(cert: Cert) -> Cert {
    let subkey = Material::weak().key::<SubordinateRole>(ago(9));
    let revocation = SignatureBuilder::new(SignatureType::SubkeyRevocation)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(ago(3))
        .unwrap()
        .set_reason_for_revocation(ReasonForRevocation::KeyRetired, b"")
        .unwrap()
        .sign_subkey_binding(&mut alices_key(), cert.primary_key().key(), subkey.parts_as_public())
        .unwrap();
    let packets = [Packet::from(subkey.parts_into_public()), revocation.into()];
    cert.insert_packets(packets).unwrap().0
}

/// expect: taken; why: what ended condemns nothing but itself; 30 of 1,204 real certificates have
/// such a subkey; source: the interface, "A certificate is read at its narrowest".
#[test]
fn a_weak_subkey_that_ended_keeps_no_certificate_out() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("key", public(&revoked_subkey(with_weak_subkey())));
    for line in ["verify --key key a.tar.gz", "trust add key", "import key", "verify a.tar.gz"] {
        bounded(&sandbox, line, "a revoked weak subkey").exits(0);
    }
}

/// expect: refused, and the subkey named; why: what is wrong is the subkey's, and other programs
/// would take what it signs; source: README, "Limits".
#[test]
fn a_living_weak_subkey_keeps_its_certificate_out_and_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("key", public(&with_weak_subkey()));
    let subkey = Material::weak().key::<SubordinateRole>(ago(9)).fingerprint().to_hex();
    for line in ["trust add key", "import key"] {
        let done = bounded(&sandbox, line, "a weak subkey").exits(4);
        let said = format!("{}{}", done.out(), done.err());
        assert!(said.contains(&format!("its subkey {subkey}")), "{line}: {said}");
    }
}

/// expect: refused for SHA-1; why: "not a signing key" is not true, and does not lead to `refresh`;
/// source: the interface, "the key is not usable until it is refreshed".
#[test]
fn a_signing_subkey_that_is_bound_over_sha_1_is_named() {
    let certify =
        Recipe { flags: KeyFlags::empty().set_certification(), ..Recipe::of(Material::a()) };
    let cert = certify.build();
    let subkey = Material::strong().key::<SubordinateRole>(ago(9));
    let subject = [about(cert.primary_key().key()), about(&subkey)].concat();
    let mut signer = Material::strong().signer(ago(9));
    let statement = |key: &Pair, kind, hash| Forge { kind, hash, ..Forge::at(key, ago(8)) };
    let back = statement(&signer, 0x19, HashAlgorithm::SHA256).sign(&mut signer, &subject);
    let mut primary = certify.signer();
    let mut binding = statement(&primary, 0x18, HashAlgorithm::SHA1);
    binding.hashed.push(subpacket(27, &[2]));
    let body = &back[6..];
    let length = u32::try_from(body.len() + 1).unwrap().to_be_bytes();
    binding.unhashed.push([&[255], &length[..], &[32], body].concat());
    let packets = [
        public(&cert),
        Packet::from(subkey.parts_into_public()).to_vec().unwrap(),
        binding.sign(&mut primary, &subject),
    ];
    let sandbox = Sandbox::new();
    sandbox.write("key", packets.concat());
    for line in ["trust add key", "import key"] {
        let done = bounded(&sandbox, line, "bound over SHA-1").exits(4);
        let said = format!("{}{}", done.out(), done.err());
        assert!(said.contains("SHA1"), "{line}: {said}");
    }
}

/// expect: the one that is not revoked is in use; why: a key that was added anew with the numbers of
/// a revoked one is another key; source: RFC 9580, section 5.5.4.
#[test]
fn two_subkeys_of_the_same_numbers_are_two_keys() {
    let primary = about(alice().primary_key().key());
    let said = |kind: u8, about: &[u8]| {
        let mut forge = Forge::at(&alices_key(), ago(5));
        forge.kind = kind;
        forge.hashed.push(subpacket(27, &[12]));
        forge.sign(&mut alices_key(), about)
    };
    let mut all = public(alice());
    let subkeys = [9, 7].map(|days| Material::strong().key::<SubordinateRole>(ago(days)));
    for (subkey, kinds) in subkeys.iter().zip([&[0x18, 0x28][..], &[0x18]]) {
        all.extend(Packet::from(subkey.clone().take_secret().0).to_vec().unwrap());
        let about = [&primary[..], &about(subkey)].concat();
        kinds.iter().for_each(|kind| all.extend(said(*kind, &about)));
    }
    let read = read_certificates(&all, &Budget::new()).unwrap().remove(0).unwrap();
    let in_use: Vec<String> = extendable_subkeys(&read).iter().map(ToString::to_string).collect();
    assert_eq!(in_use, [format!("{:X}", subkeys[1].fingerprint())]);
}
