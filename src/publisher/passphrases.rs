//! How keys are unlocked: what is given wins, then a person is asked.

use std::sync::Arc;

use super::Publisher;
use super::ask::Which;
use super::failure::{Failure, Result};
use super::keys::Found;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::secret_key::{Passphrase, Protection, SecretKey, SigningKey};

/// All of these also fail as [`Ask`](super::ask::Ask) does. A person who gives a wrong passphrase
/// may try three times. If a wrong one was given otherwise, the failure says where.
impl Publisher<'_> {
    /// Gets a new key's passphrase, if it shall have one, or [`Failure::EmptyPassphrase`].
    pub fn passphrase_for_new_key(
        &self,
        no_passphrase: bool,
        what: &str,
    ) -> Result<Option<Arc<Passphrase>>> {
        match no_passphrase {
            true => Ok(None),
            false => self.chosen(Which::Key, what, Failure::EmptyPassphrase).map(Some),
        }
    }

    /// Gets the passphrase that a key has from now on. Fails with [`Failure::EmptyNewPassphrase`].
    pub fn new_passphrase(&self, what: &str) -> Result<Arc<Passphrase>> {
        self.chosen(Which::New, what, Failure::EmptyNewPassphrase)
    }

    fn chosen(&self, which: Which, what: &str, if_empty: Failure) -> Result<Arc<Passphrase>> {
        let passphrase = match self.ask.given(which)? {
            Some(passphrase) => passphrase,
            None => Arc::new(self.ask.new_passphrase(which, what)?),
        };
        if passphrase.is_empty() {
            return Err(if_empty);
        }
        if let Some(why) = passphrase.weakness() {
            self.watch.warn(&format!("the new passphrase is easy to guess: {why}"));
        }
        Ok(passphrase)
    }

    /// Gets the passphrase of a key, and asks for it if need be. None if the key needs none.
    pub fn passphrase_of(
        &self,
        secret: &SecretKey,
        certificate: &Certificate,
    ) -> Result<Option<Arc<Passphrase>>> {
        match secret.protection() {
            Protection::None => Ok(None),
            // There is nothing to unlock, and where the parts are is said without one.
            _ if secret.secret_fingerprints().is_empty() => Ok(None),
            Protection::Passphrase => self.passphrase_of_protected(certificate).map(Some),
        }
    }

    /// Gets the passphrase of a key that needs one.
    pub fn passphrase_of_protected(&self, certificate: &Certificate) -> Result<Arc<Passphrase>> {
        self.given_or_asked(&[Which::Key], certificate, "Passphrase")
    }

    fn given_or_asked(
        &self,
        sources: &[Which],
        certificate: &Certificate,
        words: &str,
    ) -> Result<Arc<Passphrase>> {
        for which in sources {
            if let Some(given) = self.ask.given(*which)? {
                return Ok(given);
            }
        }
        self.ask.passphrase_of(certificate, words).map(Arc::new)
    }

    /// Unlocks a lent primary key: with its own passphrase, else with the home's, else asked for.
    pub(super) fn unlock_lent(&self, lent: &SecretKey) -> Result<PrimaryKey> {
        const SOURCES: [Which; 2] = [Which::Lent, Which::Key];
        let words = "Passphrase of the primary key";
        let unlocked = self.until_right_from(&SOURCES, || {
            let passphrase = match lent.protection() {
                Protection::None => None,
                _ if lent.secret_fingerprints().is_empty() => None,
                _ => Some(self.given_or_asked(&SOURCES, lent.certificate(), words)?),
            };
            Ok(lent.unlock_primary(passphrase.as_deref())?)
        });
        unlocked.map_err(|failure| match failure {
            Failure::WrongPassphrase(_, ref source) => {
                let advice = format!(
                    "it came from {source}. passwd does not change a file that is kept elsewhere: give the passphrase that the key had when the file was written, with --primary-passphrase-file FILE"
                );
                Failure::advised(failure, advice)
            }
            failure => failure,
        })
    }

    /// Gets the passphrase of a key, and proves it.
    pub fn proven_passphrase(
        &self,
        secret: &SecretKey,
        certificate: &Certificate,
    ) -> Result<Option<Arc<Passphrase>>> {
        self.until_right(|| {
            let passphrase = self.passphrase_of(secret, certificate)?;
            secret.check(passphrase.as_deref())?;
            Ok(passphrase)
        })
    }

    /// Unlocks a key for signing. What speaks against it is said before anybody is asked.
    pub fn unlock(&self, found: &Found) -> Result<SigningKey> {
        let Found { secret, exactly, .. } = found;
        let exactly = exactly.as_ref();
        let policy = self.policy();
        let certificate = secret.certificate();
        secret.check_can_sign(exactly, &policy)?;
        self.until_right(|| {
            let passphrase = self.passphrase_of(secret, certificate)?;
            match secret.unlock(passphrase.as_deref(), exactly, &policy) {
                // Another part of it needs none.
                Err(openpgp::Error::PassphraseNeeded(_)) if passphrase.is_none() => {
                    let passphrase = self.passphrase_of_protected(certificate)?;
                    Ok(secret.unlock(Some(&passphrase), exactly, &policy)?)
                }
                unlocked => Ok(unlocked?),
            }
        })
    }

    /// Does what takes the key's passphrase.
    pub fn until_right<T>(&self, work: impl FnMut() -> Result<T>) -> Result<T> {
        self.until_right_from(&[Which::Key], work)
    }

    fn until_right_from<T>(
        &self,
        sources: &[Which],
        mut work: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let mut tries = 3;
        loop {
            tries -= 1;
            let key = match work() {
                Err(Failure::OpenPgp(openpgp::Error::WrongPassphrase(key))) => key,
                result => return result,
            };
            match self.wrong_passphrase(sources, key.clone()) {
                Some(failure) => return Err(failure),
                None if tries == 0 => return Err(openpgp::Error::WrongPassphrase(key).into()),
                None => self.watch.warn("that is not the passphrase, try again"),
            }
        }
    }

    /// Says where a wrong passphrase was given, and what may not be meant about it. None if a
    /// person was asked.
    pub(super) fn wrong_passphrase(&self, sources: &[Which], key: Fingerprint) -> Option<Failure> {
        let (which, source) =
            sources.iter().find_map(|which| Some((*which, self.ask.source(*which)?)))?;
        let given = self.ask.given(which).ok().flatten();
        let source = match given.and_then(|given| given.oddity()) {
            Some(oddity) => format!("{source}.\nBeware: {oddity}"),
            None => source,
        };
        Some(Failure::WrongPassphrase(key, source))
    }
}
