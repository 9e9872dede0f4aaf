//! `verify --signers N`: N different keys of N different certificates.

use openpgp::Cert;
use openpgp::types::KeyFlags;
use sequoia_openpgp as openpgp;

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};
use crate::hostile::bounded::bounded;

/// Verifies an artifact that these two keys signed, for two signers.
fn two_signers(certificates: [&Cert; 2], signers: [&mut Pair; 2]) -> Done {
    let sandbox = Sandbox::new();
    let [first, second] = certificates;
    let [one, two] = signers;
    sandbox.write("first", public(first));
    sandbox.write("second", public(second));
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", Forge::at(one, ago(1)).sign(one, DATA));
    let further = format!("a.tar.gz.{:X}.sig", second.keyid());
    sandbox.write(further, Forge::at(two, ago(2)).sign(two, DATA));
    let line = "verify --signers 2 --key first --key second a.tar.gz";
    bounded(&sandbox, line, "two signers")
}

/// expect: exit 0; why: two people signed; source: the interface, `--signers`.
#[test]
fn two_keys_of_two_certificates_are_two_signers() {
    two_signers([alice(), bob()], [&mut alices_key(), &mut bobs_key()]).exits(0);
}

/// expect: too-few-signers; why: whoever has one key can have it adopted by a second certificate,
/// or give its numbers another date; source: as above, "equal numbers are one key".
#[test]
fn one_key_in_two_certificates_is_one_signer() {
    let how = || Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let adopted =
        |cert: &Cert, mut key| with_subkey(cert.clone(), &mut key, Material::strong(), &how());
    let by_alice = adopted(alice(), alices_key());
    let by_bob = adopted(bob(), bobs_key());
    let signer = || Material::strong().signer(ago(9));
    let done = two_signers([&by_alice, &by_bob], [&mut signer(), &mut signer()]).exits(1);
    assert!(done.out().contains("too-few-signers"), "{done:?}");
    // Another date makes another fingerprint, and no other key.
    let twin = Recipe { created: ago(8), bound: ago(8), ..Recipe::of(Material::a()) };
    let done = two_signers([alice(), &twin.build()], [&mut alices_key(), &mut twin.signer()]);
    assert!(done.exits(1).out().contains("too-few-signers"));
    // Two keys of one certificate are one signer, too.
    let done = two_signers([&by_alice, &by_alice], [&mut alices_key(), &mut signer()]).exits(1);
    assert!(done.out().contains("too-few-signers"), "{done:?}");
}

/// expect: exit 0; why: the shared key stands for the certificate that nobody else stands for;
/// source: as above.
#[test]
fn a_shared_key_and_another_key_are_two_signers() {
    let how = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let by_alice = with_subkey(alice().clone(), &mut alices_key(), Material::strong(), &how);
    let by_bob = with_subkey(bob().clone(), &mut bobs_key(), Material::strong(), &how);
    let mut shared = Material::strong().signer(ago(9));
    two_signers([&by_alice, &by_bob], [&mut shared, &mut bobs_key()]).exits(0);
}
