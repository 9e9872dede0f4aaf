//! The home: secret keys, certificates, trusted certificates, revocation certificates.
//!
//! ```text
//! HOME/                    0700
//!   lock                   held by whoever writes
//!   keys/FPR.pgp           0600  secret keys, as protected as they came
//!   certificates/FPR.pgp   0600  certificates, also newer ones of the secret keys
//!   trusted/NAME.FPR.pgp   0600  signers that `verify` accepts
//!   revocations/FPR.asc    0600  what ends a key when it is lost; FPR.REASON.asc says why
//! ```
//!
//! There is no index, which could disagree with the files. Each file appears whole under its final
//! name. So readers need no lock, and a crash leaves the old state or the new one.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::file::{entries, is_there, read_own, read_small};
use super::home_files::{
    check_folder, check_name, is_temporary, make, name_of, open_lock, put, read_keys_of,
    read_trusted, remove_all, sweep, trusted_name,
};
use super::lock::take;
use super::shelf::{HomeKey, Shelf, TrustedKey, check_primes, file_name, incomplete, is_named_by};
use super::write::{Access, Existing, write_all_or_none, write_new};
use crate::disk::error::{Error, Result};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::glance::Glance;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::MAX_KEY_FILE;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::revocation_reason::RevocationReason;
use crate::openpgp::secret_key::SecretKey;
use crate::openpgp::shared_primes::Moduli;

const KEYS: &str = "keys";
const CERTIFICATES: &str = "certificates";
const TRUSTED: &str = "trusted";
const REVOCATIONS: &str = "revocations";

/// A home folder. If it does not exist, it is empty.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

/// The right to write, held until it is dropped. Every method that writes asks for it.
pub struct Lock {
    _file: File,
}

