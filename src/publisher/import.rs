//! Taking certificates and secret keys into the home.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use zeroize::Zeroizing;

use super::Publisher;
use super::ask::Which;
use super::change::settle;
use super::failure::{EXIT_COULD_NOT, EXIT_REFUSED, Failure, Result};
use super::outcome::Outcome;
use super::show::first_user_id;
pub use super::store::Fate;
use super::store::{Storing, apply_revocation, check, heed, store_secret, warn_of_server};
use crate::disk::Error;
use crate::openpgp;
use crate::openpgp::bounds::Budget;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::change::{Maker, refresh};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::{Key, read_keys_within, unguarded};
use crate::openpgp::policy::Policy;
use crate::openpgp::secret_key::{Passphrase, Protection, SecretKey};
use crate::openpgp::weakness::Weakness;
use crate::text::{Safe, quoted};

/// How keys are taken.
#[derive(Clone, Copy, Default)]
pub struct Taking<'a> {
    /// Secret keys go in the place of those that are here.
    pub replace: bool,
    /// Self-signatures over SHA-1 are renewed.
    pub refresh: bool,
    /// A secret key without passphrase stays as it is.
    pub no_passphrase: bool,
    /// What is done with a secret key that has a passphrase.
    pub protected: ProtectedKeys<'a>,
}

/// What is done with a secret key that has a passphrase.
#[derive(Clone, Copy, Default)]
pub enum ProtectedKeys<'a> {
    /// The passphrase is asked for, to prove that the key is whole. A weak protection is replaced.
    #[default]
    Unlocked,
    /// As with gpg, nobody is asked, and the key stays. A given passphrase proves it.
    AsItIs(Option<&'a Arc<Passphrase>>),
}

/// What became of each key.
#[derive(Default, Serialize)]
pub struct Imported {
    /// The keys, in their order, and the files that have none.
    pub keys: Vec<ImportedKey>,
    /// Whether there is a new certificate whose signatures do not count.
    #[serde(skip)]
    pub is_untrusted: bool,
    /// The home that they went into, if it may not be clear which: they came from a GnuPG home.
    #[serde(skip)]
    pub home: Option<PathBuf>,
}

/// What became of one key.
#[derive(Serialize)]
pub struct ImportedKey {
    /// The key, unless a file has none.
    pub fingerprint: Option<Fingerprint>,
    /// The file that could not be read.
    pub file: Option<String>,
    /// Whether it has a secret part.
    pub secret: bool,
    /// What it is: "certificate", "secret key", "revocation".
    pub kind: Option<&'static str>,
    /// What became of it.
    pub outcome: Fate,
    /// Why it did not come over.
    pub error: Option<Failure>,
    /// The user ID to show.
    #[serde(skip)]
    pub user_id: Option<String>,
}

impl Outcome for Imported {
    /// Refused by policy weighs more than unreadable: nothing that is tried again mends it.
    fn exit(&self) -> u8 {
        let kept_out = |key: &&ImportedKey| matches!(key.outcome, Fate::Refused | Fate::Unreadable);
        let failures = self.keys.iter().filter(kept_out).filter_map(|key| key.error.as_ref());
        match failures.map(Failure::exit).max() {
            Some(EXIT_REFUSED) => EXIT_REFUSED,
            Some(_) => EXIT_COULD_NOT,
            None => 0,
        }
    }
}

impl ImportedKey {
    pub(super) fn of(
        certificate: &Certificate,
        kind: &'static str,
        stored: Result<Fate>,
    ) -> ImportedKey {
        ImportedKey {
            fingerprint: Some(certificate.fingerprint()),
            file: None,
            secret: kind == SECRET_KEY,
            kind: Some(kind),
            outcome: *stored.as_ref().unwrap_or(&Fate::Refused),
            error: stored.err(),
            user_id: Some(first_user_id(certificate)),
        }
    }

    /// A subkey whose secret part stays. If the key came over and signs, that is no refusal.
    pub(super) fn left_behind(
        certificate: &Certificate,
        subkey: &Fingerprint,
        weakness: &Weakness,
        came_over: bool,
    ) -> ImportedKey {
        let error = openpgp::Error::Refused { key: subkey.to_string(), weakness: weakness.clone() };
        ImportedKey {
            fingerprint: Some(subkey.clone()),
            outcome: if came_over { Fate::Skipped } else { Fate::Refused },
            ..ImportedKey::of(certificate, SECRET_KEY, Err(error.into()))
        }
    }

    pub(super) fn failed(file: &Path, failure: impl Into<Failure>) -> ImportedKey {
        let failure = failure.into();
        let outcome = match failure {
            Failure::OpenPgp(openpgp::Error::Refused { .. }) => Fate::Refused,
            Failure::OpenPgp(openpgp::Error::PassedOver(_)) => Fate::Skipped,
            _ => Fate::Unreadable,
        };
        ImportedKey {
            fingerprint: None,
            file: Some(Safe::path(file).to_string()),
            secret: false,
            kind: None,
            outcome,
            error: Some(failure),
            user_id: None,
        }
    }
}

