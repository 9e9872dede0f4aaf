//! GnuPG's public keys: `pubring.kbx`, a keybox, and `pubring.gpg`, a keyring.
//!
//! A keybox is a sequence of blobs, each with its length in front. An OpenPGP blob has the packets
//! of one certificate (GnuPG, kbx/keybox-blob.c). A keyring has only packets.
//!
//! A distribution's keyring has thousands of certificates, and a signature is by one of them. So
//! the raw packets are walked first, and only certificates that may be the issuer's are read.

use std::collections::HashMap;

use super::super::bounds::runs;
use super::super::budget::{Budget, GLANCE};
use super::super::certificate::Certificate;
use super::super::change::read_revocations;
use super::super::framing::{self, BadFrame, packets};
use super::super::key_file::{Block, read_keys_within};
use super::super::key_parts::revoke_those_of;
use super::super::raw_key::RawKey;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::KeyId;

/// The most blobs or certificates that are read from a file.
const MAX_CERTIFICATES: usize = 10_000;

const HEADER: u8 = 1;
const OPENPGP: u8 = 2;

/// Which certificates of a file are read.
#[derive(Clone, Copy)]
pub enum WantedKeys<'a> {
    /// All.
    All,
    /// Those with one of these keys as primary key or subkey, with all their copies.
    With(&'a [KeyId]),
}

/// Returns whether this is the beginning of a keybox.
pub fn is_keybox(bytes: &[u8]) -> bool {
    bytes.get(8..12) == Some(b"KBXf")
}

/// Reads the certificates of a keybox. Each is a certificate or says why it cannot be read. Damage
/// ends the list with an error and hides nothing before it. X.509 certificates are skipped.
pub fn read_keybox(
    bytes: &[u8],
    wanted: WantedKeys<'_>,
    budget: &Budget,
) -> Vec<Result<Certificate>> {
    let mut gathered = GatheredPackets::new(wanted, budget);
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() || number == 0 {
        let Some((blob, after)) = split_blob(rest) else {
            gathered.errors.push(damaged("it is no keybox, or damaged or cut short"));
            break;
        };
        rest = after;
        match blob.get(4) {
            Some(&HEADER) if number == 0 && is_keybox(blob) => {}
            _ if number == 0 => return vec![Err(damaged("it is no keybox"))],
            // Kept by gpg for a moment only: it is not found.
            Some(&OPENPGP) if blob.get(7).is_some_and(|flags| flags & 2 != 0) => {}
            Some(&OPENPGP) => match keyblock(blob) {
                Some(packets) => gathered.add(packets),
                None => gathered.errors.push(damaged("a certificate in it is damaged")),
            },
            _ => {}
        }
        number += 1;
        let is_full = matches!(wanted, WantedKeys::All) && number > MAX_CERTIFICATES;
        if is_full && !rest.is_empty() {
            gathered.stop(MAX_CERTIFICATES);
        }
        if gathered.is_over {
            break;
        }
    }
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
pub fn read_keyring(
    bytes: &[u8],
    wanted: WantedKeys<'_>,
    budget: &Budget,
) -> Vec<Result<Certificate>> {
    let mut gathered = GatheredPackets::new(wanted, budget);
    gathered.add(bytes);
    gathered.read()
}

/// Reads the certificates of [`key_blocks`](super::super::key_file::key_blocks), as
/// [`read_keyring`] does. A revocation certificate in front of the keys of a block, or alone in one,
/// counts for its certificate in any block.
pub fn read_key_blocks(
    blocks: &[Block<'_>],
    wanted: WantedKeys<'_>,
    budget: &Budget,
) -> Vec<Result<Certificate>> {
    let (mut certificates, mut revocations) = (Vec::new(), Vec::new());
    for block in blocks {
        let (alone, keys) = split_signatures(block);
        if !keys.is_empty() || alone.is_empty() {
            certificates.extend(read_keyring(keys, wanted, budget));
        }
        match read_revocations(alone) {
            Ok(read) => revocations.extend(read),
            Err(error) => certificates.push(Err(error)),
        }
    }
    if blocks.iter().all(|block| split_signatures(block).1.is_empty()) {
        certificates.push(Err(damaged("it has a revocation, and no certificate")));
    }
    if let Err(error) = revoke_those_of(&mut certificates, &revocations, budget) {
        certificates.push(Err(error));
    }
    certificates
}

/// Splits off the packets before the first key, if they begin with a signature.
fn split_signatures(block: &[u8]) -> (&[u8], &[u8]) {
    let length = match framing::split(block) {
        Ok(first) if first.tag == framing::SIGNATURE => runs(block).next().map_or(0, <[u8]>::len),
        _ => 0,
    };
    block.split_at_checked(length).unwrap_or((&[], block))
}

/// The packets of certificates. All copies of a certificate are together, so that one bound holds
/// for all of them.
struct GatheredPackets<'a> {
    certificates: Vec<Copies<'a>>,
    /// The places of certificates, by their primary keys.
    places: HashMap<&'a [u8], usize>,
    errors: Vec<Error>,
    /// The key IDs to find, unless all certificates are read.
    wanted: Option<Vec<[u8; 8]>>,
    budget: &'a Budget,
    is_over: bool,
}

/// The copies of one certificate, as they are.
struct Copies<'a> {
    runs: Vec<&'a [u8]>,
    is_wanted: bool,
}

