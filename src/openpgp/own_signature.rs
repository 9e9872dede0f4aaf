//! A key's signatures about itself, as listings show them.

use std::time::{Duration, SystemTime};

use super::framing::subpackets;
use super::raw_signature::RawSignature;

/// A signature of a key about itself.
#[derive(Clone, Debug)]
pub struct OwnSignature {
    /// Its type (RFC 9580, section 5.2.1).
    pub class: u8,
    /// The hash algorithm's number.
    pub hash: u8,
    /// When it claims to have been made.
    pub created: SystemTime,
    /// When it expires, if ever.
    pub expires: Option<SystemTime>,
    /// Whether it names its issuer by fingerprint.
    pub names_fingerprint: bool,
    /// Whether it may leave the keyring.
    pub is_exportable: bool,
    /// Whether it may be revoked.
    pub is_revocable: bool,
    /// Whether it names a policy.
    pub has_policy: bool,
    /// Whether it has a notation.
    pub has_notation: bool,
    /// The code and the words of the reason for revocation. Foreign text.
    pub reason: Option<(u8, Vec<u8>)>,
}

impl OwnSignature {
    /// Reads what a signature packet's body says.
    pub(super) fn read(body: &[u8]) -> Option<OwnSignature> {
        let raw = RawSignature::read(body)?;
        let at = |seconds: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(seconds));
        let mut own = OwnSignature {
            class: raw.kind,
            hash: raw.hash,
            created: at(raw.fixed_time().unwrap_or(0)),
            expires: None,
            names_fingerprint: false,
            is_exportable: true,
            is_revocable: true,
            has_policy: false,
            has_notation: false,
            reason: None,
        };
        let mut lasts = 0;
        for (tag, value) in subpackets(raw.hashed_area()) {
            match (tag & 0x7F, value) {
                (2, &[a, b, c, d]) => own.created = at(u32::from_be_bytes([a, b, c, d])),
                (3, &[a, b, c, d]) => lasts = u32::from_be_bytes([a, b, c, d]),
                (4, &[0]) => own.is_exportable = false,
                (7, &[0]) => own.is_revocable = false,
                (20, _) => own.has_notation = true,
                (26, _) => own.has_policy = true,
                (29, &[code, ref words @ ..]) => own.reason = Some((code, words.to_vec())),
                (33, &[4, ..]) => own.names_fingerprint = true,
                _ => {}
            }
        }
        let lasts = Duration::from_secs(u64::from(lasts));
        own.expires = (!lasts.is_zero()).then(|| own.created + lasts);
        Some(own)
    }

    /// Returns whether it revokes something.
    pub fn is_revocation(&self) -> bool {
        matches!(self.class, 0x20 | 0x28 | 0x30)
    }
}
