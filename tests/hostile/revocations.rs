//! Odd revocations that count all the same. A program that leaves one out makes a key good again
//! that its owner ended.

use openpgp::packet::key::SubordinateRole;
use openpgp::types::{HashAlgorithm, KeyFlags};
use sequoia_openpgp as openpgp;

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};
use crate::hostile::bounded::{bounded, told};

const REASON: u8 = 29;
const EMBEDDED: u8 = 32;

/// A revocation by Alice over the hashed bytes, with changes to it.
fn revocation(kind: u8, about: &[u8], change: impl FnOnce(&mut Forge)) -> Vec<u8> {
    forged(kind, about, change, number)
}

/// The same with the signature's number written in another way.
fn forged(
    kind: u8,
    about: &[u8],
    change: impl FnOnce(&mut Forge),
    write: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let mut key = alices_key();
    let mut forge = Forge::at(&key, ago(5));
    forge.kind = kind;
    forge.hashed.push(subpacket(REASON, &[2]));
    change(&mut forge);
    let hash = forge.hash;
    forge.finish(about, |digest| write(&value_of(&mut key, hash, digest)))
}

fn value_of(key: &mut Pair, hash: HashAlgorithm, digest: &[u8]) -> Vec<u8> {
    use openpgp::crypto::{Signer, mpi};
    match key.sign(hash, digest).unwrap() {
        mpi::Signature::RSA { s } => s.value().to_vec(),
        _ => panic!("not an RSA key"),
    }
}

/// A number with so many bits in front of it, whatever it has.
fn counted(bits: usize, number: &[u8]) -> Vec<u8> {
    [&u16::try_from(bits).unwrap().to_be_bytes()[..], number].concat()
}

/// Changes the two octets of the digest that stand before the number.
fn with_wrong_prefix(mut packet: Vec<u8>) -> Vec<u8> {
    let place = packet.len() - 384 - 2 - 1;
    packet[place] ^= 0xFF;
    packet
}

/// Every odd form of one revocation, over the bytes in `about`.
fn odd_forms(kind: u8, about: &[u8]) -> Vec<(String, Vec<u8>)> {
    let plain = |change: fn(&mut Forge)| revocation(kind, about, change);
    let mut forms = vec![
        ("nothing odd", plain(|_| {})),
        ("a wrong digest prefix", with_wrong_prefix(plain(|_| {}))),
        ("algorithm 2", plain(|it| it.algorithm = 2)),
        ("algorithm 3", plain(|it| it.algorithm = 3)),
        ("an empty reason", plain(|it| it.hashed[3] = subpacket(REASON, &[]))),
        ("a long reason", plain(|it| it.hashed[3] = subpacket(REASON, &[b'x'; 180]))),
        ("no reason", plain(|it| drop(it.hashed.pop()))),
        ("superseded", plain(|it| it.hashed[3] = subpacket(REASON, &[1]))),
        ("a subpacket too short", plain(|it| it.hashed.push(subpacket(EXPIRES, &[1, 2])))),
        ("a subpacket cut short", plain(|it| it.hashed.push(vec![0xF0]))),
        (
            "a broken embedded signature",
            plain(|it| it.hashed.push(subpacket(EMBEDDED, b"\x04\x19x"))),
        ),
        (
            "one where nothing is signed",
            plain(|it| it.unhashed.push(subpacket(EMBEDDED, &[4, 0x19, 1]))),
        ),
        ("unhashed octets that are none", plain(|it| it.unhashed.push(vec![0xFF; 3]))),
        ("an unknown critical subpacket", plain(|it| it.hashed.push(subpacket(0x80 | 99, b"x")))),
        ("a date before the key's", plain(|it| it.hashed[0] = created(ago(5000)))),
        (
            "a date to come",
            plain(|it| it.hashed[0] = created(now() + std::time::Duration::from_secs(86_400))),
        ),
        ("two dates", plain(|it| it.hashed.push(created(ago(2))))),
        ("no date", plain(|it| drop(it.hashed.remove(0)))),
        ("an end that is past", plain(|it| it.hashed.push(subpacket(EXPIRES, &[0, 0, 0, 1])))),
        ("another issuer", plain(|it| it.hashed[1..3].fill(subpacket(ISSUER, b"somebody")))),
        ("no issuer", plain(|it| drop(it.hashed.drain(1..3)))),
        (
            "a number with a zero in front",
            forged(kind, about, |_| {}, |it| counted(8 * it.len() + 8, &[&[0], it].concat())),
        ),
        ("a number of too many bits", forged(kind, about, |_| {}, |it| counted(8 * it.len(), it))),
        (
            "octets behind the number",
            forged(kind, about, |_| {}, |it| [&number(it)[..], b"xyz"].concat()),
        ),
        (
            "a number above the modulus",
            forged(kind, about, |_| {}, |it| above_modulus(it, Material::a())),
        ),
        ("version 5", plain(|it| it.version = 5)),
        ("version 3", version_3_of(kind, &mut alices_key(), about)),
        ("version 3 that hashes 0 octets", version_3_with(0, kind, about)),
        ("version 3 that hashes 255 octets", version_3_with(255, kind, about)),
    ]
    .into_iter()
    .map(|(name, packet)| (name.to_string(), packet))
    .collect::<Vec<_>>();
    for hash in [1, 2, 3, 9, 10, 11].map(HashAlgorithm::from) {
        forms.push((hash.to_string(), revocation(kind, about, |it| it.hash = hash)));
    }
    forms
}

