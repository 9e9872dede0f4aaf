//! Signature packets as the server reads them (golang.org/x/crypto/openpgp/packet, signature.go,
//! signature_v3.go).

use super::refusal::{Cause, Fault};
use super::source::ByteSource;
use crate::openpgp::hash::HashAlgorithm;

/// A signature of version 2, 3 or 4.
pub(super) struct Signature {
    /// The signature type (RFC 9580, section 5.2.1).
    pub(super) kind: u8,
    pub(super) algorithm: u8,
    pub(super) hash: HashAlgorithm,
    /// What is hashed after the content.
    pub(super) trailer: Vec<u8>,
    /// The first two octets of the digest, which the library compares.
    pub(super) digest_prefix: [u8; 2],
    /// The signature itself: one number for RSA, r and s for DSA and ECDSA.
    pub(super) numbers: [Vec<u8>; 2],
    pub(super) subpackets: Subpackets,
}

impl Signature {
    /// How deep signatures may be embedded in each other. An honest one is at depth 1.
    const DEEPEST: u8 = 16;

    /// Reads a version 4 signature packet.
    pub(super) fn parse(body: &mut impl ByteSource) -> Result<Signature, Fault> {
        Signature::parse_at_depth(body, 0)
    }

    /// Reads the signature in an embedded signature subpacket (RFC 9580, section 5.2.3.34), at
    /// `depth` below a signature packet.
    fn parse_embedded(mut octets: &[u8], depth: u8) -> Result<Signature, Fault> {
        if depth > Signature::DEEPEST {
            let words = "plugsign: too many signatures embedded in each other";
            return Err(Fault::fatal(Cause::Excessive, words));
        }
        let signature = Signature::parse_at_depth(&mut octets, depth)?;
        match signature.kind {
            0x19 => Ok(signature),
            kind => {
                let what = format_args!("cross-signature has unexpected type {kind}");
                Err(Fault::structural(Cause::MalformedSignature, what))
            }
        }
    }

    fn parse_at_depth(body: &mut impl ByteSource, depth: u8) -> Result<Signature, Fault> {
        let version = body.octet()?;
        if version != 4 {
            return Err(unsupported_version(version));
        }
        let fields @ [kind, algorithm, hash, high, low] = body.array()?;
        if !matches!(algorithm, 1 | 3 | 17 | 19) {
            return Err(unsupported_algorithm(algorithm));
        }
        let hash = HashAlgorithm::from_id(hash).ok_or_else(|| unsupported_hash(hash))?;

        let hashed = body.octets(u16::from_be_bytes([high, low]))?;
        let mut subpackets = Subpackets::default();
        subpackets.parse(&hashed, true, depth)?;
        let length = u16::from_be_bytes(body.array()?);
        let unhashed = body.octets(length)?;
        subpackets.parse(&unhashed, false, depth)?;

        let trailer = trailer(fields, &hashed);
        let (digest_prefix, numbers) = numbers(body, algorithm)?;
        Ok(Signature { kind, algorithm, hash, trailer, digest_prefix, numbers, subpackets })
    }

    /// Reads a signature packet of version 2 or 3.
    pub(super) fn parse_old(body: &mut impl ByteSource) -> Result<Signature, Fault> {
        let version = body.octet()?;
        if !matches!(version, 2 | 3) {
            return Err(unsupported_version(version));
        }
        let length = body.octet()?;
        if length != 5 {
            let what = format_args!("invalid hashed material length {length}");
            return Err(Fault::unsupported(Cause::SignatureVersion, what));
        }
        let trailer @ [kind, ..]: [u8; 5] = body.array()?;
        let issuer: [u8; 8] = body.array()?;
        let [algorithm, hash] = body.array()?;
        if !matches!(algorithm, 1 | 3 | 17) {
            return Err(unsupported_algorithm(algorithm));
        }
        // The library's message shows an octet of the issuer where it means the hash.
        let hash = HashAlgorithm::from_id(hash).ok_or_else(|| unsupported_hash(issuer[2]))?;
        let issuer = Some(u64::from_be_bytes(issuer));
        let subpackets = Subpackets { issuer, ..Subpackets::default() };
        let (digest_prefix, numbers) = numbers(body, algorithm)?;
        let trailer = trailer.to_vec();
        Ok(Signature { kind, algorithm, hash, trailer, digest_prefix, numbers, subpackets })
    }
}

/// Reads the beginning of the digest, and one number for RSA or two for DSA and ECDSA.
fn numbers(body: &mut impl ByteSource, algorithm: u8) -> Result<([u8; 2], [Vec<u8>; 2]), Fault> {
    let digest_prefix = body.array()?;
    let first = body.mpi()?.1;
    let second = if matches!(algorithm, 1 | 3) { Vec::new() } else { body.mpi()?.1 };
    Ok((digest_prefix, [first, second]))
}

/// What a signature's subpackets say, as far as the server looks at them. It ignores when a
/// signature or a key expires.
#[derive(Default)]
pub(super) struct Subpackets {
    /// Seconds since 1970.
    pub(super) created: Option<u32>,
    /// The last one counts, hashed or not.
    pub(super) issuer: Option<u64>,
    pub(super) is_primary_user_id: bool,
    /// The first octets of all key flags subpackets, joined with "or".
    pub(super) key_flags: Option<u8>,
    pub(super) has_revocation_reason: bool,
    pub(super) embedded: Option<Box<Signature>>,
}

