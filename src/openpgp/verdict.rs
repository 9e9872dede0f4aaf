//! Why a signature is not good.

use std::fmt;

use serde::{Serialize, Serializer};

use super::ids::Fingerprint;

/// Why a signature is not good. The names are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The signature is not one over these bytes by this key.
    BadSignature,
    /// No accepted certificate has the key that made it.
    UnknownSigner,
    /// There is no signature file.
    MissingSignature,
    /// There is a signature file, but not the file that it signs.
    OrphanSignature,
    /// The file is OpenPGP, but not exactly one detached signature.
    NotDetached,
    /// The key is not RSA of 3072 bits or more.
    WeakKey,
    /// A hash other than SHA-256, SHA-384 and SHA-512, in it or in the certificate.
    WeakHash,
    /// The key had expired when the signature was made, or it has expired now.
    ExpiredKey,
    /// The key is revoked.
    RevokedKey,
    /// The signature itself has expired.
    ExpiredSignature,
    /// It claims to be made more than five minutes from now.
    FutureSignature,
    /// The key may not sign, or is not properly bound to its certificate.
    NotASigningKey,
    /// It cannot be read.
    Malformed,
    /// The signature is good by the publisher's policy, but the Mattermost server would refuse it.
    ServerRefuses,
    /// The signature is good, but the folder's signed checksums list another digest for this name.
    ChecksumMismatch,
    /// The signature is good, but there are fewer signers than required.
    TooFewSigners,
}

impl Reason {
    /// All reasons there are.
    pub const ALL: [Reason; 16] = [
        Reason::BadSignature,
        Reason::UnknownSigner,
        Reason::MissingSignature,
        Reason::OrphanSignature,
        Reason::NotDetached,
        Reason::WeakKey,
        Reason::WeakHash,
        Reason::ExpiredKey,
        Reason::RevokedKey,
        Reason::ExpiredSignature,
        Reason::FutureSignature,
        Reason::NotASigningKey,
        Reason::Malformed,
        Reason::ServerRefuses,
        Reason::ChecksumMismatch,
        Reason::TooFewSigners,
    ];

    /// Returns the reason's name.
    pub fn name(self) -> &'static str {
        match self {
            Reason::BadSignature => "bad-signature",
            Reason::UnknownSigner => "unknown-signer",
            Reason::MissingSignature => "missing-signature",
            Reason::OrphanSignature => "orphan-signature",
            Reason::NotDetached => "not-detached",
            Reason::WeakKey => "weak-key",
            Reason::WeakHash => "weak-hash",
            Reason::ExpiredKey => "expired-key",
            Reason::RevokedKey => "revoked-key",
            Reason::ExpiredSignature => "expired-signature",
            Reason::FutureSignature => "future-signature",
            Reason::NotASigningKey => "not-a-signing-key",
            Reason::Malformed => "malformed",
            Reason::ServerRefuses => "server-refuses",
            Reason::ChecksumMismatch => "checksum-mismatch",
            Reason::TooFewSigners => "too-few-signers",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A signature that is not good, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bad {
    reason: Reason,
    detail: String,
    made_while_valid: bool,
    #[serde(skip)]
    signer: Option<SignerKey>,
}

/// The accepted key that a signature names.
///
/// If the signature is good, that key made it. If it is bad with [`Reason::BadSignature`], it only
/// claims so. With a reason that speaks of the key's or the signature's validity, the key made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerKey {
    /// The fingerprint of the certificate.
    pub certificate: Fingerprint,
    /// The fingerprint of the key itself.
    pub key: Fingerprint,
}

impl Bad {
    /// Says why, with a reason and a clause that begins in lower case. The clause is shown as it
    /// is, so foreign text in it must be safe already.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Bad {
        Bad { reason, detail: detail.into(), made_while_valid: false, signer: None }
    }

    /// Says which accepted key it names.
    pub(super) fn by(self, signer: SignerKey) -> Bad {
        Bad { signer: Some(signer), ..self }
    }

    /// Says that nothing else is wrong. The signature was made while the key was valid.
    pub(super) fn while_valid(self, detail: String) -> Bad {
        Bad { detail, made_while_valid: true, ..self }
    }

    /// Returns the accepted key that the signature names, if there is one.
    pub fn signer(&self) -> Option<&SignerKey> {
        self.signer.as_ref()
    }

    /// Returns the reason.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns whether the only fault is that the key has expired since the signature's claimed
    /// time. Somebody with an expired key can claim an earlier time.
    pub fn made_while_valid(&self) -> bool {
        self.made_while_valid
    }

    /// Returns what exactly is wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}
