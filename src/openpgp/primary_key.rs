//! Unlocked keys that sign about themselves: certifications, bindings, revocations.

use std::time::SystemTime;

use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PrimaryRole, PublicParts, SecretParts, UnspecifiedRole};

use super::certificate::Certificate;
use super::ids::Fingerprint;
use super::policy::check_key;
use super::rsa::{PrivateKey, RsaSigner};
use super::secret_key::{Passphrase, SecretKey, is_elsewhere, load, unlock};
use super::weakness::Weakness;
use crate::openpgp::error::{Error, Result};

/// An unlocked primary key, which changes its certificate. Dropping it wipes it. It may be expired
/// or revoked. Each change decides whether that matters.
pub struct PrimaryKey(UnlockedKey);

impl PrimaryKey {
    pub(super) fn new(key: UnlockedKey) -> PrimaryKey {
        PrimaryKey(key)
    }

    /// Returns the fingerprint, which is also the certificate's.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    /// Returns when it was made.
    pub fn created(&self) -> SystemTime {
        self.0.public.creation_time()
    }

    pub(super) fn signer(&self) -> RsaSigner<'_> {
        self.0.signer()
    }

    pub(super) fn key(&self) -> Key<PublicParts, PrimaryRole> {
        self.0.public.clone().role_into_primary()
    }
}

/// Any unlocked key of a certificate. A subkey signs with it that it belongs to the primary key.
pub(super) struct UnlockedKey {
    private: PrivateKey,
    public: Key<PublicParts, UnspecifiedRole>,
}

impl UnlockedKey {
    pub(super) fn new(
        private: PrivateKey,
        public: Key<PublicParts, UnspecifiedRole>,
    ) -> UnlockedKey {
        UnlockedKey { private, public }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.public.fingerprint())
    }

    pub(super) fn signer(&self) -> RsaSigner<'_> {
        RsaSigner::new(&self.public, &self.private)
    }
}

impl Certificate {
    /// Returns the certificate as a key without secret parts.
    pub fn without_secrets(&self) -> SecretKey {
        SecretKey::of_certificate(self)
    }
}

impl SecretKey {
    /// Returns whether the primary key's secret part is here.
    pub fn has_primary(&self) -> bool {
        self.part(&self.fingerprint()).is_some()
    }

    /// Unlocks the primary key, for changes to the certificate.
    ///
    /// # Errors
    ///
    /// [`Error::PrimaryElsewhere`] if its secret part is kept off-line, [`Error::Refused`] if it
    /// is weak or its parts do not belong together, [`Error::WrongPassphrase`] and
    /// [`Error::PassphraseNeeded`].
    pub fn unlock_primary(&self, passphrase: Option<&Passphrase>) -> Result<PrimaryKey> {
        let fingerprint = self.fingerprint();
        let key = self.part(&fingerprint).ok_or(Error::PrimaryElsewhere(fingerprint))?;
        unlock_part(&key, passphrase).map(PrimaryKey)
    }

    /// Unlocks a subkey.
    pub(super) fn unlock_subkey(
        &self,
        fingerprint: &Fingerprint,
        passphrase: Option<&Passphrase>,
    ) -> Result<UnlockedKey> {
        let key = self.part(fingerprint).ok_or_else(|| Error::Refused {
            key: fingerprint.to_string(),
            weakness: Weakness::SecretElsewhere,
        })?;
        unlock_part(&key, passphrase)
    }

    /// Returns the key of this fingerprint if its secret part is here.
    fn part(&self, fingerprint: &Fingerprint) -> Option<Key<SecretParts, UnspecifiedRole>> {
        self.secret_parts()
            .map(|component| component.key().clone())
            .find(|key| Fingerprint(key.fingerprint()) == *fingerprint)
            .filter(|key| !is_elsewhere(key.secret()))
    }
}

fn unlock_part(
    key: &Key<SecretParts, UnspecifiedRole>,
    passphrase: Option<&Passphrase>,
) -> Result<UnlockedKey> {
    check_key(key)
        .map_err(|weakness| Error::Refused { key: key.fingerprint().to_string(), weakness })?;
    let private = load(key, &unlock(key, passphrase)?)?;
    Ok(UnlockedKey { private, public: key.clone().take_secret().0 })
}
