//! Signature packets as they are: what they claim, and what they sign.

use super::framing::{area, integer, issuer_in, subpackets};

/// How deep signatures may be embedded in signatures. A signing subkey needs one level.
const MOST_DEPTH: usize = 4;

/// What a signature claims in its subpackets (RFC 9580, section 5.2.3.7).
#[derive(Default)]
pub(super) struct Claim<'a> {
    pub(super) issuers: Vec<[u8; 8]>,
    /// The key IDs of designated revokers that it names.
    pub(super) revokers: Vec<[u8; 8]>,
    /// Whether it revokes a key or a subkey.
    pub(super) is_revocation: bool,
    /// How many subpackets there are, including those of embedded signatures.
    pub(super) subpackets: usize,
    /// The bodies of the signatures that are embedded directly in it.
    pub(super) embedded: Vec<&'a [u8]>,
    /// Whether signatures are embedded too deep in it.
    is_too_deep: bool,
    /// Its own parts, if it is of version 4.
    pub(super) parts: Option<Parts<'a>>,
}

/// The parts of a version 4 signature (RFC 9580, section 5.2.3).
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) kind: u8,
    pub(super) algorithm: u8,
    pub(super) hash: u8,
    hashed: &'a [u8],
    /// The first two octets of the digest.
    pub(super) prefix: [u8; 2],
    /// The first of its numbers, which is all of an RSA signature.
    pub(super) number: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn read(body: &'a [u8]) -> Option<Parts<'a>> {
        let (&[4, kind, algorithm, hash], rest) = body.split_first_chunk::<4>()? else {
            return None;
        };
        let (hashed, rest) = area(rest)?;
        let (_, rest) = area(rest)?;
        let (prefix, rest) = rest.split_first_chunk::<2>()?;
        let (number, _) = integer(rest)?;
        Some(Parts { kind, algorithm, hash, hashed, prefix: *prefix, number })
    }

    /// Returns what is hashed after the signed content.
    pub(super) fn trailer(&self) -> Vec<u8> {
        trailer([4, self.kind, self.algorithm, self.hash], self.hashed)
    }
}

impl<'a> Claim<'a> {
    /// Reads a signature's body. Version 4 keys make signatures of version 4, and formerly of
    /// version 3. Other versions are by other keys.
    pub(super) fn read(body: &'a [u8]) -> Option<Claim<'a>> {
        let mut claim = Claim::default();
        match body.first()? {
            3 => claim.issuers.extend(body.get(7..15)?.first_chunk::<8>()),
            4 => {
                claim.is_revocation = matches!(body.get(1)?, 0x20 | 0x28);
                claim.add(body, 0)?;
                claim.parts = Parts::read(body);
                if claim.is_too_deep {
                    return None;
                }
            }
            _ => return None,
        }
        Some(claim)
    }

    /// Adds the subpackets of both areas and of embedded signatures. The parser judges what is cut
    /// short.
    fn add(&mut self, body: &'a [u8], depth: usize) -> Option<()> {
        if depth > MOST_DEPTH {
            self.is_too_deep = true;
            return None;
        }
        let (hashed, after) = area(body.get(4..)?)?;
        let (unhashed, _) = area(after)?;
        for area in [hashed, unhashed] {
            for (tag, value) in subpackets(area) {
                self.subpackets += 1;
                match tag & 0x7F {
                    12 if depth == 0 => self.revokers.extend(value.last_chunk::<8>()),
                    16 if depth == 0 => self.issuers.extend(issuer_in(tag, value)),
                    // A fingerprint of another version is somebody else's.
                    33 if depth == 0 => self.issuers.push(issuer_in(tag, value).unwrap_or([0; 8])),
                    32 => {
                        if depth == 0 {
                            self.embedded.push(value);
                        }
                        // A damaged embedded signature does not matter for the outer one.
                        let _ = self.add(value, depth + 1);
                    }
                    _ => {}
                }
            }
        }
        Some(())
    }

    /// Returns whether it names this key or no key.
    pub(super) fn may_be_by(&self, key: Option<&[u8; 8]>) -> bool {
        match key {
            Some(key) => self.issuers.is_empty() || self.issuers.contains(key),
            None => true,
        }
    }

    pub(super) fn is_by_one_of(&self, keys: &[[u8; 8]]) -> bool {
        self.issuers.iter().any(|issuer| keys.contains(issuer))
    }
}

/// Builds a version 4 trailer from version, type, algorithms and hashed subpackets. An area has
/// at most 65,535 octets, so the lengths fit.
pub(super) fn trailer(head: [u8; 4], hashed_area: &[u8]) -> Vec<u8> {
    let mut trailer = Vec::with_capacity(hashed_area.len() + 12);
    trailer.extend(head);
    trailer.extend((hashed_area.len() as u16).to_be_bytes());
    trailer.extend(hashed_area);
    let hashed = trailer.len() as u32;
    trailer.extend([4, 0xFF]);
    trailer.extend(hashed.to_be_bytes());
    trailer
}