/// Version 3 says how many octets of the packet are hashed, which are always five.
fn version_3_with(hashed: u8, kind: u8, about: &[u8]) -> Vec<u8> {
    let mut packet = version_3_of(kind, &mut alices_key(), about);
    packet[7] = hashed;
    packet
}

fn gpg(sandbox: &Sandbox, key_file: &str, signature: &str) -> Done {
    let line = format!(
        "gpg --no-default-keyring --keyring ./{key_file} --status-fd 1 --verify {signature} a.tar.gz"
    );
    bounded(sandbox, &line, key_file)
}

/// expect: revoked-key, REVKEYSIG, and the very octets in every copy that is written; why: all of
/// them verify, and gpg and the server heed them; source: RFC 9580, section 5.2.3.31, and the
/// digest's prefix is only a hint (section 5.2.3).
#[test]
fn a_revocation_counts_however_odd_its_packet_is() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    let forms = odd_forms(0x20, &about(alice().primary_key().key()));
    for (name, packet) in &forms {
        for place in [1, usize::MAX] {
            sandbox.write("ended", with_packet(alice(), packet, place));
            let done = bounded(&sandbox, "verify --key ended a.tar.gz", name).exits(1);
            assert!(done.out().contains("revoked-key"), "{name}: {done:?}");
            let done = gpg(&sandbox, "ended", "a.tar.gz.sig");
            assert!(done.out().contains("REVKEYSIG"), "{name}: {done:?}");
        }
        let home = Sandbox::new();
        home.write("clean", public(alice()));
        home.write("ended", with_packet(alice(), packet, 1));
        // What is known is not forgotten, whatever comes after it.
        for line in ["import ended", "import clean", "trust add clean"] {
            home.run(line).exits(0);
        }
        let body = &packet[6..];
        // Behind the user ID, gpgv and the server would not heed it.
        let place = |bytes: &[u8]| bytes.windows(body.len()).position(|window| window == body);
        let before = place(&with_packet(alice(), packet, 1)).unwrap();
        for line in ["export {} -o out --force", "gpg --yes -o out --export {}"] {
            home.run(&line.replace("{}", &alice().fingerprint().to_string())).exits(0);
            let kept = place(&home.read("out"));
            assert!(kept.is_some(), "{name}: not octet for octet in what is exported");
            assert!(kept <= Some(before), "{name}: not in its place");
        }
    }
    told(&format!("{} odd revocations of a key, in two places", forms.len()));
}

/// expect: revoked-key for what the subkey signed, good for what the primary key did; why and
/// source as above.
#[test]
fn a_revocation_of_a_subkey_counts_for_it_alone() {
    let flags = KeyFlags::empty().set_signing();
    let how = Binding { flags, back_signature: true };
    let cert = with_subkey(alice().clone(), &mut alices_key(), Material::strong(), &how);
    let subkey = Material::strong().key::<SubordinateRole>(ago(9));
    let subject = [about(cert.primary_key().key()), about(&subkey)].concat();
    let mut signer = Material::strong().signer(ago(9));
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", Forge::by(&signer).sign(&mut signer, DATA));
    sandbox.write("primary.sig", signature(&Recipe::of(Material::a())));
    sandbox.write("clean", public(&cert));
    bounded(&sandbox, "verify --key clean a.tar.gz", "clean").exits(0);
    let forms = odd_forms(0x28, &subject);
    for (name, packet) in &forms {
        for place in [1, usize::MAX] {
            sandbox.write("ended", with_packet(&cert, packet, place));
            let done = bounded(&sandbox, "verify --key ended a.tar.gz", name).exits(1);
            assert!(done.out().contains("revoked-key"), "{name}: {done:?}");
            let done = gpg(&sandbox, "ended", "a.tar.gz.sig");
            assert!(done.out().contains("REVKEYSIG"), "{name}: {done:?}");
            let done = gpg(&sandbox, "ended", "primary.sig");
            assert!(done.out().contains("GOODSIG"), "{name}: {done:?}");
        }
    }
    told(&format!("{} odd revocations of a subkey, in two places", forms.len()));
}

