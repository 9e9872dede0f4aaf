//! The library's own sides: what it signs it verifies, however the bytes arrive.

use std::io::{self, ErrorKind, Read};
use std::time::{Duration, SystemTime};

use plugsign::judge::Judge;
use plugsign::openpgp::Error;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::sign::sign;
use plugsign::openpgp::verdict::Reason;
use plugsign::openpgp::verify::{Verdict, verify};

use crate::interop::random_files::Random;
use crate::interop::short_number::signing_key;

/// Gives its bytes in pieces of any size, with interruptions.
struct Ragged<'a> {
    rest: &'a [u8],
    random: &'a mut Random,
    most: usize,
}

impl Read for Ragged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.random.below(4) == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let piece = (1 + self.random.below(self.most)).min(self.rest.len()).min(buffer.len());
        let (now, rest) = self.rest.split_at(piece);
        buffer[..piece].copy_from_slice(now);
        self.rest = rest;
        Ok(piece)
    }
}

/// Breaks after some bytes.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::new(ErrorKind::TimedOut, "the disk is gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn pieces_and_interruptions_change_neither_signatures_nor_verdicts() {
    let mut random = Random::new();
    let key = signing_key();
    let accepted = vec![key.certificate().clone()];
    let now = SystemTime::now();
    let policy = Policy::new(now);
    let judge = Judge::new(accepted.clone(), Policy::new(now)).unwrap();
    for round in 0..60 {
        let size = if round == 0 { 0 } else { random.below(200_000) };
        let data = random.bytes(size);
        let most = [1, 3, 64, 4_096, 70_000, 200_000][round % 6];
        let data = if most == 1 { &data[..size.min(5_000)] } else { &data[..] };
        let time = key.created() + Duration::from_secs(random.below(86_400) as u64);
        let whole = sign(data, key, time).unwrap();
        let ragged = Ragged { rest: data, random: &mut random, most };
        let pieces = sign(ragged, key, time).unwrap();
        let bytes = whole.to_bytes().unwrap();
        assert_eq!(bytes, pieces.to_bytes().unwrap(), "{} bytes, pieces of {most}", data.len());

        let ragged = Ragged { rest: data, random: &mut random, most };
        let verdict = verify(ragged, &whole, &accepted, &policy).unwrap();
        assert!(matches!(verdict, Verdict::Good(_)), "{verdict:?}");
        let ragged = Ragged { rest: data, random: &mut random, most };
        let Verdict::Good(good) = judge.verify(&bytes, ragged).unwrap() else {
            panic!("{} bytes, pieces of {most}", data.len())
        };
        assert_eq!(good.signer().key, key.fingerprint());
        let seconds =
            |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(seconds(good.created()), seconds(time));
        let armored = whole.to_armored().unwrap();
        assert!(matches!(judge.verify(&armored, data).unwrap(), Verdict::Good(_)));
    }
}

#[test]
fn one_changed_missing_or_additional_byte_makes_a_signature_bad() {
    let mut random = Random::new();
    let key = signing_key();
    let judge =
        Judge::new(vec![key.certificate().clone()], Policy::new(SystemTime::now())).unwrap();
    for _ in 0..40 {
        let size = 1 + random.below(150_000);
        let data = random.bytes(size);
        let signature = sign(&data[..], key, SystemTime::now()).unwrap();
        let bytes = signature.to_bytes().unwrap();
        let place = random.below(size);
        let mut changed = data.clone();
        changed[place] ^= 1 << random.below(8);
        let longer = [&data[..], &[0]].concat();
        for other in [&changed[..], &data[..size - 1], &longer] {
            let ragged = Ragged { rest: other, random: &mut random, most: 50_000 };
            match judge.verify(&bytes, ragged).unwrap() {
                Verdict::Bad(bad) => assert_eq!(bad.reason(), Reason::BadSignature),
                Verdict::Good(_) => panic!("good for other bytes"),
            }
        }
    }
}

/// Bits that may change without a verdict changing are only those of the packet's frame that
/// mean the same; a random bit is hardly ever one.
#[test]
fn no_changed_bit_of_a_signature_leaves_it_good() {
    let key = signing_key();
    let judge =
        Judge::new(vec![key.certificate().clone()], Policy::new(SystemTime::now())).unwrap();
    let data = b"a release";
    let signature = sign(&data[..], key, SystemTime::now()).unwrap();
    let bytes = signature.to_bytes().unwrap();
    // Every bit outside of the number, and every 16th bit of the number.
    let number = bytes.len() - 384;
    let bits = (0..number * 8).chain((number * 8..bytes.len() * 8).step_by(16));
    for bit in bits {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 0x80 >> (bit % 8);
        let verdict = judge.verify(&changed, &data[..]).unwrap();
        assert!(matches!(verdict, Verdict::Bad(_)), "bit {bit} does not matter");
    }
}

#[test]
fn a_reader_that_breaks_gives_its_error_and_neither_signature_nor_verdict() {
    let key = signing_key();
    let data = vec![7; 100_000];
    let error = sign(Broken(&data), key, SystemTime::now()).unwrap_err();
    assert!(matches!(error, Error::Unreadable(error) if error.kind() == ErrorKind::TimedOut));
    let signature = sign(&data[..], key, SystemTime::now()).unwrap();
    let accepted = vec![key.certificate().clone()];
    let policy = Policy::new(SystemTime::now());
    let error = verify(Broken(&data), &signature, &accepted, &policy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let judge = Judge::new(accepted, policy).unwrap();
    let error = judge.verify(&signature.to_bytes().unwrap(), Broken(&data)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
