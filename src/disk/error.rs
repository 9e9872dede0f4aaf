//! Why something could not be done with files.

use std::io;
use std::path::{Path, PathBuf};

use crate::openpgp;
use crate::openpgp::ids::{Fingerprint, KeyId};
use crate::openpgp::revocation_reason::RevocationReason;
use crate::text::Safe;

/// The result of what works on files.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done with files, or with the keys and signatures in them.
///
/// Messages are as those of [`openpgp::Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not the file is wrong, but the key or the signature in it.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::Error),

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

    /// This is no regular file.
    #[error("{} is {kind}, not a file", Safe::path(path))]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is: "a folder", "a FIFO".
        kind: &'static str,
    },

    /// A symbolic link that leads out of its folder.
    #[error("{} is a link that leads outside its folder", Safe::path(.0))]
    LinkOutside(PathBuf),

    /// Another user's link leads to a place where that user could not write.
    #[error("{} leads elsewhere through another user's link", Safe::path(.0))]
    ForeignLink(PathBuf),

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

    /// A file changed while it was read.
    #[error("{} changed while it was being read", Safe::path(.0))]
    Changed(PathBuf),

    /// No output may replace this file.
    #[error("{} is {what}, and no output takes its place", Safe::path(path))]
    Kept {
        /// The output.
        path: PathBuf,
        /// What the file is.
        what: &'static str,
    },

    /// The file exists already.
    #[error("{} exists already", Safe::path(.0))]
    Exists(PathBuf),

    /// A folder's list of checksums does not list the files as they are now.
    #[error("{} exists already and does not list the files as they are now", Safe::path(.0))]
    OtherList(PathBuf),

    /// There is already a signature over other bytes or by another key.
    #[error("{} exists already and is not a good signature by this key over this file", Safe::path(.0))]
    Stale(PathBuf),

    /// There is already a signature that claims to be by another key.
    #[error("{} exists already and names {issuer} as its signer, not this key", Safe::path(path))]
    ByOther {
        /// The signature.
        path: PathBuf,
        /// The key that it names.
        issuer: KeyId,
    },

    /// The list of checksums would lack a file that could not be signed.
    #[error("{} was not written, because not every file could be signed", Safe::path(.0))]
    Incomplete(PathBuf),

    /// There is no stored revocation certificate for this reason.
    #[error("the home has no revocation certificate of {key} for \"{reason}\"{}", others(there))]
    NoRevocation {
        /// The key.
        key: Fingerprint,
        /// The reason that was asked for.
        reason: RevocationReason,
        /// The reasons of the stored ones.
        there: Vec<RevocationReason>,
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

    /// A secret would be readable by others, because the file system keeps no modes.
    #[error("others could read {}: its file system keeps no permissions", Safe::path(.0))]
    Exposed(PathBuf),

    /// A file of the home about a key cannot be read. It may revoke the key.
    #[error("what {} says of {key} cannot be read: {why}", Safe::path(path))]
    PartUnreadable {
        /// The key.
        key: Fingerprint,
        /// The file, which is named by the key.
        path: PathBuf,
        /// Why it cannot be read.
        why: String,
    },

    /// The home's lock is held by another command.
    #[error("another command is using {}", Safe::path(.0))]
    Busy(PathBuf),

    /// The server cannot read a certificate, even without its subkeys that never sign.
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

    /// Only the owner or root can write this file so that the server can read it.
    #[error("cannot write {} for the server", Safe::path(path))]
    OwnerNeeded {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// A JSON file with the wrong content.
    #[error("{} is not a usable {what}: {}", Safe::path(path), Safe::text(why))]
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

    /// A list of checksums or a pattern for names that is not well-formed.
    #[error("{0}")]
    Malformed(String),
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
}

fn others(there: &[RevocationReason]) -> String {
    let names: Vec<String> = there.iter().map(|reason| format!("\"{reason}\"")).collect();
    match names.is_empty() {
        true => ", and no other".into(),
        false => format!(", only for {}", names.join(", ")),
    }
}
