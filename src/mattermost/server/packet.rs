//! Packets as the server reads them (golang.org/x/crypto/openpgp/packet, packet.go, reader.go).
//!
//! A parser takes the fields that it knows. As in the library, what follows them in the packet is
//! read as the next packet, and an empty key or signature packet is the end of the file. Both
//! decide what counts.

use super::input::{Body, ByteInput, Length, read_length};
use super::key::PublicKey;
use super::refusal::{Cause, Fault, FaultKind};
use super::signature::Signature;
use super::source::{Buffered, ByteSource};
use super::{other, secret};

/// A packet, as far as it matters.
pub(super) enum Packet {
    /// A version 4 public key or public subkey.
    PublicKey(PublicKey),
    /// The public part of a secret key or secret subkey.
    SecretKey(PublicKey),
    /// A version 4 signature.
    Signature(Box<Signature>),
    /// A signature of version 2 or 3.
    OldSignature(Box<Signature>),
    UserId(Vec<u8>),
    /// A packet that the library parses, but that no certificate or signature needs.
    Other,
}

/// Reads packets one by one.
pub(super) struct Packets<'a> {
    file: ByteInput<'a>,
    unread: Option<Packet>,
    ended: bool,
}

impl<'a> Packets<'a> {
    pub(super) fn new(file: &'a [u8]) -> Packets<'a> {
        Packets { file: ByteInput::open(file), unread: None, ended: false }
    }

    /// Returns the next packet, passing over those of unknown types.
    pub(super) fn next(&mut self) -> Result<Packet, Fault> {
        if let Some(packet) = self.unread.take() {
            return Ok(packet);
        }
        while !self.ended {
            match read(&mut self.file) {
                Err(fault) if fault.kind == FaultKind::UnknownPacket => {}
                Err(fault) if fault.kind == FaultKind::End => self.ended = true,
                result => return result,
            }
        }
        Err(Fault::end())
    }

    /// Returns the next packet, or nothing at the end.
    pub(super) fn next_or_end(&mut self) -> Result<Option<Packet>, Fault> {
        match self.next() {
            Ok(packet) => Ok(Some(packet)),
            Err(fault) if fault.kind == FaultKind::End => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Puts a packet back.
    pub(super) fn unread(&mut self, packet: Packet) {
        self.unread = Some(packet);
    }
}

/// Reads one packet. If it cannot be parsed, its body is passed over.
fn read(file: &mut ByteInput<'_>) -> Result<Packet, Fault> {
    let (tag, length) = read_header(file)?;
    let mut body = Body::new(file, length);
    // The library reports what made the packet bad, not an error in the rest of it.
    match tag {
        2 | 6 | 14 => {
            let mut body = Buffered::new(body);
            let version = body.peek()?;
            let packet = parse_versioned(tag, version, &mut body);
            packet.inspect_err(|_| drop(body.drain()))
        }
        _ => parse(tag, &mut body).inspect_err(|_| drop(body.drain())),
    }
}

/// Reads a packet's header (RFC 9580, section 4.2).
fn read_header(file: &mut ByteInput<'_>) -> Result<(u8, Length), Fault> {
    let mut first = [0];
    file.fill_or_end(&mut first)?;
    let [first] = first;
    if first & 0x80 == 0 {
        let what = "tag byte does not have MSB set";
        return Err(Fault::structural(Cause::NotOpenPgp, what));
    }
    if first & 0x40 != 0 {
        return Ok((first & 0x3f, read_length(file)?));
    }
    let length = match first & 3 {
        0 => Length::Whole(file.octet()?.into()),
        1 => Length::Whole(u16::from_be_bytes(file.array()?).into()),
        2 => Length::Whole(u32::from_be_bytes(file.array()?).into()),
        _ => Length::Indeterminate,
    };
    Ok(((first & 0x3f) >> 2, length))
}

fn parse_versioned(
    tag: u8,
    version: u8,
    body: &mut Buffered<Body<'_, '_>>,
) -> Result<Packet, Fault> {
    match (tag, version) {
        (2, 0..4) => Signature::parse_old(body).map(|it| Packet::OldSignature(Box::new(it))),
        (2, _) => Signature::parse(body).map(|it| Packet::Signature(Box::new(it))),
        (_, 0..4) => PublicKey::skip_old(body).map(|()| Packet::Other),
        (_, _) => PublicKey::parse(body, tag == 14).map(Packet::PublicKey),
    }
}

fn parse(tag: u8, body: &mut Body<'_, '_>) -> Result<Packet, Fault> {
    match tag {
        5 | 7 => return secret::parse(body, tag == 7).map(Packet::SecretKey),
        13 => return body.rest().map(Packet::UserId),
        1 => other::encrypted_session_key(body)?,
        3 => other::passphrase_session_key(body)?,
        4 => other::one_pass_signature(body)?,
        8 => other::compressed(body)?,
        // Symmetrically encrypted data: nothing is read.
        9 => {}
        11 => other::literal_data(body)?,
        17 => other::user_attribute(body)?,
        18 => other::protected_data(body)?,
        _ => return Err(Fault::unknown_packet()),
    }
    Ok(Packet::Other)
}
