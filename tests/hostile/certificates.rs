//! Certificates that were made to cost time, memory or trust.

use std::fs;

use sequoia_openpgp as openpgp;

use openpgp::cert::CipherSuite;
use openpgp::packet::key::SubordinateRole;
use openpgp::parse::Parse;
use openpgp::serialize::MarshalInto;
use openpgp::types::{HashAlgorithm, KeyFlags};
use openpgp::{Packet, PacketPile, Profile};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::{bounded, told};

/// What is read of one key file: so much is too much.
const LIMIT: usize = 4 * 1024 * 1024;

/// A certificate with more in it than anybody needs. Every signature that claims to be the key's
/// own may be verified, on every component; every component is kept, merged, sorted and shown;
/// every subpacket is an object (CVE-2019-13050, CVE-2025-30258).
struct Flood {
    name: &'static str,
    /// What follows Alice's primary key, before or after her user ID.
    before_user_id: Vec<u8>,
    after_user_id: Vec<u8>,
    /// Whether the certificate is taken. Then Alice's signatures are good, unless the server
    /// cannot read it.
    good: Option<bool>,
}

/// The body of a forged signature with this number in it.
pub struct Claim {
    kind: u8,
    issuer: [u8; 8],
    hashed: Vec<u8>,
    unhashed: Vec<u8>,
    number: Vec<u8>,
    /// What it is about, if its digest shall begin as it should: then only RSA can tell.
    statement: Option<Vec<u8>>,
}

impl Claim {
    /// Claims to be Alice's.
    pub fn alices(kind: u8) -> Claim {
        let id = alices_key().public().keyid();
        Claim {
            kind,
            issuer: id.as_bytes().try_into().unwrap(),
            hashed: Vec::new(),
            unhashed: Vec::new(),
            number: odd(3072),
            statement: None,
        }
    }

    pub fn packet(&self, at: u32) -> Vec<u8> {
        packet(2, &self.body(at))
    }

    fn body(&self, at: u32) -> Vec<u8> {
        let hashed = [&created_at(at)[..], &self.hashed].concat();
        let unhashed = [&subpacket(ISSUER, &self.issuer)[..], &self.unhashed].concat();
        let mut body = vec![4, self.kind, 1, 8];
        body.extend(u16::try_from(hashed.len()).unwrap().to_be_bytes());
        body.extend(hashed);
        let prefix = match &self.statement {
            Some(statement) => prefix(statement, &body),
            None => [0xAB, 0xCD],
        };
        body.extend(u16::try_from(unhashed.len()).unwrap().to_be_bytes());
        body.extend(unhashed);
        body.extend(prefix);
        body.extend(number(&self.number));
        body
    }
}

/// Returns the first two octets of a signature's digest (RFC 9580, section 5.2.4).
fn prefix(statement: &[u8], head: &[u8]) -> [u8; 2] {
    let mut context = HashAlgorithm::SHA256.context().unwrap().for_digest();
    context.update(statement);
    context.update(head);
    context.update(&[4, 0xFF]);
    context.update(&u32::try_from(head.len()).unwrap().to_be_bytes());
    context.into_digest().unwrap()[..2].try_into().unwrap()
}