/// expect: revoked-key; why: gpg writes a certificate and its revocation one after the other, and
/// `gpg --import` takes both; source: RFC 9580, section 10.1.
#[test]
fn a_revocation_certificate_beside_its_certificate_counts() {
    use openpgp::armor::Kind::PublicKey;
    let about = about(alice().primary_key().key());
    for (name, packet) in [
        ("a wrong digest prefix", with_wrong_prefix(revocation(0x20, &about, |_| {}))),
        ("version 3 that hashes 0 octets", version_3_with(0, 0x20, &about)),
        ("version 5", revocation(0x20, &about, |it| it.version = 5)),
        ("no issuer", revocation(0x20, &about, |it| drop(it.hashed.drain(1..3)))),
        (
            "another issuer",
            revocation(0x20, &about, |it| it.hashed[1..3].fill(issuer(&bobs_key()))),
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
        let blocks = [armor(PublicKey, &public(alice())), armor(PublicKey, &packet)].concat();
        sandbox.write("both", &blocks);
        let done = bounded(&sandbox, "verify --key both a.tar.gz", name).exits(1);
        assert!(done.out().contains("revoked-key"), "{name}: {done:?}");
        let done = gpg(&sandbox, "both", "a.tar.gz.sig");
        assert!(done.out().contains("REVKEYSIG"), "{name}: {done:?}");
        // The issuer is only a hint, and another key may be there.
        sandbox.write("certificate", [public(bob()), public(alice())].concat());
        sandbox.write("alone", armor(PublicKey, &packet));
        for line in ["import certificate", "import alone"] {
            sandbox.run(line).exits(0);
        }
        let done = bounded(&sandbox, "verify --key certificate a.tar.gz", name).exits(1);
        assert!(done.out().contains("revoked-key"), "{name}: known in the home: {done:?}");
    }
}

/// expect: good; why: anybody can write what claims to be a revocation, and junk must not spoil a
/// key; source: RFC 9580, section 5.2.1.11.
#[test]
fn a_revocation_that_does_not_verify_revokes_nothing() {
    let about = about(alice().primary_key().key());
    let mut flipped = revocation(0x20, &about, |_| {});
    *flipped.last_mut().unwrap() ^= 1;
    let mut bob = bobs_key();
    let mut forge = Forge::at(&alices_key(), ago(5));
    forge.kind = 0x20;
    let of_another = [&about[..], b"x"].concat();
    let junk = [
        ("one bit flipped", flipped),
        ("Bob's, which claims to be Alice's", forge.sign(&mut bob, &about)),
        ("Alice's, over something else", revocation(0x20, &of_another, |_| {})),
        ("Alice's signature of a file", signature(&Recipe::of(Material::a()))),
    ];
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    for (name, packet) in junk {
        sandbox.write("spoiled", with_packet(alice(), &packet, usize::MAX));
        let done = gpg(&sandbox, "spoiled", "a.tar.gz.sig");
        assert!(done.out().contains("GOODSIG"), "{name}: {done:?}");
        sandbox.run("import spoiled").exits(0);
        let listed = sandbox.run("list").exits(0);
        assert!(!listed.out().contains("revoked"), "{name}: {listed:?}");
    }
}

/// expect: refused, exit 4, no signature; why: the revocation is known here, whichever copy says
/// it; source: the interface, "for signing too".
#[test]
fn a_key_that_any_copy_here_says_is_revoked_does_not_sign() {
    let about = about(alice().primary_key().key());
    let plain = revocation(0x20, &about, |_| {});
    let odd = with_wrong_prefix(plain.clone());
    // The server cannot read a certificate with the odd one, so that it cannot be trusted; what
    // it says of the key counts all the same.
    for (line, packet, code) in [
        ("import ended", &plain, 0),
        ("import ended", &odd, 0),
        ("trust add ended", &plain, 0),
        ("trust add ended", &odd, 4),
    ] {
        let ended = with_packet(alice(), packet, 1);
        let sandbox = Sandbox::new();
        sandbox.write("a.tar.gz", DATA);
        sandbox.import(&secret(alice()));
        sandbox.write("ended", &ended);
        sandbox.write("secret", secret(alice()));
        sandbox.run(line).exits(code);
        for sign in ["sign a.tar.gz", "sign --key-file secret a.tar.gz"] {
            let done = sandbox.run(sign).exits(4);
            assert!(done.err().contains("revoked"), "{line}: {sign}: {done:?}");
        }
        let done = sandbox.run("gpg --batch --detach-sign a.tar.gz");
        assert!(done.code() == Some(2), "{line}: {done:?}");
        assert!(!sandbox.has("a.tar.gz.sig"), "{line}");
        let done = sandbox.run("doctor");
        assert!(done.out().contains("it is revoked (compromised)"), "{line}: {done:?}");
    }
}
