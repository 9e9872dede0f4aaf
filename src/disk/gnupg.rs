//! A GnuPG home, only read. No file in it is written, locked or touched.
//!
//! ```text
//! DIR/
//!   pubring.kbx             certificates, since gpg 2.1
//!   pubring.gpg             certificates, before that
//!   private-keys-v1.d/      GRIP.key, one private key each
//!   public-keys.d/          keyboxd's database, since gpg 2.4, if it is used: not read
//!   secring.gpg             private keys before gpg 2.1: not read
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::file::{entries, is_there, metadata_of, read_small};
use crate::disk::error::{Error, Result};
use crate::openpgp;
use crate::openpgp::bounds::{Budget, check_bounds};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::gnupg::{
    MAX_PRIVATE_KEY, PrivateKeyFile, WantedKeys, read_keybox, read_keyring,
};
use crate::openpgp::key_file::MAX_KEYRING;
use crate::openpgp::set::Gathered;

/// The folder of private keys in a GnuPG home.
pub const PRIVATE_KEYS: &str = "private-keys-v1.d";

/// The most private key files that are read.
const MAX_FILES: usize = 10_000;

/// What a GnuPG home holds.
#[derive(Default)]
pub struct GnupgHome {
    /// Its certificates, each once.
    pub certificates: Vec<Certificate>,
    /// Its private keys, in the order of their files' names.
    pub private_keys: Vec<(PathBuf, PrivateKeyFile)>,
    /// The files, or parts of files, that could not be read, and why.
    pub unreadable: Vec<(PathBuf, Error)>,
    /// The files of old GnuPG versions with keys.
    pub old: Vec<PathBuf>,
}

impl GnupgHome {
    /// Reads a home. A file that cannot be read hides no other. A folder without keys is
    /// [`openpgp::Error::GnupgFile`].
    pub fn read(folder: &Path) -> Result<GnupgHome> {
        let folder = fs::canonicalize(folder).map_err(Error::io("read", folder))?;
        let mut home = GnupgHome::default();
        let mut seen = 0;
        let budget = Budget::new();
        let mut certificates = Gathered::new(|certificate: &mut Certificate| certificate);
        for name in ["pubring.kbx", "pubring.gpg"] {
            let path = folder.join(name);
            let Some(bytes) = read_inside(&folder, &path, "a keyring", MAX_KEYRING).transpose()
            else {
                continue;
            };
            seen += 1;
            match bytes {
                Ok(bytes) => {
                    let read = if name == "pubring.kbx" { read_keybox } else { read_keyring };
                    for certificate in read(&bytes, WantedKeys::All, &budget) {
                        // Each copy was within bounds, but both together may not be.
                        let check = |merged: &Certificate| check_bounds(&merged.to_bytes()?);
                        let added = certificate.and_then(|it| certificates.add(it, check));
                        if let Err(error) = added {
                            home.unreadable.push((path.clone(), error.into()));
                        }
                    }
                }
                Err(error) => home.unreadable.push((path, error)),
            }
        }
        home.certificates = certificates.into_vec();
        let database = folder.join("public-keys.d").join("pubring.db");
        if is_there(&database)? {
            seen += 1;
            let why = "it is the database of keyboxd, which only gpg reads".into();
            home.unreadable.push((database, openpgp::Error::GnupgFile(why).into()));
        }
        seen += home.read_private_keys(&folder)?;
        let old = folder.join("secring.gpg");
        if metadata_of(&old)?.is_some_and(|metadata| metadata.len() > 0) {
            home.old.push(old);
        } else if seen == 0 {
            let why = format!("{} has neither a keyring nor private keys", folder.display());
            return Err(openpgp::Error::GnupgFile(why).into());
        }
        Ok(home)
    }

    /// Reads the private keys and returns how many files there are.
    fn read_private_keys(&mut self, folder: &Path) -> Result<usize> {
        let private = folder.join(PRIVATE_KEYS);
        let mut names = entries(&private)?;
        names.retain(|path| keygrip(path).is_some());
        for path in names.iter().take(MAX_FILES) {
            let grip = keygrip(path).unwrap_or_default();
            let key = read_inside(folder, path, "a private key", MAX_PRIVATE_KEY)
                .and_then(|bytes| Ok(PrivateKeyFile::read(grip, &bytes.unwrap_or_default())?));
            match key {
                Ok(key) => self.private_keys.push((path.clone(), key)),
                Err(error) => self.unreadable.push((path.clone(), error)),
            }
        }
        if names.len() > MAX_FILES {
            let why = format!("only its first {MAX_FILES} files were read");
            self.unreadable.push((private, openpgp::Error::GnupgFile(why).into()));
        }
        Ok(names.len())
    }
}

/// Returns whether a folder is a GnuPG home with private keys. None is read.
pub fn has_private_keys(folder: &Path) -> bool {
    let names = entries(&folder.join(PRIVATE_KEYS)).unwrap_or_default();
    names.iter().any(|path| keygrip(path).is_some())
}

/// Returns the keygrip that a private key's file is named by: 40 hexadecimal digits.
fn keygrip(path: &Path) -> Option<&str> {
    let grip = path.file_name()?.to_str()?.strip_suffix(".key")?;
    (grip.len() == 40 && grip.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(grip)
}

/// Reads a file of the home. Returns nothing if it is not there. A link is followed only within the
/// home.
fn read_inside(
    folder: &Path,
    path: &Path,
    what: &'static str,
    limit: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    if !is_there(path)? {
        return Ok(None);
    }
    let real = fs::canonicalize(path).map_err(Error::io("read", path))?;
    if !real.starts_with(folder) {
        return Err(Error::LinkOutside(path.to_owned()));
    }
    read_small(&real, what, limit).map(Some)
}