/// Alice's primary key as signatures are about it.
fn about_alice() -> Vec<u8> {
    let (primary, _) = alices();
    // The packet's header has three octets.
    let body = &primary[3..];
    [&[0x99][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// Her user ID, too.
fn about_alice_and(user_id: &[u8]) -> Vec<u8> {
    let length = u32::try_from(user_id.len()).unwrap().to_be_bytes();
    [&about_alice()[..], &[0xB4], &length, user_id].concat()
}

fn created_at(at: u32) -> Vec<u8> {
    subpacket(CREATED, &(seconds(ago(9)) + at).to_be_bytes())
}

/// Joins as many as are wanted, or as there is room for.
fn many(count: u32, make: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    for at in 0..count {
        let next = make(at);
        if all.len() + next.len() > LIMIT - 8 * 1024 {
            break;
        }
        all.extend(next);
    }
    all
}

fn bare_subkey(at: u32, algorithm: u8, numbers: &[u8]) -> Vec<u8> {
    let mut body = vec![4];
    body.extend((seconds(ago(9)) + at).to_be_bytes());
    body.push(algorithm);
    body.extend(numbers);
    packet(14, &body)
}

/// A Curve25519 encryption key's numbers, which the server cannot read.
fn curve() -> Vec<u8> {
    let mut numbers = vec![10, 0x2B, 6, 1, 4, 1, 0x97, 0x55, 1, 5, 1];
    numbers.extend([1, 7, 0x40]);
    numbers.extend([9; 32]);
    numbers.extend([3, 1, 8, 7]);
    numbers
}

fn floods() -> Vec<Flood> {
    const MOST: u32 = 4_900;
    let stranger = || Claim { issuer: [7; 8], number: vec![0x80], ..Claim::alices(0x10) };
    // Numbers that are Alice's indeed, over nothing that is here.
    let signed = padded_by_alice();
    let by_stranger =
        |kind| Claim { issuer: [7; 8], number: signed.clone(), ..Claim::alices(kind) };
    let version_5 = |claim: &Claim, at| {
        let mut signature = claim.packet(at);
        signature[6] = 5;
        signature
    };
    let absurd = [&number(&odd(16_392))[..], &number(&[1, 0, 1])].concat();
    let small = |kind| Claim { number: vec![0x80], ..Claim::alices(kind) };
    let rsa = [&number(&odd(3072))[..], &number(&[1, 0, 1])].concat();
    let huge = [&number(&odd(16_384))[..], &number(&[1, 0, 1])].concat();
    let dsa: Vec<u8> =
        [odd(2048), odd(256), odd(2048), odd(2048)].iter().flat_map(|it| number(it)).collect();
    let mut flag = Claim::alices(0x18);
    flag.hashed = subpacket(27, &[2]);
    let mut back_signed = Claim::alices(0x18);
    let back = Claim::alices(0x19).body(0);
    back_signed.hashed = subpacket(27, &[2]);
    back_signed.unhashed = long_subpacket(32, &back);
    let mut tiny = small(0x13);
    tiny.unhashed = [2, 0x65, 1].repeat(19_000);
    let mut wide = small(0x13);
    wide.unhashed = [&[255, 0, 0, 0xF0, 0][..], &[0x65], &vec![1; 0xEFFF]].concat();
    let user = |at: u32| packet(13, format!("User {at} <{at}@example.org>").as_bytes());
    let flood =
        |name, after_user_id, good| Flood { name, before_user_id: Vec::new(), after_user_id, good };
    let first = |name, before_user_id| Flood {
        name,
        before_user_id,
        after_user_id: Vec::new(),
        good: Some(true),
    };
    let alices_id = b"Alice <alice@example.org>";
    let right = |kind, about: Vec<u8>| Claim { statement: Some(about), ..Claim::alices(kind) };
    let id_and = |claim: &Claim, at| [user(at), claim.packet(at)].concat();
    let key_and = |claim: &Claim, at| [bare_subkey(at, 1, &rsa), claim.packet(at)].concat();
    let curve_and = |claim: &Claim, at| [bare_subkey(at, 18, &curve()), claim.packet(at)].concat();
    let bound = |at| {
        let key = bare_subkey(at, 1, &rsa);
        let body = &key[6..];
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let about = [&about_alice()[..], &[0x99], &length, body].concat();
        [key.clone(), right(0x18, about).packet(at)].concat()
    };
    let noted = |claim: Claim, at: u32| {
        let unhashed = subpacket(0x65, &at.to_be_bytes());
        Claim { unhashed, ..claim }.packet(0)
    };
    vec![
        // More than is read.
        flood("150,000 certifications", stranger().packet(0).repeat(150_000), Some(false)),
        flood("own certifications", many(MOST, |at| Claim::alices(0x13).packet(at)), Some(false)),
        flood("ever other notes", many(MOST, |at| noted(small(0x13), at)), Some(false)),
        flood("areas of tiny subpackets", many(66, |at| tiny.packet(at)), Some(false)),
        flood("user IDs", many(MOST, user), Some(false)),
        flood("user IDs, certified", many(MOST / 2, |at| id_and(&small(0x13), at)), Some(false)),
        flood("attributes", many(MOST, |at| packet(17, &attribute(at))), Some(false)),
        flood("bare RSA subkeys", many(MOST, |at| bare_subkey(at, 1, &rsa)), Some(false)),
        flood("bare curves", many(MOST, |at| bare_subkey(at, 18, &curve())), Some(false)),
        flood("unknown packets", many(MOST, |at| packet(60, &at.to_be_bytes())), Some(false)),
        flood("more markers than are read", packet(10, b"PGP").repeat(100_000), Some(false)),
        // Revocations are tried whoever they claim to be by, on every component.
        flood(
            "ever other revocations by others, of user IDs",
            [many(450, user), many(4_400, |at| by_stranger(0x30).packet(at))].concat(),
            Some(false),
        ),
        flood(
            "revocations of a user ID of 2 MiB",
            [packet(13, &vec![b'x'; LIMIT / 2]), many(390, |at| by_stranger(0x30).packet(at))]
                .concat(),
            Some(false),
        ),
        flood(
            "revocations of subkeys that are left out",
            [
                many(490, |at| bare_subkey(at, 1, &absurd)),
                many(390, |at| by_stranger(0x28).packet(at)),
            ]
            .concat(),
            Some(true),
        ),
        flood(
            "the same revocation of a user ID of 2 MiB",
            [packet(13, &vec![b'x'; LIMIT / 2]), by_stranger(0x30).packet(0).repeat(4_800)]
                .concat(),
            Some(true),
        ),
        flood("version 5", many(MOST, |at| version_5(&small(0x13), at)), Some(false)),
        // Subpackets without a use.
        flood("certifications by others", many(MOST, |at| stranger().packet(at)), Some(true)),
        flood("others' ever other notes", many(MOST, |at| noted(stranger(), at)), Some(true)),
        flood(
            "signatures of version 6",
            many(60, |at| {
                let mut signature = tiny.packet(at);
                signature[6] = 6;
                signature
            }),
            Some(true),
        ),
        flood("trust packets", many(MOST, |at| packet(12, &at.to_be_bytes())), Some(true)),
        flood("markers", packet(10, b"PGP").repeat(4_900), Some(true)),
        // As much as is read, and no more.
        flood("390 own", many(390, |at| Claim::alices(0x13).packet(at)), Some(true)),
        flood("390 own, small", many(390, |at| small(0x13).packet(at)), Some(true)),
        flood(
            "390 own that only RSA tells",
            many(390, |at| right(0x13, about_alice_and(alices_id)).packet(at)),
            Some(true),
        ),
        flood("390 times the same", small(0x13).packet(0).repeat(390), Some(true)),
        flood("390 notes", many(390, |at| noted(small(0x13), at)), Some(true)),
        flood("19,000 subpackets", tiny.packet(0), Some(true)),
        flood("long subpackets", many(66, |at| wide.packet(at)), Some(true)),
        flood("490 user IDs", many(490, user), Some(true)),
        flood("250 user IDs, certified", many(250, |at| id_and(&small(0x13), at)), Some(true)),
        flood(
            "250 user IDs that only RSA tells",
            many(250, |at| {
                let id = format!("User {at} <{at}@example.org>");
                id_and(&right(0x13, about_alice_and(id.as_bytes())), at)
            }),
            Some(true),
        ),
        flood("a user ID of 4 MiB", packet(13, &vec![b'x'; LIMIT - 8_192]), Some(true)),
        flood("one user ID over and over", user(0).repeat(490), Some(true)),
        flood("490 attributes", many(490, |at| packet(17, &attribute(at))), Some(true)),
        flood("490 bare RSA subkeys", many(490, |at| bare_subkey(at, 1, &rsa)), None),
        flood("490 bare curves", many(490, |at| bare_subkey(at, 18, &curve())), Some(true)),
        flood("one subkey over and over", bare_subkey(1, 1, &rsa).repeat(490), None),
        flood("250 curves, bound", many(250, |at| curve_and(&small(0x18), at)), Some(true)),
        flood("250 RSA subkeys, bound", many(250, |at| key_and(&flag, at)), None),
        flood("250 RSA subkeys that only RSA tells", many(250, bound), None),
        flood(
            "subkeys of 16384 bits that bind themselves",
            many(150, |at| [bare_subkey(at, 1, &huge), back_signed.packet(at)].concat()),
            None,
        ),
        flood(
            "DSA subkeys that bind themselves",
            many(190, |at| [bare_subkey(at, 17, &dsa), back_signed.packet(at)].concat()),
            None,
        ),
        flood(
            "390 bindings of one subkey",
            [bare_subkey(1, 1, &rsa), many(390, |at| flag.packet(at))].concat(),
            None,
        ),
        flood("490 unknown packets", many(490, |at| packet(60, &at.to_be_bytes())), Some(true)),
        first("390 revocations", many(390, |at| small(0x20).packet(at))),
        first(
            "390 revocations that only RSA tells",
            many(390, |at| right(0x20, about_alice()).packet(at)),
        ),
        first("390 direct signatures", many(390, |at| right(0x1F, about_alice()).packet(at))),
    ]
}

/// Alice's number for a digest that nothing has.
fn padded_by_alice() -> Vec<u8> {
    let info = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let octets = Material::a().modulus().len();
    let padding = vec![0xFF; octets - 3 - info.len() - 32];
    Material::a().raise(&[&[0, 1], &padding[..], &[0], &info[..], &[0x42; 32]].concat())
}

fn attribute(at: u32) -> Vec<u8> {
    [&[5, 1][..], &at.to_be_bytes()].concat()
}

fn long_subpacket(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut subpacket = vec![255];
    subpacket.extend(u32::try_from(body.len() + 1).unwrap().to_be_bytes());
    subpacket.push(tag);
    subpacket.extend(body);
    subpacket
}

/// Alice's packets: the primary key, and what follows it.
fn alices() -> (Vec<u8>, Vec<u8>) {
    let packets = PacketPile::from_bytes(&public(alice())).unwrap();
    let mut packets = packets.into_children().map(|packet| packet.to_vec().unwrap());
    (packets.next().unwrap(), packets.flatten().collect())
}

fn flooded(flood: &Flood) -> Vec<u8> {
    let (primary, user_id) = alices();
    [primary, flood.before_user_id.clone(), user_id, flood.after_user_id.clone()].concat()
}

/// expect: every command ends soon and in little memory; the certificate is taken or refused, and
/// where it is taken the publisher's signatures are judged as without the flood.
#[test]
fn certificates_with_floods_of_packets_cost_little() {
    let mut key = alices_key();
    let signature = Forge::by(&key).sign(&mut key, DATA);
    let floods = floods();
    for flood in &floods {
        let what = flood.name;
        let sandbox = Sandbox::new();
        sandbox.write("key", flooded(flood));
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("a.tar.gz.sig", &signature);
        sandbox.write("clean", public(alice()));
        let verified = bounded(&sandbox, "verify --key key a.tar.gz", what);
        let imported = bounded(&sandbox, "import key", what);
        bounded(&sandbox, "trust add key", what);
        bounded(&sandbox, "--json list", what);
        bounded(&sandbox, "verify --as-server --key key a.tar.gz", what);
        if sandbox.has("home/certificates") && !sandbox.names("home/certificates").is_empty() {
            bounded(&sandbox, "export alice -o out", what).exits(0);
            bounded(&sandbox, "export --for-server alice -o copy", what);
            bounded(&sandbox, "import key", what).exits(0);
            bounded(&sandbox, "announce alice --out told", what);
        }
        bounded(&sandbox, "gpg --import key", what);
        if let Some(good) = flood.good {
            let is_good = verified.code() == Some(0) || verified.out().contains("server-refuses: ");
            assert_eq!(is_good, good, "{what}: {verified:?}");
            assert_eq!(imported.code() == Some(0), good, "{what}: {imported:?}");
        }
        // Whatever came of it, the clean copy still serves.
        bounded(&sandbox, "verify --key clean a.tar.gz", what).exits(0);
    }
    told(&format!("{} floods", floods.len()));
}

/// expect: the same for the file of a secret key; why: a CI's key file is outside input as well.
#[test]
fn secret_keys_with_floods_of_packets_cost_little() {
    let (_, rest) = alices();
    let packets = PacketPile::from_bytes(&secret(alice())).unwrap();
    let primary = packets.into_children().next().unwrap().to_vec().unwrap();
    for flood in floods() {
        let what = format!("secret: {}", flood.name);
        let sandbox = Sandbox::new();
        let before = flood.before_user_id.clone();
        let key = [primary.clone(), before, rest.clone(), flood.after_user_id.clone()].concat();
        sandbox.write("key", key);
        sandbox.write("a.tar.gz", DATA);
        bounded(&sandbox, "sign --key-file key a.tar.gz", &what);
        bounded(&sandbox, "import --no-passphrase key", &what);
        bounded(&sandbox, "doctor", &what);
    }
}

/// expect: what the key itself signed is never lost, however much is imported before it; why: a
/// home that is full of nobody's signatures would not take the revocation; source: CVE-2019-13050.
#[test]
fn nobody_can_fill_the_home_so_that_a_revocation_does_not_fit() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    let (primary, user_id) = alices();
    for round in 0..4 {
        let at = |n: u32| n + 1_000 * round;
        let claims = many(390, |n| Claim::alices(0x13).packet(at(n)));
        sandbox.write("more", [&primary[..], &user_id, &claims].concat());
        bounded(&sandbox, "import more", "more signatures").exits(0);
        let users = many(300, |n| packet(13, format!("Nobody {}", at(n)).as_bytes()));
        sandbox.write("more", [&primary[..], &user_id, &users].concat());
        bounded(&sandbox, "import more", "more user IDs").exits(0);
        bounded(&sandbox, "list", "more").exits(0).prints("can sign now");
    }
    let reason = openpgp::types::ReasonForRevocation::KeyCompromised;
    let end = revoked(alice().clone(), &mut alices_key(), reason);
    sandbox.write("end", public(&end));
    bounded(&sandbox, "import end", "the revocation").exits(0);
    sandbox.write("a.tar.gz", DATA);
    bounded(&sandbox, "list", "revoked").exits(0).prints("it is revoked");
    bounded(&sandbox, "sign a.tar.gz", "revoked").exits(4);
}

/// expect: it ends; why: signatures in signatures in signatures once ended in a stack overflow;
/// source: sequoia's tests, and gpg.fail's kin.
#[test]
fn deeply_nested_signatures_stay_within_the_limits() {
    let mut body = Claim::alices(0x18).body(0);
    let mut depth = 1;
    loop {
        let mut claim = Claim { number: vec![0x80], ..Claim::alices(0x18) };
        claim.unhashed = long_subpacket(32, &body);
        if claim.unhashed.len() > 65_000 {
            break;
        }
        body = claim.body(0);
        depth += 1;
    }
    assert!(depth > 1_000, "only {depth} deep");
    let (primary, rest) = alices();
    let subkey = bare_subkey(1, 1, &[number(&odd(3072)), number(&[1, 0, 1])].concat());
    let nested = packet(2, &body);
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    for (name, key) in [
        ("binding", [&primary[..], &rest, &subkey, &nested].concat()),
        ("certification", [&primary[..], &rest, &nested].concat()),
        ("alone", nested.clone()),
    ] {
        sandbox.write("key", key);
        sandbox.write("a.tar.gz.sig", &nested);
        for line in ["verify --key key a.tar.gz", "import key", "trust add key", "list"] {
            bounded(&sandbox, line, name);
        }
    }
    told(&format!("embedded signatures {depth} deep"));
}

/// expect: an error; why: a parser that believes a length reserves it; source: RFC 9580, section
/// 4.2.1, where lengths are up to 4 GiB, partial or indeterminate.
#[test]
fn missing_lengths_and_missing_bytes_are_errors() {
    let whole = public(alice());
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    let mut cases = 0;
    for tag in [2u8, 5, 6, 7, 12, 13, 14, 17, 60] {
        for length in
            [&[255, 255, 255, 255, 255][..], &[255, 0x7F, 255, 255, 255], &[254], &[224, 1]]
        {
            for place in [0, 1] {
                let lie = [&[0xC0 | tag][..], length, b"abcd"].concat();
                let key = if place == 0 { lie } else { [&whole[..], &lie].concat() };
                sandbox.write("key", key);
                let what = format!("tag {tag}, length {length:?}");
                bounded(&sandbox, "import key", &what).exits(3);
                cases += 1;
            }
        }
        for old in [0x80 | (tag << 2) & 0x3C | 3, 0x80 | (tag << 2) & 0x3C | 2] {
            sandbox.write("key", [&whole[..], &[old, 255, 255, 255, 255, 1]].concat());
            bounded(&sandbox, "import key", &format!("old tag {tag}")).exits(3);
            cases += 1;
        }
    }
    // A number inside a packet that is longer than the packet.
    let mut long = whole.clone();
    let at = long.windows(2).position(|pair| pair == [0x0C, 0x00]).unwrap();
    long[at] = 0xFF;
    sandbox.write("key", long);
    bounded(&sandbox, "import key", "a number of 65280 bits").exits(3);
    assert!(!sandbox.has("home/certificates"));
    told(&format!("{cases} lengths that are not there"));
}

/// expect: never a panic, and never half a certificate taken for a whole one, save at a packet's
/// end; why: downloads break off.
#[test]
fn a_certificate_cut_at_any_byte_is_refused_or_whole() {
    let whole = public(alice());
    let mut ends = Vec::new();
    for length in 0..whole.len() {
        match plugsign::openpgp::key_file::read_keys(&whole[..length]) {
            Ok(keys) if keys.iter().any(Result::is_ok) => ends.push(length),
            _ => {}
        }
    }
    let pile = PacketPile::from_bytes(&whole).unwrap();
    let lengths: Vec<usize> = pile.into_children().map(|it| it.to_vec().unwrap().len()).collect();
    let expected = [lengths[0], lengths[0] + lengths[1]];
    assert_eq!(ends, expected, "whole packets, and nothing else, can be read");
    let sandbox = Sandbox::new();
    for end in expected {
        sandbox.write("key", &whole[..end]);
        bounded(&sandbox, "import key", "no self-signature").exits(4);
    }
}

/// expect: the subkey does not count; why: GnuPG believed a Trust packet that says "verified";
/// source: gpg.fail 13, and gnupg's forged-keyring.gpg before it.
#[test]
fn a_trust_packet_binds_no_subkey() {
    let subkey = Material::b().key::<SubordinateRole>(ago(9));
    let subkey_packet = Packet::from(subkey.parts_into_public()).to_vec().unwrap();
    // A binding that was made for another key, and one by the attacker herself.
    let donor = with_subkey(
        alice().clone(),
        &mut alices_key(),
        Material::strong(),
        &Binding { flags: KeyFlags::empty().set_signing(), back_signature: true },
    );
    let pile = PacketPile::from_bytes(&public(&donor)).unwrap();
    let patched = pile.into_children().last().unwrap().to_vec().unwrap();
    let mut forged = Claim::alices(0x18);
    forged.hashed = subpacket(27, &[2]);
    let (primary, rest) = alices();
    let mut signer = Material::b().signer(ago(9));
    let signature = Forge::by(&signer).sign(&mut signer, DATA);
    for binding in [patched, forged.packet(0)] {
        for trust in [&[3u8, 6][..], &[0, 3], &[0x60, 0, 0, 3], &[]] {
            let trust = packet(12, trust);
            let key =
                [&primary[..], &trust, &rest, &trust, &subkey_packet, &trust, &binding, &trust]
                    .concat();
            let sandbox = Sandbox::new();
            sandbox.write("key", &key);
            sandbox.write("a.tar.gz", DATA);
            sandbox.write("a.tar.gz.sig", &signature);
            let done = bounded(&sandbox, "verify --key key a.tar.gz", "trust").exits(1);
            assert!(done.out().starts_with("BAD   a.tar.gz  "), "{done:?}");
            bounded(&sandbox, "import key", "trust").exits(0);
            bounded(&sandbox, "export alice -o out", "trust").exits(0);
            let tags: Vec<u8> = PacketPile::from_bytes(&sandbox.read("out"))
                .unwrap()
                .into_children()
                .map(|it| u8::from(it.tag()))
                .collect();
            assert!(!tags.contains(&12), "a trust packet was handed on: {tags:?}");
            sandbox.run("verify --key alice a.tar.gz").exits(1);
        }
    }
}

/// expect: the signature is good and the right person is named, whatever order they came in;
/// why: whoever adopts a signing subkey must not get its signatures, nor make them bad; source:
/// attacks on "who signed" in key rings, CVE-2025-30258.
#[test]
fn an_adopted_subkey_still_belongs_to_its_owner() {
    let how = || Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let owner = with_subkey(alice().clone(), &mut alices_key(), Material::strong(), &how());
    let thief = Recipe::of(Material::b()).user_id("Mallory").build();
    let mut thiefs_key = Recipe::of(Material::b()).signer();
    let without = Binding { back_signature: false, ..how() };
    // With no back-signature, and with the one that was made for the owner.
    let plain = with_subkey(thief.clone(), &mut thiefs_key, Material::strong(), &without);
    let owners_binding = PacketPile::from_bytes(&public(&owner)).unwrap();
    let owners_binding = owners_binding.into_children().last().unwrap();
    let Packet::Signature(owners_binding) = owners_binding else { panic!("no binding") };
    let back = owners_binding.embedded_signatures().next().unwrap().clone();
    let subkey = Material::strong().key::<SubordinateRole>(ago(9));
    let binding = openpgp::packet::signature::SignatureBuilder::new(
        openpgp::types::SignatureType::SubkeyBinding,
    )
    .set_hash_algo(HashAlgorithm::SHA256)
    .set_signature_creation_time(ago(9))
    .unwrap()
    .set_key_flags(KeyFlags::empty().set_signing())
    .unwrap()
    .set_embedded_signature(back)
    .unwrap()
    .sign_subkey_binding(&mut thiefs_key, thief.primary_key().key(), subkey.parts_as_public())
    .unwrap();
    let copied = thief.insert_packets([Packet::from(subkey), binding.into()]).unwrap().0;
    let mut signer = Material::strong().signer(ago(9));
    let signature = Forge::by(&signer).sign(&mut signer, DATA);
    for mallory in [plain, copied] {
        for order in [["mallory", "owner"], ["owner", "mallory"]] {
            let sandbox = Sandbox::new();
            sandbox.write("owner", public(&owner));
            sandbox.write("mallory", public(&mallory));
            sandbox.write("a.tar.gz", DATA);
            sandbox.write("a.tar.gz.sig", &signature);
            for name in order {
                bounded(&sandbox, &format!("trust add {name}"), "adopted");
            }
            let done = bounded(&sandbox, "verify a.tar.gz", "adopted").exits(0);
            assert!(done.out().contains("Alice") && !done.out().contains("Mallory"), "{done:?}");
            bounded(&sandbox, "verify --key mallory a.tar.gz", "adopted").exits(1);
            fs::write(sandbox.path("both"), [public(&mallory), public(&owner)].concat()).unwrap();
            let done = bounded(&sandbox, "verify --key both a.tar.gz", "adopted").exits(0);
            assert!(!done.out().contains("Mallory"), "{done:?}");
        }
    }
}

/// expect: refused with the reason; why: what is no OpenPGP certificate of a person must not crash
/// what reads it; source: versions and algorithms that are reserved or of other worlds.
#[test]
fn keys_of_all_versions_and_algorithms_bring_an_answer() {
    let sandbox = Sandbox::new();
    let mut cases = 0;
    for version in 0..=255u8 {
        let mut key = bare_key(4, 1, &[&odd(3072), &[1, 0, 1]], None);
        key[6] = version;
        sandbox.write("key", key);
        let done = bounded(&sandbox, "import key", &format!("version {version}"));
        assert!(matches!(done.code(), Some(3 | 4)), "{version}: {done:?}");
        cases += 1;
    }
    for algorithm in 0..=255u8 {
        sandbox.write("key", bare_key(4, algorithm, &[&odd(3072), &[1, 0, 1]], None));
        let done = bounded(&sandbox, "import key", &format!("algorithm {algorithm}"));
        assert!(matches!(done.code(), Some(3 | 4)), "{algorithm}: {done:?}");
        cases += 1;
    }
    let pqc = other(CipherSuite::Cv25519, Profile::RFC9580);
    sandbox.write("key", public(&pqc));
    bounded(&sandbox, "import key", "v6").exits(4);
    told(&format!("{cases} versions and algorithms of keys"));
}

/// A subkey of these numbers, bound by Alice to sign, with so many signatures of its own in the
/// binding, whose digests begin as they should. Only its numbers can tell that nobody made them.
fn bound_by_alice(numbers: &[Vec<u8>], at: u32, backs: u32) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|it| number(it)).collect();
    let subkey = bare_subkey(at, 17, &numbers);
    let Packet::PublicSubkey(key) = Packet::from_bytes(&subkey).unwrap() else { panic!() };
    let body = openpgp::serialize::MarshalInto::to_vec(&key).unwrap();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let about = [&about_alice()[..], &[0x99], &length, &body].concat();
    let mut builder = openpgp::packet::signature::SignatureBuilder::new(
        openpgp::types::SignatureType::SubkeyBinding,
    )
    .set_hash_algo(HashAlgorithm::SHA256)
    .set_signature_creation_time(ago(8))
    .unwrap()
    .set_key_flags(KeyFlags::empty().set_signing())
    .unwrap();
    for back in 0..backs {
        let claim = Claim {
            issuer: key.keyid().as_bytes().try_into().unwrap(),
            statement: Some(about.clone()),
            ..Claim::alices(0x19)
        };
        let mut back = claim.body(60 + back);
        back[2] = 17;
        // The digest is over the algorithm's number, too.
        let hashed = usize::from(u16::from_be_bytes([back[4], back[5]]));
        let prefix = prefix(&about, &back[..6 + hashed]);
        let unhashed = 6 + hashed;
        let length = usize::from(u16::from_be_bytes([back[unhashed], back[unhashed + 1]]));
        let place = unhashed + 2 + length;
        back.truncate(place);
        back.extend(prefix);
        back.extend([number(&odd(248)), number(&odd(248))].concat());
        builder = builder
            .modify_unhashed_area(|mut area| {
                use openpgp::packet::signature::subpacket::{Subpacket, SubpacketValue};
                let embedded = openpgp::packet::Signature::from_bytes(&back)?;
                area.add(Subpacket::new(SubpacketValue::EmbeddedSignature(embedded), false)?)?;
                Ok(area)
            })
            .unwrap();
    }
    let binding =
        builder.sign_subkey_binding(&mut alices_key(), alice().primary_key().key(), &key).unwrap();
    [subkey, Packet::from(binding).to_vec().unwrap()].concat()
}