pub(super) const CERTIFICATE: &str = "certificate";
pub(super) const SECRET_KEY: &str = "secret key";

/// Takes the keys of files into the home, one file after the other.
pub struct Importer<'a> {
    pub(super) publisher: &'a Publisher<'a>,
    pub(super) taking: Taking<'a>,
    pub(super) imported: Imported,
    pub(super) storing: Storing,
}

impl<'a> Importer<'a> {
    /// Starts with nothing imported. Fails if the home cannot be used.
    pub fn new(publisher: &'a Publisher<'a>, taking: Taking<'a>) -> Result<Importer<'a>> {
        publisher.home()?.check()?;
        let (imported, storing) = (Imported::default(), Storing::default());
        Ok(Importer { publisher, taking, imported, storing })
    }

    /// Returns what became of all keys.
    pub fn finish(mut self) -> Imported {
        self.imported.is_untrusted = self.has_untrusted();
        self.imported
    }

    /// Returns whether a certificate is new to the home, and not trusted under any name.
    fn has_untrusted(&self) -> bool {
        let is_new = |key: &&ImportedKey| !key.secret && key.outcome == Fate::New;
        let mut new = self.imported.keys.iter().filter(is_new).peekable();
        if new.peek().is_none() {
            return false;
        }
        let trusted = self.publisher.home().and_then(|home| Ok(home.trusted()?));
        let trusted = trusted.map(|shelf| shelf.items).unwrap_or_default();
        let trusted: Vec<Fingerprint> =
            trusted.iter().map(|trusted| trusted.certificate.fingerprint()).collect();
        new.any(|key| key.fingerprint.as_ref().is_some_and(|key| !trusted.contains(key)))
    }

    /// Says which files are not there, before somebody is asked for the passphrases of the others.
    pub fn warn_of_absent<'p>(&self, files: impl Iterator<Item = &'p PathBuf>) {
        let files: Vec<&Path> = files.map(PathBuf::as_path).collect();
        let absent: Vec<&Path> = files.iter().copied().filter(|file| !file.exists()).collect();
        if absent.len() < files.len() {
            self.publisher.warn_of_absent(absent.into_iter());
        }
    }

    /// Takes the keys of one file. What keeps one out is its line's to say: the others go on.
    pub fn file(&mut self, file: &Path, bytes: Result<Zeroizing<Vec<u8>>, Error>) {
        let budget = self.publisher.budget;
        let keys = bytes.map_err(Failure::from).and_then(|bytes| {
            read_keys_within(&bytes, budget).map_err(|error| {
                let advice = format!(
                    "it is a revocation certificate. To end its key with it:\n  plugsign revoke KEY --certificate {}",
                    quoted(file)
                );
                match guards_revocation(&bytes, budget) {
                    true => Failure::advised(error, advice),
                    false => error.into(),
                }
            })
        });
        let keys = match keys {
            Ok(keys) => keys,
            Err(error) => return self.imported.keys.push(ImportedKey::failed(file, error)),
        };
        for key in keys {
            let line = match key {
                Ok(key) => self.key(&key, file),
                Err(error) => ImportedKey::failed(file, error),
            };
            self.imported.keys.push(line);
        }
    }

    /// Takes one key of a file, and returns what became of it.
    pub fn key(&mut self, key: &Key, file: &Path) -> ImportedKey {
        match key {
            Key::Certificate(certificate) => self.certificate(certificate),
            Key::Secret(secret) => {
                self.storing.pause();
                self.secret(secret)
            }
            Key::Revocation(revocation) => {
                self.storing.pause();
                match apply_revocation(revocation, self.publisher) {
                    Ok((certificate, fate)) => ImportedKey::of(&certificate, "revocation", fate),
                    Err(failure) => ImportedKey::failed(file, failure),
                }
            }
        }
    }

    pub(super) fn certificate(&mut self, certificate: &Certificate) -> ImportedKey {
        let publisher = self.publisher;
        let stored = match check(certificate, &publisher.policy()) {
            Ok(()) => self.storing.certificate(certificate, publisher),
            Err(error) => {
                self.storing.pause();
                heed(std::slice::from_ref(certificate), publisher);
                Err(error.into())
            }
        };
        ImportedKey::of(certificate, CERTIFICATE, stored)
    }

    fn secret(&self, secret: &SecretKey) -> ImportedKey {
        let certificate = secret.certificate();
        let stored = match check(certificate, &self.publisher.policy()) {
            Ok(()) => self.take(secret, certificate),
            Err(openpgp::Error::Refused { weakness: Weakness::Hash(_), .. })
                if self.taking.refresh =>
            {
                self.take_refreshed(secret, certificate)
            }
            Err(error) => Err(error.into()),
        };
        ImportedKey::of(certificate, SECRET_KEY, stored)
    }

