//! Why a key is refused.

use std::time::SystemTime;

use super::ids::Fingerprint;
use super::times::show_time;

/// Why a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Weakness {
    /// Not RSA.
    #[error("{0} is not accepted, only RSA is")]
    Algorithm(String),
    /// Not a version 4 key.
    #[error("it is a version {0} key, only version 4 is accepted")]
    Version(u8),
    /// A RSA modulus of fewer than 3072 bits.
    #[error("RSA of {0} bits is too weak, at least 3072 are needed")]
    TooShort(usize),
    /// Something that is not supported here.
    #[error("{0} is not supported")]
    Unsupported(String),
    /// A public exponent that is even, below 65537, or of more than three octets.
    #[error("its RSA exponent is not an odd number from 65537 to 2^24")]
    Exponent,
    /// A modulus that is even or has the mark of ROCA (CVE-2017-15361).
    #[error("its RSA modulus is weak (even, or made by a chip with ROCA)")]
    Modulus,
    /// A modulus that shares a prime with this key's modulus. Anybody can compute both private
    /// keys.
    #[error(
        "its RSA modulus shares a prime with that of {0}: anybody can compute both private keys"
    )]
    SharedPrime(Fingerprint),
    /// The public and the secret parts do not belong together.
    #[error("its public and secret parts do not belong together")]
    Inconsistent,
    /// Revoked, and why.
    #[error("it is revoked ({0})")]
    Revoked(String),
    /// The subkey that signed is revoked, and why. The key itself is not.
    #[error("its signing subkey {0} is revoked ({1})")]
    RevokedSubkey(Fingerprint, String),
    /// Expired, and when.
    #[error("it expired on {}", show_time(*.0))]
    Expired(SystemTime),
    /// Not valid before this time.
    #[error("it is not valid before {}", show_time(*.0))]
    NotYetValid(SystemTime),
    /// No signing capability.
    #[error("it is not a signing key")]
    CannotSign,
    /// Every self-signature that binds it uses a hash other than SHA-256, SHA-384 and SHA-512.
    #[error("its self-signature uses {0}, which is too weak")]
    Hash(String),
    /// No self-signature that is acceptable today binds the key.
    #[error("no acceptable self-signature binds it ({0})")]
    Unbound(String),
    /// One of its subkeys is refused, and why.
    #[error("its subkey {0}: {1}")]
    Subkey(Fingerprint, Box<Weakness>),
    /// The secret part is not here. It is on a smart card or off-line.
    #[error("its secret part is not here (perhaps off-line)")]
    SecretElsewhere,
    /// The secret part is on a smart card with this serial number, which may be empty.
    #[error("its secret part is {}", on_card(.0))]
    OnCard(String),
    /// The secret part is not protected, and nobody asked for that.
    #[error("it is not protected by a passphrase")]
    Unprotected,
    /// Deriving the key from the passphrase would take more than is reasonable.
    #[error("unlocking it would take {0}, which is too much")]
    CostlyPassphrase(String),
    /// It has more secret parts than are unlocked in reasonable time.
    #[error("it would have {count} secret parts, and plugsign accepts at most {most}")]
    ManySecretParts {
        /// How many it has, or would have.
        count: usize,
        /// How many it may have.
        most: usize,
    },
}

/// Says on which smart card a secret part is, if that is known.
pub(super) fn on_card(serial: &str) -> String {
    match serial {
        "" => "on a smart card".into(),
        serial => format!("on the smart card {serial}"),
    }
}
