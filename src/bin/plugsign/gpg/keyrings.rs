//! The keyrings of a command line, whose certificates count.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use plugsign::disk::file::read_small;
use plugsign::disk::shelf::HomeKey;
use plugsign::openpgp;
use plugsign::openpgp::bounds::Budget;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::gnupg::{WantedKeys, is_keybox, read_key_blocks, read_keybox};
use plugsign::openpgp::ids::{Fingerprint, KeyId};
use plugsign::openpgp::key_file::{MAX_KEYRING, key_blocks};
use plugsign::publisher::accepted::Known;
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::options::Options;
use super::session::Session;
use super::status::cause_of;
use crate::edge::asking::Asking;
use crate::edge::keys::{KEY_VARIABLE, key_of_environment};

/// Keyrings. If one is unreadable, no signature is good: it may hold a revocation.
pub struct Keyrings {
    files: Vec<(PathBuf, Zeroizing<Vec<u8>>)>,
    failed: bool,
}

impl Keyrings {
    /// Reads their files, and says which cannot be read.
    pub fn open(session: &Session) -> Keyrings {
        Keyrings::of(session, &session.options.keyrings)
    }

    fn of<'a>(session: &Session, names: impl IntoIterator<Item = &'a OsString>) -> Keyrings {
        let mut keyrings = Keyrings { files: Vec::new(), failed: false };
        let mut room = MAX_KEYRING;
        for name in names {
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
        tell_of_unusable(session, path, &error.into());
    }

    /// Reads the certificates that have one of these keys, and no others.
    pub fn find(&mut self, session: &Session, issuers: &[KeyId]) -> Vec<Certificate> {
        self.read(session, WantedKeys::With(issuers))
    }

    fn read(&mut self, session: &Session, wanted: WantedKeys<'_>) -> Vec<Certificate> {
        let mut found = Vec::new();
        for (path, bytes) in std::mem::take(&mut self.files) {
            let read = certificates(&bytes, wanted, &session.world.budget);
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

    /// Reads all certificates.
    fn all(&mut self, session: &Session) -> Vec<Certificate> {
        self.read(session, WantedKeys::All)
    }

    /// Returns the exit code, which is never good if a keyring could not be read.
    pub fn code(&self, code: u8) -> u8 {
        if self.failed && code == 0 { 2 } else { code }
    }
}

/// What a command line lists and exports: the home's keys, those of its keyrings, or both.
pub struct Within {
    pub known: Known,
    keyrings: Keyrings,
}

impl Within {
    pub fn read(session: &Session) -> Result<Within, Failure> {
        let asking = Asking::new(&session.world);
        let text = key_of_environment(&session.world, false)?;
        let mut known = session.world.publisher(&asking).known_with(text.as_ref())?;
        let Options { keyrings: names, no_default_keyring, .. } = &session.options;
        let (own, others): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| is_of_home(session, name));
        let without_home = *no_default_keyring && own.is_empty();
        let mut keyrings = Keyrings::of(session, others);
        let read = keyrings.all(session);
        let items = &mut known.keys.items;
        let mut only: Vec<HomeKey> = Vec::new();
        let places = |items: &[HomeKey]| -> HashMap<Fingerprint, usize> {
            let of = |(place, key): (usize, &HomeKey)| (key.certificate.fingerprint(), place);
            items.iter().enumerate().map(of).collect()
        };
        let (mut of_items, mut of_only) = (places(items), HashMap::new());
        for certificate in read {
            let key = certificate.fingerprint();
            if let Some(known) = of_only.get(&key).and_then(|place: &usize| only.get_mut(*place)) {
                known.certificate = known.certificate.merge(&certificate)?;
                continue;
            }
            match (of_items.get(&key).and_then(|place| items.get_mut(*place)), without_home) {
                (Some(known), false) => {
                    known.certificate = known.certificate.narrowed_by(&certificate);
                }
                (None, false) => {
                    of_items.insert(key, items.len());
                    items.push(HomeKey { certificate, secret: None });
                }
                // As with gpg, secret parts are found wherever the certificate is.
                (known, true) => {
                    let secret = known.and_then(|known| known.secret.take());
                    of_only.insert(key, only.len());
                    only.push(HomeKey { certificate, secret });
                }
            }
        }
        // Without a keyring gpg takes its own.
        if without_home && !names.is_empty() {
            *items = only;
        }
        Ok(Within { known, keyrings })
    }

    /// Returns the exit code, which is never good if a keyring could not be read.
    pub fn code(&self, code: u8) -> u8 {
        self.keyrings.code(code)
    }
}

/// Says why a keyring cannot be used.
pub fn tell_of_unusable(session: &Session, path: &Path, failure: &Failure) {
    session.log.say(&format!("keyblock resource '{}':", Safe::path(path)));
    session.log.explain(failure);
    let code = cause_of(failure).code;
    session.status.say(&format!("ERROR add_keyblock_resource {code}"));
}

/// Returns the keyring file that an import goes into: as with gpg, the first one that is named, if
/// the home is left out.
pub fn only_file(session: &Session) -> Option<PathBuf> {
    let Options { keyrings: names, no_default_keyring, .. } = &session.options;
    let first = names.first().filter(|name| *no_default_keyring && !is_of_home(session, name))?;
    Some(path_of(session, first))
}

/// Returns what a listing says that it is of: the only keyring, or the home.
pub fn name_of_listed(session: &Session) -> Result<PathBuf, Failure> {
    match &session.options.keyrings[..] {
        [only] if session.options.no_default_keyring => {
            let path = path_of(session, only);
            Ok(std::path::absolute(&path).unwrap_or(path))
        }
        _ => match session.world.home() {
            // Then a key was listed all the same.
            Err(Failure::NoHome) => Ok(KEY_VARIABLE.into()),
            home => Ok(home?.root().to_owned()),
        },
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

/// Returns whether a keyring is gpg's own. Without GnuPG it is not there, and plugsign's home stands
/// for it.
fn is_of_home(session: &Session, name: &OsStr) -> bool {
    let path = path_of(session, name);
    let is_own = |name: &&str| session.gnupg_home().is_some_and(|home| home.join(name) == path);
    ["pubring.kbx", "pubring.gpg"].iter().any(is_own) && matches!(path.try_exists(), Ok(false))
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