    fn take_refreshed(&self, secret: &SecretKey, certificate: &Certificate) -> Result<Fate> {
        let publisher = self.publisher;
        let (primary, passphrase) = publisher.until_right(|| {
            let passphrase = publisher.passphrase_of(secret, certificate)?;
            Ok((secret.unlock_primary(passphrase.as_deref())?, passphrase))
        })?;
        let maker = Maker { primary: &primary, secret, passphrase: passphrase.as_deref() };
        let renewed = refresh(certificate, &maker, settle(certificate, publisher))?;
        let renewed = renewed.unwrap_or_else(|| certificate.clone());
        check(&renewed, &Policy::new(publisher.watch.now()))?;
        self.take(&secret.merge(&renewed)?, &renewed)
    }

    fn take(&self, secret: &SecretKey, certificate: &Certificate) -> Result<Fate> {
        let publisher = self.publisher;
        if secret.secret_fingerprints().is_empty() {
            // No passphrase would change that.
            secret.check(None)?;
        }
        let protects = match (secret.protection(), self.taking.protected) {
            (Protection::None, _) => Some(!self.taking.no_passphrase),
            (Protection::Passphrase, ProtectedKeys::Unlocked) => Some(true),
            (Protection::Passphrase, ProtectedKeys::AsItIs(given)) => given.map(|_| false),
        };
        if let Some(protects) = protects {
            secret.pay_for_unlocking(protects, publisher.budget)?;
        }
        let (protected, passphrase) = match (secret.protection(), self.taking.protected) {
            (Protection::None, _) => self.protect(secret, certificate)?,
            (Protection::Passphrase, ProtectedKeys::Unlocked) => {
                let (proven, passphrase) = publisher.until_right(|| {
                    let passphrase = publisher.passphrase_of_protected(certificate)?;
                    Ok((prove(secret, &passphrase)?, passphrase))
                })?;
                (Some(proven), Some(passphrase))
            }
            (Protection::Passphrase, ProtectedKeys::AsItIs(given)) => {
                if let Some(passphrase) = given {
                    secret.check(Some(passphrase)).map_err(|error| match error {
                        openpgp::Error::WrongPassphrase(ref key) => publisher
                            .wrong_passphrase(&[Which::Key], key.clone())
                            .unwrap_or(error.into()),
                        error => error.into(),
                    })?;
                }
                (None, given.cloned())
            }
        };
        self.keep(protected.as_ref().unwrap_or(secret), certificate, passphrase.as_deref())
    }

    /// Stores a secret key, and warns of one that cannot sign here.
    pub(super) fn keep(
        &self,
        secret: &SecretKey,
        certificate: &Certificate,
        passphrase: Option<&Passphrase>,
    ) -> Result<Fate> {
        let Taking { replace, protected, .. } = self.taking;
        let fate = store_secret(secret, certificate, replace, passphrase, self.publisher)?;
        // What gpg's command lines sign is not for servers.
        if matches!(protected, ProtectedKeys::Unlocked) {
            warn_of_server(certificate, self.publisher);
        }
        Ok(fate)
    }

    /// Proves a key with unprotected parts, and returns it protected unless it shall not be.
    pub(super) fn protect(
        &self,
        secret: &SecretKey,
        certificate: &Certificate,
    ) -> Result<(Option<SecretKey>, Option<Arc<Passphrase>>)> {
        let no_passphrase = self.taking.no_passphrase;
        secret.check(None).or_else(|error| match error {
            // A protected part among unprotected ones: it is checked below.
            openpgp::Error::PassphraseNeeded(_) if !no_passphrase => Ok(()),
            error => Err(error),
        })?;
        let what = format!("{} (it has none)", first_user_id(certificate));
        let passphrase = self.publisher.passphrase_for_new_key(no_passphrase, &what)?;
        let Some(passphrase) = passphrase else { return Ok((None, None)) };
        if self.publisher.ask.given(Which::Key)?.is_some() {
            self.publisher.watch.warn(&format!(
                "{} had no passphrase, and is stored under the one that was given",
                certificate.fingerprint()
            ));
        }
        let protected = secret.protect(&passphrase)?;
        protected.check(Some(&passphrase))?;
        Ok((Some(protected), Some(passphrase)))
    }
}

/// Proves that a key is whole and its certificate's. Returns it, better protected if need be.
pub(super) fn prove(secret: &SecretKey, passphrase: &Passphrase) -> openpgp::Result<SecretKey> {
    secret.check(Some(passphrase))?;
    secret.protect(passphrase)
}

/// Returns whether a file is a revocation certificate that a colon guards.
fn guards_revocation(bytes: &[u8], budget: &Budget) -> bool {
    let keys = read_keys_within(&unguarded(bytes), budget).unwrap_or_default();
    keys.iter().any(|key| matches!(key, Ok(Key::Revocation(_))))
}
