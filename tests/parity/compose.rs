//! Key files and signature files, composed of the parts that `certificate` makes.

use super::certificate::{MadeKey, Recipe, digest, key_packet, signature, subpacket};
use super::packets::any_packet;
use super::signer::Key;
use crate::common::random::Random;

pub const DATA: &[u8] = b"one\ntwo\r\nthree\r\r\n\nfour\r";

pub fn id_packet_parts(id: &[u8]) -> Vec<u8> {
    [&[0xb4], &(id.len() as u32).to_be_bytes()[..]].concat()
}

/// Returns flags as most keys have them.
fn flags(random: &mut Random, usual: u8) -> Vec<u8> {
    match random.below(20) {
        0 => Vec::new(),
        1 => {
            let flags = random.byte();
            subpacket(random, 27, &[flags])
        }
        _ => subpacket(random, 27, &[usual]),
    }
}

/// A packet that does not belong where it is.
fn stray(random: &mut Random) -> Vec<u8> {
    let tag =
        random.pick(&[10, 12, 12, 21, 60, 0, 15, 17, 17, 1, 3, 4, 8, 9, 11, 18, 19, 2, 6, 14, 13]);
    let body = match tag {
        17 => [&[5, 1], &random.bytes(4)[..]].concat(),
        1 => [&[3], &[0; 8][..], &[1, 0, 1, 1]].concat(),
        3 => vec![4, 9, 3, 8, 0, 0, 0, 0, 0, 0, 0, 0, 96],
        4 => vec![3, 0, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        8 => [&[random.pick(&[1, 2, 3, 9])], &[0x78, 0x9c][..], &random.bytes(3)].concat(),
        11 => [&b"b\0\0\0\0\0"[..], &random.bytes(2)].concat(),
        18 => vec![1],
        2 | 6 | 14 if random.permille(100) => Vec::new(),
        2 | 6 | 14 => [&[random.pick(&[3, 4, 5, 6])], &random.bytes(30)[..]].concat(),
        13 => b"stray <stray@example.org>".to_vec(),
        _ => {
            let n = random.below(6);
            random.bytes(n)
        }
    };
    let body = if random.permille(150) {
        let n = random.below(20);
        random.bytes(n)
    } else {
        body
    };
    any_packet(random, tag, &body)
}

/// A certificate under way.
struct Builder<'r> {
    random: &'r mut Random,
    primary: MadeKey,
    file: Vec<u8>,
    /// Keys that may be expected to sign.
    signers: Vec<(Key, u64)>,
}