/// expect: the subkey is left out, and the certificate serves as without it; why: verifying by a
/// DSA key costs the cube of its length, and anybody can make one of any length, and any number of
/// signatures by it.
#[test]
fn a_costly_subkey_condemns_only_itself() {
    let dsa = |p: usize, q: usize| vec![odd(p), odd(q), odd(p - 8), odd(p - 8)];
    let mut key = alices_key();
    let signature = Forge::by(&key).sign(&mut key, DATA);
    let whole = public(alice());
    for (what, subkeys) in [
        ("12288 bits", many(8, |at| bound_by_alice(&dsa(12_288, 12_280), at, 1))),
        ("32768 bits", many(2, |at| bound_by_alice(&dsa(32_768, 256), at, 1))),
        ("a long order", many(8, |at| bound_by_alice(&dsa(3_072, 3_064), at, 20))),
        ("many back-signatures", many(4, |at| bound_by_alice(&dsa(3_072, 256), at, 300))),
        ("many subkeys", many(190, |at| bound_by_alice(&dsa(3_072, 256), at, 1))),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("key", [&whole[..], &subkeys].concat());
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("a.tar.gz.sig", &signature);
        bounded(&sandbox, "verify --key key --as-server a.tar.gz", what);
        bounded(&sandbox, "trust add key", what);
        bounded(&sandbox, "gpg --show-keys key", what).exits(0);
        bounded(&sandbox, "import key", what).exits(0);
        bounded(&sandbox, "list", what).exits(0);
        bounded(&sandbox, "gpg --import key", what).exits(0);
        let done = bounded(&sandbox, "verify --key key a.tar.gz", what);
        let is_good = done.code() == Some(0) || done.out().contains("server-refuses: ");
        assert!(is_good, "{what}: {done:?}");
    }
    told("DSA subkeys of absurd numbers and with absurd back-signatures");
}

