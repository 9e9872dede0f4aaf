//! What holds for all inputs, on inputs that chance made up.

use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use sequoia_openpgp as openpgp;

use openpgp::types::KeyFlags;
use plugsign::disk::checksums::Checksums;
use plugsign::judge::Judge;
use plugsign::mattermost::config::Config;
use plugsign::openpgp::cleartext::Cleartext;
use plugsign::openpgp::key_file::{Key, read_keys};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::secret_key::SigningKey;
use plugsign::openpgp::sign::sign;
use plugsign::openpgp::signature::DetachedSignature;
use plugsign::openpgp::verify::Verdict;

use crate::common::craft::*;
use crate::common::property::{bytes, holds, several};

mod cleartext;
mod files;
mod token;

use cleartext::{good_text, sign_cleartext};

fn now() -> SystemTime {
    crate::common::craft::now()
}

/// Alice's key, unlocked once.
fn alices_signing_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| match read_keys(&secret(alice())).unwrap().remove(0).unwrap() {
        Key::Secret(secret) => secret.unlock(None, None, &Policy::new(now())).unwrap(),
        _ => panic!("not a secret key"),
    })
}

fn judge() -> &'static Judge {
    static JUDGE: OnceLock<Judge> = OnceLock::new();
    JUDGE.get_or_init(|| {
        let certificate = alices_signing_key().certificate().clone();
        Judge::new(vec![certificate], Policy::new(now())).unwrap()
    })
}

fn is_good(signature: &[u8], data: impl Read) -> bool {
    matches!(judge().verify(signature, data).unwrap(), Verdict::Good(_))
}

/// Gives its bytes in pieces of these sizes, and is interrupted between them.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    interrupted: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = self.sizes.next().map_or(1, |size| *size).min(self.rest.len()).min(buffer.len());
        let (piece, rest) = self.rest.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.rest = rest;
        Ok(size)
    }
}

fn in_pieces<'a>(data: &'a [u8], sizes: &'a [usize]) -> Pieces<'a> {
    Pieces { rest: data, sizes: sizes.iter().cycle(), interrupted: false }
}

#[test]
#[should_panic(expected = "too long")]
fn what_does_not_hold_is_found() {
    holds(96, 6_000, |chance| {
        assert!(bytes(chance, 0..5_000)?.len() < 2_000, "too long");
        Ok(())
    });
}

/// What is signed is good, however its bytes arrive, and nothing shorter or longer is.
#[test]
fn a_signature_is_good_however_the_data_is_read() {
    holds(96, 24_000, |chance| {
        let sizes = several(chance, 1..8, |chance| chance.int_in_range(1..=8_999))?;
        let more = bytes(chance, 1..50)?;
        let time = now() - Duration::from_secs(chance.int_in_range(0..=799_999)?);
        let data = bytes(chance, 0..20_000)?;
        let signature = sign(in_pieces(&data, &sizes), alices_signing_key(), time);
        let signature = signature.unwrap().to_bytes().unwrap();
        assert!(is_good(&signature, &data[..]));
        assert!(is_good(&signature, in_pieces(&data, &sizes)));
        assert!(!is_good(&signature, &[&data[..], &more].concat()[..]));
        if !data.is_empty() {
            assert!(!is_good(&signature, &data[..chance.choose_index(data.len())?]));
        }
        let again = DetachedSignature::read(&signature).unwrap();
        assert_eq!(again.to_bytes().unwrap(), signature);
        let armored = again.to_armored().unwrap();
        assert!(is_good(&armored, &data[..]));
        Ok(())
    });
}

/// One changed byte, in the artifact or in what of the signature means anything, is not good.
#[test]
fn any_single_changed_byte_is_not_good() {
    holds(96, 6_000, |chance| {
        let change = chance.int_in_range(1..=u8::MAX)?;
        let data = bytes(chance, 1..5_000)?;
        let signature = sign(&data[..], alices_signing_key(), now()).unwrap();
        let signature = signature.to_bytes().unwrap();
        let mut other = data.clone();
        other[chance.choose_index(data.len())?] ^= change;
        assert!(!is_good(&signature, &other[..]));
        let mut other = signature.clone();
        let at = chance.choose_index(other.len())?;
        other[at] ^= change;
        // The same packet can be written with another header; then nothing of it has changed.
        let same = |bytes: &[u8]| DetachedSignature::read(bytes).map(|it| it.to_bytes().unwrap());
        if same(&other) != same(&signature) {
            assert!(!is_good(&other, &data[..]), "byte {at} ^ {change:02x}");
        }
        Ok(())
    });
}

/// A certificate that was read is written and read again as the same.
#[test]
fn certificates_are_written_as_they_were_read() {
    holds(96, 2_000, |chance| {
        let mut recipe = Recipe::of(Material::b());
        recipe.user_ids = several(chance, 1..4, |chance| bytes(chance, 0..300))?;
        recipe.flags = KeyFlags::new([chance.int_in_range(1..=63)?]);
        if chance.arbitrary()? {
            let days = chance.int_in_range(1..=3_999)?;
            recipe.validity = Some(Duration::from_secs(86_400 * days));
        }
        let mut cert = recipe.build();
        if chance.arbitrary()? {
            let flags = KeyFlags::empty().set_signing();
            let how = Binding { flags, back_signature: true };
            cert = with_subkey(cert, &mut recipe.signer(), Material::a(), &how);
        }
        for bytes in [public(&cert), secret(&cert)] {
            let certificate = |bytes: &[u8]| match read_keys(bytes).unwrap().remove(0).unwrap() {
                Key::Certificate(certificate) => certificate,
                Key::Secret(secret) => {
                    let written = secret.to_bytes().unwrap();
                    assert!(matches!(read_keys(&written).unwrap().remove(0), Ok(Key::Secret(_))));
                    secret.certificate().clone()
                }
                Key::Revocation(_) => panic!("no key"),
            };
            let first = certificate(&bytes);
            let second = certificate(&first.to_bytes().unwrap());
            let third = certificate(&first.to_armored().unwrap());
            assert!(first.same_as(&second) && first.same_as(&third));
            assert_eq!(first.user_ids(), second.user_ids());
            assert!(first.proven().same_as(&first), "its own signatures are all true");
            assert!(first.merge(&second).unwrap().same_as(&first));
        }
        Ok(())
    });
}

/// No bytes make a reader panic, and only a key is read as a key.
#[test]
fn any_bytes_give_a_value_and_no_panic() {
    holds(2_000, 700, |chance| {
        let bytes = bytes(chance, 0..600)?;
        let _ = read_keys(&bytes);
        let _ = DetachedSignature::read(&bytes);
        assert!(Cleartext::read(&bytes).is_err());
        if let Some(file) = sign_cleartext(&bytes[..bytes.len().min(60)]) {
            assert!(good_text(&file).is_some());
        }
        assert!(!is_good(&bytes, DATA));
        let _ = (Checksums::read(&bytes, Path::new("SHA256SUMS")), Config::read(&bytes));
        Ok(())
    });
}
