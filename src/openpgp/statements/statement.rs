//! One statement of a key about itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::openpgp::framing::{is_widely_known, subpacket, subpackets};
use crate::openpgp::raw_signature::RawSignature;

/// Types of signatures that a key makes about itself (RFC 9580, section 5.2.1).
pub(super) const DIRECT_KEY: u8 = 0x1F;
pub(super) const SUBKEY_BINDING: u8 = 0x18;
pub(super) const BACK_SIGNATURE: u8 = 0x19;
pub(in crate::openpgp) const KEY_REVOCATION: u8 = 0x20;
pub(super) const SUBKEY_REVOCATION: u8 = 0x28;
pub(super) const CERTIFICATION_REVOCATION: u8 = 0x30;

/// The purpose of signing, in the first octet of the key flags (RFC 9580, section 5.2.3.29).
pub(super) const SIGN: u8 = 0x02;

/// Returns whether signatures of a type revoke something.
pub(in crate::openpgp) fn revokes(kind: u8) -> bool {
    matches!(kind, KEY_REVOCATION | SUBKEY_REVOCATION | CERTIFICATION_REVOCATION)
}

/// What a statement is about. Keys are public key packets' bodies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::openpgp) enum Subject {
    /// The primary key.
    Key,
    /// A subkey.
    Subkey(Arc<[u8]>),
    /// A user ID.
    UserId(Arc<[u8]>),
    /// A user attribute.
    Attribute(Arc<[u8]>),
}

/// A signature whose numbers verify.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::openpgp) struct Statement {
    /// What it is about.
    pub(in crate::openpgp) subject: Subject,
    /// The packet's body.
    pub(in crate::openpgp) body: Arc<[u8]>,
    pub(super) kind: u8,
    pub(super) says: Says,
    /// Whether the subkey that it binds signed that, too.
    pub(super) is_back_signed: bool,
}

impl Statement {
    /// Returns whether it revokes what it is about.
    pub(in crate::openpgp) fn is_revocation(&self) -> bool {
        revokes(self.kind)
    }

    /// Returns whether it confirms a user ID or a user attribute.
    pub(in crate::openpgp) fn is_certification(&self) -> bool {
        matches!(self.kind, 0x10..=0x13)
    }

    /// Returns the designated revokers that a statement about the key names: the class, the
    /// algorithm and the fingerprint of each (RFC 9580, section 5.2.3.23).
    pub(in crate::openpgp) fn revokers(&self) -> Vec<(u8, u8, [u8; 20])> {
        if self.kind == DIRECT_KEY { self.named_revokers() } else { Vec::new() }
    }

    /// Returns the designated revokers that it names, whatever it is about. GnuPG reads them in
    /// statements about the key alone, and sequoia in those about user IDs too.
    pub(in crate::openpgp) fn named_revokers(&self) -> Vec<(u8, u8, [u8; 20])> {
        let raw = RawSignature::read(&self.body);
        let named = raw.iter().flat_map(|raw| subpackets(raw.hashed_area()));
        let named = named.filter(|(tag, _)| tag & 0x7F == 12).filter_map(|(_, value)| {
            let (&[class, algorithm], key) = value.split_first_chunk::<2>()?;
            let key = <[u8; 20]>::try_from(key).ok()?;
            (class & 0x80 != 0).then_some((class, algorithm, key))
        });
        named.collect()
    }

    /// Returns its claimed creation time.
    pub(in crate::openpgp) fn created(&self) -> SystemTime {
        let seconds = u64::from(self.says.created.unwrap_or(0));
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Returns the code and the words of the reason for revocation.
    pub(in crate::openpgp) fn reason(&self) -> Option<(u8, &[u8])> {
        self.says.reason.as_ref().map(|(code, words)| (*code, words.as_slice()))
    }

    /// Returns whether it also ends signatures from before it: for all reasons except "superseded"
    /// and "retired" (RFC 9580, section 5.2.3.31).
    pub(in crate::openpgp) fn is_hard(&self) -> bool {
        !matches!(self.says.reason, Some((1 | 3, _)))
    }
}

/// What a signature says in its hashed subpackets. If it says something twice, the narrower value
/// counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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
    /// Whether something critical stands where nothing is signed, and not every program knows it.
    pub(super) is_spoiled: bool,
}

impl Says {
    /// Reads what a signature says.
    pub(super) fn of(raw: &RawSignature<'_>) -> Says {
        let mut says = Says { hash: raw.hash, created: raw.fixed_time(), ..Says::default() };
        says.is_spoiled = subpackets(raw.unhashed_area())
            .any(|(tag, _)| tag & 0x80 != 0 && !is_widely_known(tag));
        let mut rest = raw.hashed_area();
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

    /// Returns whether it says that the key may sign.
    pub(super) fn may_sign(&self) -> bool {
        self.flags.is_some_and(|flags| flags & SIGN != 0)
    }

    fn add(&mut self, tag: u8, value: &[u8]) {
        // A critical subpacket that is not understood (RFC 9580, section 5.2.3.7).
        self.is_unclear |= tag & 0x80 != 0 && !is_widely_known(tag);
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
            // Preferences, names and addresses do not narrow a key.
            _ => {}
        }
    }
}

/// Takes the nearer of two ends. Zero means no end.
fn narrow(end: &mut Option<u32>, other: u32) {
    if other > 0 {
        *end = Some(end.map_or(other, |known| known.min(other)));
    }
}
