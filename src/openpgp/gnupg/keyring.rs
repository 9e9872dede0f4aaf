//! GnuPG's public keys: `pubring.kbx`, a keybox, and `pubring.gpg`, a keyring.
//!
//! A keybox is a row of blobs, each with its length in front; those of OpenPGP hold the packets of
//! one certificate (GnuPG, kbx/keybox-blob.c). A keyring is nothing but packets.

use std::collections::HashMap;

use super::super::certificate::Certificate;
use super::super::framing::{self, BadFrame};
use super::super::key_file::read_keys;
use crate::error::{Error, Result};

/// The most bytes that are read of a keybox or a keyring.
pub const MAX_KEYRING: u64 = 64 * 1024 * 1024;

/// The most blobs, or certificates, that are read of one.
const MAX_CERTIFICATES: usize = 10_000;

const HEADER: u8 = 1;
const OPENPGP: u8 = 2;

const PUBLIC_KEY: u8 = 6;
const SECRET_KEY: u8 = 5;
const TRUST: u8 = 12;

/// Reads the certificates of a keybox. Each is there or says why it is not; damage ends the list
/// with an error and hides nothing before it. X.509 certificates are passed over.
pub fn read_keybox(bytes: &[u8]) -> Vec<Result<Certificate>> {
    let mut gathered = Gathered::default();
    let mut rest = bytes;
    for number in 0..=MAX_CERTIFICATES {
        if rest.is_empty() && number > 0 {
            return gathered.read();
        }
        let Some((blob, after)) = split_blob(rest) else {
            gathered.errors.push(damaged("it is no keybox, or damaged or cut short"));
            return gathered.read();
        };
        rest = after;
        match blob.get(4) {
            Some(&HEADER) if number == 0 && blob.get(8..12) == Some(b"KBXf") => {}
            _ if number == 0 => return vec![Err(damaged("it is no keybox"))],
            Some(&OPENPGP) => match keyblock(blob) {
                Some(packets) => gathered.add(packets),
                None => gathered.errors.push(damaged("a certificate in it is damaged")),
            },
            _ => {}
        }
    }
    gathered.errors.push(too_many());
    gathered.read()
}

/// Splits the first blob off.
fn split_blob(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = number(bytes, 0)?;
    if length < 5 {
        return None;
    }
    bytes.split_at_checked(length)
}

/// Returns the packets in an OpenPGP blob.
fn keyblock(blob: &[u8]) -> Option<&[u8]> {
    let (start, length) = (number(blob, 8)?, number(blob, 12)?);
    blob.get(start..start.checked_add(length)?).filter(|packets| !packets.is_empty())
}

/// Reads a big-endian number of four octets.
fn number(bytes: &[u8], place: usize) -> Option<usize> {
    let octets = bytes.get(place..place + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(octets)).ok()
}

/// Reads the certificates of a keyring, as [`read_keybox`] does. GnuPG's own trust packets, which
/// mean nothing elsewhere (RFC 9580, section 5.10), are left out.
pub fn read_keyring(bytes: &[u8]) -> Vec<Result<Certificate>> {
    let mut gathered = Gathered::default();
    gathered.add(bytes);
    gathered.read()
}

/// The packets of certificates, those of all copies of one together: what they may cost to read
/// is bounded for all copies at once.
#[derive(Default)]
struct Gathered {
    certificates: Vec<Vec<u8>>,
    /// Where the certificates of these primary keys are.
    places: HashMap<Vec<u8>, usize>,
    errors: Vec<Error>,
}

impl Gathered {
    /// Adds what is in a row of packets.
    fn add(&mut self, bytes: &[u8]) {
        let mut primary: Option<&[u8]> = None;
        let mut packets: Vec<u8> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let frame = match framing::split(rest) {
                Ok(frame) => frame,
                Err(why) => {
                    self.errors.push(damaged(match why {
                        BadFrame::CutShort => "it is cut short",
                        _ => "it is damaged",
                    }));
                    break;
                }
            };
            if matches!(frame.tag, PUBLIC_KEY | SECRET_KEY) {
                self.put(primary, &packets);
                packets.clear();
                if self.certificates.len() >= MAX_CERTIFICATES {
                    self.errors.push(too_many());
                    return;
                }
                primary = Some(frame.body);
            }
            if frame.tag != TRUST {
                packets.extend(rest.get(..rest.len() - frame.rest.len()).unwrap_or_default());
            }
            rest = frame.rest;
        }
        self.put(primary, &packets);
    }

    /// Adds the packets of one certificate, to those of its copies if there are any.
    fn put(&mut self, primary: Option<&[u8]>, packets: &[u8]) {
        if packets.is_empty() {
            return;
        }
        let Some(primary) = primary else { return self.certificates.push(packets.to_vec()) };
        match self.places.get(primary).and_then(|place| self.certificates.get_mut(*place)) {
            Some(copies) => {
                let own = framing::split(packets).map_or(packets, |frame| frame.rest);
                if !copies.ends_with(own) {
                    copies.extend(own);
                }
            }
            None => {
                self.places.insert(primary.to_vec(), self.certificates.len());
                self.certificates.push(packets.to_vec());
            }
        }
    }

    fn read(self) -> Vec<Result<Certificate>> {
        let certificates = self.certificates.iter().map(|packets| read_certificate(packets));
        certificates.chain(self.errors.into_iter().map(Err)).collect()
    }
}

