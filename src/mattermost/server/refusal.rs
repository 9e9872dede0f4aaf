//! Why the server refuses, in its words and in ours.

use std::fmt;

/// Why the server refuses: one variant for each thing that somebody can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The file is neither OpenPGP packets nor armor that the server recognises.
    NotOpenPgp,
    /// The armor is damaged: its checksum, its base64 or the length of a line.
    DamagedArmor,
    /// The file ends in the middle of a packet.
    Truncated,
    /// The key file holds no key.
    NoKey,
    /// A key, somewhere in the certificate, is of a kind that the server cannot read.
    KeyAlgorithm,
    /// A key packet is of a version that the server cannot read.
    KeyVersion,
    /// A key packet is malformed, or has parameters that the server cannot read.
    MalformedKey,
    /// A secret key packet is malformed, or protected in a way the server cannot read.
    SecretKey,
    /// The certificate has no user ID that its own key has certified.
    NoUserId,
    /// A self-signature or a subkey's binding does not verify.
    InvalidBinding,
    /// A signing subkey lacks the signature that it makes over its primary key.
    NoBackSignature,
    /// The certificate carries a revocation that its own key did not make.
    ForeignRevocation,
    /// The server's process panics when it reads the key file.
    Panics,
    /// The signature file holds no signature.
    NoSignature,
    /// The signature file holds something else than signatures.
    NotDetached,
    /// A signature is of an algorithm that the server cannot read.
    SignatureAlgorithm,
    /// A signature is of a version that the server cannot read.
    SignatureVersion,
    /// A signature is over a hash that the server does not have.
    HashAlgorithm,
    /// A signature has a critical subpacket that the server does not know.
    CriticalSubpacket,
    /// A signature's fields do not fit together.
    MalformedSignature,
    /// The signature does not name its issuer by key ID.
    NoIssuer,
    /// No key of the key file made any of the signatures.
    UnknownIssuer,
    /// The key that the signature names has been revoked.
    RevokedKey,
    /// The key that the signature names is not for signing.
    NotASigningKey,
    /// The server's answer changes from one run to the next.
    Undecided,
    /// The signature is not one over a file.
    SignatureType,
    /// The signature is over other content.
    OtherContent,
    /// The signature is of another algorithm than the key that it names.
    OtherAlgorithm,
    /// The signature's numbers do not verify.
    BadSignature,
    /// The RSA key is one that servers built with Go 1.24 or later refuse to compute with.
    WeakKey,
    /// Looking further would take more time or depth than any honest file needs.
    Excessive,
}

impl Cause {
    /// Returns one sentence that says what to do.
    pub fn advice(self) -> &'static str {
        match self {
            Cause::NotOpenPgp => {
                "Export the file again, binary or armored, without a byte order mark, with a \
                 blank line after the armor headers and no header without a value."
            }
            Cause::DamagedArmor => {
                "Export the file again, and do not rewrap its lines or edit its checksum."
            }
            Cause::Truncated => "Copy the file again, for its end is missing.",
            Cause::NoKey => "Give the server the exported certificate of the signing key.",
            Cause::KeyAlgorithm => {
                "Sign with an RSA key, and give the server its certificate without the encryption \
                 subkeys of other kinds (plugsign export --for-server), because the server reads \
                 neither Ed25519 nor Curve25519."
            }
            Cause::KeyVersion => "Make a version 4 key, the only version that the server reads.",
            Cause::MalformedKey => "Export the certificate again, or make a new RSA key.",
            Cause::SecretKey => "Export the certificate, never the secret key, for the server.",
            Cause::NoUserId => {
                "Export the certificate with a user ID and its self-signature (type 0x10 or 0x13)."
            }
            Cause::InvalidBinding => {
                "Export the certificate again from the key ring it was made in, because one of \
                 its own signatures does not verify."
            }
            Cause::NoBackSignature => {
                "Bind the signing subkey again, so that it signs its primary key too."
            }
            Cause::ForeignRevocation => {
                "Export the certificate without the revocation that another key made."
            }
            Cause::Panics => {
                "Take this secret key out of the key file at once, because it crashes the server."
            }
            Cause::NoSignature => {
                "Download the signature again, or sign the file again, because the signature file \
                 is empty."
            }
            Cause::NotDetached => {
                "Make a detached signature (gpg --detach-sign), not a signed message."
            }
            Cause::SignatureAlgorithm => {
                "Use RSA signatures only, and export the certificate without the certifications \
                 of other keys (gpg --export-options export-minimal)."
            }
            Cause::SignatureVersion => {
                "Make a version 4 signature, and let no other signature come before it."
            }
            Cause::HashAlgorithm => "Sign with SHA-256.",
            Cause::CriticalSubpacket => {
                "Sign without critical notations, policy URLs and other critical subpackets."
            }
            Cause::MalformedSignature => "Sign the file again, because the signature is malformed.",
            Cause::NoIssuer => {
                "Sign with a program that adds the issuer's key ID (subpacket 16), not only its \
                 fingerprint."
            }
            Cause::UnknownIssuer => {
                "Give the server the certificate of the key that signed, in a file of its own."
            }
            Cause::RevokedKey => "Sign with a key that is not revoked.",
            Cause::NotASigningKey => {
                "Sign with a key whose self-signature carries the signing flag."
            }
            Cause::Undecided => {
                "Mark one user ID as primary and give all of them the same key flags, because \
                 the server looks at an arbitrary one."
            }
            Cause::SignatureType => "Make a signature over a binary file (type 0x00).",
            Cause::OtherContent => {
                "Download the file and its signature again, or sign this very file, because the \
                 signature is over another."
            }
            Cause::OtherAlgorithm => "Sign again with the key whose ID the signature names.",
            Cause::BadSignature => {
                "Download the signature again, or sign the file again, because the signature is \
                 damaged."
            }
            Cause::WeakKey => "Sign with an RSA key of 3072 bits and the exponent 65537.",
            Cause::Excessive => "Export the certificate again without what does not belong to it.",
        }
    }

    /// Returns the same if the file is a signature file, not a key file.
    pub fn signature_advice(self) -> &'static str {
        match self {
            Cause::NotOpenPgp => {
                "Download the signature file again, or sign the file again, because this is no \
                 signature."
            }
            Cause::DamagedArmor => {
                "Copy the signature file again, and do not rewrap its lines or edit its checksum."
            }
            Cause::Truncated => "Copy the signature file again, for its end is missing.",
            Cause::NoKey
            | Cause::KeyAlgorithm
            | Cause::KeyVersion
            | Cause::MalformedKey
            | Cause::SecretKey
            | Cause::NoUserId
            | Cause::InvalidBinding
            | Cause::NoBackSignature
            | Cause::ForeignRevocation => {
                "Give the signature file in this place, because a key is there."
            }
            Cause::SignatureAlgorithm => {
                "Sign the file again with an RSA key, because the server cannot read signatures \
                 of this kind."
            }
            Cause::Excessive => {
                "Sign the file again, because the signature file has too much in it."
            }
            other => other.advice(),
        }
    }
}

