//! Key files that say a thing of a key in one place, and what ends it in another.

use openpgp::armor::Kind;
use openpgp::packet::key::SubordinateRole;
use openpgp::types::{KeyFlags, ReasonForRevocation};
use sequoia_openpgp as openpgp;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::bounded;

/// A revocation, "compromised", of five days ago.
fn revocation(kind: u8, key: &mut Pair, about: &[u8]) -> Vec<u8> {
    let mut forge = Forge::at(key, ago(5));
    forge.kind = kind;
    forge.hashed.push(subpacket(29, &[2]));
    forge.sign(key, about)
}

fn of_alice(kind: u8, about: &[u8]) -> Vec<u8> {
    revocation(kind, &mut alices_key(), about)
}

fn about_alice() -> Vec<u8> {
    about(alice().primary_key().key())
}

/// Alice, with a subkey that signs.
fn alice_with_subkey() -> openpgp::Cert {
    let how = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    with_subkey(alice().clone(), &mut alices_key(), Material::strong(), &how)
}

fn about_subkey() -> Vec<u8> {
    [about_alice(), about(&Material::strong().key::<SubordinateRole>(ago(9)))].concat()
}

fn public_block(packets: &[u8]) -> Vec<u8> {
    armor(Kind::PublicKey, packets)
}

/// expect: refused, exit 4, no signature; why: gpg, which imports the whole file, refuses too;
/// source: the interface, "copies in the given files are taken together, for signing too".
#[test]
fn a_key_that_its_own_file_revokes_elsewhere_does_not_sign() {
    let ended =
        public(&revoked(alice().clone(), &mut alices_key(), ReasonForRevocation::KeyCompromised));
    let key = secret(alice());
    let armored = armor(Kind::SecretKey, &key);
    let alone = of_alice(0x20, &about_alice());
    let with_subkey = armor(Kind::SecretKey, &secret(&alice_with_subkey()));
    let of_subkey = public_block(&of_alice(0x28, &about_subkey()));
    for (name, file) in [
        ("a revoked copy behind it", [&key[..], &ended].concat()),
        ("a revoked copy in front of it", [&ended[..], &key].concat()),
        ("a revoked copy in a block", [&armored[..], &public_block(&ended)].concat()),
        ("a revocation in a block", [&armored[..], &public_block(&alone)].concat()),
        ("a revocation in front of it", [&alone[..], &key].concat()),
        ("a revocation of the subkey", [&with_subkey[..], &of_subkey].concat()),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("key", &file);
        let subkey = name.ends_with("subkey");
        let options = match subkey {
            true => format!(" -u {}!", Material::strong().signer(ago(9)).public().fingerprint()),
            false => String::new(),
        };
        let line = format!("sign --key-file key{options} a.tar.gz");
        let done = bounded(&sandbox, &line, name).exits(4);
        assert!(done.err().contains("revoked (compromised"), "{name}: {done:?}");
        if let Ok(text) = String::from_utf8(file) {
            sandbox.set("PLUGSIGN_KEY", text);
            bounded(&sandbox, &format!("sign{options} a.tar.gz"), name).exits(4);
        }
        assert!(!sandbox.has("a.tar.gz.sig"), "{name}");
    }
}

/// expect: refused, nothing changed; why: "a revoked key is never changed", and the file that lends
/// the primary key says that it is revoked.
#[test]
fn a_primary_key_from_a_file_that_revokes_it_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    let alone = public_block(&of_alice(0x20, &about_alice()));
    sandbox.write("primary", [&armor(Kind::SecretKey, &secret(alice()))[..], &alone].concat());
    let before = sandbox.snapshot();
    let line = format!("extend {} --expires 1y --primary primary", alice().fingerprint());
    sandbox.run(&line).exits(4).says("revoked (compromised");
    assert_eq!(before, sandbox.snapshot());
}

