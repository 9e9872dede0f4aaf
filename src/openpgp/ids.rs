//! What names a key. Errors use it too, so this file imports nothing else.

use std::fmt;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::KeyHandle;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{KeyParts, KeyRole};
use serde::{Serialize, Serializer};

/// A version 4 fingerprint: 40 hexadecimal digits. Other versions print as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub(super) openpgp::Fingerprint);

impl Fingerprint {
    /// Returns the fingerprint of a key.
    pub(super) fn of<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> Fingerprint {
        Fingerprint(key.fingerprint())
    }

    /// Reads a fingerprint of 40 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Fingerprint> {
        let is_hex = hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| hex.parse().ok().map(Fingerprint)).flatten()
    }

    /// Returns the key ID: the last 16 digits of a version 4 fingerprint.
    pub fn key_id(&self) -> KeyId {
        KeyId(openpgp::KeyID::from(&self.0))
    }

    /// Returns the fingerprint in groups of four digits, for reading aloud and comparing.
    pub fn grouped(&self) -> String {
        self.0.to_spaced_hex()
    }

    /// Returns the key ID's octets.
    pub(super) fn key_id_octets(&self) -> Option<[u8; 8]> {
        self.0.as_bytes().last_chunk::<8>().copied()
    }

    pub(super) fn handle(&self) -> KeyHandle {
        KeyHandle::Fingerprint(self.0.clone())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Returns octets in hexadecimal digits, as key IDs and fingerprints have them.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// A key ID: 16 hexadecimal digits. Others can be made to collide with it, so it selects
/// candidates and never decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) openpgp::KeyID);

impl KeyId {
    /// Reads a key ID of 16 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<KeyId> {
        let is_hex = hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| hex.parse().ok().map(KeyId)).flatten()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
