//! A signature packet taken apart without judging it.
//!
//! A strict parser rejects malformed signatures, and could lose a revocation. Here only the parts
//! are read that verifying needs, and what the key's owner said in them.

use sequoia_openpgp::types::HashAlgorithm;

use crate::openpgp::framing::{area, issuer_in, subpacket, subpackets};

/// Types of signatures that a key makes about itself (RFC 9580, section 5.2.1).
pub(super) const DIRECT_KEY: u8 = 0x1F;
pub(super) const SUBKEY_BINDING: u8 = 0x18;
pub(super) const KEY_REVOCATION: u8 = 0x20;
pub(super) const SUBKEY_REVOCATION: u8 = 0x28;
pub(super) const CERTIFICATION_REVOCATION: u8 = 0x30;

/// A signature packet's body in its parts.
pub(super) struct RawSignature<'a> {
    version: u8,
    pub(super) typ: u8,
    hash: u8,
    /// What is hashed after the signed content. In version 4 it goes from the version to the end of
    /// the hashed subpackets.
    head: &'a [u8],
    hashed: &'a [u8],
    /// Empty if its length is wrong. Nothing in it is signed.
    unhashed: &'a [u8],
    /// The number and what follows, if the lengths in front of it are right.
    number: Option<&'a [u8]>,
    body: &'a [u8],
    /// The creation time and issuer of a version 3 signature.
    fixed: Option<(u32, [u8; 8])>,
}