/// expect: refused, and it says which file is too much; why: they stay in memory for the server's
/// judge; source: the interface, 256 MiB.
#[test]
fn many_large_key_files_have_one_bound() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a())));
    let padding = packet(21, &vec![0; 60 << 20]);
    sandbox.write("k1", [public(alice()), padding].concat());
    let files: Vec<String> = (1..=5).map(|at| format!("k{at}")).collect();
    for file in &files[1..] {
        fs::hard_link(sandbox.path("k1"), sandbox.path(file)).unwrap();
    }
    bounded(&sandbox, "verify --key k1 a.tar.gz", "one of 60 MiB").exits(0);
    let line = format!("verify --key {} a.tar.gz", files.join(" --key "));
    let done = bounded(&sandbox, &line, "five of 60 MiB").exits(3);
    assert!(done.err().contains("k2 is larger than"), "{done:?}");
}

/// expect: it ends soon and in little memory, and says what was not read; why: a file of 64 MiB
/// holds a million keys.
#[test]
fn a_file_of_a_million_keys_costs_little() {
    let tiny = |tag: u8, at: u32| {
        let mut body = vec![4];
        body.extend(at.to_be_bytes());
        body.extend([1, 0, 3, 5, 0, 2, 3]);
        packet(tag, &body)
    };
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    let mut key = alices_key();
    sandbox.write("a.tar.gz.sig", Forge::by(&key).sign(&mut key, DATA));
    sandbox.write("primaries", (0..1_000_000).flat_map(|at| tiny(6, at)).collect::<Vec<u8>>());
    let subkeys = (0..1_000_000).flat_map(|at| tiny(14, at));
    sandbox.write("subkeys", [public(alice()), subkeys.collect()].concat());
    for name in ["primaries", "subkeys"] {
        for line in ["import", "gpg --show-keys", "gpg --import"] {
            bounded(&sandbox, &format!("{line} {name}"), name);
        }
        bounded(&sandbox, &format!("verify --key {name} a.tar.gz"), name);
        let line = format!("gpg --keyring ./{name} --verify a.tar.gz.sig a.tar.gz");
        bounded(&sandbox, &line, name);
    }
    let done = bounded(&sandbox, "import primaries", "primaries").exits(4);
    assert!(done.out().contains("was not read"), "nothing says what was not read");
    told("files of a million keys");
}