/// expect: not good by any door, and nothing signed or imported; why: what cannot be read may be the
/// revocation, and gpg reads it; source: "nothing that narrows trust is dropped because a parser did
/// not understand it".
#[test]
fn a_key_of_which_its_file_has_an_unreadable_copy_does_not_count() {
    let ended =
        public(&revoked(alice().clone(), &mut alices_key(), ReasonForRevocation::KeyCompromised));
    let user_ids: Vec<u8> = (0..600).flat_map(|i| packet(13, format!("u{i}").as_bytes())).collect();
    let private = packet(40, b"").repeat(6000);
    let compressed = packet(8, &[&[0], &of_alice(0x20, &about_alice())[..]].concat());
    for (name, before, behind) in [
        ("600 user IDs", [&ended[..], &user_ids].concat(), Vec::new()),
        ("6000 private packets", [&ended[..], &private].concat(), Vec::new()),
        ("a compressed packet", Vec::new(), compressed),
    ] {
        let file = |key: &[u8]| [&before[..], key, &behind].concat();
        let sandbox = Sandbox::new();
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
        sandbox.write("certificate", file(&public(alice())));
        sandbox.write("key", file(&secret(alice())));
        let ring = "--no-default-keyring --keyring ./certificate a.tar.gz.sig a.tar.gz";
        let gpg = ring.replace("a.tar.gz.sig", "--verify a.tar.gz.sig");
        let gpgv = ring.replace("--no-default-keyring ", "");
        bounded(&sandbox, "verify --key certificate a.tar.gz", name).exits(3);
        sandbox.run(&format!("gpg {gpg}")).exits(2);
        sandbox.run(&format!("gpgv {gpgv}")).exits(2);
        let sopv = ["sopv", "verify", "a.tar.gz.sig", "certificate"];
        sandbox.call(sopv).stdin(DATA).run().exits(41);
        sandbox.write("b.tar.gz", DATA);
        bounded(&sandbox, "sign --key-file key b.tar.gz", name).exits(3);
        for file in ["certificate", "key"] {
            let done = bounded(&sandbox, &format!("import --no-passphrase {file}"), name).exits(3);
            assert!(done.shown().contains("cannot be read"), "{name}: {done:?}");
        }
        assert!(!sandbox.has("b.tar.gz.sig"), "{name}");
        assert_eq!(sandbox.run("list").exits(0).out(), "", "{name}");
    }
}

/// expect: somebody else's key, which nobody can read, hinders nobody; Alice's does, in whichever of
/// several files; why: distributions' keyrings have odd keys in them.
#[test]
fn an_unreadable_key_hinders_only_itself() {
    let user_ids: Vec<u8> = (0..600).flat_map(|i| packet(13, format!("u{i}").as_bytes())).collect();
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("ring", [&public(alice())[..], &public(bob()), &user_ids].concat());
    bounded(&sandbox, "verify --key ring a.tar.gz", "Bob's").exits(0);
    sandbox.write("alice", public(alice()));
    sandbox.write("other", [&public(bob())[..], &public(alice()), &user_ids].concat());
    let done = bounded(&sandbox, "verify --key alice --key other a.tar.gz", "two files").exits(1);
    assert!(done.err().contains("does not count here"), "{done:?}");
    assert!(done.out().contains("unknown-signer"), "{done:?}");
    sandbox.import(&public(alice()));
    let line = format!("verify --key other --key {} a.tar.gz", alice().fingerprint());
    bounded(&sandbox, &line, "a file and the home").exits(1);
}

