//! The keyrings of a command line, whose certificates count.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use plugsign::disk::file::read_small;
use plugsign::openpgp;
use plugsign::openpgp::bounds::Budget;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::gnupg::{WantedKeys, is_keybox, read_key_blocks, read_keybox};
use plugsign::openpgp::ids::KeyId;
use plugsign::openpgp::key_file::{MAX_KEYRING, key_blocks};
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::session::Session;
use super::status::cause_of;

/// Keyrings. If one is unreadable, no signature is good: it may hold a revocation.
pub struct Keyrings {
    files: Vec<(PathBuf, Zeroizing<Vec<u8>>)>,
    failed: bool,
}

impl Keyrings {
    /// Reads their files, and says which cannot be read.
    pub fn open(session: &Session) -> Keyrings {
        let mut keyrings = Keyrings { files: Vec::new(), failed: false };
        let mut room = MAX_KEYRING;
        for name in &session.options.keyrings {
            let path = path_of(session, name);
            match read_small(&path, "all keyrings together", room) {
                Ok(bytes) => {
                    room = room.saturating_sub(bytes.len() as u64);
                    keyrings.files.push((path, bytes));
                }
                Err(error) => keyrings.fail(session, &path, error),
            }
        }
        keyrings
    }

    fn fail(&mut self, session: &Session, path: &Path, error: impl Into<Failure>) {
        self.failed = true;
        let failure: Failure = error.into();
        session.log.say(&format!("keyblock resource '{}':", Safe::path(path)));
        session.log.explain(&failure);
        let code = cause_of(&failure).code;
        session.status.say(&format!("ERROR add_keyblock_resource {code}"));
    }

    /// Reads the certificates that have one of these keys, and no others.
    pub fn find(&mut self, session: &Session, issuers: &[KeyId]) -> Vec<Certificate> {
        let mut found = Vec::new();
        for (path, bytes) in std::mem::take(&mut self.files) {
            let read = certificates(&bytes, WantedKeys::With(issuers), &session.world.budget);
            let read = read.unwrap_or_else(|error| {
                self.fail(session, &path, error);
                Vec::new()
            });
            for certificate in read {
                match certificate {
                    Ok(certificate) => found.push(certificate),
                    // A certificate of another kind is skipped. Damage may hide anything.
                    Err(error @ openpgp::Error::Refused { .. }) => {
                        session.verbose(&format!("{}: {error}", Safe::path(&path)));
                    }
                    Err(error) => self.fail(session, &path, error),
                }
            }
        }
        found
    }

    /// Returns the exit code, which is never good if a keyring could not be read.
    pub fn code(&self, code: u8) -> u8 {
        if self.failed && code == 0 { 2 } else { code }
    }
}

/// Reads a keybox, a keyring, or a file of armored keys.
fn certificates(
    bytes: &[u8],
    wanted: WantedKeys<'_>,
    budget: &Budget,
) -> openpgp::Result<Vec<openpgp::Result<Certificate>>> {
    // As with gpgv, an empty file has no keys.
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if is_keybox(bytes) {
        return Ok(read_keybox(bytes, wanted, budget));
    }
    Ok(read_key_blocks(&key_blocks(bytes)?, wanted, budget))
}

/// As with gpg, a name without a slash is a file of the GnuPG home.
fn path_of(session: &Session, name: &OsStr) -> PathBuf {
    let path = PathBuf::from(name);
    if path.components().count() > 1 || name.as_encoded_bytes().contains(&b'/') {
        return path;
    }
    match session.gnupg_home() {
        Some(home) => home.join(path),
        None => path,
    }
}
