//! Why something could not be done with a key or a signature.

use std::io;
use std::time::SystemTime;

use super::ids::Fingerprint;
use super::times::show_time;
use super::token;
use super::verdict::Bad;
use super::weakness::Weakness;
use crate::text::Safe;

/// The result of what works on keys and signatures.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done with a key or a signature: one variant for each way that a
/// caller would react.
///
/// A signature that is not good is a [`Verdict`](super::verify::Verdict), not an error. Messages
/// say what happened and to what, on one line, with foreign text made safe. What to try next is not
/// said here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More bytes than allowed.
    #[error("{} is larger than {limit} bytes, the most that {what} may have", Safe::text(name))]
    TooLarge {
        /// The file, or where the bytes came from.
        name: String,
        /// What it should be: "a key file".
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },

    /// No OpenPGP key can be read from these bytes.
    #[error("no OpenPGP key can be read: {0}")]
    NoKey(String),

    /// A key of which a part of a file cannot be read. The part may be its revocation, so no other
    /// copy in the file counts either.
    #[error("{key} cannot be read: {why}")]
    KeyUnread {
        /// The key.
        key: Fingerprint,
        /// Why.
        why: String,
    },

    /// A key that was not read, because the command's budget is spent.
    #[error("{} was not read: together, these keys take more time or memory than one command may spend", Safe::text(.0))]
    NotRead(String),

    /// A key that was not unlocked, because the command's budget is spent.
    #[error(
        "{0} was not unlocked: with the keys before it, that takes more time than one command may spend"
    )]
    NotUnlocked(Fingerprint),

    /// A file of GnuPG that is damaged, or in a form that plugsign does not read.
    #[error("GnuPG's file cannot be used: {}", Safe::text(.0))]
    GnupgFile(String),

    /// A keyring that certificates cannot be added to.
    #[error("nothing was added to the keyring: {0}")]
    Keyring(&'static str),

    /// A file of GnuPG that has nothing to import.
    #[error("{0}")]
    PassedOver(&'static str),

    /// A secret key is needed, and there is none.
    #[error("{0} has no secret key here")]
    NoSecret(Fingerprint),

    /// The primary key is needed, and its secret part is not here.
    #[error(
        "the secret part of the primary key {0} is not here (kept off-line, or on a smart card)"
    )]
    PrimaryElsewhere(Fingerprint),

    /// A signing subkey is needed, and only the primary key signs.
    #[error("{0} signs with its primary key and has no signing subkey")]
    OnlyPrimarySigns(Fingerprint),

    /// The secret key that was lent is another one.
    #[error("that is the secret key of {found}, not of {wanted}")]
    OtherKey {
        /// The key that is to be changed.
        wanted: Fingerprint,
        /// The one that was lent.
        found: Fingerprint,
    },

    /// A new self-signature would be older than the newest one.
    #[error("the clock is or was wrong: {key} has a self-signature from {}, which is in the future", show_time(*newest))]
    ClockBehind {
        /// The key.
        key: Fingerprint,
        /// Its newest self-signature.
        newest: SystemTime,
    },

    /// A revocation certificate that was made by another key.
    #[error("the revocation certificate was not made by {0}")]
    ForeignRevocation(Fingerprint),

    /// The key or the subkey is revoked already, for a reason that says as much.
    #[error("{key} is revoked already ({why}); nothing was changed")]
    AlreadyRevoked {
        /// The key or the subkey.
        key: Fingerprint,
        /// Why it is revoked, safe to show.
        why: String,
    },

    /// The key has this user ID already.
    #[error("the key has the user ID \"{}\" already", Safe::text(.0))]
    UserIdExists(String),

    /// The text names no user ID of the key, or several.
    #[error("\"{}\" does not name exactly one valid user ID of the key", Safe::text(.0))]
    UnknownUserId(String),

    /// This is the last user ID, and a key needs one.
    #[error("\"{}\" is the last user ID of the key", Safe::text(.0))]
    LastUserId(String),

    /// The passphrase does not unlock the key.
    #[error("wrong passphrase for {0}")]
    WrongPassphrase(Fingerprint),

    /// The key is protected, and no passphrase was given.
    #[error("{0} is protected by a passphrase, and none was given")]
    PassphraseNeeded(Fingerprint),

    /// The key is refused by the publisher's policy.
    #[error("{key}: {weakness}")]
    Refused {
        /// The key, or the option, that is refused.
        key: String,
        /// Why.
        weakness: Weakness,
    },

    /// No key matches.
    #[error("{}", no_key(.0))]
    UnknownKey(String),

    /// Several keys match.
    #[error("{}", ambiguous(query, candidates.len()))]
    AmbiguousKey {
        /// The KEY that was given, or nothing.
        query: String,
        /// The keys that match, with their first user ID.
        candidates: Vec<(Fingerprint, String)>,
    },

    /// A subkey is named, but the command acts on the key as a whole.
    #[error("{subkey} is a subkey of {key}, and this command acts on whole keys")]
    NamesSubkey {
        /// The subkey that was named.
        subkey: Fingerprint,
        /// The key that it belongs to.
        key: Fingerprint,
    },

    /// An 8-digit key ID. Anybody can make another key with the same one.
    #[error("\"{}\" is a short key ID, which does not identify a key", Safe::text(.0))]
    ShortKeyId(String),

    /// Two copies of a secret key have parts that one passphrase does not unlock.
    #[error(
        "the home and the file keep secret parts of {key} under different passphrases (the file's does not unlock {})",
        list(parts)
    )]
    PassphrasesDiffer {
        /// The key.
        key: Fingerprint,
        /// The keys whose secret parts the file's passphrase does not unlock.
        parts: Vec<Fingerprint>,
    },

    /// A signature that was just made would not be good.
    #[error("the signature would not be good ({}): {}", .0.reason(), .0.detail())]
    NotGood(Bad),

    /// A time, validity or user ID that is not well-formed.
    #[error("{0}")]
    Malformed(String),

    /// The content to sign cannot be read.
    #[error("cannot read the content")]
    Unreadable(#[source] io::Error),

    /// A token could not do what it was asked for.
    #[error(transparent)]
    Token(#[from] token::Error),

    /// A cryptographic library failed. This does not happen with valid input.
    #[error("{what} failed")]
    Crypto {
        /// What was computed.
        what: &'static str,
        /// The library's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns whether it is about one key alone, so that it hides no other. Any other part of a key
    /// file that cannot be read may say anything of any key.
    pub fn is_of_one_key(&self) -> bool {
        matches!(self, Error::KeyUnread { .. } | Error::Refused { .. })
    }

    pub(super) fn no_key(why: impl Into<String>) -> Error {
        Error::NoKey(why.into())
    }

    pub(super) fn malformed(why: impl Into<String>) -> Error {
        Error::Malformed(why.into())
    }

    pub(super) fn refused(key: impl ToString, weakness: Weakness) -> Error {
        Error::Refused { key: key.to_string(), weakness }
    }

    /// Wraps a cryptographic library's error.
    pub(crate) fn crypto<E>(what: &'static str) -> impl FnOnce(E) -> Error
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Error::Crypto { what, source: source.into() }
    }
}

fn list(fingerprints: &[Fingerprint]) -> String {
    fingerprints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn ambiguous(query: &str, count: usize) -> String {
    match query.is_empty() {
        true => format!("there are {count} secret keys, and none was chosen"),
        false => format!("\"{}\" matches {count} keys", Safe::text(query)),
    }
}

fn no_key(query: &str) -> String {
    match query {
        "" => "there is no secret key here".into(),
        query => format!("no key matches \"{}\"", Safe::text(query)),
    }
}