impl Builder<'_> {
    fn sign(&mut self, kind: u8, parts: &[&[u8]], extra: Vec<u8>, extra_unhashed: Vec<u8>) {
        let stranger = self.random.permille(15);
        let signer = if stranger { Key::Stranger } else { self.primary.key };
        let issuer = if self.random.permille(10) { self.random.next() } else { self.primary.id };
        let recipe = Recipe { signer, issuer, kind, parts, extra, extra_unhashed };
        let body = signature(self.random, &recipe);
        let times = if self.random.permille(20) { 2 } else { 1 };
        for _ in 0..times {
            self.file.extend(any_packet(self.random, 2, &body));
        }
    }

    fn stray(&mut self) {
        if self.random.permille(40) {
            let stray = stray(self.random);
            self.file.extend(stray);
        }
    }

    fn primary_key(&mut self, secret: bool) {
        let packet = key_packet(self.random, &self.primary, false, secret);
        self.file.extend(packet);
        self.stray();
        let form = self.primary.hashed_form.clone();
        if self.random.permille(100) {
            let extra = flags(self.random, 0);
            self.sign(0x1f, &[&form], extra, Vec::new());
        }
        if self.random.permille(40) {
            let extra = reason(self.random);
            self.sign(0x20, &[&form], extra, Vec::new());
        }
    }

    fn user_id(&mut self) {
        let id =
            self.random.pick(&["Alice <a@example.org>", "Alice <a@example.org>", "Bob", "", "C"]);
        let long = if self.random.permille(20) { self.random.below(6000) } else { 0 };
        let id = &[id.as_bytes(), &vec![b'x'; long]].concat();
        self.file.extend(any_packet(self.random, 13, id));
        let form = self.primary.hashed_form.clone();
        let header = id_packet_parts(id);
        for _ in 0..=self.random.below(20) / 15 {
            let kind = self.random.pick(&[0x13, 0x13, 0x13, 0x13, 0x10, 0x10, 0x11, 0x12, 0x30]);
            let mut extra = flags(self.random, 0x03);
            if self.random.permille(300) {
                let primary = u8::from(self.random.permille(700));
                extra.extend(subpacket(self.random, 25, &[primary]));
            }
            if self.random.permille(15) {
                extra.extend(reason(self.random));
            }
            self.sign(kind, &[&form, &header, id], extra, Vec::new());
        }
        if self.random.permille(100) {
            let issuer = MadeKey::new(Key::Stranger).id;
            let (signer, kind) = (self.random.pick(&[Key::Stranger, Key::Dsa, Key::Ed25519]), 0x10);
            let recipe = Recipe {
                signer: if self.random.permille(850) { Key::Stranger } else { signer },
                issuer,
                kind,
                parts: &[&form, &header, id],
                extra: Vec::new(),
                extra_unhashed: Vec::new(),
            };
            let body = signature(self.random, &recipe);
            self.file.extend(any_packet(self.random, 2, &body));
        }
        self.stray();
    }

    fn subkey(&mut self, secret: bool) {
        let key = match self.random.below(40) {
            0 => self.random.pick(&[Key::Ed25519, Key::Cv25519]),
            1..=4 => self.random.pick(&[Key::RsaEncrypt, Key::ElGamal, Key::Ecdh]),
            5 => self.primary.key,
            6..=9 => Key::Dsa,
            10..=13 => self.random.pick(&[Key::P256, Key::P256, Key::P256, Key::P384]),
            _ => Key::Subkey,
        };
        let made = MadeKey::new(key);
        let packet = key_packet(self.random, &made, true, secret);
        self.file.extend(packet);
        let form = self.primary.hashed_form.clone();
        let parts = [form.as_slice(), &made.hashed_form];
        let signs = self.random.permille(600);
        for _ in 0..=self.random.below(20) / 17 {
            let mut extra = flags(self.random, if signs { 0x02 } else { 0x0c });
            let mut unhashed = Vec::new();
            if signs && !self.random.permille(30) {
                let back = self.back_signature(&made, &parts);
                let place = if self.random.permille(500) { &mut extra } else { &mut unhashed };
                place.extend(back);
            }
            self.sign(0x18, &parts, extra, unhashed);
        }
        if self.random.permille(60) {
            let extra = if self.random.permille(700) { reason(self.random) } else { Vec::new() };
            self.sign(0x28, &parts, extra, Vec::new());
        }
        if self.random.permille(15) {
            self.sign(0x10, &parts, Vec::new(), Vec::new());
        }
        self.signers.push((key, made.id));
        self.stray();
    }

    fn back_signature(&mut self, made: &MadeKey, parts: &[&[u8]]) -> Vec<u8> {
        let nested =
            if self.random.permille(10) { vec![8, 32, 4, 0x19, 1, 8, 0, 0, 0] } else { Vec::new() };
        let recipe = Recipe {
            signer: if self.random.permille(15) { Key::Stranger } else { made.key },
            issuer: made.id,
            kind: if self.random.permille(10) { 0x18 } else { 0x19 },
            parts,
            extra: nested,
            extra_unhashed: Vec::new(),
        };
        let body = signature(self.random, &recipe);
        let written = subpacket(self.random, 32, &body);
        if self.random.permille(8) { [written.clone(), written].concat() } else { written }
    }
}

