//! Secret keys that say that their secret part is elsewhere: GnuPG's extension of S2K (its
//! doc/DETAILS, "GNU extensions to the S2K algorithm").

use std::fmt;

use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{SecretParts, UnspecifiedRole};
use sequoia_openpgp::serialize::MarshalInto;

use super::ids::hex;
use super::weakness::{Weakness, on_card};

/// Where a missing secret part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// Off-line or unknown.
    Unknown,
    /// On a smart card with this serial number in hexadecimal digits. Empty if it is unknown.
    Card(String),
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretPlace::Unknown => f.write_str("not here (kept off-line, perhaps)"),
            SecretPlace::Card(serial) => f.write_str(&on_card(serial)),
        }
    }
}

impl From<SecretPlace> for Weakness {
    fn from(place: SecretPlace) -> Weakness {
        match place {
            SecretPlace::Unknown => Weakness::SecretElsewhere,
            SecretPlace::Card(serial) => Weakness::OnCard(serial),
        }
    }
}

/// Reads where the secret part of a stub is.
pub(super) fn place(key: &Key<SecretParts, UnspecifiedRole>) -> SecretPlace {
    // The S2K's type, a hash that nothing uses, GnuPG's mark, and its mode.
    const TYPE: u8 = 101;
    const MARK: &[u8] = b"GNU";
    const CARD: u8 = 2;
    let packet = Packet::from(key.clone().role_into_subordinate());
    let Ok(bytes) = packet.to_vec() else { return SecretPlace::Unknown };
    let stub = bytes
        .windows(2 + MARK.len())
        .rposition(|window| window.first() == Some(&TYPE) && window.get(2..) == Some(MARK));
    let rest = stub.and_then(|stub| bytes.get(stub + 2 + MARK.len()..)).unwrap_or_default();
    match rest {
        [CARD, length, serial @ ..] => {
            let serial = serial.get(..usize::from(*length)).unwrap_or(serial);
            SecretPlace::Card(hex(serial))
        }
        [CARD] => SecretPlace::Card(String::new()),
        _ => SecretPlace::Unknown,
    }
}