impl<'a> GatheredPackets<'a> {
    fn new(wanted: WantedKeys<'_>, budget: &'a Budget) -> GatheredPackets<'a> {
        let wanted = match wanted {
            WantedKeys::All => None,
            WantedKeys::With(keys) => {
                Some(keys.iter().filter_map(|key| key.0.as_bytes().try_into().ok()).collect())
            }
        };
        let (certificates, places, errors) = Default::default();
        GatheredPackets { certificates, places, errors, wanted, budget, is_over: false }
    }

    /// Adds the certificates in a sequence of packets.
    fn add(&mut self, bytes: &'a [u8]) {
        let (mut start, mut end) = (0, 0);
        let mut primary: Option<&[u8]> = None;
        let mut has_wanted = self.wanted.is_none();
        for packet in packets(bytes) {
            let packet = match packet {
                Ok(packet) => packet,
                Err(why) => {
                    self.errors.push(damaged(match why {
                        BadFrame::CutShort => "it is cut short",
                        _ => "it is damaged",
                    }));
                    break;
                }
            };
            if matches!(packet.tag, framing::PUBLIC_KEY | framing::SECRET_KEY) {
                self.put(primary, bytes.get(start..end), has_wanted);
                if self.is_over {
                    return;
                }
                (start, primary, has_wanted) = (end, Some(packet.body), self.wanted.is_none());
            }
            end += packet.whole.len();
            if let Some(wanted) = self.wanted.as_ref().filter(|_| !has_wanted && packet.is_key()) {
                if !self.budget.pay(GLANCE) {
                    return self.stop(self.certificates.len());
                }
                let id = RawKey::read(packet.body).and_then(|key| key.key_id());
                has_wanted = id.is_some_and(|id| wanted.contains(&id));
            }
        }
        self.put(primary, bytes.get(start..end), has_wanted);
    }

    /// Adds the packets of one certificate to those of its copies.
    fn put(&mut self, primary: Option<&'a [u8]>, run: Option<&'a [u8]>, is_wanted: bool) {
        let Some(run) = run.filter(|run| !run.is_empty()) else { return };
        let known = primary.and_then(|primary| self.places.get(primary));
        let is_full = self.wanted.is_none() && self.certificates.len() >= MAX_CERTIFICATES;
        if is_full && known.is_none() || !self.budget.pay(GLANCE) {
            return self.stop(self.certificates.len());
        }
        if let Some(copies) = known.and_then(|place| self.certificates.get_mut(*place)) {
            copies.is_wanted |= is_wanted;
            if copies.runs.last() != Some(&run) {
                copies.runs.push(run);
            }
            return;
        }
        if let Some(primary) = primary {
            self.places.insert(primary, self.certificates.len());
        }
        self.certificates.push(Copies { runs: vec![run], is_wanted });
    }

    /// Adds an error for what is not read.
    fn stop(&mut self, read: usize) {
        self.is_over = true;
        let why = format!("only its first {read} entries were read");
        self.errors.push(Error::GnupgFile(why));
    }

    fn read(self) -> Vec<Result<Certificate>> {
        let wanted = self.certificates.iter().filter(|copies| copies.is_wanted);
        let certificates = wanted.map(|copies| read_certificate(&copies.whole(), self.budget));
        certificates.chain(self.errors.into_iter().map(Err)).collect()
    }
}

