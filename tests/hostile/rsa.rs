//! RSA PKCS #1 v1.5 signatures that are almost right, in the manner of Project Wycheproof: each
//! has one thing wrong with it, and is wrapped into an OpenPGP packet that has nothing wrong.

use crypto_bigint::{BoxedUint, Resize};

use crate::common::craft::*;
use crate::common::peers::{Question, go_verdict};
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::{bounded, told};

/// A padded digest, or a signature, that is to be refused.
struct Vector {
    name: String,
    /// Why it must not be good, and whose rule or attack it is.
    why: &'static str,
    /// The signature's octets.
    value: Vec<u8>,
}

/// DigestInfo of SHA-256 up to the digest (RFC 8017, section 9.2, note 1).
const SHA256: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// What must be, with places to change.
struct Encoding {
    head: Vec<u8>,
    padding: Vec<u8>,
    separator: Vec<u8>,
    info: Vec<u8>,
    tail: Vec<u8>,
}

impl Encoding {
    fn right(digest: &[u8], octets: usize) -> Encoding {
        let info = [SHA256, digest].concat();
        Encoding {
            head: vec![0, 1],
            padding: vec![0xFF; octets - 3 - info.len()],
            separator: vec![0],
            info,
            tail: Vec::new(),
        }
    }

    /// Takes another DigestInfo, with as much padding as there is room for.
    fn info(mut self, info: &[u8], octets: usize) -> Encoding {
        self.padding = vec![0xFF; octets - 3 - info.len()];
        self.info = info.to_vec();
        self
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.head[..], &self.padding, &self.separator, &self.info, &self.tail].concat()
    }
}

const RFC: &str = "RFC 8017, section 9.2: there is one encoding";
const BB06: &str =
    "Bleichenbacher 2006, CVE-2006-4339: what follows the digest must not be ignored";
const BER: &str = "CVE-2014-1568 (BERserk): DigestInfo is DER, compared and not parsed";
const OTHER_HASH: &str = "the digest's name is signed too: another hash is another statement";
const RANGE: &str = "RFC 8017, section 5.2.2: a signature is a number below the modulus";
const LENGTH: &str = "RFC 8017, section 8.2.2: a signature is as long as the modulus";