/// expect: revoked-key, for what the subkey signed; why: gpg imports such a block; source: RFC 9580,
/// section 5.2.1.12.
#[test]
fn a_revocation_of_a_subkey_alone_in_a_block_counts() {
    let cert = alice_with_subkey();
    let alone = public_block(&of_alice(0x28, &about_subkey()));
    let mut signer = Material::strong().signer(ago(9));
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", Forge::by(&signer).sign(&mut signer, DATA));
    sandbox.write("primary.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("both", [&public_block(&public(&cert))[..], &alone].concat());
    let ring = "--keyring ./both --status-fd 1";
    let done = bounded(&sandbox, "verify --key both a.tar.gz", "the subkey").exits(1);
    assert!(done.out().contains("revoked-key"), "{done:?}");
    sandbox.run(&format!("gpgv {ring} a.tar.gz.sig a.tar.gz")).prints("REVKEYSIG");
    sandbox.run("verify --key both --signature primary.sig a.tar.gz").exits(0);
    sandbox.run(&format!("gpgv {ring} primary.sig a.tar.gz")).exits(0);
    // The home learns of it too, and says what was revoked.
    sandbox.write("certificate", public(&cert));
    sandbox.write("alone", &alone);
    sandbox.run("import certificate").exits(0);
    let subkey = signer.public().fingerprint();
    let line = format!("revoke {} --certificate alone", cert.fingerprint());
    let words = format!("The subkey {subkey} is revoked (compromised)");
    sandbox.run(&line).exits(0).says(&words);
    sandbox.run("verify --key certificate a.tar.gz").exits(1).prints("revoked-key");
    sandbox.run("verify --key certificate --signature primary.sig a.tar.gz").exits(0);
    sandbox.run("import alone").exits(0).prints("unchanged");
    let other = Sandbox::new();
    other.write("both", sandbox.read("both"));
    other.run("import both").exits(0);
    other.run(&format!("list {}", cert.fingerprint())).exits(0).prints("revoked");
}

/// expect: the user ID is revoked; why: as above; source: RFC 9580, section 5.2.1.14.
#[test]
fn a_revocation_of_a_user_id_alone_in_a_block_counts() {
    let mut recipe = Recipe::of(Material::a());
    recipe.user_ids.push(b"Old <old@example.org>".to_vec());
    let cert = recipe.build();
    let mut key = recipe.signer();
    let about = [about(cert.primary_key().key()), about_user_id(b"Old <old@example.org>")].concat();
    let alone = public_block(&revocation(0x30, &mut key, &about));
    let sandbox = Sandbox::new();
    sandbox.write("both", [&public_block(&public(&cert))[..], &alone].concat());
    sandbox.run("import both").exits(0);
    let listed = sandbox.run(&format!("list {}", cert.fingerprint())).exits(0).out();
    assert!(listed.contains("Old <old@example.org>  (revoked)"), "{listed}");
}

/// expect: an error, by every door; why: what is damaged may be the revoked copy, or a revocation.
#[test]
fn a_damaged_part_of_a_key_file_may_say_anything() {
    let ended =
        public(&revoked(alice().clone(), &mut alices_key(), ReasonForRevocation::KeyCompromised));
    let cut = public_block(&ended[..ended.len() - 9]);
    let alone = public_block(&of_alice(0x20, &about_alice()));
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("b.tar.gz", DATA);
    sandbox.write("certificate", [&public_block(&public(alice()))[..], &cut].concat());
    sandbox.write("key", [&armor(Kind::SecretKey, &secret(alice()))[..], &cut].concat());
    sandbox.write("alice", public(alice()));
    sandbox.write("alone", alone);
    bounded(&sandbox, "verify --key certificate a.tar.gz", "cut short").exits(3);
    let done = sandbox.run("gpgv --keyring ./certificate a.tar.gz.sig a.tar.gz");
    assert!(!done.is_ok(), "{done:?}");
    bounded(&sandbox, "sign --key-file key b.tar.gz", "cut short").exits(3);
    // A revocation in a file of its own has no certificate that it could end.
    bounded(&sandbox, "verify --key alice --key alone a.tar.gz", "alone").exits(3);
    sandbox.run("gpgv --keyring ./alice --keyring ./alone a.tar.gz.sig a.tar.gz").exits(2);
}

/// expect: shown as revoked; why: who looks into a file learns what will be made of it.
#[test]
fn a_look_into_a_key_file_shows_what_it_revokes() {
    let alone = public_block(&of_alice(0x20, &about_alice()));
    let sandbox = Sandbox::new();
    sandbox.write("both", [&public_block(&public(alice()))[..], &alone].concat());
    sandbox.run("inspect both").exits(0).prints("revoked (compromised)");
    let shown = sandbox.run("gpg --with-colons --show-keys both").exits(0);
    assert!(shown.out().starts_with("pub:r:"), "{shown:?}");
}

/// expect: an answer within the bounds; why: each revocation could be tried on each certificate.
#[test]
fn many_keys_and_many_revocations_in_one_file_cost_little() {
    let strangers = public_block(&revocation(0x20, &mut bobs_key(), &about_alice()));
    let own = public_block(&of_alice(0x20, &about_alice()));
    let keys: Vec<u8> = (0..2000u32)
        .flat_map(|i| {
            let mut modulus = Material::a().modulus();
            modulus[100..104].copy_from_slice(&i.to_be_bytes());
            bare_key(4, 1, &[&modulus, &[1, 0, 1]], None)
        })
        .collect();
    let certificates = public_block(&[&keys[..], &public(alice())].concat());
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    for (name, block) in [("strangers", strangers), ("own", own)] {
        sandbox.write("many", [&certificates[..], &block.repeat(600)].concat());
        let done = bounded(&sandbox, "verify --key many a.tar.gz", name);
        assert!(!done.is_ok(), "{name}: {done:?}");
        bounded(&sandbox, "inspect many", name);
    }
}

/// expect: an answer within the bounds; why: each copy of a key was merged with all before it.
#[test]
fn many_copies_of_a_key_in_one_file_cost_little() {
    let copy = |i: u32| [public(alice()), packet(13, format!("u{i}").as_bytes())].concat();
    let copies: Vec<u8> = (0..2000).flat_map(copy).collect();
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("copies", &copies);
    sandbox.write("key", [secret(alice()), copies].concat());
    bounded(&sandbox, "verify --key copies a.tar.gz", "certificates").exits(3);
    bounded(&sandbox, "sign --key-file key -o b.sig a.tar.gz", "a secret key").exits(3);
    let few: Vec<u8> = (0..20).flat_map(copy).collect();
    sandbox.write("few", few);
    sandbox.run("verify --key few a.tar.gz").exits(0);
}
