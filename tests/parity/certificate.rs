//! Certificates and signatures of every shape, validly signed except where chance has it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use plugsign::openpgp::hash::{ContentHash, HashAlgorithm, Hasher};

use super::packets::{any_packet, mpi};
use super::signer::Key;
use crate::common::random::Random;

/// The parts of a signature, and its maker.
pub struct Recipe<'a> {
    pub signer: Key,
    /// The key ID that it claims.
    pub issuer: u64,
    pub kind: u8,
    pub parts: &'a [&'a [u8]],
    /// Subpackets besides creation time and issuer.
    pub extra: Vec<u8>,
    pub extra_unhashed: Vec<u8>,
}

/// A key in a certificate.
#[derive(Clone)]
pub struct MadeKey {
    pub key: Key,
    pub id: u64,
    pub body: Vec<u8>,
    pub hashed_form: Vec<u8>,
}

const CREATED: [u8; 4] = [0x5f, 0, 0, 0];

impl MadeKey {
    /// Returns the key, which is computed once.
    pub fn new(key: Key) -> MadeKey {
        static MADE: Mutex<BTreeMap<Key, MadeKey>> = Mutex::new(BTreeMap::new());
        MADE.lock().unwrap().entry(key).or_insert_with(|| MadeKey::make(key)).clone()
    }

    fn make(key: Key) -> MadeKey {
        let body = [&[4], &CREATED[..], &[key.algorithm()], &key.public_fields()].concat();
        let length = (body.len() as u16).to_be_bytes();
        let hashed_form = [&[0x99], &length[..], &body].concat();
        let fingerprint = digest(2, &[&hashed_form]);
        let id = u64::from_be_bytes(fingerprint[12..].try_into().unwrap());
        MadeKey { key, id, body, hashed_form }
    }
}

pub fn digest(hash: u8, parts: &[&[u8]]) -> Vec<u8> {
    let algorithm = HashAlgorithm::from_id(hash).unwrap();
    let way = ContentHash { algorithm, text: false };
    Hasher::new([way]).finish().digest(way, &parts.concat()).unwrap()
}

pub fn subpacket(random: &mut Random, id: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len() + 1;
    let critical = if random.permille(if known(id) { 150 } else { 12 }) { 0x80 } else { 0 };
    let mut written = match random.below(20) {
        0 => [&[0xff], &(length as u32).to_be_bytes()[..]].concat(),
        _ if length >= 192 => vec![192 + ((length - 192) >> 8) as u8, (length - 192) as u8],
        _ => vec![length as u8],
    };
    written.push(id | critical);
    written.extend(value);
    written
}

fn known(id: u8) -> bool {
    matches!(id, 2 | 3 | 9 | 11 | 16 | 21 | 22 | 25 | 27 | 29 | 30 | 32)
}

/// Returns a subpacket that most signatures would not miss.
pub fn odd_subpacket(random: &mut Random) -> Vec<u8> {
    let id =
        random.pick(&[3, 9, 11, 21, 22, 25, 27, 29, 30, 20, 26, 33, 34, 28, 12, 23, 24, 0, 127]);
    let length = match id {
        25 => 1,
        27 | 29 | 30 => random.below(3),
        _ => 4,
    };
    let length = if random.permille(60) { random.below(12) } else { length };
    let mut value = random.bytes(length);
    if id == 29 && random.permille(800) {
        return Vec::new();
    }
    if id == 27 && !value.is_empty() && random.permille(700) {
        value[0] |= 2;
    }
    subpacket(random, id, &value)
}

fn any_hash(random: &mut Random) -> u8 {
    if random.permille(8) { 3 } else { random.pick(&[1, 2, 8, 8, 8, 9, 10, 11]) }
}