impl Subpackets {
    /// Tells whether there is a signing flag (RFC 9580, section 5.2.3.29).
    pub(super) fn has_signing_flag(&self) -> bool {
        const SIGN: u8 = 0x02;
        self.key_flags.is_some_and(|flags| flags & SIGN != 0)
    }

    /// Tells whether the key may sign files. A key without any flags may.
    pub(super) fn allow_signing(&self) -> bool {
        self.key_flags.is_none() || self.has_signing_flag()
    }

    /// Reads one of the two subpacket areas.
    fn parse(&mut self, mut area: &[u8], hashed: bool, depth: u8) -> Result<(), Fault> {
        while !area.is_empty() {
            let (subpacket, rest) =
                subpacket(area).ok_or_else(|| malformed("signature subpacket truncated"))?;
            let (&id, value) = subpacket
                .split_first()
                .ok_or_else(|| malformed("zero length signature subpacket"))?;
            area = rest;
            self.read(id, value, hashed, depth)?;
        }
        match self.created {
            Some(_) => Ok(()),
            None => Err(malformed("no creation time in signature")),
        }
    }

    /// Reads one subpacket. The issuer and the embedded signature count in the unhashed area too.
    fn read(&mut self, id: u8, value: &[u8], hashed: bool, depth: u8) -> Result<(), Fault> {
        match (id & 0x7f, value) {
            (2, _) if !hashed => {
                return Err(malformed("signature creation time in non-hashed area"));
            }
            (2, &[a, b, c, d]) => self.created = Some(u32::from_be_bytes([a, b, c, d])),
            (2, _) => return Err(malformed("signature creation time not four bytes")),
            (16, _) => {
                let issuer =
                    value.try_into().map_err(|_| malformed("issuer subpacket with bad length"))?;
                self.issuer = Some(u64::from_be_bytes(issuer));
            }
            (32, _) if self.embedded.is_some() => {
                return Err(malformed("Cannot have multiple embedded signatures"));
            }
            (32, _) => {
                self.embedded = Some(Box::new(Signature::parse_embedded(value, depth + 1)?));
            }
            (3 | 9 | 25 | 27 | 29, _) if !hashed => {}
            (3, _) if value.len() != 4 => {
                return Err(malformed("expiration subpacket with bad length"));
            }
            (9, _) if value.len() != 4 => {
                return Err(malformed("key expiration subpacket with bad length"));
            }
            (25, &[primary]) => self.is_primary_user_id = primary > 0,
            (25, _) => return Err(malformed("primary user id subpacket with bad length")),
            (27, []) => return Err(malformed("empty key flags subpacket")),
            (27, &[flags, ..]) => {
                self.key_flags = Some(self.key_flags.unwrap_or_default() | flags);
            }
            (29, []) => return Err(malformed("empty revocation reason subpacket")),
            (29, _) => self.has_revocation_reason = true,
            (3 | 9 | 11 | 21 | 22 | 30, _) => {}
            (unknown, _) if id & 0x80 != 0 => {
                let what = format_args!("unknown critical signature subpacket type {unknown}");
                return Err(Fault::unsupported(Cause::CriticalSubpacket, what));
            }
            _ => {}
        }
        Ok(())
    }
}

fn malformed(what: &str) -> Fault {
    Fault::structural(Cause::MalformedSignature, what)
}

/// Takes a subpacket off an area, its type octet first (RFC 9580, section 5.2.3.7). Returns nothing
/// if the area ends too early.
pub(super) fn subpacket(area: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match *area {
        [a @ 0..=191, ref rest @ ..] => (u32::from(a), rest),
        [a @ 192..=254, b, ref rest @ ..] => {
            (((u32::from(a) - 192) << 8) + u32::from(b) + 192, rest)
        }
        [255, a, b, c, d, ref rest @ ..] => (u32::from_be_bytes([a, b, c, d]), rest),
        _ => return None,
    };
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// Returns what a version 4 signature hashes after the content (RFC 9580, section 5.2.4).
fn trailer(fields: [u8; 5], hashed: &[u8]) -> Vec<u8> {
    let length = 6 + hashed.len() as u32;
    [&[4], &fields[..], hashed, &[4, 0xff], &length.to_be_bytes()].concat()
}

fn unsupported_version(version: u8) -> Fault {
    let what = format_args!("signature packet version {version}");
    Fault::unsupported(Cause::SignatureVersion, what)
}

fn unsupported_algorithm(algorithm: u8) -> Fault {
    let what = format_args!("public key algorithm {algorithm}");
    Fault::unsupported(Cause::SignatureAlgorithm, what)
}

fn unsupported_hash(hash: u8) -> Fault {
    Fault::unsupported(Cause::HashAlgorithm, format_args!("hash function {hash}"))
}

/// Tells whether the server can compute this hash.
///
/// Go computes the hashes that a program links. The library and TLS link all but RIPEMD-160. It is
/// unknown whether something else in the Mattermost server links that; the tests' oracle does not.
pub(super) fn is_available(hash: HashAlgorithm) -> bool {
    hash != HashAlgorithm::Ripemd160
}
