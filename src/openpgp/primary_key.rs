//! Unlocked keys that sign about themselves: certifications, bindings, revocations.

use std::time::SystemTime;

use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PrimaryRole, PublicParts, SecretParts, UnspecifiedRole};

use super::ids::Fingerprint;
use super::policy::check_key;
use super::rsa::UnlockedKey;
use super::secret_key::{Passphrase, SecretKey, load, unlock};
use super::weakness::Weakness;
use crate::openpgp::error::{Error, Result};

/// An unlocked primary key, which changes its certificate. Dropping it wipes it. It may be expired
/// or revoked. Each change decides whether that matters.
pub struct PrimaryKey(pub(super) UnlockedKey);

impl PrimaryKey {
    /// Returns the fingerprint, which is also the certificate's.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.0.public())
    }

    /// Returns when it was made.
    pub fn created(&self) -> SystemTime {
        self.0.public().creation_time()
    }

    pub(super) fn signer(&self) -> &UnlockedKey {
        &self.0
    }

    pub(super) fn key(&self) -> Key<PublicParts, PrimaryRole> {
        self.0.public().clone().role_into_primary()
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
        if let Some((_, key)) = self.in_token.iter().find(|(known, _)| *known == fingerprint) {
            let public = self.cert().primary_key().key().clone().role_into_unspecified();
            return Ok(PrimaryKey(UnlockedKey::in_token(public, key.clone())));
        }
        let key = self.part(&fingerprint).ok_or(Error::PrimaryElsewhere(fingerprint))?;
        unlock_part(key, passphrase).map(PrimaryKey)
    }

    /// Unlocks a subkey.
    pub(super) fn unlock_subkey(
        &self,
        fingerprint: &Fingerprint,
        passphrase: Option<&Passphrase>,
    ) -> Result<UnlockedKey> {
        let key = self.part(fingerprint);
        let key = key.ok_or_else(|| Error::refused(fingerprint, Weakness::SecretElsewhere))?;
        unlock_part(key, passphrase)
    }

    /// Returns the key of this fingerprint if its secret part is here.
    fn part(&self, fingerprint: &Fingerprint) -> Option<&Key<SecretParts, UnspecifiedRole>> {
        self.parts_here().find(|key| Fingerprint::of(key) == *fingerprint)
    }
}

/// Refuses a weak key before it needs the passphrase.
fn unlock_part(
    key: &Key<SecretParts, UnspecifiedRole>,
    passphrase: Option<&Passphrase>,
) -> Result<UnlockedKey> {
    check_key(key).map_err(|weakness| Error::refused(Fingerprint::of(key), weakness))?;
    load(key, &unlock(key, passphrase)?)
}
