//! Single rules of the server, and what hostile files must not do to us.
//!
//! Where the library is there, it is asked the same; see also tests/server_parity.rs.

use std::time::{Duration, Instant};

use plugsign::judge::ask_server;
use plugsign::mattermost::server::{Cause, KeyRing, Refusal, ServerVerdict};

use crate::common::peers::{Question, go_verdict};
use crate::parity::certificate::{MadeKey, digest};
use crate::parity::keys::STRANGER;
use crate::parity::packets::{mpi, packet};
use crate::parity::signer::{Key, unhex};

const DATA: &[u8] = b"one\ntwo\n";
const ALICE: &[u8] = b"Alice";

/// Makes a version 4 signature over SHA-256; `twice` hashes its trailer twice.
fn signature(key: &MadeKey, kind: u8, parts: &[&[u8]], extra: &[u8], twice: bool) -> Vec<u8> {
    let hashed = [&[5, 2, 0x5f, 0, 0, 0], extra].concat();
    let length = (hashed.len() as u16).to_be_bytes();
    let head = [&[4, kind, key.key.algorithm(), 8], &length[..], &hashed].concat();
    let trailer = [head.as_slice(), &[4, 0xff], &(head.len() as u32).to_be_bytes()].concat();
    let again: &[u8] = if twice { &trailer } else { &[] };
    let digest = digest(8, &[parts, &[&trailer, again]].concat());
    let issuer = [&[0, 10, 9, 16], &key.id.to_be_bytes()[..]].concat();
    let mut body = [head.as_slice(), &issuer, &digest[..2]].concat();
    key.key.sign(8, &digest).iter().for_each(|it| body.extend(mpi(it)));
    body
}

fn self_signature(key: &MadeKey, id: &[u8], extra: &[u8]) -> Vec<u8> {
    let header = [&[0xb4], &(id.len() as u32).to_be_bytes()[..]].concat();
    packet(2, &signature(key, 0x13, &[&key.hashed_form, &header, id], extra, false))
}

fn user_id(key: &MadeKey, id: &[u8], extra: &[u8]) -> Vec<u8> {
    [packet(13, id), self_signature(key, id, extra)].concat()
}

fn certificate(key: &MadeKey) -> Vec<u8> {
    [packet(6, &key.body), user_id(key, ALICE, &[2, 27, 3])].concat()
}

fn over_data(key: &MadeKey) -> Vec<u8> {
    packet(2, &signature(key, 0, &[DATA], &[], false))
}

fn says(key: &[u8], signature: &[u8]) -> ServerVerdict {
    ask_server(&[key.to_vec()], signature, DATA).unwrap()
}

/// Asks for our verdict, and holds it against the library's.
#[track_caller]
fn check(key: &[u8], signature: &[u8], expected: Result<u64, (Cause, &str)>) {
    let ours = says(key, signature);
    match (&ours, expected) {
        (ServerVerdict::Accepts { key_id }, Ok(expected)) => assert_eq!(*key_id, expected),
        (ServerVerdict::Refuses(Refusal { cause, words, .. }), Err(expected)) => {
            assert_eq!((*cause, words.as_str()), expected);
        }
        (ours, expected) => panic!("{ours:?} is not {expected:?}"),
    }
    let Some(oracle) = go_verdict() else { return };
    let theirs = oracle.ask(Question { key, signature, data: DATA });
    let same = match expected {
        Ok(key_id) => theirs == format!("ACCEPT {key_id:016X}"),
        Err((Cause::Panics, words)) => theirs == words.replace("panic: ", "PANIC "),
        Err((_, words)) => theirs.starts_with("REFUSE ") && theirs.ends_with(words),
    };
    assert!(same, "the library says {theirs}");
}

#[test]
fn the_second_of_two_keys_with_one_id_hashes_the_trailer_twice() {
    let key = MadeKey::new(Key::Primary);
    let once = over_data(&key);
    let twice = packet(2, &signature(&key, 0, &[DATA], &[], true));
    let one = certificate(&key);
    let two = [one.as_slice(), &one].concat();
    let other_content =
        Err((Cause::OtherContent, "openpgp: invalid signature: hash tag doesn't match"));
    check(&one, &once, Ok(key.id));
    check(&two, &once, Ok(key.id));
    check(&one, &twice, other_content);
    check(&two, &twice, Ok(key.id));
}