impl Copies<'_> {
    /// Joins the packets of the copies after one primary key.
    fn whole(&self) -> Vec<u8> {
        let mut whole = Vec::new();
        for run in &self.runs {
            let is_first = whole.is_empty();
            let own = framing::split(run).map_or(*run, |frame| frame.rest);
            whole.extend(if is_first { *run } else { own });
        }
        whole
    }
}

/// Reads one certificate from packets.
pub(super) fn read_certificate(packets: &[u8], budget: &Budget) -> Result<Certificate> {
    let key = read_keys_within(packets, budget)?.pop();
    key.unwrap_or_else(|| Err(Error::no_key("there is none in it")))?
        .into_certificate()
        .ok_or_else(|| damaged("a revocation stands there without its certificate"))
}

fn damaged(why: &str) -> Error {
    Error::GnupgFile(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_keybox(bytes: &[u8]) -> Vec<Result<Certificate>> {
        super::read_keybox(bytes, WantedKeys::All, &Budget::new())
    }

    fn read_keyring(bytes: &[u8]) -> Vec<Result<Certificate>> {
        super::read_keyring(bytes, WantedKeys::All, &Budget::new())
    }

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
        crate::openpgp::keygen::test_certificate().to_bytes().unwrap()
    }

    fn good(read: &[Result<Certificate>]) -> usize {
        read.iter().filter(|it| it.is_ok()).count()
    }

    #[test]
    fn certificates_are_read_and_blobs_of_other_kinds_passed_over() {
        let (certificate, other) = (certificate(), certificate());
        let mut ephemeral = blob(OPENPGP, &certificate);
        ephemeral[7] = 2;
        let keybox = [
            blob(HEADER, b"KBXf\0\0\0\0"),
            ephemeral,
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
    fn of_many_those_with_the_key_are_read_and_all_their_copies() {
        let (certificate, other) = (certificate(), certificate());
        let read = read_keyring(&certificate).remove(0).unwrap();
        let signature = framing::split(framing::split(&certificate).unwrap().rest).unwrap().rest;
        let bare = &certificate[..certificate.len() - signature.len()];
        let ring = [&other[..], bare, &other, &certificate].concat();
        let wanted = [read.fingerprint().key_id()];
        let found = super::read_keyring(&ring, WantedKeys::With(&wanted), &Budget::new());
        assert_eq!((found.len(), good(&found)), (1, 1));
        assert_eq!(found[0].as_ref().unwrap().to_bytes().unwrap(), certificate);
        let boxed = [blob(HEADER, b"KBXf\0\0\0\0"), blob(OPENPGP, &other), blob(OPENPGP, bare)];
        let found = super::read_keybox(&boxed.concat(), WantedKeys::With(&wanted), &Budget::new());
        assert_eq!((found.len(), good(&found)), (1, 1));
        let nobody = super::read_keyring(&ring, WantedKeys::With(&[]), &Budget::new());
        assert!(nobody.is_empty());
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