impl Home {
    /// Names a home. Nothing is touched.
    pub fn new(root: PathBuf) -> Home {
        Home { root }
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Refuses a home that others can write to, or that belongs to somebody else, as
    /// [`Error::UnsafeHome`]. They could replace its keys by theirs.
    pub fn check(&self) -> Result<()> {
        self.folders().iter().try_for_each(|path| check_folder(path))
    }

    /// Returns the folders of its files.
    pub(super) fn own_folders(&self) -> [PathBuf; 4] {
        [KEYS, CERTIFICATES, TRUSTED, REVOCATIONS].map(|folder| self.root.join(folder))
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    fn folders(&self) -> [PathBuf; 5] {
        let [keys, certificates, trusted, revocations] = self.own_folders();
        [self.root.clone(), keys, certificates, trusted, revocations]
    }

    /// Makes the home if it is missing, takes the lock, and removes what a killed command left.
    /// Waits for another command up to `patience`, then fails with [`Error::Busy`].
    pub fn lock(&self, patience: Duration) -> Result<Lock> {
        self.check()?;
        make(&self.folders())?;
        // If others can write to a folder above, one of them may have been faster.
        self.check()?;
        let path = self.lock_path();
        let file = take(open_lock(&path)?, &self.root, patience)?;
        sweep(&self.folders()[1..]);
        Ok(Lock { _file: file })
    }

    /// Reads all keys, those with secret parts and those without.
    ///
    /// # Errors
    ///
    /// [`Error::UnsafeHome`], or [`Error::Io`] if a folder cannot be listed. A file that cannot be
    /// read is not an error here, see [`Shelf::unreadable`].
    pub fn keys(&self) -> Result<Shelf<HomeKey>> {
        self.check()?;
        let [secrets, certificates] = self.key_files()?;
        self.narrowed(read_keys_of(secrets, certificates)?)
    }

    /// Reads the files that are named by these keys, and no others.
    pub fn keys_of(&self, keys: &[Fingerprint]) -> Result<Shelf<HomeKey>> {
        self.check()?;
        let files = |folder: &str| -> Vec<PathBuf> {
            let folder = self.root.join(folder);
            let paths = keys.iter().map(|key| folder.join(file_name(key)));
            // A file that cannot be examined may be there.
            let is_missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
            paths.filter(|path| !fs::symlink_metadata(path).is_err_and(is_missing)).collect()
        };
        self.narrowed(read_keys_of(files(KEYS), files(CERTIFICATES))?)
    }

    /// Narrows keys by their trusted copies, which may know of a revocation.
    fn narrowed(&self, mut shelf: Shelf<HomeKey>) -> Result<Shelf<HomeKey>> {
        shelf.narrow_by(entries(&self.root.join(TRUSTED))?, read_trusted);
        Ok(shelf)
    }

    /// Reads the keys that a KEY may mean, or all secret ones. Files are named by their primary
    /// keys. For any other KEY plugsign looks into the files, and reads only those that may match.
    /// A file that cannot be opened is among the unreadable ones.
    pub fn keys_like(&self, query: Option<&KeyQuery>) -> Result<Shelf<HomeKey>> {
        self.check()?;
        let [secrets, certificates] = self.key_files()?;
        let all = || secrets.iter().chain(&certificates);
        let mut asked: HashSet<Option<&OsStr>> = match query {
            None => secrets.iter().map(|path| path.file_name()).collect(),
            Some(query) => {
                let is_named = |path: &&PathBuf| name_of(path).is_some_and(|it| query.names(&it));
                all().filter(is_named).map(|path| path.file_name()).collect()
            }
        };
        if let (Some(query), true) = (query, asked.is_empty()) {
            let may_match = |path: &&PathBuf| {
                let read = read_small(path, "a key file", MAX_KEY_FILE);
                let bytes = read.as_deref().map_or(&[][..], Vec::as_slice);
                Glance::at(bytes).is_none_or(|glance| query.may_match(&glance))
            };
            asked = all().filter(may_match).map(|path| path.file_name()).collect();
        }
        let is_asked = |path: &&PathBuf| asked.contains(&path.file_name());
        let pick = |paths: &[PathBuf]| paths.iter().filter(is_asked).cloned().collect();
        self.narrowed(read_keys_of(pick(&secrets), pick(&certificates))?)
    }

    /// Returns the moduli of all keys, to compare new keys with them.
    pub fn moduli(&self) -> Result<Moduli> {
        let mut moduli = Moduli::default();
        for path in self.key_files()?.iter().flatten() {
            if let Some(name) = name_of(path)
                && let Ok(bytes) = read_small(path, "a key file", MAX_KEY_FILE)
            {
                moduli.add_packets(&name, &bytes);
            }
        }
        Ok(moduli)
    }

    fn key_files(&self) -> Result<[Vec<PathBuf>; 2]> {
        let files = |folder: &str| -> Result<Vec<PathBuf>> {
            let mut files = entries(&self.root.join(folder))?;
            files.retain(|path| !is_temporary(path));
            Ok(files)
        };
        Ok([files(KEYS)?, files(CERTIFICATES)?])
    }

    /// Reads the trusted certificates.
    pub fn trusted(&self) -> Result<Shelf<TrustedKey>> {
        self.trusted_if(|_| true)
    }

    /// Reads the trusted certificates with these names and the copies of these keys, and no others.
    pub fn trusted_of(&self, names: &[String], keys: &[Fingerprint]) -> Result<Shelf<TrustedKey>> {
        self.trusted_if(|path| match trusted_name(path) {
            Some((name, fingerprint)) => names.contains(&name) || keys.contains(&fingerprint),
            None => true,
        })
    }

    fn trusted_if(&self, is_asked: impl Fn(&Path) -> bool) -> Result<Shelf<TrustedKey>> {
        self.check()?;
        let mut shelf = Shelf { items: Vec::new(), unreadable: Vec::new() };
        for path in entries(&self.root.join(TRUSTED))? {
            if is_temporary(&path) || !is_asked(&path) {
                continue;
            }
            match read_trusted(&path) {
                Ok(trusted) => shelf.items.push(trusted),
                Err(error) => shelf.unreadable.push((path, error)),
            }
        }
        Ok(shelf)
    }

    /// Stores a new key with its revocation certificates, all of them or nothing. The revocation
    /// certificates go first, so no key is ever without one. Of a key whose secret part is in a
    /// token, the certificate is stored.
    pub fn add_new_key(
        &self,
        _: &Lock,
        secret: &SecretKey,
        revocations: &[(RevocationReason, Vec<u8>)],
    ) -> Result<()> {
        let fingerprint = secret.fingerprint();
        let key = secret.to_bytes()?;
        let path = |reason: &RevocationReason| self.revocation_path(&fingerprint, *reason);
        let mut files: Vec<(PathBuf, &[u8])> =
            revocations.iter().map(|(reason, bytes)| (path(reason), &bytes[..])).collect();
        let folder = if secret.secret_fingerprints().is_empty() { CERTIFICATES } else { KEYS };
        files.push((self.root.join(folder).join(file_name(&fingerprint)), &key));
        write_all_or_none(&files, Access::Secret)
    }

    /// Stores a secret key, unless it could not be read again. It replaces an older copy.
    pub fn put_secret(&self, _: &Lock, secret: &SecretKey) -> Result<()> {
        put(&self.key_path(&secret.fingerprint()), &secret.to_bytes()?)
    }

    /// Stores a certificate as [`Home::put_secret`] does a secret key.
    pub fn put_certificate(&self, _: &Lock, certificate: &Certificate) -> Result<()> {
        let name = file_name(&certificate.fingerprint());
        put(&self.root.join(CERTIFICATES).join(name), &certificate.to_bytes()?)
    }

    /// Removes the secret part of a key that was read under this lock. Its certificate is stored
    /// before, with everything that the secret key's file knew.
    pub fn delete_secret(&self, lock: &Lock, key: &HomeKey) -> Result<()> {
        self.put_certificate(lock, &key.certificate)?;
        remove_all(&[self.key_path(&key.certificate.fingerprint())])
    }

    /// Removes a key that was read under this lock. The file that goes last has everything that the
    /// others knew, so a kill leaves the key whole or gone.
    pub fn delete_key(&self, lock: &Lock, key: &HomeKey) -> Result<()> {
        let fingerprint = key.certificate.fingerprint();
        let certificate = [self.root.join(CERTIFICATES).join(file_name(&fingerprint))];
        let Some(secret) = &key.secret else { return remove_all(&certificate) };
        if is_there(&certificate[0])? {
            self.put_secret(lock, &secret.merge(&key.certificate)?)?;
            remove_all(&certificate)?;
        }
        remove_all(&[self.key_path(&fingerprint)])
    }

    /// Adds a trusted certificate under a name. It replaces an older copy and keeps what older
    /// copies know, above all a revocation. Only what the certificate's own key signed is stored,
    /// see [`Certificate::proven`].
    ///
    /// # Errors
    ///
    /// [`Error::BadName`], [`Error::Exists`] if another certificate has the name and stays,
    /// [`Error::PartUnreadable`] if an older copy cannot be read, or
    /// [`crate::openpgp::Error::Refused`] if it shares a prime with another trusted one. Then the
    /// others are trusted as before.
    pub fn trust(
        &self,
        _: &Lock,
        name: &str,
        certificate: &Certificate,
        existing: Existing,
    ) -> Result<()> {
        check_name(name)?;
        let fingerprint = certificate.fingerprint();
        let mut whole = certificate.proven();
        let mut others = Vec::new();
        let mut replaced = Vec::new();
        for path in entries(&self.root.join(TRUSTED))? {
            if let Some((taken, other)) = trusted_name(&path)
                && taken == name
                && other != fingerprint
            {
                match existing {
                    Existing::Keep => return Err(Error::Exists(PathBuf::from(name))),
                    Existing::Replace => replaced.push(path),
                }
                continue;
            }
            match read_trusted(&path) {
                Ok(copy) if copy.certificate.fingerprint() == fingerprint => {
                    whole = whole.merge(&copy.certificate)?;
                }
                Err(error) if is_named_by(&path, &fingerprint) => {
                    return Err(incomplete(&fingerprint, &path, &error));
                }
                Ok(other) => others.push(other.certificate),
                Err(_) => {}
            }
        }
        check_primes(&whole, &others)?;
        let path = self.trusted_path(name, &fingerprint);
        write_new(&path, &whole.to_bytes()?, Access::Secret, Existing::Replace)?;
        // If a command is killed before this, two files have one name. They are removed together.
        remove_all(&replaced)
    }

    /// Returns whether there is a file of this key or of a trusted copy.
    pub fn knows(&self, key: &Fingerprint) -> Result<bool> {
        let key = std::slice::from_ref(key);
        let (own, trusted) = (self.keys_of(key)?, self.trusted_of(&[], key)?);
        Ok(!own.items.is_empty() || !trusted.items.is_empty())
    }

    /// Stores a revocation from a copy of a known certificate, even if the copy itself is not
    /// stored. Returns whether anything was new.
    pub fn heed(&self, lock: &Lock, copy: &Certificate) -> Result<bool> {
        let fingerprint = [copy.fingerprint()];
        let narrowed = |known: &Certificate| {
            let narrowed = known.narrowed_by(copy);
            (!narrowed.same_as(known)).then_some(narrowed)
        };
        let mut is_new = false;
        for key in self.keys_of(&fingerprint)?.items {
            if let Some(narrowed) = narrowed(&key.certificate) {
                self.put_certificate(lock, &narrowed)?;
                is_new = true;
            }
        }
        for trusted in self.trusted_of(&[], &fingerprint)?.items {
            if let Some(narrowed) = narrowed(&trusted.certificate) {
                let path = self.trusted_path(&trusted.name, &copy.fingerprint());
                write_new(&path, &narrowed.to_bytes()?, Access::Secret, Existing::Replace)?;
                is_new = true;
            }
        }
        Ok(is_new)
    }

    fn trusted_path(&self, name: &str, fingerprint: &Fingerprint) -> PathBuf {
        self.root.join(TRUSTED).join(format!("{name}.{fingerprint}.pgp"))
    }

    /// Removes the trusted certificate of this name, readable or not. If there is none, that is
    /// [`Error::UnknownName`].
    pub fn distrust(&self, _: &Lock, name: &str) -> Result<()> {
        let mut named = entries(&self.root.join(TRUSTED))?;
        named.retain(|path| trusted_name(path).is_some_and(|(taken, _)| taken == name));
        match named.is_empty() {
            true => Err(Error::UnknownName(name.to_string())),
            false => remove_all(&named),
        }
    }

    /// Stores a revocation certificate. It replaces an older one for this reason.
    pub fn put_revocation(
        &self,
        _: &Lock,
        fingerprint: &Fingerprint,
        reason: RevocationReason,
        bytes: &[u8],
    ) -> Result<()> {
        let path = self.revocation_path(fingerprint, reason);
        write_new(&path, bytes, Access::Secret, Existing::Replace)
    }

    /// Reads the stored revocation certificate for a reason, with its guard, if there is one.
    pub fn revocation(
        &self,
        fingerprint: &Fingerprint,
        reason: RevocationReason,
    ) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.revocation_path(fingerprint, reason);
        match read_own(&path, "a revocation certificate", MAX_KEY_FILE) {
            Err(error) if error.is_not_found() => Ok(None),
            read => read.map(Some),
        }
    }

    /// Returns where a key's revocation certificate for a reason is kept.
    pub fn revocation_path(&self, fingerprint: &Fingerprint, reason: RevocationReason) -> PathBuf {
        let name = match reason {
            RevocationReason::Unspecified => format!("{fingerprint}.asc"),
            reason => format!("{fingerprint}.{reason}.asc"),
        };
        self.root.join(REVOCATIONS).join(name)
    }

    fn key_path(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.root.join(KEYS).join(file_name(fingerprint))
    }
}