#[test]
fn each_empty_file_has_its_own_message() {
    const UNKNOWN: &str = "openpgp: signature made by unknown entity";
    let key = MadeKey::new(Key::Primary);
    let (file, signature) = (certificate(&key), over_data(&key));
    check(&[], &signature, Err((Cause::NoKey, UNKNOWN)));
    check(&file, &[], Err((Cause::NoSignature, UNKNOWN)));
    let stranger = over_data(&MadeKey::new(Key::Stranger));
    check(&file, &stranger, Err((Cause::UnknownIssuer, UNKNOWN)));
}

#[test]
fn an_unprotected_ecdh_secret_key_crashes_the_server() {
    let key = MadeKey::new(Key::Primary);
    let subkey = [MadeKey::new(Key::Ecdh).body, vec![0], Key::P256.secret_fields()].concat();
    let file = [certificate(&key), packet(7, &subkey)].concat();
    check(&file, &over_data(&key), Err((Cause::Panics, "panic: impossible")));
}

#[test]
fn an_empty_signature_packet_ends_a_key_file() {
    let (key, other) = (MadeKey::new(Key::Primary), MadeKey::new(Key::Dsa));
    let empty = packet(2, b"");
    let other_behind = [certificate(&key), empty, certificate(&other)].concat();
    check(&other_behind, &over_data(&key), Ok(key.id));
    let unknown = (Cause::UnknownIssuer, "openpgp: signature made by unknown entity");
    check(&other_behind, &over_data(&other), Err(unknown));
}

#[test]
fn bytes_after_a_signature_in_its_packet_are_skipped_up_to_the_read_ahead() {
    let key = MadeKey::new(Key::Primary);
    let stranger = signature(&MadeKey::new(Key::Stranger), 0, &[DATA], &[], false);
    let own = over_data(&key);
    for (filler, swallowed) in [(4096 - stranger.len(), false), (100, true)] {
        let body = [stranger.as_slice(), &vec![0; filler], &own].concat();
        let expected = match swallowed {
            false => Ok(key.id),
            true => Err((Cause::UnknownIssuer, "openpgp: signature made by unknown entity")),
        };
        check(&certificate(&key), &packet(2, &body), expected);
    }
}

#[test]
fn a_certificate_with_contradicting_user_ids_is_not_relied_on() {
    let key = MadeKey::new(Key::Primary);
    let file = [certificate(&key), user_id(&key, b"Bob", &[2, 27, 1])].concat();
    let ServerVerdict::Refuses(refusal) = says(&file, &over_data(&key)) else { panic!("accepted") };
    assert_eq!(refusal.cause, Cause::Undecided);
    // A primary user ID decides.
    let file = [certificate(&key), user_id(&key, b"Bob", &[2, 27, 1, 2, 25, 1])].concat();
    let unknown = (Cause::NotASigningKey, "openpgp: signature made by unknown entity");
    check(&file, &over_data(&key), Err(unknown));
}

#[test]
fn keys_that_newer_go_refuses_are_refused() {
    let key = MadeKey::new(Key::Small);
    let refusal = KeyRing::read(&certificate(&key)).err().expect("512 bits are too few");
    assert_eq!(refusal.cause, Cause::WeakKey);
}

#[test]
fn a_signature_above_the_modulus_is_refused() {
    let key = MadeKey::new(Key::Stranger);
    let body = signature(&key, 0, &[DATA], &[], false);
    // 1027 bits leave room for another modulus on top.
    let (head, number) = body.split_at(body.len() - 129);
    let n = unhex(STRANGER.n);
    let mut carry = 0;
    let mut sum: Vec<u8> = (number.iter().zip(&n).rev())
        .map(|(a, b)| {
            carry += u16::from(*a) + u16::from(*b);
            let octet = carry as u8;
            carry >>= 8;
            octet
        })
        .collect();
    assert_eq!(carry, 0, "the sum is as long as the modulus");
    sum.reverse();
    let body = [&head[..head.len() - 2], &mpi(&sum)].concat();
    let ServerVerdict::Refuses(refusal) = says(&certificate(&key), &packet(2, &body)) else {
        panic!("accepted")
    };
    assert_eq!(refusal.cause, Cause::BadSignature);
}