/// Makes a signature's body, of version 4 unless chance has it.
pub fn signature(random: &mut Random, recipe: &Recipe<'_>) -> Vec<u8> {
    let hash = any_hash(random);
    if random.permille(25) && matches!(recipe.signer.algorithm(), 1 | 3 | 17) {
        return old_signature(random, recipe, hash);
    }
    let (mut hashed, mut unhashed) = (Vec::new(), recipe.extra_unhashed.clone());
    if !random.permille(8) {
        let created = if random.permille(200) { random.bytes(4) } else { CREATED.to_vec() };
        hashed.extend(subpacket(random, 2, &created));
    }
    hashed.extend(&recipe.extra);
    for _ in 0..random.below(2) {
        hashed.extend(odd_subpacket(random));
    }
    if random.permille(60) {
        unhashed.extend(odd_subpacket(random));
    }
    let issuer = subpacket(random, 16, &recipe.issuer.to_be_bytes());
    match random.below(100) {
        0 => {}
        1..=30 => hashed.extend(issuer),
        _ => unhashed.extend(issuer),
    }
    if random.permille(5) {
        let wrong = random.bytes(8);
        unhashed.extend(subpacket(random, 16, &wrong));
    }
    if random.permille(6) {
        hashed.push(random.byte());
    }
    // More than fits into the library's read-ahead.
    if random.permille(6) {
        let n = random.below(9000);
        let notation = subpacket(random, 20, &vec![0; n]);
        if random.permille(500) { &mut hashed } else { &mut unhashed }.extend(notation);
    }
    let length = (hashed.len() as u16).to_be_bytes();
    let head = [&[4, recipe.kind, recipe.signer.algorithm(), hash], &length[..], &hashed].concat();
    let trailer = [head.as_slice(), &[4, 0xff], &(head.len() as u32).to_be_bytes()[..]].concat();
    let parts = [recipe.parts, &[&trailer]].concat();
    let length = (unhashed.len() as u16).to_be_bytes();
    let mut body = [head, length.to_vec(), unhashed].concat();
    body.extend(digest_and_numbers(random, recipe.signer, hash, &parts));
    body
}

fn old_signature(random: &mut Random, recipe: &Recipe<'_>, hash: u8) -> Vec<u8> {
    let trailer = [&[recipe.kind], &CREATED[..]].concat();
    let parts = [recipe.parts, &[&trailer]].concat();
    let version = random.pick(&[3, 3, 3, 2]);
    let issuer = recipe.issuer.to_be_bytes();
    let algorithms = [recipe.signer.algorithm(), if random.permille(30) { 77 } else { hash }];
    let mut body = [&[version, 5], trailer.as_slice(), &issuer, &algorithms].concat();
    body.extend(digest_and_numbers(random, recipe.signer, hash, &parts));
    body
}

fn digest_and_numbers(random: &mut Random, signer: Key, hash: u8, parts: &[&[u8]]) -> Vec<u8> {
    let digest = digest(hash, parts);
    let mut body = digest[..2].to_vec();
    if random.permille(4) {
        body[random.below(2)] ^= 1 << random.below(8);
    }
    for mut number in signer.sign(hash, &digest) {
        match random.below(400) {
            0 => {
                let at = random.below(number.len());
                number[at] ^= 1 << random.below(8);
                body.extend(mpi(&number));
            }
            1 => {
                // As long as it says, but with zeros in front.
                let bits = number.len() as u16 * 8 + 8;
                body.extend([&bits.to_be_bytes()[..], &[0], &number].concat());
            }
            _ => body.extend(mpi(&number)),
        }
    }
    if random.permille(10) {
        let most = if random.permille(700) { 9 } else { 9000 };
        let n = random.below(most);
        // Beyond the read-ahead, what is left in the packet is read as packets.
        let filler = random.pick(&[0x00, 0xb4, 0xcd, 0xca]);
        body.extend(if random.permille(500) { vec![filler; n] } else { random.bytes(n) });
    }
    if random.permille(4) {
        body.pop();
    }
    body
}

/// Writes a secret key, or a public one.
pub fn key_packet(random: &mut Random, made: &MadeKey, subkey: bool, secret: bool) -> Vec<u8> {
    if !secret {
        return any_packet(random, if subkey { 14 } else { 6 }, &made.body);
    }
    let mut body = made.body.clone();
    if random.permille(500) {
        let fields = made.key.secret_fields();
        body.push(0);
        body.extend(&fields);
        body.extend([0, 0]);
        if random.permille(60) {
            let at = made.body.len() + random.below(body.len() - made.body.len());
            body[at] ^= 1 << random.below(8);
        }
    } else {
        let usage = random.pick(&[254, 254, 254, 255, 253, 9]);
        let cipher = random.pick(&[7, 9, 9, 9, 2, 3, 8, 11, 1, 10]);
        let kind = random.pick(&[3, 3, 3, 3, 1, 0, 4, 101]);
        body.extend([usage, cipher, kind, any_hash(random)]);
        let n = if random.permille(50) { random.below(24) } else { 200 };
        body.extend(random.bytes(n));
    }
    any_packet(random, if subkey { 7 } else { 5 }, &body)
}