/// Reads the one certificate of some packets.
fn read_certificate(packets: &[u8]) -> Result<Certificate> {
    let key = read_keys(packets)?.pop();
    key.unwrap_or_else(|| Err(Error::NoKey("there is none in it".into())))?
        .into_certificate()
        .ok_or_else(|| damaged("a revocation stands there without its certificate"))
}

fn damaged(why: &str) -> Error {
    Error::GnupgFile(why.into())
}

fn too_many() -> Error {
    Error::GnupgFile(format!("only its first {MAX_CERTIFICATES} entries were read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut blob = vec![0, 0, 0, 0, kind, 1, 0, 0];
        if kind == OPENPGP {
            blob.extend(20u32.to_be_bytes());
            blob.extend((payload.len() as u32).to_be_bytes());
            blob.extend([0; 4]);
        }
        blob.extend(payload);
        let length = blob.len() as u32;
        blob[..4].copy_from_slice(&length.to_be_bytes());
        blob
    }

    fn certificate() -> Vec<u8> {
        use crate::openpgp::keygen::{KeyPlan, Kind, generate};
        let plan = KeyPlan {
            kind: Kind::Sign,
            bits: crate::openpgp::policy::KeySizeBits::Rsa3072,
            user_id: "Test".into(),
            created: std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 30),
            validity: None,
        };
        generate(&plan, None).unwrap().secret.certificate().to_bytes().unwrap()
    }

    fn good(read: &[Result<Certificate>]) -> usize {
        read.iter().filter(|it| it.is_ok()).count()
    }

    #[test]
    fn certificates_are_read_and_blobs_of_other_kinds_passed_over() {
        let (certificate, other) = (certificate(), certificate());
        let keybox = [
            blob(HEADER, b"KBXf\0\0\0\0"),
            blob(0, b"empty"),
            blob(OPENPGP, &[&certificate[..], &[0xCC, 2, 0, 0]].concat()),
            blob(3, b"X.509"),
            blob(OPENPGP, &other),
        ]
        .concat();
        let read = read_keybox(&keybox);
        assert_eq!((read.len(), good(&read)), (2, 2));
        assert_eq!(read[0].as_ref().unwrap().to_bytes().unwrap(), certificate);
        let ring = [&certificate[..], &[0xB0, 2, 0, 3], &other].concat();
        assert_eq!((read_keyring(&ring).len(), good(&read_keyring(&ring))), (2, 2));
    }

    #[test]
    fn copies_of_one_certificate_are_brought_together() {
        let (certificate, other) = (certificate(), certificate());
        // The primary key and the user ID alone, then the whole.
        let signature = framing::split(framing::split(&certificate).unwrap().rest).unwrap().rest;
        let bare = &certificate[..certificate.len() - signature.len()];
        let ring = [bare, &other, &certificate, &certificate].concat();
        let read = read_keyring(&ring);
        assert_eq!((read.len(), good(&read)), (2, 2));
        assert_eq!(read[0].as_ref().unwrap().to_bytes().unwrap(), certificate);
    }

    #[test]
    fn damage_hides_nothing_before_it() {
        let certificate = certificate();
        let start = [blob(HEADER, b"KBXf\0\0\0\0"), blob(OPENPGP, &certificate)].concat();
        let mut outside = blob(OPENPGP, &certificate);
        outside[12..16].copy_from_slice(&u32::MAX.to_be_bytes());
        for damage in [
            &[0xFF, 0xFF, 0xFF, 0xFF, OPENPGP, 1, 0, 0][..],
            &[0, 0, 0, 0],
            &[0, 0, 0, 4, 0],
            &[0],
            &blob(OPENPGP, &certificate)[..100],
            &outside,
            &blob(OPENPGP, &certificate[..certificate.len() - 1]),
            &blob(OPENPGP, b"text"),
            &blob(OPENPGP, b""),
        ] {
            let read = read_keybox(&[&start, damage].concat());
            assert!(good(&read) >= 1, "{damage:?}");
            assert!(read.last().unwrap().is_err(), "{damage:?}");
        }
        assert!(read_keybox(b"")[0].is_err());
        assert!(read_keybox(&blob(OPENPGP, &certificate))[0].is_err());
        assert_eq!(good(&read_keyring(&[&certificate[..], &[0xC6, 255, 255]].concat())), 1);
    }

    #[test]
    fn no_mutation_panics() {
        let bytes = [blob(HEADER, b"KBXf\0\0\0\0"), blob(OPENPGP, &certificate())].concat();
        super::super::mutations::each(&bytes, 400, |mutated| drop(read_keybox(mutated)));
    }

    #[test]
    fn a_row_of_empty_blobs_ends() {
        let many = [blob(HEADER, b"KBXf"), blob(0, b"").repeat(MAX_CERTIFICATES + 5)].concat();
        let read = read_keybox(&many);
        assert!(matches!(&read[..], [Err(Error::GnupgFile(why))] if why.contains("10000")));
    }
}