/// Returns the encodings of this digest that are wrong.
fn wrong_encodings(digest: &[u8], octets: usize) -> Vec<(String, &'static str, Vec<u8>)> {
    let right = || Encoding::right(digest, octets);
    let room = right().padding.len();
    let mut all: Vec<(String, &str, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, why, encoding: Encoding| {
        let mut bytes = encoding.bytes();
        bytes.resize(octets, 0);
        all.push((name.into(), why, bytes));
    };

    for head in [[0, 0], [0, 2], [0, 3], [0, 0xFF], [1, 1]] {
        let mut it = right();
        it.head = head.to_vec();
        add(&format!("block type {head:02x?}"), RFC, it);
    }
    for place in [0, 7, room / 2, room - 1] {
        for octet in [0xFE, 0x7F, 0x00, 0x01] {
            let mut it = right();
            it.padding[place] = octet;
            add(&format!("padding octet {place} is {octet:02x}"), RFC, it);
        }
    }
    for octet in [0x01, 0xFF] {
        let mut it = right();
        it.separator = vec![octet];
        add(&format!("separator is {octet:02x}"), RFC, it);
    }
    let mut it = right();
    it.separator.clear();
    it.padding.push(0xFF);
    add("no separator", RFC, it);
    for length in [0, 1, 7, 8, 9, room - 1] {
        let mut it = right();
        it.padding.truncate(length);
        it.tail = vec![0xAB; room - length];
        add(&format!("{length} octets of padding, the rest after the digest"), BB06, it);
        let mut it = right();
        it.padding.truncate(length);
        it.tail = vec![0; room - length];
        add(&format!("{length} octets of padding, zeros after the digest"), BB06, it);
    }
    let mut it = right();
    it.padding.truncate(8);
    it.separator = [&[0][..], &vec![0x41; room - 8]].concat();
    add("garbage before the digest", BB06, it);
    let mut it = right();
    it.padding = vec![0; room];
    add("padding of zeros", RFC, it);
    let mut it = right();
    it.padding = vec![1; room];
    add("padding of ones", RFC, it);

    let id = &SHA256[4..15];
    let with = |algorithm: &[u8], digest: &[u8]| {
        let algorithm = [&[0x30, algorithm.len() as u8][..], algorithm].concat();
        let inner = [&algorithm[..], &[0x04, digest.len() as u8], digest].concat();
        [&[0x30, inner.len() as u8][..], &inner].concat()
    };
    let mut info = |name: &str, why, bytes: &[u8]| add(name, why, right().info(bytes, octets));
    info("no parameters", BER, &with(id, digest));
    info("parameters that are no NULL", BER, &with(&[id, &[0x04, 0]].concat(), digest));
    info("NULL with content", BER, &with(&[id, &[0x05, 1, 0]].concat(), digest));
    info("parameters twice", BER, &with(&[id, &[5, 0, 5, 0]].concat(), digest));
    info("garbage in the parameters", BER, &with(&[id, &[5, 0, 0x0C, 2, 1, 2]].concat(), digest));
    for (name, octets_of_length) in [("one", &[0x81u8, 0x31][..]), ("two", &[0x82, 0, 0x31])] {
        let bytes = [&[0x30], octets_of_length, &SHA256[2..], digest].concat();
        info(&format!("the length of the whole in {name} octets more"), BER, &bytes);
        let mut inner = octets_of_length.to_vec();
        *inner.last_mut().unwrap() = 0x20;
        let digest_part = [&[0x04], &inner[..], digest].concat();
        let inner = [&SHA256[2..17], &digest_part].concat();
        let bytes = [&[0x30, inner.len() as u8][..], &inner].concat();
        info(&format!("the length of the digest in {name} octets more"), BER, &bytes);
    }
    let indefinite = [&[0x30, 0x80], &SHA256[2..], digest, &[0, 0]].concat();
    info("indefinite length", BER, &indefinite);
    let more = with(&[id, &[5, 0]].concat(), digest);
    let longer = [&[0x30, more[1] + 2], &more[2..], &[5, 0]].concat();
    info("a third element", BER, &longer);
    let mut it = more.clone();
    it[0] = 0x31;
    info("a SET", BER, &it);
    it = more.clone();
    it[2] = 0x31;
    info("a SET as algorithm", BER, &it);
    it = more.clone();
    it[17] = 0x24;
    info("a constructed string", BER, &it);
    it = more.clone();
    it[17] = 0x03;
    info("a bit string", BER, &it);
    for (name, oid) in [
        ("SHA-224", &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4][..]),
        ("SHA-384", &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2]),
        ("SHA-512", &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3]),
        ("SHA-512/256", &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 6]),
        ("SHA3-256", &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 8]),
        ("SHA-1", &[6, 5, 0x2B, 0x0E, 3, 2, 0x1A]),
        ("MD5", &[6, 8, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5]),
        ("nobody", &[6, 0]),
    ] {
        let bytes = with(&[oid, &[5, 0]].concat(), digest);
        info(&format!("the name of {name}"), OTHER_HASH, &bytes);
    }
    info("the digest alone", BER, digest);
    info("nothing", RFC, &[]);
    let named = [id, &[5, 0]].concat();
    info("31 octets of digest", RFC, &with(&named, &digest[1..]));
    info("33 octets of digest", RFC, &with(&named, &[digest, &[0]].concat()));
    info("no digest", RFC, &with(&named, &[]));
    let mut other = digest.to_vec();
    other[31] ^= 1;
    info("the last bit of the digest", RFC, &with(&named, &other));
    other = digest.to_vec();
    other[0] ^= 0x80;
    info("the first bit of the digest", RFC, &with(&named, &other));

    // EMSA-PSS in outline: masked, and ending in 0xBC.
    let pss = (0..octets).map(|at| (at as u8).wrapping_mul(151) ^ digest[at % 32]);
    let mut pss: Vec<u8> = pss.collect();
    pss[0] = 0;
    pss[octets - 1] = 0xBC;
    all.push(("PSS".into(), "another scheme, which OpenPGP does not have", pss));
    all
}