/// Why the server refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// What went wrong.
    pub cause: Cause,
    /// The library's own message, such as `openpgp: unsupported feature: public key type: 22`.
    /// Where the library has none (see the known differences), it begins with `plugsign: `.
    pub words: String,
    /// One sentence that says what to do.
    pub advice: &'static str,
}

impl Refusal {
    /// Ours, not the library's: it goes on accepting signatures by this revoked key.
    pub(crate) fn not_heeded() -> Refusal {
        let words = "plugsign: the server does not heed the revocation of this key";
        Refusal::new(Cause::RevokedKey, words)
    }

    /// Ours: the certificate cannot be written.
    pub(crate) fn not_written(error: &dyn std::error::Error) -> Refusal {
        Refusal::new(Cause::NoKey, format!("plugsign: {error}"))
    }

    pub(super) fn new(cause: Cause, words: impl Into<String>) -> Refusal {
        Refusal { cause, words: words.into(), advice: cause.advice() }
    }

    /// Gives advice about the signature file instead of a key file.
    pub(super) fn of_signature(self) -> Refusal {
        match self.cause {
            // The advice is about the key file, which lacks the key.
            Cause::NoKey => self,
            cause => Refusal { advice: cause.signature_advice(), ..self },
        }
    }

    /// "signature made by unknown entity": the library says it for many reasons.
    pub(super) fn unknown_entity(cause: Cause) -> Refusal {
        Refusal::new(cause, "openpgp: signature made by unknown entity")
    }
}

/// What the library does when it meets an error (golang.org/x/crypto/openpgp/errors).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// `io.EOF`: the reader takes it for the end of the file.
    End,
    /// `UnknownPacketTypeError`: the packet is passed over.
    UnknownPacket,
    /// `UnsupportedError`: the certificate is passed over, and so are packets after it.
    Unsupported,
    /// `StructuralError`: the certificate is passed over.
    Structural,
    /// Any other error: nothing more is read.
    Fatal,
}

/// An error on the way, before it is known whether it decides.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) cause: Cause,
    pub(super) words: String,
}

impl Fault {
    pub(super) fn end() -> Fault {
        Fault { kind: FaultKind::End, cause: Cause::Truncated, words: "EOF".into() }
    }

    pub(super) fn unexpected_end() -> Fault {
        Fault::fatal(Cause::Truncated, "unexpected EOF")
    }

    pub(super) fn unknown_packet() -> Fault {
        Fault { kind: FaultKind::UnknownPacket, cause: Cause::NotDetached, words: String::new() }
    }

    pub(super) fn unsupported(cause: Cause, what: impl fmt::Display) -> Fault {
        let words = format!("openpgp: unsupported feature: {what}");
        Fault { kind: FaultKind::Unsupported, cause, words }
    }

    pub(super) fn structural(cause: Cause, what: impl fmt::Display) -> Fault {
        let words = format!("openpgp: invalid data: {what}");
        Fault { kind: FaultKind::Structural, cause, words }
    }

    pub(super) fn argument(cause: Cause, what: impl fmt::Display) -> Fault {
        Fault::fatal(cause, format!("openpgp: invalid argument: {what}"))
    }

    pub(super) fn signature(cause: Cause, what: impl fmt::Display) -> Fault {
        Fault::fatal(cause, format!("openpgp: invalid signature: {what}"))
    }

    pub(super) fn fatal(cause: Cause, words: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Fatal, cause, words: words.into() }
    }

    /// Says where it happened. It becomes a structural error and keeps its cause.
    pub(super) fn within(self, place: &str) -> Fault {
        match self.cause {
            // A panic is no error that could be wrapped.
            Cause::Panics => self,
            // Ours, not the library's. It must end the reading: a structural error would pass over
            // what the library reads.
            Cause::Excessive => self,
            _ => Fault::structural(self.cause, format_args!("{place}: {}", self.words)),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        Refusal::new(fault.cause, fault.words)
    }
}
