//! What a folder of the home holds, and what cannot be read.

use std::path::{Path, PathBuf};

use crate::disk::error::{Error, Result};
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::secret_key::SecretKey;
use crate::openpgp::set::one;
use crate::openpgp::shared_primes::sharer;
use crate::openpgp::weakness::Weakness;

/// A key of the home.
pub struct HomeKey {
    /// Its certificate, with everything that any file of the home knows of it.
    pub certificate: Certificate,
    /// Its secret key, if the home has it.
    pub secret: Option<SecretKey>,
}

impl HomeKey {
    /// Returns its secret key, or [`openpgp::Error::NoSecret`].
    pub fn secret(&self) -> openpgp::Result<&SecretKey> {
        let no_secret = || openpgp::Error::NoSecret(self.certificate.fingerprint());
        self.secret.as_ref().ok_or_else(no_secret)
    }
}

/// A trusted certificate.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// The name that it was added under.
    pub name: String,
    /// The certificate.
    pub certificate: Certificate,
}

/// The content of a folder: what could be read, and what could not.
pub struct Shelf<T> {
    /// The readable ones, in the order of their file names.
    pub items: Vec<T>,
    /// The others, and why.
    pub unreadable: Vec<(PathBuf, Error)>,
}

impl<T> Shelf<T> {
    /// Makes sure that a missing key is not in a file that plugsign does not believe.
    fn check_believed(&self) -> Result<()> {
        for (_, error) in &self.unreadable {
            if let Error::UnsafeFile { path, problem } = error {
                return Err(Error::UnsafeFile { path: path.clone(), problem });
            }
        }
        Ok(())
    }

    /// Makes sure that every file about a key could be read, or fails with
    /// [`Error::PartUnreadable`]. An unreadable file that is named by the key may revoke it.
    pub fn check_complete(&self, key: &Fingerprint) -> Result<()> {
        match self.unreadable.iter().find(|(path, _)| is_named_by(path, key)) {
            Some((path, error)) => Err(incomplete(key, path, error)),
            None => Ok(()),
        }
    }
}

/// Returns the name of a key's file.
pub(super) fn file_name(fingerprint: &Fingerprint) -> String {
    format!("{fingerprint}.pgp")
}

/// Returns whether a file is one of a key or its certificate, by its name.
pub(super) fn is_named_by(path: &Path, key: &Fingerprint) -> bool {
    path.to_string_lossy().ends_with(&file_name(key))
}

pub(super) fn incomplete(key: &Fingerprint, path: &Path, error: &Error) -> Error {
    Error::PartUnreadable { key: key.clone(), path: path.to_owned(), why: error.to_string() }
}

impl Shelf<HomeKey> {
    /// Refuses a new key that shares a prime with one here, for [`Weakness::SharedPrime`].
    pub fn check_primes(&self, certificate: &Certificate) -> Result<()> {
        check_primes(certificate, self.items.iter().map(|key| &key.certificate))
    }

    /// Narrows the keys by their trusted copies, which may have a revocation. `trusted` are the
    /// trusted files, named by their certificates.
    pub(super) fn narrow_by(
        &mut self,
        trusted: Vec<PathBuf>,
        read: impl Fn(&Path) -> Result<TrustedKey>,
    ) {
        for path in trusted {
            let named = |key: &&mut HomeKey| is_named_by(&path, &key.certificate.fingerprint());
            let Some(key) = self.items.iter_mut().find(named) else { continue };
            match read(&path) {
                Ok(copy) => key.certificate = key.certificate.narrowed_by(&copy.certificate),
                Err(error) => self.unreadable.push((path, error)),
            }
        }
    }

    /// Returns the key of this fingerprint, if it is here.
    pub fn get(&self, key: &Fingerprint) -> Option<&HomeKey> {
        self.items.iter().find(|it| it.certificate.fingerprint() == *key)
    }

    /// Returns the one key that matches.
    ///
    /// # Errors
    ///
    /// [`openpgp::Error::UnknownKey`], [`openpgp::Error::AmbiguousKey`], [`Error::PartUnreadable`].
    pub fn find(&self, query: &KeyQuery) -> Result<&HomeKey> {
        let matching = self.items.iter().filter(|key| query.matches(&key.certificate));
        self.one(matching, query.text())
    }

    /// Returns the one key with a secret part that matches, or the only one there is. If only
    /// certificates match, that is [`openpgp::Error::NoSecret`].
    pub fn find_secret(&self, query: Option<&KeyQuery>) -> Result<&HomeKey> {
        let secrets = self.items.iter().filter(|key| key.secret.is_some());
        let Some(query) = query else { return self.one(secrets, "") };
        let mut matching = secrets.filter(|key| query.matches(&key.certificate)).peekable();
        if matching.peek().is_none() {
            return Err(
                openpgp::Error::NoSecret(self.find(query)?.certificate.fingerprint()).into()
            );
        }
        self.one(matching, query.text())
    }

    /// Returns what [`Shelf::find`] does, for an act on the key as a whole. A KEY that names a subkey
    /// is [`openpgp::Error::NamesSubkey`].
    pub fn find_whole(&self, query: &KeyQuery) -> Result<&HomeKey> {
        let key = self.find(query)?;
        query.check_whole(&key.certificate)?;
        Ok(key)
    }

    /// Returns what [`Shelf::find_secret`] does, as [`Shelf::find_whole`].
    pub fn find_secret_whole(&self, query: &KeyQuery) -> Result<&HomeKey> {
        let key = self.find_secret(Some(query))?;
        query.check_whole(&key.certificate)?;
        Ok(key)
    }

    /// Returns the only one of these keys, if all its files could be read.
    fn one<'a>(&self, keys: impl Iterator<Item = &'a HomeKey>, query: &str) -> Result<&'a HomeKey> {
        let found = one(keys, |key| &key.certificate, query);
        if matches!(found, Err(openpgp::Error::UnknownKey(_))) {
            self.check_believed()?;
        }
        let key = found?;
        self.check_complete(&key.certificate.fingerprint())?;
        Ok(key)
    }
}

pub(super) fn check_primes<'a>(
    certificate: &Certificate,
    others: impl IntoIterator<Item = &'a Certificate>,
) -> Result<()> {
    let Some(other) = sharer(certificate, others) else { return Ok(()) };
    let weakness = Weakness::SharedPrime(other.fingerprint());
    Err(openpgp::Error::Refused { key: certificate.fingerprint().to_string(), weakness }.into())
}
