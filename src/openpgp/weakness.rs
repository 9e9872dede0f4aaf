//! Why a key is refused.

use std::fmt;
use std::time::SystemTime;

use super::ids::Fingerprint;
use super::times::show_time;

/// Why a key is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// Not RSA.
    Algorithm(String),
    /// Not a version 4 key.
    Version(u8),
    /// A RSA modulus of fewer than 3072 bits.
    TooShort(usize),
    /// Something that is not supported here.
    Unsupported(String),
    /// A public exponent that is even, below 65537, or of more than three octets.
    Exponent,
    /// A modulus that is even or has the mark of ROCA (CVE-2017-15361).
    Modulus,
    /// A modulus that shares a prime with this key's modulus. Anybody can compute both private
    /// keys.
    SharedPrime(Fingerprint),
    /// The public and the secret parts do not belong together.
    Inconsistent,
    /// Revoked, and why.
    Revoked(String),
    /// Expired, and when.
    Expired(SystemTime),
    /// Not valid before this time.
    NotYetValid(SystemTime),
    /// No signing capability.
    CannotSign,
    /// Every self-signature that binds it uses a hash other than SHA-256, SHA-384 and SHA-512.
    Hash(String),
    /// No self-signature that is acceptable today binds the key.
    Unbound(String),
    /// One of its subkeys is refused, and why.
    Subkey(Fingerprint, Box<Weakness>),
    /// The secret part is not here. It is on a smart card or off-line.
    SecretElsewhere,
    /// The secret part is on a smart card with this serial number, which may be empty.
    OnCard(String),
    /// The secret part is not protected, and nobody asked for that.
    Unprotected,
    /// Deriving the key from the passphrase would take more than is reasonable.
    CostlyPassphrase(String),
    /// It has more secret parts than are unlocked in reasonable time.
    ManySecretParts {
        /// How many it has, or would have.
        count: usize,
        /// How many it may have.
        most: usize,
    },
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weakness::Algorithm(name) => write!(f, "{name} is not accepted, only RSA is"),
            Weakness::Version(version) => {
                write!(f, "it is a version {version} key, only version 4 is accepted")
            }
            Weakness::TooShort(bits) => {
                write!(f, "RSA of {bits} bits is too weak, at least 3072 are needed")
            }
            Weakness::Unsupported(what) => write!(f, "{what} is not supported"),
            Weakness::Exponent => {
                f.write_str("its RSA exponent is not an odd number from 65537 to 2^24")
            }
            Weakness::Modulus => {
                f.write_str("its RSA modulus is weak (even, or made by a chip with ROCA)")
            }
            Weakness::SharedPrime(other) => write!(
                f,
                "its RSA modulus shares a prime with that of {other}: anybody can compute both private keys"
            ),
            Weakness::Inconsistent => {
                f.write_str("its public and secret parts do not belong together")
            }
            Weakness::Revoked(reason) => write!(f, "it is revoked ({reason})"),
            Weakness::Expired(time) => write!(f, "it expired on {}", show_time(*time)),
            Weakness::NotYetValid(time) => {
                write!(f, "it is not valid before {}", show_time(*time))
            }
            Weakness::CannotSign => f.write_str("it is not a signing key"),
            Weakness::Hash(name) => {
                write!(f, "its self-signature uses {name}, which is too weak")
            }
            Weakness::Unbound(why) => {
                write!(f, "no acceptable self-signature binds it ({why})")
            }
            Weakness::Subkey(subkey, weakness) => write!(f, "its subkey {subkey}: {weakness}"),
            Weakness::SecretElsewhere => {
                f.write_str("its secret part is not here (kept off-line, perhaps)")
            }
            Weakness::OnCard(serial) if serial.is_empty() => {
                f.write_str("its secret part is on a smart card")
            }
            Weakness::OnCard(serial) => write!(f, "its secret part is on the smart card {serial}"),
            Weakness::Unprotected => f.write_str("it is not protected by a passphrase"),
            Weakness::CostlyPassphrase(what) => {
                write!(f, "unlocking it would take {what}, which is refused")
            }
            Weakness::ManySecretParts { count, most } => {
                write!(
                    f,
                    "it would have {count} secret parts, and plugsign takes {most} at the most"
                )
            }
        }
    }
}