/// Returns the numbers that are no signature, whatever the key.
fn wrong_numbers(right: &[u8], modulus: &[u8]) -> Vec<Vector> {
    let bits = 8 * modulus.len() as u32 + 64;
    let number = |bytes| BoxedUint::from_be_slice_vartime(bytes).resize(bits);
    let (n, s, one) = (number(modulus), number(right), BoxedUint::one_with_precision(bits));
    let mut all = Vec::new();
    let mut add = |name: &str, why, value: Vec<u8>| {
        let zeros = value.iter().take_while(|octet| **octet == 0).count();
        let value = if zeros == value.len() { vec![0] } else { value[zeros..].to_vec() };
        all.push(Vector { name: name.into(), why, value });
    };
    let bytes = |number: BoxedUint| number.to_be_bytes().to_vec();
    add("the signature and the modulus", RANGE, bytes(s.wrapping_add(&n)));
    add("the modulus less the signature", RFC, bytes(n.wrapping_sub(&s)));
    add("0", RANGE, vec![0]);
    add("1", RFC, vec![1]);
    add("2", RFC, vec![2]);
    add("the modulus less 1", RFC, bytes(n.wrapping_sub(&one)));
    add("the modulus", RANGE, bytes(n.clone()));
    add("the modulus and 1", RANGE, bytes(n.wrapping_add(&one)));
    add("the signature and 1", RFC, bytes(s.wrapping_add(&one)));
    add("cut short at its end", LENGTH, right[..right.len() - 1].to_vec());
    add("cut short in front", LENGTH, right[1..].to_vec());
    add("a zero behind", LENGTH, [right, &[0]].concat());
    add("twice", LENGTH, [right, right].concat());
    add("as long as 16384 bits", LENGTH, [right, &vec![0x5A; 2048 - right.len()]].concat());
    for place in [0, right.len() / 2, right.len() - 1] {
        let mut flipped = right.to_vec();
        flipped[place] ^= 0x10;
        add(&format!("octet {place} changed"), RFC, flipped);
    }
    all
}

/// A number as a packet has it; zero has no octets.
fn written(value: &[u8]) -> Vec<u8> {
    if value.iter().all(|octet| *octet == 0) { vec![0, 0] } else { number(value) }
}

/// Signs the data with a value made from its digest.
fn wrap(signer: &Pair, value: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    Forge::by(signer).finish(DATA, |digest| written(&value(digest)))
}

fn digest_of(signer: &Pair) -> Vec<u8> {
    let mut digest = Vec::new();
    wrap(signer, |it| {
        digest = it.to_vec();
        vec![1]
    });
    digest
}

fn vectors(material: &Material, signer: &Pair) -> Vec<Vector> {
    let modulus = material.modulus();
    let digest = digest_of(signer);
    let right = material.raise(&Encoding::right(&digest, modulus.len()).bytes());
    let mut vectors: Vec<Vector> = wrong_encodings(&digest, modulus.len())
        .into_iter()
        .map(|(name, why, encoding)| Vector { name, why, value: material.raise(&encoding) })
        .collect();
    vectors.extend(wrong_numbers(&right, &modulus));
    vectors
}

/// Judges all vectors of a key in one call, each in a file of its own.
fn refused(material: &'static Material, name: &str) {
    let recipe = Recipe::of(material);
    let signer = recipe.signer();
    let certificate = public(&recipe.build());
    let sandbox = Sandbox::new();
    sandbox.write("signer", &certificate);
    let vectors = vectors(material, &signer);
    assert!(vectors.len() >= 80, "{name}: only {}", vectors.len());
    // The right one is good: the others are not refused for what they have in common.
    let octets = material.modulus().len();
    let right = |digest: &[u8]| material.raise(&Encoding::right(digest, octets).bytes());
    sandbox.write("good/right.tar.gz", DATA);
    sandbox.write("good/right.tar.gz.sig", wrap(&signer, right));
    sandbox.run("verify --key signer good").exits(0).prints("good  ");
    let mut signatures = Vec::new();
    for (number, vector) in vectors.iter().enumerate() {
        let signature = wrap(&signer, |_| vector.value.clone());
        sandbox.write(format!("bad/{number:03}.tar.gz"), DATA);
        sandbox.write(format!("bad/{number:03}.tar.gz.sig"), &signature);
        signatures.push(signature);
    }
    for line in ["--json verify --key signer bad", "--json verify --as-server --key signer bad"] {
        let json = sandbox.run(line).exits(1).json();
        let rows = json["artifacts"].as_array().unwrap();
        assert_eq!(rows.len(), vectors.len());
        for row in rows {
            let file = row["path"].as_str().unwrap();
            let place: usize = file[4..7].parse().unwrap();
            let Vector { name: vector, why, .. } = &vectors[place];
            assert_eq!(row["verdict"], "bad", "{name}: {vector}: {why}: {row}");
            let reason = row["reason"].as_str().unwrap();
            let is_expected = matches!(reason, "bad-signature" | "malformed" | "server-refuses");
            assert!(is_expected, "{name}: {vector}: {row}");
        }
    }
    if let Some(oracle) = go_verdict() {
        for (vector, signature) in vectors.iter().zip(&signatures) {
            let answer = oracle.ask(Question { key: &certificate, signature, data: DATA });
            // Go before 1.24 takes numbers above the modulus: src/mattermost/server/mod.rs.
            let is_refused = answer.starts_with("REFUSE") || vector.why == RANGE;
            assert!(is_refused, "{name}: {}: {answer}", vector.name);
        }
    }
    told(&format!("{name}: {} wrong RSA signatures, all refused", vectors.len()));
}

