//! What a key may cost to read, and what of it nobody needs to read.
//!
//! A key of 4 MiB can hold so much that putting it in order takes minutes and gigabytes: every
//! signature that claims to be the key's own is tried on every user ID and subkey, and every
//! subpacket is an object (CVE-2019-13050, CVE-2025-30258). So the packets are walked first.
//! Certifications by others, which say nothing to us, are passed over unread, but for revocations
//! by whom the key lets revoke it; and more of the rest than any publisher's key has is refused.

use std::cell::LazyCell;

use sequoia_openpgp as openpgp;

use openpgp::parse::Parse;
use zeroize::Zeroizing;

use super::framing::{self, BadFrame, area, subpacket};
use crate::error::{Error, Result};

/// The most packets that are walked in one file, those of others among them.
const MOST_PACKETS: usize = 5_000;

/// The most user IDs, subkeys and packets of no known type of one key. A key that is rotated every
/// month for 20 years has 240.
const MOST_COMPONENTS: usize = 500;

/// The most signatures of one key by itself: each may have to be verified, half a millisecond.
const MOST_SIGNATURES: usize = 400;

/// The most bytes that are hashed if each of these signatures is tried on each component.
const MOST_HASHED: usize = 64 * 1024 * 1024;

/// What is hashed with every component: the primary key, and the signature's own part.
const HASHED_WITH_EACH: usize = 512;

/// The most subpackets in all signatures of one file. Signatures have about eight.
const MOST_SUBPACKETS: usize = 20_000;

/// The deepest that signatures may be embedded in signatures. One is what a signing subkey needs.
const MOST_DEPTH: usize = 4;

pub(super) const SIGNATURE: u8 = 2;

/// Returns the packets of one or more keys, without what others certified.
///
/// Walking the headers alone costs nothing, whatever lengths they promise.
///
/// # Errors
///
/// [`Error::NoKey`] for packets that are no packets, and for too many of anything.
pub(super) fn own_packets(packets: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut own = Zeroizing::new(Vec::with_capacity(packets.len()));
    // Hardly any key has a revocation by another, and who may make one takes a second walk.
    let revokers = LazyCell::new(|| named_revokers(packets));
    let mut count = Count::default();
    let mut subpackets = 0;
    let mut rest = packets;
    let mut walked = 0;
    while !rest.is_empty() {
        walked += 1;
        if walked > MOST_PACKETS {
            return Err(too_many(MOST_PACKETS, "packets"));
        }
        let frame = framing::split(rest).map_err(|bad| match bad {
            BadFrame::CutShort => Error::NoKey("it is cut short".into()),
            _ => Error::NoKey("it is damaged, or no OpenPGP at all".into()),
        })?;
        let (packet, after) = rest.split_at(rest.len() - frame.rest.len());
        rest = after;
        match frame.tag {
            5 | 6 => count = Count { key: key_id(packet), ..Count::default() },
            // Markers, what another program noted of its trust, and padding: nobody's statement.
            10 | 12 | 21 => continue,
            SIGNATURE => {
                let Some(claim) = Claim::read(frame.body) else { continue };
                let is_named = || claim.is_revocation && claim.is_by_one_of(&revokers);
                if !claim.may_be_by(count.key.as_ref()) && !is_named() {
                    continue;
                }
                count.signatures += 1;
                subpackets += claim.subpackets;
            }
            _ => {
                count.components += 1;
                count.hashed += frame.body.len() + HASHED_WITH_EACH;
            }
        }
        count.check()?;
        if subpackets > MOST_SUBPACKETS {
            return Err(too_many(MOST_SUBPACKETS, "subpackets"));
        }
        own.extend_from_slice(packet);
    }
    Ok(own)
}

/// Checks that packets which are to be kept can be read again.
///
/// # Errors
///
/// As [`own_packets`].
pub(crate) fn check_bounds(packets: &[u8]) -> Result<()> {
    own_packets(packets).map(drop)
}

