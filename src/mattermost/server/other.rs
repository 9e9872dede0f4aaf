//! Packets that no certificate or signature needs.
//!
//! The library parses them all the same, and an error in one of them counts like any other.

use super::input::Body;
use super::refusal::{Cause, Fault};
use super::secret::{is_cipher, string_to_key};
use super::signature::subpacket;
use super::source::{Buffered, ByteSource};
use crate::openpgp::hash::HashAlgorithm;

fn unsupported(what: impl std::fmt::Display) -> Fault {
    Fault::unsupported(Cause::NotDetached, what)
}

/// Packet type 1 (encrypted_key.go).
pub(super) fn encrypted_session_key(body: &mut Body<'_, '_>) -> Result<(), Fault> {
    let [version, .., algorithm]: [u8; 10] = body.array()?;
    if version != 3 {
        return Err(unsupported(format_args!("unknown EncryptedKey version {version}")));
    }
    let numbers = match algorithm {
        1 | 2 => 1,
        16 => 2,
        _ => 0,
    };
    for _ in 0..numbers {
        body.mpi()?;
    }
    body.drain()
}

/// Packet type 3 (symmetric_key_encrypted.go).
pub(super) fn passphrase_session_key(body: &mut Body<'_, '_>) -> Result<(), Fault> {
    const LONGEST: usize = 64;
    let [version, cipher] = body.array()?;
    if version != 4 {
        return Err(unsupported("SymmetricKeyEncrypted version"));
    }
    if !is_cipher(cipher) {
        return Err(unsupported(format_args!("unknown cipher: {cipher}")));
    }
    string_to_key(body)?;
    match body.fill(&mut [0; LONGEST]) {
        Ok(()) => Err(unsupported("oversized encrypted session key")),
        // The session key may end anywhere.
        Err(fault) if fault.cause == Cause::Truncated => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// Packet type 4 (one_pass_signature.go).
pub(super) fn one_pass_signature(body: &mut Body<'_, '_>) -> Result<(), Fault> {
    let [version, _, hash, ..]: [u8; 13] = body.array()?;
    // The library checks the hash before the version.
    if HashAlgorithm::from_id(hash).is_none() {
        return Err(unsupported(format_args!("hash function: {hash}")));
    }
    match version {
        3 => Ok(()),
        _ => Err(unsupported(format_args!("one-pass-signature packet version {version}"))),
    }
}

/// Packet type 8 (compressed.go). Only the header of zlib is read.
pub(super) fn compressed(body: &mut Body<'_, '_>) -> Result<(), Fault> {
    let [algorithm] = body.array()?;
    match algorithm {
        1 | 3 => Ok(()),
        2 => match body.unbuffered() {
            Some(file) => zlib_header(file),
            None => zlib_header(&mut Buffered::new(body)),
        },
        _ => Err(unsupported(format_args!("unknown compression algorithm: {algorithm}"))),
    }
}

/// Reads a zlib header (RFC 1950, section 2.2) as Go's compress/zlib does.
fn zlib_header(source: &mut impl ByteSource) -> Result<(), Fault> {
    /// The checksum of an empty dictionary.
    const NO_DICTIONARY: u32 = 1;
    let header = source.array()?;
    let [method, flags] = header;
    if method & 0x0f != 8 || method >> 4 > 7 || !u16::from_be_bytes(header).is_multiple_of(31) {
        return Err(Fault::fatal(Cause::NotDetached, "zlib: invalid header"));
    }
    if flags & 0x20 != 0 && u32::from_be_bytes(source.array()?) != NO_DICTIONARY {
        return Err(Fault::fatal(Cause::NotDetached, "zlib: invalid dictionary"));
    }
    Ok(())
}

/// Packet type 11 (literal.go). The data itself is left, and read as packets.
pub(super) fn literal_data(body: &mut Body<'_, '_>) -> Result<(), Fault> {
    let [_format, name] = body.array()?;
    body.octets(name.into())?;
    body.array::<4>().map(|_| ())
}

/// Packet type 17 (userattribute.go, opaque.go).
pub(super) fn user_attribute(body: &mut Body<'_, '_>) -> Result<(), Fault> {
    let octets = body.rest()?;
    let mut rest = octets.as_slice();
    while !rest.is_empty() {
        (_, rest) = subpacket(rest)
            .filter(|(subpacket, _)| !subpacket.is_empty())
            .ok_or_else(|| Fault::structural(Cause::MalformedKey, "subpacket truncated"))?;
    }
    Ok(())
}

/// Packet type 18 (symmetrically_encrypted.go).
pub(super) fn protected_data(body: &mut Body<'_, '_>) -> Result<(), Fault> {
    match body.array()? {
        [1] => Ok(()),
        _ => Err(unsupported("unknown SymmetricallyEncrypted version")),
    }
}