/// expect: all bad, here and at the server; why: each vector says its own, of padding, DigestInfo,
/// range and length; source: RFC 8017, Bleichenbacher 2006, BERserk, Project Wycheproof's
/// rsa_signature vectors.
#[test]
fn wrong_signatures_of_3072_bits_are_refused() {
    refused(Material::a(), "RSA-3072");
}

/// expect, why, source: as above; a longer modulus has room for more errors.
#[test]
fn wrong_signatures_of_4096_bits_are_refused() {
    refused(Material::strong(), "RSA-4096");
}

/// Makes a key with the exponent 3, for which a forger need only take a cube root.
fn exponent_3() -> Material {
    loop {
        let [p, q] = fresh().primes();
        if let Some(material) = Material::of_primes(&p, &q, 3) {
            return material;
        }
    }
}

/// Takes the cube root of the least number that begins with these octets, rounded up.
fn cube_root(wanted: &[u8]) -> Vec<u8> {
    let bits = 8 * wanted.len() as u32 + 64;
    let wanted = BoxedUint::from_be_slice_vartime(wanted).resize(bits);
    let cube =
        |root: &BoxedUint| root.wrapping_mul(root).resize(bits).wrapping_mul(root).resize(bits);
    let mut root = BoxedUint::zero_with_precision(bits);
    for place in (0..=bits / 3 - 22).rev() {
        let bit = BoxedUint::one_with_precision(bits).shl_vartime(place).unwrap();
        let larger = root.wrapping_add(&bit);
        if cube(&larger) <= wanted {
            root = larger;
        }
    }
    root.wrapping_add(BoxedUint::one_with_precision(bits)).to_be_bytes().to_vec()
}

/// expect: a weak key, whatever it signed; why: with the exponent 3 whoever ignores what follows
/// the digest takes a cube root for a signature; source: CVE-2006-4339.
#[test]
fn keys_with_the_exponent_3_sign_nothing_forged_or_not() {
    let material: &'static Material = Box::leak(Box::new(exponent_3()));
    let recipe = Recipe::of(material);
    let signer = recipe.signer();
    let sandbox = Sandbox::new();
    sandbox.write("signer", public(&recipe.build()));
    let octets = material.modulus().len();
    let genuine = wrap(&signer, |digest| material.raise(&Encoding::right(digest, octets).bytes()));
    // Bleichenbacher 2006: little padding, the digest, and whatever makes it a cube.
    let forged = wrap(&signer, |digest| {
        let mut it = Encoding::right(digest, octets);
        it.padding.truncate(8);
        let mut wanted = it.bytes();
        wanted.resize(octets, 0);
        let root = cube_root(&wanted);
        let zeros = root.iter().take_while(|octet| **octet == 0).count();
        root[zeros..].to_vec()
    });
    for (name, signature) in [("genuine", genuine), ("forged", forged)] {
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("a.tar.gz.sig", signature);
        let done = bounded(&sandbox, "verify --key signer a.tar.gz", name);
        assert!(done.code() == Some(1) && done.out().contains("weak-key: "), "{name}: {done:?}");
        assert!(done.out().contains("exponent"), "{name}: {done:?}");
    }
    let server = sandbox.run("verify --as-server --key signer a.tar.gz");
    server.exits(1).prints("server-refuses: ");
    sandbox.write("secret", secret(&recipe.build()));
    for line in ["sign --force --key-file secret a.tar.gz", "import --no-passphrase secret"] {
        let done = bounded(&sandbox, line, "secret").exits(4);
        assert!([done.out(), done.err()].concat().contains("exponent"), "{done:?}");
    }
}