/// Returns the key IDs of those whom the keys let revoke them (RFC 9580, section 5.2.3.23).
fn named_revokers(packets: &[u8]) -> Vec<[u8; 8]> {
    let mut revokers = Vec::new();
    let mut rest = packets;
    for _ in 0..MOST_PACKETS {
        let Ok(frame) = framing::split(rest) else { break };
        if frame.tag == SIGNATURE
            && let Some(claim) = Claim::read(frame.body)
        {
            revokers.extend(claim.revokers);
        }
        rest = frame.rest;
    }
    revokers
}

/// What one key has so far.
#[derive(Default)]
struct Count {
    key: Option<[u8; 8]>,
    components: usize,
    /// What one signature that is tried on all components hashes.
    hashed: usize,
    signatures: usize,
}

impl Count {
    fn check(&self) -> Result<()> {
        if self.components > MOST_COMPONENTS {
            return Err(too_many(MOST_COMPONENTS, "user IDs and subkeys"));
        }
        if self.signatures > MOST_SIGNATURES {
            return Err(too_many(MOST_SIGNATURES, "signatures by itself"));
        }
        if self.signatures.saturating_mul(self.hashed) > MOST_HASHED {
            return Err(Error::NoKey(
                "it has more signatures by itself on more user IDs and subkeys than can be tried"
                    .into(),
            ));
        }
        Ok(())
    }
}

fn too_many(most: usize, what: &str) -> Error {
    Error::NoKey(format!("it has more than {most} {what}"))
}

/// Returns a primary key's ID, if it is a version 4 one.
fn key_id(packet: &[u8]) -> Option<[u8; 8]> {
    let key_id = match openpgp::Packet::from_bytes(packet).ok()? {
        openpgp::Packet::PublicKey(key) => key.keyid(),
        openpgp::Packet::SecretKey(key) => key.keyid(),
        _ => return None,
    };
    key_id.as_bytes().try_into().ok()
}

/// What a signature says of itself in its subpackets (RFC 9580, section 5.2.3.7).
#[derive(Default)]
struct Claim {
    issuers: Vec<[u8; 8]>,
    /// The key IDs of designated revokers that it names.
    revokers: Vec<[u8; 8]>,
    /// Whether it revokes a key or a subkey.
    is_revocation: bool,
    subpackets: usize,
}

impl Claim {
    /// Reads a signature's body. Version 4 keys make version 4 signatures, and made version 3
    /// ones; what is of another version is by somebody else.
    fn read(body: &[u8]) -> Option<Claim> {
        let mut claim = Claim::default();
        match body.first()? {
            3 => claim.issuers.extend(body.get(7..15)?.first_chunk::<8>()),
            4 => {
                claim.is_revocation = matches!(body.get(1)?, 0x20 | 0x28);
                claim.add(body, 0)?;
            }
            _ => return None,
        }
        Some(claim)
    }

    /// Adds the subpackets of both areas, and of signatures in them. What is cut short is left
    /// to the parser.
    fn add(&mut self, body: &[u8], depth: usize) -> Option<()> {
        if depth > MOST_DEPTH {
            return None;
        }
        let (hashed, after) = area(body.get(4..)?)?;
        let (unhashed, _) = area(after)?;
        for mut rest in [hashed, unhashed] {
            while let Some((tag, value, after)) = subpacket(rest) {
                rest = after;
                self.subpackets += 1;
                match tag & 0x7F {
                    12 if depth == 0 => self.revokers.extend(value.last_chunk::<8>()),
                    16 if depth == 0 => self.issuers.extend(value.first_chunk::<8>()),
                    // Of a version 4 fingerprint, the key ID is the end.
                    33 if depth == 0 && value.first() == Some(&4) => {
                        self.issuers.extend(value.last_chunk::<8>());
                    }
                    33 if depth == 0 => self.issuers.push([0; 8]),
                    32 => self.add(value, depth + 1)?,
                    _ => {}
                }
            }
        }
        Some(())
    }

    /// Returns whether it names this key, or nobody.
    fn may_be_by(&self, key: Option<&[u8; 8]>) -> bool {
        match key {
            Some(key) => self.issuers.is_empty() || self.issuers.contains(key),
            None => true,
        }
    }

    fn is_by_one_of(&self, keys: &[[u8; 8]]) -> bool {
        self.issuers.iter().any(|issuer| keys.contains(issuer))
    }
}
