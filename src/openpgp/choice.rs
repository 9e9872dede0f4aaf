//! Which key of a certificate signs.

use std::time::SystemTime;

use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PublicParts, SecretParts, UnspecifiedRole};

use super::ids::Fingerprint;
use super::policy::Policy;
use super::rsa::UnlockedKey;
use super::secret_key::{Passphrase, SecretKey, SigningKey, is_elsewhere, load, unlock};
use super::stub::place;
use super::token::TokenKey;
use super::weakness::Weakness;
use crate::openpgp::error::{Error, Result};

/// The key that signs, still locked.
enum Chosen {
    Here(Key<SecretParts, UnspecifiedRole>),
    InToken(Key<PublicParts, UnspecifiedRole>, TokenKey),
}

impl Chosen {
    fn fingerprint(&self) -> Fingerprint {
        match self {
            Chosen::Here(key) => Fingerprint::of(key),
            Chosen::InToken(key, _) => Fingerprint::of(key),
        }
    }

    fn created(&self) -> SystemTime {
        match self {
            Chosen::Here(key) => key.creation_time(),
            Chosen::InToken(key, _) => key.creation_time(),
        }
    }
}

impl SecretKey {
    /// Unlocks the key that signs at the policy's time: the newest one that may sign, or the one
    /// that `exactly` names.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] says why there is none, or that its parts do not belong together. Also
    /// [`Error::WrongPassphrase`] and [`Error::PassphraseNeeded`].
    pub fn unlock(
        &self,
        passphrase: Option<&Passphrase>,
        exactly: Option<&Fingerprint>,
        policy: &Policy,
    ) -> Result<SigningKey> {
        let key = match self.choose(exactly, policy, false)? {
            Chosen::Here(key) => load(&key, &unlock(&key, passphrase)?)?,
            Chosen::InToken(public, key) => UnlockedKey::in_token(public, key),
        };
        Ok(SigningKey::new(key, self))
    }

    /// Returns the key that would sign, without unlocking it.
    /// Fails with [`Error::Refused`], as [`SecretKey::unlock`].
    pub fn check_can_sign(
        &self,
        exactly: Option<&Fingerprint>,
        policy: &Policy,
    ) -> Result<Fingerprint> {
        self.choose(exactly, policy, false).map(|chosen| chosen.fingerprint())
    }

    /// Returns the newest subkey that could sign, as [`SecretKey::check_can_sign`] does.
    pub(super) fn signing_subkey(&self, policy: &Policy) -> Result<Fingerprint> {
        self.choose(None, policy, true).map(|chosen| chosen.fingerprint())
    }

    fn choose(
        &self,
        exactly: Option<&Fingerprint>,
        policy: &Policy,
        subkeys_alone: bool,
    ) -> Result<Chosen> {
        if exactly.is_none() {
            // Import refuses such a key, so it is refused here too. Another program would sign with
            // the weak subkey of a strong primary key.
            self.certificate().check_signer(policy).map_err(|weakness| self.refused(weakness))?;
        }
        let mut best: Option<Chosen> = None;
        let mut weakness = Weakness::CannotSign;
        let mut subject = self.fingerprint();
        for component in self.cert().keys() {
            let key = component.key();
            let fingerprint = Fingerprint::of(key);
            let is_passed_over = subkeys_alone && fingerprint == self.fingerprint();
            if is_passed_over || exactly.is_some_and(|exactly| *exactly != fingerprint) {
                continue;
            }
            if let Err(why) = self.certificate().valid_key(&fingerprint, policy, policy.now()) {
                // The first reason other than "it is not a signing key" says the most.
                if weakness == Weakness::CannotSign {
                    let is_whole = self.certificate().revoked().is_some();
                    weakness = match why {
                        Weakness::Revoked(reason) if !is_whole => {
                            Weakness::RevokedSubkey(fingerprint, reason)
                        }
                        why => why,
                    };
                }
                continue;
            }
            let chosen = match (self.token_key(&fingerprint), key.clone().parts_into_secret()) {
                (Some(in_token), _) => Chosen::InToken(key.clone(), in_token.clone()),
                (None, Ok(key)) if !is_elsewhere(key.secret()) => Chosen::Here(key),
                (None, not_here) => {
                    weakness = not_here.map_or(Weakness::SecretElsewhere, |key| place(&key).into());
                    subject = fingerprint;
                    continue;
                }
            };
            // If both were made in the same second, the subkey is the one made to sign.
            let is_better = |best: &Chosen| {
                let is_primary = best.fingerprint() == self.fingerprint();
                let (old, new) = (best.created(), chosen.created());
                old < new || (old == new && is_primary)
            };
            if best.as_ref().is_none_or(is_better) {
                best = Some(chosen);
            }
        }
        best.ok_or_else(|| Error::refused(subject, weakness))
    }

    fn token_key(&self, key: &Fingerprint) -> Option<&TokenKey> {
        self.in_token.iter().find(|(known, _)| known == key).map(|(_, key)| key)
    }
}
