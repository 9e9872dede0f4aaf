//! Why a thing could not be done.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::openpgp::certificate::{Fingerprint, KeyId, show_time};
use crate::openpgp::change::Reason;
use crate::openpgp::policy::Weakness;
use crate::openpgp::verify::Bad;
use crate::text::Safe;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a thing could not be done: one variant for each way that a caller would react.
///
/// That a signature is not good is no error but a [`Verdict`](crate::openpgp::verify::Verdict).
/// Messages say what happened and to what, on one line, with foreign text made safe; what to try
/// next is the program's to say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}", Safe::path(path))]
    Io {
        /// What was tried: "read", "create", "rename".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// Not a regular file where one is needed.
    #[error("{} is {kind}, not a file", Safe::path(path))]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is: "a folder", "a FIFO".
        kind: &'static str,
    },

    /// A symbolic link that leads out of its folder.
    #[error("{} is a link to outside its folder", Safe::path(.0))]
    LinkOutside(PathBuf),

    /// A link that another user controls, and that leads to where that user could not write.
    #[error("a link of another user leads {} elsewhere", Safe::path(.0))]
    ForeignLink(PathBuf),

    /// More bytes than a thing of this kind may have.
    #[error("{} is larger than {limit} bytes, the most that {what} may have", Safe::text(name))]
    TooLarge {
        /// The file, or where the bytes came from.
        name: String,
        /// What it should be: "a key file".
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },

    /// An artifact that did not hold still while it was read.
    #[error("{} changed while it was being read", Safe::path(.0))]
    Changed(PathBuf),

    /// A file stands where the result should go.
    #[error("{} exists already", Safe::path(.0))]
    Exists(PathBuf),

    /// A folder has a list of checksums, of other files than are there now.
    #[error("{} is there already, and does not list the files as they are now", Safe::path(.0))]
    OtherList(PathBuf),

    /// A signature stands in the new one's place, over other bytes or by another key.
    #[error("{} is there already, and is no good signature by this key over these bytes", Safe::path(.0))]
    Stale(PathBuf),

    /// A signature stands in the new one's place, and says to be by another key.
    #[error("{} is there already, and says to be by {issuer}, not by this key", Safe::path(path))]
    ByOther {
        /// The signature.
        path: PathBuf,
        /// The key that it names.
        issuer: KeyId,
    },

    /// The list of checksums would lack a file that could not be signed.
    #[error("{} is not written, as not every file could be signed", Safe::path(.0))]
    Incomplete(PathBuf),

    /// No OpenPGP key can be read from these bytes.
    #[error("no OpenPGP key can be read: {0}")]
    NoKey(String),

    /// A key that was not looked at: with all before it, it costs more than one command spends.
    #[error("{} was not read: with all before it, it takes more time or memory than one command spends on keys", Safe::text(.0))]
    NotRead(String),

    /// A file of GnuPG's that is not as GnuPG writes them, or that is written in a way that is
    /// not read here.
    #[error("GnuPG's file cannot be used: {}", Safe::text(.0))]
    GnupgFile(String),

    /// A file of GnuPG's in which there is nothing to take over.
    #[error("{0}")]
    PassedOver(&'static str),

    /// A secret key is needed, and this has none.
    #[error("{0} has no secret key here")]
    NoSecret(Fingerprint),

    /// The primary key is needed, and its secret part is not here.
    #[error(
        "the secret part of the primary key {0} is not here (kept off-line, or on a smart card)"
    )]
    PrimaryElsewhere(Fingerprint),

    /// The primary key is the one that signs, where a subkey is needed.
    #[error("{0} signs with its primary key, and has no signing subkey that could do so instead")]
    OnlyPrimarySigns(Fingerprint),

    /// A secret key was lent, and it is another one.
    #[error("that is the secret key of {found}, not of {wanted}")]
    OtherKey {
        /// The key that is to be changed.
        wanted: Fingerprint,
        /// The one that was lent.
        found: Fingerprint,
    },

    /// Something would be said of a key before what it says already.
    #[error("the clock is wrong, or was: {key} has a self-signature of {}, which is not past", show_time(*newest))]
    ClockBehind {
        /// The key.
        key: Fingerprint,
        /// Its newest self-signature.
        newest: SystemTime,
    },

    /// A revocation certificate that was made by another key.
    #[error("the revocation certificate was not made by {0}")]
    ForeignRevocation(Fingerprint),

    /// There is no stored revocation certificate that says so.
    #[error("the home has no revocation certificate of {key} for \"{reason}\"{}", others(there))]
    NoRevocation {
        /// The key.
        key: Fingerprint,
        /// What it should say.
        reason: Reason,
        /// What those say that are there.
        there: Vec<Reason>,
    },

    /// The key has this user ID already.
    #[error("the key has the user ID \"{}\" already", Safe::text(.0))]
    UserIdExists(String),

    /// No user ID of the key, or more than one, is meant.
    #[error("\"{}\" is not one user ID of the key that is not revoked", Safe::text(.0))]
    UnknownUserId(String),

    /// Without this user ID nobody could read the key any more.
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
        /// What was asked for; empty if it was left to be the only one.
        query: String,
        /// The keys that match, with their first user ID.
        candidates: Vec<(Fingerprint, String)>,
    },

    /// A subkey is named where something is done to the key as a whole.
    #[error("{subkey} is a subkey of {key}, and this command acts on a key as a whole")]
    NamesSubkey {
        /// The subkey that was named.
        subkey: Fingerprint,
        /// The key that it belongs to.
        key: Fingerprint,
    },

    /// An 8-digit key ID, which anybody can make another key for.
    #[error("\"{}\" is a short key ID, which does not identify a key", Safe::text(.0))]
    ShortKeyId(String),

    /// Two copies of a secret key have parts that one passphrase does not unlock.
    #[error(
        "the home and the file keep secret parts of {key} under different passphrases (not that of the file: {})",
        list(parts)
    )]
    PassphrasesDiffer {
        /// The key.
        key: Fingerprint,
        /// The keys whose secret parts the file's passphrase does not unlock.
        parts: Vec<Fingerprint>,
    },

    /// Others can write to the home, or it belongs to somebody else.
    #[error("{} {problem}", Safe::path(path))]
    UnsafeHome {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// Somebody else can write to a file of the home.
    #[error("{} {problem}", Safe::path(path))]
    UnsafeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A secret would be written to a file that others can read, whatever its mode should be.
    #[error("{} would be readable by others: its file system keeps no permissions", Safe::path(.0))]
    Exposed(PathBuf),

    /// A file of the home that may end a key, or say more of it, cannot be read.
    #[error("what {} says of {key} cannot be read: {why}", Safe::path(path))]
    PartUnreadable {
        /// The key.
        key: Fingerprint,
        /// The file, which is named by it.
        path: PathBuf,
        /// Why it cannot be read.
        why: String,
    },

    /// The home's lock is held by another command.
    #[error("another command is using {}", Safe::path(.0))]
    Busy(PathBuf),

    /// A signature that was just made, or should be, does not pass our own judges.
    #[error("the signature would not be good ({}): {}", .0.reason(), .0.detail())]
    NotGood(Bad),

    /// The server cannot read a certificate, whatever is left out of it.
    #[error("the server cannot read the certificate of {key}: {words}: {advice}")]
    NotForServer {
        /// The certificate.
        key: Fingerprint,
        /// The server's own words.
        words: String,
        /// What mends it.
        advice: String,
    },

    /// A name that cannot be a file's base name.
    #[error("\"{}\" cannot be the name of a trusted certificate", Safe::text(.0))]
    BadName(String),

    /// Nothing trusted has this name.
    #[error("no trusted certificate is named \"{}\"", Safe::text(.0))]
    UnknownName(String),

    /// A server's configuration that is not in a file.
    #[error("the server's configuration lives in a {0} database, not in a file")]
    ConfigInDatabase(&'static str),

    /// A server's file that only its owner or root can write so that the server reads it.
    #[error("cannot write {} for the server", Safe::path(path))]
    OwnerNeeded {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A JSON file that is not what it should be.
    #[error("{} is no {what} that could be worked with: {}", Safe::path(path), Safe::text(why))]
    BadDocument {
        /// The file.
        path: PathBuf,
        /// What it should be: "server configuration".
        what: &'static str,
        /// What is wrong with it, and where.
        why: String,
    },

    /// The server uses a file of this name for SAML, and refuses it as a key file.
    #[error("\"{}\" is the name of a SAML file of this server", Safe::text(.0))]
    SamlFile(String),

    /// The marketplace database has this plugin in this version.
    #[error("{} {} is in the database already", Safe::text(id), Safe::text(version))]
    Duplicate {
        /// The plugin.
        id: String,
        /// Its version.
        version: String,
    },

    /// The marketplace database has no such plugin in this version.
    #[error("the database has no {} {}", Safe::text(id), Safe::text(version))]
    NotListed {
        /// The plugin.
        id: String,
        /// Its version.
        version: String,
    },

    /// A time, validity or user ID that is not well-formed.
    #[error("{0}")]
    Malformed(String),

    /// Something that cannot happen with valid input did, deep in a cryptographic library.
    #[error("{what} failed")]
    Crypto {
        /// What was computed.
        what: &'static str,
        /// The library's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Wraps an operating system error with what was tried on which file.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    }

    /// Returns whether it says that a file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
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

fn others(there: &[Reason]) -> String {
    let names: Vec<String> = there.iter().map(|reason| format!("\"{reason}\"")).collect();
    match names.is_empty() {
        true => ", and no other".into(),
        false => format!(", only for {}", names.join(", ")),
    }
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
