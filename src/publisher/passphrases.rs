//! How keys are unlocked: what is given wins, then a person is asked.

use std::sync::Arc;

use super::Publisher;
use super::ask::Which;
use super::failure::Failure;
use super::keys::Found;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::secret_key::{Passphrase, Protection, SecretKey, SigningKey};

impl Publisher<'_> {
    /// Gets a new key's passphrase: as given, or asked for twice. None if it shall have none.
    ///
    /// # Errors
    ///
    /// [`Failure::EmptyPassphrase`], and what [`Ask`](super::ask::Ask) says.
    pub fn passphrase_for_new_key(
        &self,
        no_passphrase: bool,
        what: &str,
    ) -> Result<Option<Arc<Passphrase>>, Failure> {
        match no_passphrase {
            true => Ok(None),
            false => self.chosen(Which::Key, what, Failure::EmptyPassphrase).map(Some),
        }
    }

    /// Gets the passphrase that a key has from now on.
    ///
    /// # Errors
    ///
    /// [`Failure::EmptyNewPassphrase`], and what [`Ask`](super::ask::Ask) says.
    pub fn new_passphrase(&self, what: &str) -> Result<Arc<Passphrase>, Failure> {
        self.chosen(Which::New, what, Failure::EmptyNewPassphrase)
    }

    fn chosen(
        &self,
        which: Which,
        what: &str,
        if_empty: Failure,
    ) -> Result<Arc<Passphrase>, Failure> {
        let passphrase = match self.ask.given(which)? {
            Some(passphrase) => passphrase,
            None => Arc::new(self.ask.new_passphrase(which, what)?),
        };
        if passphrase.is_empty() { Err(if_empty) } else { Ok(passphrase) }
    }

    /// Gets the passphrase of a key, and asks for it if need be. None if the key needs none.
    ///
    /// # Errors
    ///
    /// What [`Ask`](super::ask::Ask) says.
    pub fn passphrase_of(
        &self,
        secret: &SecretKey,
        certificate: &Certificate,
    ) -> Result<Option<Arc<Passphrase>>, Failure> {
        match secret.protection() {
            Protection::None => Ok(None),
            // There is nothing to unlock, and where the parts are is said without one.
            _ if secret.secret_fingerprints().is_empty() => Ok(None),
            Protection::Passphrase => self.passphrase_of_protected(certificate).map(Some),
        }
    }

    /// Gets the passphrase of a key that needs one.
    ///
    /// # Errors
    ///
    /// What [`Ask`](super::ask::Ask) says.
    pub fn passphrase_of_protected(
        &self,
        certificate: &Certificate,
    ) -> Result<Arc<Passphrase>, Failure> {
        match self.ask.given(Which::Key)? {
            Some(passphrase) => Ok(passphrase),
            None => self.ask.passphrase_of(certificate, "Passphrase").map(Arc::new),
        }
    }

    /// Gets the passphrase of a lent primary key: its own, else the home's, else asked for.
    ///
    /// # Errors
    ///
    /// What [`Ask`](super::ask::Ask) says.
    pub fn passphrase_of_lent(&self, lent: &SecretKey) -> Result<Option<Arc<Passphrase>>, Failure> {
        if lent.protection() == Protection::None {
            return Ok(None);
        }
        for which in [Which::Lent, Which::Key] {
            if let Some(given) = self.ask.given(which)? {
                return Ok(Some(given));
            }
        }
        let asked = self.ask.passphrase_of(lent.certificate(), "Passphrase of the primary key");
        asked.map(|passphrase| Some(Arc::new(passphrase)))
    }

    /// Gets the passphrase of a key, and proves it. A person may try three times.
    ///
    /// # Errors
    ///
    /// A wrong passphrase, and what [`Ask`](super::ask::Ask) says.
    pub fn proven_passphrase(
        &self,
        secret: &SecretKey,
        certificate: &Certificate,
    ) -> Result<Option<Arc<Passphrase>>, Failure> {
        self.until_right(|| {
            let passphrase = self.passphrase_of(secret, certificate)?;
            secret.check(passphrase.as_deref())?;
            Ok(passphrase)
        })
    }

    /// Unlocks a key for signing. A person may try three times.
    ///
    /// # Errors
    ///
    /// Whatever speaks against the key, a wrong passphrase, and what [`Ask`](super::ask::Ask) says.
    pub fn unlock(&self, found: &Found) -> Result<SigningKey, Failure> {
        let Found { secret, exactly, .. } = found;
        let exactly = exactly.as_ref();
        let policy = self.policy();
        let certificate = secret.certificate();
        // Whatever speaks against the key is said before a passphrase is asked for.
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

    /// Does what takes a passphrase. A person who gives a wrong one may try three times.
    ///
    /// # Errors
    ///
    /// Those of `work`. A wrong passphrase that was given says where it was given.
    pub fn until_right<T>(
        &self,
        mut work: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut tries = 3;
        loop {
            tries -= 1;
            let key = match work() {
                Err(Failure::OpenPgp(openpgp::Error::WrongPassphrase(key))) => key,
                result => return result,
            };
            match self.ask.source(Which::Key) {
                Some(source) => return Err(Failure::WrongPassphrase(key, source)),
                None if tries == 0 => return Err(openpgp::Error::WrongPassphrase(key).into()),
                None => self.watch.warn("that is not the passphrase, try again"),
            }
        }
    }
}
