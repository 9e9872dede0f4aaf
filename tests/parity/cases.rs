//! The cases: composed, damaged, given.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::certificate::{MadeKey, digest};
use super::packets::{mpi, packet};
use super::signer::Key;
use super::{compose, mutate};
use crate::common::random::Random;

/// Two files and the data, and where they come from.
pub struct Case {
    pub name: String,
    pub key: Vec<u8>,
    pub signature: Vec<u8>,
    pub data: Vec<u8>,
    /// Whether there is a key in it that newer Go refuses, see "Known differences" in
    /// src/mattermost/server/mod.rs: what follows it may be read in another way.
    pub weak: bool,
}

/// Composes one case; afterwards it may be damaged, and armored.
pub fn composed(seed: u64, number: usize) -> Case {
    let mut random = Random::of_case(seed, number as u64);
    let random = &mut random;
    let (mut key, signers) = compose::key_file(random);
    let mut signature = compose::signature_file(random, &signers);
    let mut data = compose::DATA.to_vec();
    if random.permille(100) {
        mutate::bytes(random, &mut key);
    }
    if random.permille(60) {
        mutate::bytes(random, &mut signature);
    }
    if random.permille(10) {
        mutate::bytes(random, &mut data);
    }
    if random.permille(150) {
        key = mutate::armor(random, &key, "PUBLIC KEY BLOCK");
    }
    if random.permille(150) {
        signature = mutate::armor(random, &signature, "SIGNATURE");
    }
    let weak = signers.iter().any(|(key, _)| *key == Key::Small);
    Case { name: format!("composed {number} of seed {seed}"), key, signature, data, weak }
}

/// Flips something in every byte of a plain key and of a plain signature, binary and armored.
pub fn flipped(seed: u64) -> Vec<Case> {
    let (key, signature) = plain();
    let mut random = Random::of_case(seed, u64::MAX);
    let data = compose::DATA;
    let mut cases = Vec::new();
    let mut random_again = random.clone();
    let armored_key = tidy_armor(&key);
    for (name, file, is_key) in [
        ("key", &key, true),
        ("armored key", &armored_key, true),
        ("signature", &signature, false),
        ("armored signature", &tidy_armor(&signature), false),
    ] {
        for at in 0..file.len() {
            for mask in [1 << random.below(8), random.byte().max(1)] {
                let mut damaged = file.clone();
                damaged[at] ^= mask;
                let name = format!("{name}: byte {at} ^ {mask:#04x}");
                let (key, signature) =
                    if is_key { (damaged, signature.clone()) } else { (key.clone(), damaged) };
                cases.push(Case { name, key, signature, data: data.to_vec(), weak: false });
            }
        }
    }
    let cut = |file: &[u8], random: &mut Random| file[..random.below(file.len())].to_vec();
    for _ in 0..100 {
        let name = "truncated".to_owned();
        let key_cut = cut(&key, &mut random_again);
        let (signature, data) = (signature.clone(), data.to_vec());
        cases.push(Case { name, key: key_cut, signature, data, weak: false });
    }
    cases
}

fn tidy_armor(file: &[u8]) -> Vec<u8> {
    let digits = STANDARD.encode(file).into_bytes();
    let lines: Vec<&[u8]> = digits.chunks(64).collect();
    let head = b"-----BEGIN PGP DATA-----\nVersion: 1\n\n";
    [head, lines.join(&b'\n').as_slice(), b"\n-----END PGP DATA-----\n"].concat()
}

/// Damages pairs of key and signature that were made elsewhere.
pub fn damaged(seed: u64, pairs: &[Case], each: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, pair) in pairs.iter().enumerate() {
        let (key, signature) = (mutate::dearmor(&pair.key), mutate::dearmor(&pair.signature));
        for i in 0..each {
            let random = &mut Random::of_case(seed, (1 << 40 | number << 20 | i) as u64);
            let other = &pairs[random.below(pairs.len())];
            let (mut key, mut signature) = (key.clone(), signature.clone());
            match random.below(10) {
                0..=3 => key = mutate::packets(random, &key, &mutate::dearmor(&other.key)),
                4..=5 => {
                    let foreign = mutate::dearmor(&other.signature);
                    signature = mutate::packets(random, &signature, &foreign);
                }
                6 => mutate::bytes(random, &mut key),
                7 => mutate::bytes(random, &mut signature),
                8 => key = mutate::armor(random, &key, "PUBLIC KEY BLOCK"),
                _ => signature = mutate::armor(random, &signature, "SIGNATURE"),
            }
            let name = format!("{}, damaged {i}", pair.name);
            cases.push(Case { name, key, signature, data: pair.data.clone(), weak: false });
        }
    }
    cases
}

/// The given key files and signatures (see tests/vectors.rs), and the same with little data.
pub fn vectors() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/server-verdicts");
    let table = fs::read_to_string(folder.join("verdicts.tsv")).unwrap();
    let file = |name: &str| fs::read(folder.join("files").join(name)).unwrap();
    let data = file("message.tar.gz");
    let cases = table.lines().skip(1).map(|line| {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap();
        let (name, key, signature) = (column(), column(), column());
        Case {
            name: name.into(),
            key: file(key),
            signature: file(signature),
            data: data.clone(),
            weak: false,
        }
    });
    cases.filter(|case| !case.key.is_empty() && !case.signature.is_empty()).collect()
}

/// A plain certificate and a plain signature, for bytes to be flipped in.
fn plain() -> (Vec<u8>, Vec<u8>) {
    let primary = MadeKey::new(Key::Primary);
    let id = b"Alice <a@example.org>";
    let plain = |key: &MadeKey, signer: Key, kind: u8, parts: &[&[u8]], extra: &[u8]| {
        let issuer = [&[9, 16], &key.id.to_be_bytes()[..]].concat();
        let hashed = [&[5, 2, 0x5f, 0, 0, 0], extra].concat();
        let length = (hashed.len() as u16).to_be_bytes();
        let head = [&[4, kind, signer.algorithm(), 8], &length[..], &hashed].concat();
        let trailer =
            [head.as_slice(), &[4, 0xff], &(head.len() as u32).to_be_bytes()[..]].concat();
        let digest = digest(8, &[parts, &[&trailer]].concat());
        let mut body =
            [head.as_slice(), &[0, issuer.len() as u8], issuer.as_slice(), &digest[..2]].concat();
        signer.sign(8, &digest).iter().for_each(|it| body.extend(mpi(it)));
        body
    };
    let subkey = MadeKey::new(Key::Subkey);
    let form = primary.hashed_form.as_slice();
    let certification = plain(
        &primary,
        Key::Primary,
        0x13,
        &[form, &compose::id_packet_parts(id), id],
        &[2, 27, 3],
    );
    let parts = [form, &subkey.hashed_form];
    let back = plain(&subkey, Key::Subkey, 0x19, &parts, &[]);
    let embedded = [&[back.len() as u8 + 1, 32], back.as_slice()].concat();
    let binding =
        plain(&primary, Key::Primary, 0x18, &parts, &[&[2, 27, 2], &embedded[..]].concat());
    let key = [
        packet(6, &primary.body),
        packet(13, id),
        packet(2, &certification),
        packet(14, &subkey.body),
        packet(2, &binding),
    ];
    (key.concat(), packet(2, &plain(&subkey, Key::Subkey, 0, &[compose::DATA], &[])))
}
