//! Signature packets as the server reads them (golang.org/x/crypto/openpgp/packet, signature.go,
//! signature_v3.go).

use super::refusal::{Cause, Fault};
use super::source::Source;
use super::subpackets::Subpackets;
use crate::openpgp::hash::HashAlgorithm;

/// A signature of version 2, 3 or 4.
pub(super) struct Signature {
    /// The signature type (RFC 9580, section 5.2.1).
    pub(super) kind: u8,
    pub(super) algorithm: u8,
    pub(super) hash: HashAlgorithm,
    /// What is hashed behind the content.
    pub(super) trailer: Vec<u8>,
    /// The first two octets of the digest, which the library compares.
    pub(super) digest_prefix: [u8; 2],
    /// The signature itself: one number for RSA, r and s for DSA and ECDSA.
    pub(super) numbers: [Vec<u8>; 2],
    pub(super) subpackets: Subpackets,
}

/// What a signature's own fields say before its subpackets are read.
struct Head {
    kind: u8,
    algorithm: u8,
    hash: HashAlgorithm,
}

impl Signature {
    /// How deep signatures may be embedded in each other; an honest one is at depth 1.
    const DEEPEST: u8 = 16;

    /// Reads a version 4 signature packet.
    pub(super) fn parse(body: &mut impl Source) -> Result<Signature, Fault> {
        Signature::parse_at_depth(body, 0)
    }

    /// Reads a signature that stands in an embedded signature subpacket (RFC 9580, section
    /// 5.2.3.34), at `depth` below a signature packet.
    pub(super) fn parse_embedded(mut octets: &[u8], depth: u8) -> Result<Signature, Fault> {
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

    fn parse_at_depth(body: &mut impl Source, depth: u8) -> Result<Signature, Fault> {
        let version = body.octet()?;
        if version != 4 {
            return Err(unsupported_version(version));
        }
        let fields @ [kind, algorithm, hash, high, low] = body.array()?;
        if !matches!(algorithm, 1 | 3 | 17 | 19) {
            return Err(unsupported_algorithm(algorithm));
        }
        let hash = HashAlgorithm::from_id(hash).ok_or_else(|| unsupported_hash(hash))?;
        let head = Head { kind, algorithm, hash };

        let hashed = body.octets(u16::from_be_bytes([high, low]))?;
        let mut subpackets = Subpackets::default();
        subpackets.parse(&hashed, true, depth)?;
        let length = u16::from_be_bytes(body.array()?);
        let unhashed = body.octets(length)?;
        subpackets.parse(&unhashed, false, depth)?;

        Signature::parse_numbers(body, head, trailer(fields, &hashed), subpackets)
    }

    /// Reads a signature packet of version 2 or 3.
    pub(super) fn parse_old(body: &mut impl Source) -> Result<Signature, Fault> {
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
        let head = Head { kind, algorithm, hash };
        let subpackets = Subpackets::with_issuer(u64::from_be_bytes(issuer));
        Signature::parse_numbers(body, head, trailer.to_vec(), subpackets)
    }

    fn parse_numbers(
        body: &mut impl Source,
        head: Head,
        trailer: Vec<u8>,
        subpackets: Subpackets,
    ) -> Result<Signature, Fault> {
        let Head { kind, algorithm, hash } = head;
        let digest_prefix = body.array()?;
        let first = mpi(body)?.1;
        let second = if matches!(algorithm, 1 | 3) { Vec::new() } else { mpi(body)?.1 };
        let numbers = [first, second];
        Ok(Signature { kind, algorithm, hash, trailer, digest_prefix, numbers, subpackets })
    }
}

/// Returns what a version 4 signature hashes behind the content (RFC 9580, section 5.2.4).
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
/// Go computes the hashes that a program links. Those of the library and of TLS are there;
/// RIPEMD-160 is a package of its own. Whether something else in the Mattermost server links it
/// is an open question; the oracle does not.
pub(super) fn is_available(hash: HashAlgorithm) -> bool {
    hash != HashAlgorithm::Ripemd160
}

/// Reads a number as it stands: its length in bits and its octets (RFC 9580, section 3.2).
pub(super) fn mpi(source: &mut impl Source) -> Result<([u8; 2], Vec<u8>), Fault> {
    let bits = source.array()?;
    let octets = source.octets(u16::from_be_bytes(bits).div_ceil(8))?;
    Ok((bits, octets))
}
