//! Key packets as they are: their numbers and fingerprints, without a full parser.
//!
//! A search for one key among thousands reads only this much of each.

use super::framing::{hashed_key, integer};
use super::hash::sha1;
use super::ids::Fingerprint;

pub(super) const RSA: [u8; 3] = [1, 2, 3];
const ELGAMAL: [u8; 2] = [16, 20];
pub(super) const DSA: u8 = 17;
const ECDH: u8 = 18;
pub(super) const ECDSA: u8 = 19;
pub(super) const EDDSA: u8 = 22;

/// The public part of a version 4 key.
pub(super) struct RawKey<'a> {
    pub(super) algorithm: u8,
    /// Its numbers in their order (RFC 9580, section 5.5.5). Empty for unknown algorithms.
    pub(super) numbers: Vec<&'a [u8]>,
    /// The body of its packet, as far as it is public.
    public: &'a [u8],
}

impl<'a> RawKey<'a> {
    /// Reads a key packet's body, public or secret. Other versions than 4 are not looked at.
    pub(super) fn read(body: &'a [u8]) -> Option<RawKey<'a>> {
        let (&[4, _, _, _, _, algorithm], mut rest) = body.split_first_chunk::<6>()? else {
            return None;
        };
        if matches!(algorithm, ECDH | ECDSA | EDDSA) {
            let (&length, after) = rest.split_first()?;
            rest = after.split_at_checked(length.into())?.1;
        }
        let count = match algorithm {
            _ if RSA.contains(&algorithm) => 2,
            _ if ELGAMAL.contains(&algorithm) => 3,
            DSA => 4,
            ECDH | ECDSA | EDDSA => 1,
            // The rest of an unknown algorithm may be secret. It is not used.
            _ => return Some(RawKey { algorithm, numbers: Vec::new(), public: body }),
        };
        let mut numbers = Vec::with_capacity(count);
        for _ in 0..count {
            let (number, after) = integer(rest)?;
            numbers.push(number);
            rest = after;
        }
        if algorithm == ECDH {
            let (&length, after) = rest.split_first()?;
            rest = after.split_at_checked(length.into())?.1;
        }
        let public = body.get(..body.len() - rest.len())?;
        Some(RawKey { algorithm, numbers, public })
    }

    /// Returns the octets that fingerprints and signatures hash (RFC 9580, section 5.5.4.2).
    pub(super) fn hashed(&self) -> Vec<u8> {
        hashed_key(self.public)
    }

    /// Returns the fingerprint.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        let octets = sha1(&[&self.hashed()]).ok()?;
        Some(Fingerprint(sequoia_openpgp::Fingerprint::V4(octets)))
    }

    /// Returns the key ID, the last octets of the fingerprint.
    pub(super) fn key_id(&self) -> Option<[u8; 8]> {
        self.fingerprint()?.key_id_octets()
    }

    /// Returns how many bits the longest of its numbers has.
    pub(super) fn bits(&self) -> usize {
        self.numbers.iter().map(|number| 8 * number.len()).max().unwrap_or_default()
    }
}