impl<'a> RawSignature<'a> {
    /// Reads a body of version 4 or 3 (RFC 9580, sections 5.2.2 and 5.2.3). Keys of version 4 make
    /// no others.
    pub(super) fn read(body: &'a [u8]) -> Option<RawSignature<'a>> {
        match *body.first()? {
            2 | 3 => RawSignature::version_3(body),
            4 => RawSignature::version_4(body),
            _ => None,
        }
    }

    fn version_3(body: &'a [u8]) -> Option<RawSignature<'a>> {
        let [_, 5, typ, a, b, c, d, ref rest @ ..] = *body else { return None };
        let (issuer, rest) = rest.split_first_chunk::<8>()?;
        let &[_, hash, _, _, ref number @ ..] = rest else { return None };
        Some(RawSignature {
            version: 3,
            typ,
            hash,
            head: body.get(2..7)?,
            hashed: &[],
            unhashed: &[],
            number: Some(number),
            body,
            fixed: Some((u32::from_be_bytes([a, b, c, d]), *issuer)),
        })
    }

    fn version_4(body: &'a [u8]) -> Option<RawSignature<'a>> {
        let &[_, typ, _, hash, ref rest @ ..] = body else { return None };
        let (hashed, after) = area(rest)?;
        let (unhashed, number) = match area(after) {
            Some((unhashed, rest)) => (unhashed, rest.get(2..)),
            None => (&[][..], None),
        };
        let head = body.get(..6 + hashed.len())?;
        Some(RawSignature {
            version: 4,
            typ,
            hash,
            head,
            hashed,
            unhashed,
            number,
            body,
            fixed: None,
        })
    }

    /// Returns its hash algorithm, which may be unknown.
    pub(super) fn hash(&self) -> HashAlgorithm {
        HashAlgorithm::from(self.hash)
    }

    /// Returns the digest over what is signed.
    pub(super) fn digest(&self, signed: &[&[u8]]) -> Option<Vec<u8>> {
        let mut context = self.hash().context().ok()?.for_digest();
        signed.iter().for_each(|part| context.update(part));
        context.update(self.head);
        if self.version == 4 {
            context.update(&[4, 0xFF]);
            context.update(&u32::try_from(self.head.len()).ok()?.to_be_bytes());
        }
        context.into_digest().ok()
    }

    /// Returns what may be the RSA number by a key whose modulus has `octets` octets: the number by
    /// its length, and the last octets of the packet.
    pub(super) fn numbers(&self, octets: usize) -> Vec<&'a [u8]> {
        let declared = self.number.and_then(|number| {
            let (bits, rest) = number.split_first_chunk::<2>()?;
            rest.get(..usize::from(u16::from_be_bytes(*bits)).div_ceil(8))
        });
        let last = self.body.len().checked_sub(octets).and_then(|start| self.body.get(start..));
        let mut numbers: Vec<&[u8]> = declared.into_iter().collect();
        numbers.extend(last.filter(|last| declared != Some(*last)));
        numbers
    }

    /// Returns the key IDs that it claims to be made by.
    pub(super) fn issuers(&self) -> Vec<[u8; 8]> {
        let named = subpackets(self.hashed).chain(subpackets(self.unhashed));
        let named = named.filter_map(|(tag, value)| issuer_in(tag, value));
        self.fixed.iter().map(|(_, issuer)| *issuer).chain(named).collect()
    }

    /// Returns whether its type is a revocation.
    pub(super) fn is_revocation(&self) -> bool {
        matches!(self.typ, KEY_REVOCATION | SUBKEY_REVOCATION | CERTIFICATION_REVOCATION)
    }

    /// Returns what it says, at its narrowest.
    pub(super) fn says(&self) -> Says {
        let mut says = Says { hash: self.hash, ..Says::default() };
        says.created = self.fixed.map(|(created, _)| created);
        let mut rest = self.hashed;
        while !rest.is_empty() {
            let Some((tag, value, after)) = subpacket(rest) else {
                says.is_unclear = true;
                break;
            };
            rest = after;
            says.add(tag, value);
        }
        says
    }
}

/// What a signature says in its hashed subpackets. If it says something twice, the narrower value
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Says {
    /// The hash algorithm's number.
    pub(super) hash: u8,
    /// When it was made, in seconds since 1970.
    pub(super) created: Option<u32>,
    /// When the key ends, in seconds after it was made. Never zero.
    pub(super) key_lasts: Option<u32>,
    /// When the signature expires, in seconds after it was made. Never zero.
    pub(super) lasts: Option<u32>,
    /// The first octet of the key flags (RFC 9580, section 5.2.3.29).
    pub(super) flags: Option<u8>,
    /// The code and the words of the reason for revocation.
    pub(super) reason: Option<(u8, Vec<u8>)>,
    /// Whether something that may narrow the key could not be read.
    pub(super) is_unclear: bool,
}

impl Says {
    fn add(&mut self, tag: u8, value: &[u8]) {
        let is_critical = tag & 0x80 != 0;
        match (tag & 0x7F, value) {
            (2, &[a, b, c, d]) => {
                let time = u32::from_be_bytes([a, b, c, d]);
                self.created = self.created.max(Some(time));
            }
            (3, &[a, b, c, d]) => narrow(&mut self.lasts, u32::from_be_bytes([a, b, c, d])),
            (9, &[a, b, c, d]) => narrow(&mut self.key_lasts, u32::from_be_bytes([a, b, c, d])),
            (2 | 3 | 9, _) => self.is_unclear = true,
            (27, flags) => {
                let flags = flags.first().copied().unwrap_or(0);
                self.flags = Some(self.flags.map_or(flags, |known| known & flags));
            }
            (29, &[code, ref words @ ..]) => self.reason = Some((code, words.to_vec())),
            // Preferences, names and addresses, which do not narrow a key.
            (4..=7 | 11 | 12 | 16 | 21..=26 | 28..=35 | 39, _) => {}
            // An unknown critical subpacket (RFC 9580, section 5.2.3.7).
            (_, _) => self.is_unclear |= is_critical,
        }
    }
}

/// Takes the nearer of two ends. Zero means no end.
fn narrow(end: &mut Option<u32>, other: u32) {
    if other > 0 {
        *end = Some(end.map_or(other, |known| known.min(other)));
    }
}