#[test]
fn numbers_without_octets_are_accepted() {
    let zeros = [0; 12];
    let rsa = [&[4, 0, 0, 0, 0, 1], &zeros[..4]].concat();
    let dsa = [&[4, 0, 0, 0, 0, 17], &zeros[..8]].concat();
    for public in [rsa, dsa] {
        for secret in [public.clone(), [public.as_slice(), &zeros].concat()] {
            let tag = if secret.len() > public.len() { 5 } else { 6 };
            let Err(refusal) = KeyRing::read(&packet(tag, &secret)) else { panic!("accepted") };
            let expected = match (tag, public[5]) {
                (5, 1) => Cause::SecretKey,
                _ => Cause::NoUserId,
            };
            assert_eq!(refusal.cause, expected);
        }
    }
}

/// Wraps signatures into each other, `depth` deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut body = vec![4, 0x19, 1, 8, 0, 6, 5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for _ in 0..depth {
        let length = (body.len() as u32 + 1).to_be_bytes();
        let area = [&[5, 2, 0, 0, 0, 0, 255], &length[..], &[32], &body].concat();
        let Ok(length) = u16::try_from(area.len()) else { break };
        body = [&[4, 0x19, 1, 8], &length.to_be_bytes()[..], &area, &[0; 6]].concat();
    }
    body
}

#[test]
fn embedded_signatures_do_not_exhaust_the_stack() {
    let ring = KeyRing::read(&certificate(&MadeKey::new(Key::Primary))).unwrap();
    let cause = |depth| ring.choose(&packet(2, &nested(depth))).err().unwrap().cause;
    assert_eq!(cause(16), Cause::NoIssuer);
    assert_eq!(cause(17), Cause::Excessive);
    assert_eq!(cause(5000), Cause::Excessive);
}

/// Reads a hostile key file, and fails if that takes long.
#[track_caller]
fn in_time(file: &[u8]) -> Option<Cause> {
    let started = Instant::now();
    let cause = KeyRing::read(file).err().map(|refusal| refusal.cause);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(8), "took {took:?}");
    cause
}

#[test]
fn a_long_user_id_is_hashed_once() {
    let key = MadeKey::new(Key::Primary);
    let id = vec![b'x'; 2 << 20];
    let many = self_signature(&key, &id, &[2, 27, 3]).repeat(8000);
    assert_eq!(in_time(&[packet(6, &key.body), packet(13, &id), many].concat()), None);
}

#[test]
fn huge_numbers_are_refused_before_any_computing() {
    let ff = |bits: u16| [&bits.to_be_bytes()[..], &vec![0xff; usize::from(bits / 8)]].concat();
    let numbers = [ff(65528), ff(65528), ff(65520), ff(65520)].concat();
    let body = [&[4, 0, 0, 0, 0, 17], numbers.as_slice()].concat();
    let hashed_form = [&[0x99], &(body.len() as u16).to_be_bytes()[..], &body].concat();
    let id = digest(2, &[&hashed_form])[12..].to_vec();
    let head = [&[4, 0x13, 17, 8, 0, 16, 5, 2, 0, 0, 0, 0, 9, 16], id.as_slice()].concat();
    let trailer = [head.as_slice(), &[4, 0xff, 0, 0, 0, 22]].concat();
    let header = [&[0xb4, 0, 0, 0, ALICE.len() as u8], ALICE].concat();
    let prefix = &digest(8, &[&hashed_form, &header, &trailer])[..2];
    let certification = [head.as_slice(), &[0, 0], prefix, &ff(65000), &ff(65000)].concat();
    let file = [packet(6, &body), packet(13, ALICE), packet(2, &certification)].concat();
    assert_eq!(in_time(&file), Some(Cause::Excessive));
}

#[test]
fn a_file_of_small_packets_takes_no_longer_than_its_length() {
    for packets in
        [&[0xcd, 0][..], &[0xce, 0], &[0xc2, 1, 4], &[0xc6, 1, 4], b"\n", b"-----BEGIN ------\n"]
    {
        in_time(&packets.repeat((4 << 20) / packets.len()));
    }
    let certificates = certificate(&MadeKey::new(Key::Primary)).repeat(4000);
    assert_eq!(in_time(&certificates), None);
}
