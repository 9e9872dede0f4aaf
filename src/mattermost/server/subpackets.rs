//! Signature subpackets as the server reads them (golang.org/x/crypto/openpgp/packet,
//! signature.go).

use super::refusal::{Cause, Fault};
use super::signature::Signature;

/// What a signature's subpackets say, as far as the server looks at it.
///
/// It never looks at when a signature or a key expires.
#[derive(Default)]
pub(super) struct Subpackets {
    /// Seconds since 1970.
    pub(super) created: Option<u32>,
    /// The last one counts, hashed or not.
    pub(super) issuer: Option<u64>,
    pub(super) is_primary_user_id: bool,
    /// The first octets of all key flags subpackets together.
    pub(super) key_flags: Option<u8>,
    pub(super) has_revocation_reason: bool,
    pub(super) embedded: Option<Box<Signature>>,
}

impl Subpackets {
    /// What a signature of version 2 or 3 says in fields of its own.
    pub(super) fn with_issuer(issuer: u64) -> Subpackets {
        Subpackets { issuer: Some(issuer), ..Subpackets::default() }
    }

    /// Tells whether there is a signing flag (RFC 9580, section 5.2.3.29).
    pub(super) fn has_signing_flag(&self) -> bool {
        const SIGN: u8 = 0x02;
        self.key_flags.is_some_and(|flags| flags & SIGN != 0)
    }

    /// Tells whether the key may sign files; a key without any flags may.
    pub(super) fn allow_signing(&self) -> bool {
        self.key_flags.is_none() || self.has_signing_flag()
    }

    /// Reads one of the two subpacket areas.
    pub(super) fn parse(&mut self, mut area: &[u8], hashed: bool, depth: u8) -> Result<(), Fault> {
        while !area.is_empty() {
            let (subpacket, rest) =
                subpacket(area).ok_or_else(|| malformed("signature subpacket truncated"))?;
            let (&id, value) = subpacket
                .split_first()
                .ok_or_else(|| malformed("zero length signature subpacket"))?;
            area = rest;
            match id & 0x7f {
                32 => self.parse_embedded(value, depth)?,
                // What is not hashed is passed over, but for these.
                2 | 16 => self.parse_either(id & 0x7f, value, hashed)?,
                3 | 9 | 11 | 21 | 22 | 25 | 27 | 29 if hashed => {
                    self.parse_hashed(id & 0x7f, value)?;
                }
                3 | 9 | 11 | 21 | 22 | 25 | 27 | 29 | 30 => {}
                unknown if id & 0x80 != 0 => {
                    let what = format_args!("unknown critical signature subpacket type {unknown}");
                    return Err(Fault::unsupported(Cause::CriticalSubpacket, what));
                }
                _ => {}
            }
        }
        match self.created {
            Some(_) => Ok(()),
            None => Err(malformed("no creation time in signature")),
        }
    }

    /// Reads a creation time or an issuer key ID.
    fn parse_either(&mut self, id: u8, value: &[u8], hashed: bool) -> Result<(), Fault> {
        if id == 16 {
            let issuer =
                value.try_into().map_err(|_| malformed("issuer subpacket with bad length"))?;
            self.issuer = Some(u64::from_be_bytes(issuer));
            return Ok(());
        }
        if !hashed {
            return Err(malformed("signature creation time in non-hashed area"));
        }
        let time =
            value.try_into().map_err(|_| malformed("signature creation time not four bytes"))?;
        self.created = Some(u32::from_be_bytes(time));
        Ok(())
    }

    fn parse_hashed(&mut self, id: u8, value: &[u8]) -> Result<(), Fault> {
        match (id, value) {
            (3, value) if value.len() != 4 => {
                Err(malformed("expiration subpacket with bad length"))
            }
            (9, value) if value.len() != 4 => {
                Err(malformed("key expiration subpacket with bad length"))
            }
            (25, &[primary]) => {
                self.is_primary_user_id = primary > 0;
                Ok(())
            }
            (25, _) => Err(malformed("primary user id subpacket with bad length")),
            (27, []) => Err(malformed("empty key flags subpacket")),
            (27, &[flags, ..]) => {
                self.key_flags = Some(self.key_flags.unwrap_or_default() | flags);
                Ok(())
            }
            (29, []) => Err(malformed("empty revocation reason subpacket")),
            (29, _) => {
                self.has_revocation_reason = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn parse_embedded(&mut self, value: &[u8], depth: u8) -> Result<(), Fault> {
        if self.embedded.is_some() {
            return Err(malformed("Cannot have multiple embedded signatures"));
        }
        self.embedded = Some(Box::new(Signature::parse_embedded(value, depth + 1)?));
        Ok(())
    }
}

fn malformed(what: &str) -> Fault {
    Fault::structural(Cause::MalformedSignature, what)
}

/// Takes a subpacket, its type octet first, off an area (RFC 9580, section 5.2.3.7); nothing if
/// the area ends before it.
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
