//! GnuPG homes, and secret keys, that were made to cost time or memory.

use sequoia_openpgp as openpgp;

use openpgp::Packet;
use openpgp::crypto::{Password, S2K};
use openpgp::packet::Key;
use openpgp::packet::key::{KeyRole, SecretKeyMaterial, SecretParts, SubordinateRole};
use openpgp::types::{AEADAlgorithm, HashAlgorithm, SymmetricAlgorithm};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::{bounded, told};
use crate::hostile::certificates::Claim;

const PASSPHRASE: &str = "any";

fn keybox(certificates: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let blob = |kind: u8, rest: &[&[u8]]| {
        let rest = rest.concat();
        let length = u32::try_from(rest.len() + 8).unwrap().to_be_bytes();
        [&length[..], &[kind, 1, 0, 0], &rest].concat()
    };
    let mut keybox = blob(1, &[b"KBXf", &[0; 20]]);
    for packets in certificates {
        let length = u32::try_from(packets.len()).unwrap().to_be_bytes();
        keybox.extend(blob(2, &[&20u32.to_be_bytes(), &length, &[0; 4], &packets]));
    }
    keybox
}

/// expect: the copies of one certificate may have together what one may have; why: each of them
/// keeps within the bounds, and what they are merged to does not.
#[test]
fn a_keyring_of_many_different_copies_costs_little() {
    let claim = Claim::alices(0x13);
    let copy = |at: u32| {
        let claims = (0..390).flat_map(|n| claim.packet(at * 1_000 + n));
        [public(alice()), claims.collect()].concat()
    };
    let many = "more than 400 signatures";
    for (what, words, files) in [
        ("a keybox", many, vec![("pubring.kbx", keybox((0..60).map(copy)))]),
        ("a small keybox", many, vec![("pubring.kbx", keybox((0..9).map(copy)))]),
        ("a keyring", many, vec![("pubring.gpg", (0..60).flat_map(copy).collect())]),
        ("both", many, vec![("pubring.kbx", keybox((0..1).map(copy))), ("pubring.gpg", copy(1))]),
        ("one, again and again", "", vec![("pubring.kbx", keybox((0..60).map(|_| copy(1))))]),
    ] {
        let sandbox = Sandbox::new();
        for (name, bytes) in files {
            sandbox.write(format!("gnupg/{name}"), bytes);
        }
        let done = bounded(&sandbox, "import --from-gnupg gnupg", what);
        assert!(done.out().contains(words), "{what}: {done:?}");
    }
}

/// expect: as much as gpg-agent asks for is derived, and more is refused; why: the count is
/// anybody's word; source: GnuPG, agent/protect.c.
#[test]
fn a_costly_private_key_of_gpg_agent_is_refused() {
    let modulus = [&[0][..], &Material::a().modulus()].concat();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let mut grip = HashAlgorithm::SHA1.context().unwrap().for_digest();
    grip.update(&modulus);
    let grip = hex(&grip.into_digest().unwrap());
    for (count, code, words) in
        [(1 << 30, 4, "1073741824 bytes of SHA-1"), (1 << 29, 3, "wrong passphrase")]
    {
        let sandbox = Sandbox::new();
        let key = format!(
            "(protected-private-key (rsa (n #{}#)(e #010001#)(protected openpgp-s2k3-ocb-aes \
             ((sha1 #0102030405060708# \"{count}\")#000102030405060708090A0B#)#{}#)\
             (protected-at \"20260101T000000\")))",
            hex(&modulus),
            "00".repeat(1_000),
        );
        sandbox.write(format!("gnupg/private-keys-v1.d/{grip}.key"), format!("Key: {key}\n"));
        sandbox.write("gnupg/pubring.kbx", keybox([public(alice())].into_iter()));
        sandbox.write("passphrase", PASSPHRASE);
        let line = "import --passphrase-file passphrase --from-gnupg gnupg";
        let done = bounded(&sandbox, line, &format!("{count} bytes"));
        assert!(done.out().contains(words), "{done:?}");
        done.exits(code);
    }
}

fn locked<R: KeyRole>(key: Key<SecretParts, R>, method: S2K) -> Key<SecretParts, R> {
    let (public, secret) = key.take_secret();
    let SecretKeyMaterial::Unencrypted(open) = secret else { panic!("it is locked") };
    let aead = matches!(method, S2K::Argon2 { .. }).then(AEADAlgorithm::default);
    let password = Password::from(PASSPHRASE);
    let cipher = SymmetricAlgorithm::AES256;
    let locked = open.encrypt_with(&public, method, cipher, aead, &password).unwrap();
    public.add_secret(locked.into()).0
}

/// Alice's key with more secret parts. They cost so many passes of Argon2 each, or none and what
/// iterated and salted SHA-256 may cost.
fn with_parts(count: u8, passes: u8) -> Vec<u8> {
    let iterated = || S2K::new_iterated(HashAlgorithm::SHA256, 0x3e0_0000).unwrap();
    let alice = alice().clone();
    let primary = alice.primary_key().key().clone().parts_into_secret().unwrap();
    let primary = Packet::from(locked(primary, iterated()));
    let subkeys = (0..count).map(|at| {
        let subkey = Material::b().key::<SubordinateRole>(ago(u32::from(at) + 1));
        let method = match passes {
            0 => iterated(),
            t => S2K::Argon2 { salt: [at; 16], t, p: 1, m: 17 },
        };
        Packet::from(locked(subkey, method))
    });
    let packets: Vec<Packet> = [primary].into_iter().chain(subkeys).collect();
    secret(&alice.insert_packets(packets).unwrap().0)
}

/// expect: no key takes longer to unlock than a person waits; why: each part is a derivation of
/// its own, and the file says what it costs.
#[test]
fn a_secret_key_of_many_parts_is_refused() {
    let mut cases = 0;
    for (parts, passes, code, words) in [
        (15, 0, 0, "new"),
        (16, 0, 4, "it would have 17 secret parts, and plugsign accepts at most 16"),
        (1, 4, 0, "new"),
        (1, 5, 4, "Argon2"),
        (2, 4, 4, "Argon2"),
    ] {
        let what = format!("{parts} parts, {passes} passes");
        let sandbox = Sandbox::new();
        sandbox.write("key", with_parts(parts, passes));
        sandbox.write("passphrase", PASSPHRASE);
        let done = bounded(&sandbox, "import --passphrase-file passphrase key", &what);
        assert!(done.out().contains(words), "{what}: {done:?}");
        done.exits(code);
        cases += 1;
    }
    told(&format!("{cases} secret keys that cost much to unlock"));
}

/// expect: one command unlocks what takes two seconds and no more; why: a file may have hundreds of
/// locked keys, and each says what it costs.
#[test]
fn one_command_unlocks_only_so_much() {
    let sandbox = Sandbox::new();
    let key = with_parts(1, 4);
    ["one", "two"].iter().for_each(|name| drop(sandbox.write(name, &key)));
    sandbox.write("passphrase", PASSPHRASE);
    let done = bounded(&sandbox, "import --passphrase-file passphrase one two", "two costly keys");
    let said = format!("{}{}", done.out(), done.err());
    assert!(said.contains("new") && said.contains("was not unlocked"), "{said}");
    assert!(said.contains("plugsign import FILE"), "{said}");
    done.exits(3);
}