fn reason(random: &mut Random) -> Vec<u8> {
    let value = random.pick(&[&b"\0"[..], b"\x01superseded", b"\x02"]);
    subpacket(random, 29, value)
}

/// Composes a key file, and tells which keys are in it.
pub fn key_file(random: &mut Random) -> (Vec<u8>, Vec<(Key, u64)>) {
    let mut file = Vec::new();
    let mut signers = Vec::new();
    let mut certificates = 1 + random.below(16) / 12;
    while certificates > 0 {
        certificates -= 1;
        let key = match random.below(20) {
            0 => random.pick(&[Key::RsaEncrypt, Key::Ed25519, Key::Small, Key::Ecdh]),
            1 | 2 => Key::PrimarySignOnly,
            3..=5 => Key::Dsa,
            6..=8 => random.pick(&[Key::P256, Key::P256, Key::P256, Key::P384]),
            _ => Key::Primary,
        };
        let secret = random.permille(100);
        let primary = MadeKey::new(key);
        let signers_here = vec![(key, primary.id)];
        let mut builder = Builder { random, primary, file: Vec::new(), signers: signers_here };
        builder.primary_key(secret);
        for _ in 0..=builder.random.below(10) / 6 {
            builder.user_id();
        }
        for _ in 0..builder.random.below(10) / 4 {
            builder.subkey(secret);
        }
        if builder.random.permille(40) {
            builder.user_id();
        }
        let (made, signers_made) = (builder.file, builder.signers);
        let times = if random.permille(60) { 2 } else { 1 };
        for _ in 0..times {
            file.extend(&made);
        }
        signers.extend(signers_made);
    }
    (file, signers)
}

/// Composes a signature file over `DATA`, by one of these keys more often than not.
pub fn signature_file(random: &mut Random, signers: &[(Key, u64)]) -> Vec<u8> {
    let mut file = Vec::new();
    if random.permille(60) {
        file.extend(stray(random));
    }
    let stranger = (Key::Stranger, MadeKey::new(Key::Stranger).id);
    for _ in 0..=random.below(20) / 14 {
        let (signer, issuer) = if random.permille(150) { stranger } else { random.pick(signers) };
        let kind = if random.permille(30) { random.byte() } else { random.pick(&[0, 0, 0, 1]) };
        let canonical = b"one\r\ntwo\r\nthree\r\r\r\n\r\nfour\r";
        let data: &[u8] = if kind == 1 { canonical } else { DATA };
        let body = if random.permille(12) {
            twice_hashed(signer, issuer, kind, data)
        } else {
            let parts = [data];
            let recipe = Recipe {
                signer,
                issuer,
                kind,
                parts: &parts,
                extra: Vec::new(),
                extra_unhashed: Vec::new(),
            };
            signature(random, &recipe)
        };
        file.extend(any_packet(random, 2, &body));
        if random.permille(40) {
            file.extend(stray(random));
        }
    }
    file
}

/// A signature that is good for the second of two keys with the same ID, and for no other.
fn twice_hashed(signer: Key, issuer: u64, kind: u8, data: &[u8]) -> Vec<u8> {
    let issuer = [&[9, 16], &issuer.to_be_bytes()[..]].concat();
    let hashed = [&[5, 2, 0x5f, 0, 0, 0], issuer.as_slice()].concat();
    let head =
        [&[4, kind, signer.algorithm(), 8, 0, hashed.len() as u8], hashed.as_slice()].concat();
    let trailer = [head.as_slice(), &[4, 0xff], &(head.len() as u32).to_be_bytes()[..]].concat();
    let digest = digest(8, &[data, &trailer, &trailer]);
    let mut body = [head.as_slice(), &[0, 0], &digest[..2]].concat();
    for number in signer.sign(8, &digest) {
        body.extend(super::packets::mpi(&number));
    }
    body
}
