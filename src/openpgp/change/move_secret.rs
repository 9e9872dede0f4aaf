//! Changes of the secret parts only: another passphrase, one subkey for CI, the primary key
//! off-line.

use sequoia_openpgp::Packet;
use sequoia_openpgp::crypto::S2K;
use sequoia_openpgp::crypto::mpi::SecretKeyChecksum;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{Encrypted, SecretKeyMaterial, SecretParts, UnspecifiedRole};
use sequoia_openpgp::types::SymmetricAlgorithm;

use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::openpgp::secret_key::{Passphrase, SecretKey, is_elsewhere, lock, unlock};
use crate::openpgp::weakness::Weakness;

impl SecretKey {
    /// Protects every secret part here with another passphrase, or with none.
    ///
    /// # Errors
    ///
    /// [`Error::WrongPassphrase`] and [`Error::PassphraseNeeded`] for the old passphrase.
    pub fn change_passphrase(
        &self,
        old: Option<&Passphrase>,
        new: Option<&Passphrase>,
    ) -> Result<SecretKey> {
        self.check(old)?;
        self.with_secrets(|key| {
            if is_elsewhere(key.secret()) {
                return Ok(None);
            }
            relocked(key, old, new).map(Some)
        })
    }

    /// Returns the key with the secret part of only one signing subkey, under another passphrase.
    /// It is the newest usable subkey or the one that `exactly` names. The primary key's secret
    /// part is replaced by gpg's stub "gnu-dummy". Other subkeys are left out.
    ///
    /// # Errors
    ///
    /// [`Error::OnlyPrimarySigns`] if the signing key is the primary key itself, and as
    /// [`SecretKey::unlock`].
    pub fn for_ci(
        &self,
        old: Option<&Passphrase>,
        new: &Passphrase,
        exactly: Option<&Fingerprint>,
        policy: &Policy,
    ) -> Result<(SecretKey, Fingerprint)> {
        let subkey = match (exactly, self.signing_subkey(policy)) {
            (Some(exactly), _) => exactly.clone(),
            (None, Ok(subkey)) => subkey,
            (None, Err(_)) => self.check_can_sign(None, policy)?,
        };
        self.check_subkey(&subkey)?;
        self.unlock(old, Some(&subkey), policy)?;
        let one = self.changed(
            self.cert().clone().retain_subkeys(|it| Fingerprint(it.key().fingerprint()) == subkey),
        );
        let one = one.with_secrets(|key| {
            if Fingerprint(key.fingerprint()) == subkey {
                relocked(key, old, Some(new)).map(Some)
            } else {
                Ok(Some(dummy()))
            }
        })?;
        Ok((one, subkey))
    }

    /// Adds the secret parts that only another copy has, with their protection there. What is here
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`].
    pub fn with_parts_of(&self, other: &SecretKey) -> Result<SecretKey> {
        let primary = self.fingerprint();
        let here = self.secret_fingerprints();
        let known = self.certificate().fingerprints();
        let mut packets = Vec::new();
        for component in other.secret_parts() {
            let key = component.key().clone();
            let fingerprint = Fingerprint(key.fingerprint());
            let is_missing = known.contains(&fingerprint) && !here.contains(&fingerprint);
            if is_missing && !is_elsewhere(key.secret()) {
                packets.push(match fingerprint == primary {
                    true => Packet::from(key.role_into_primary()),
                    false => Packet::from(key.role_into_subordinate()),
                });
            }
        }
        self.with_packets(packets)
    }

    /// Returns the keys whose secret parts are here under another passphrase than this one.
    pub fn locked_to(&self, passphrase: Option<&Passphrase>) -> Vec<Fingerprint> {
        let here = self.secret_parts().filter(|it| !is_elsewhere(it.key().secret()));
        here.filter(|component| unlock(component.key(), passphrase).is_err())
            .map(|component| Fingerprint(component.key().fingerprint()))
            .collect()
    }

    /// Returns the key without the primary key's secret part, for everyday work.
    ///
    /// # Errors
    ///
    /// [`Error::PrimaryElsewhere`] if there is none, [`Error::OnlyPrimarySigns`] if no subkey could
    /// sign then.
    pub fn without_primary(&self, policy: &Policy) -> Result<SecretKey> {
        let fingerprint = self.fingerprint();
        if !self.has_primary() {
            return Err(Error::PrimaryElsewhere(fingerprint));
        }
        let without = self.with_secrets(|key| {
            let is_primary = Fingerprint(key.fingerprint()) == fingerprint;
            Ok(is_primary.then(dummy))
        })?;
        match without.check_can_sign(None, policy) {
            Ok(_) => Ok(without),
            Err(_) if self.check_can_sign(None, policy).is_ok() => {
                Err(Error::OnlyPrimarySigns(fingerprint))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the key as `gpg --export-secret-subkeys` writes it: without the primary key's
    /// secret part and, if `only` names some, without those of other subkeys. Nothing is unlocked.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if no secret part would be left.
    pub fn subkeys_alone(&self, only: &[Fingerprint]) -> Result<SecretKey> {
        let primary = self.fingerprint();
        let stays = |fingerprint: &Fingerprint| {
            *fingerprint != primary && (only.is_empty() || only.contains(fingerprint))
        };
        if !self.secret_fingerprints().iter().any(stays) {
            let weakness = Weakness::SecretElsewhere;
            return Err(Error::Refused { key: primary.to_string(), weakness });
        }
        self.with_secrets(|key| Ok((!stays(&Fingerprint(key.fingerprint()))).then(dummy)))
    }

    fn check_subkey(&self, subkey: &Fingerprint) -> Result<()> {
        match *subkey == self.fingerprint() {
            true => Err(Error::OnlyPrimarySigns(self.fingerprint())),
            false => Ok(()),
        }
    }

    /// Replaces secret parts: `with` returns the new one, or nothing to keep what is there.
    fn with_secrets(
        &self,
        with: impl Fn(&Key<SecretParts, UnspecifiedRole>) -> Result<Option<SecretKeyMaterial>>,
    ) -> Result<SecretKey> {
        let primary = self.fingerprint();
        let mut packets = Vec::new();
        for component in self.secret_parts() {
            let key = component.key().clone();
            let Some(secret) = with(&key)? else { continue };
            let is_primary = Fingerprint(key.fingerprint()) == primary;
            let (key, _) = key.take_secret().0.add_secret(secret);
            packets.push(match is_primary {
                true => Packet::from(key.role_into_primary()),
                false => Packet::from(key.role_into_subordinate()),
            });
        }
        self.with_packets(packets)
    }
}

fn relocked(
    key: &Key<SecretParts, UnspecifiedRole>,
    old: Option<&Passphrase>,
    new: Option<&Passphrase>,
) -> Result<SecretKeyMaterial> {
    let unlocked = unlock(key, old)?;
    match new {
        Some(new) => lock(key, unlocked, new),
        None => Ok(SecretKeyMaterial::Unencrypted(unlocked)),
    }
}

/// GnuPG's stub for a secret part elsewhere: usage octet 255, no cipher, S2K specifier 101, hash 0,
/// "GNU" and 1 (its doc/DETAILS, "GNU extensions to the S2K algorithm").
fn dummy() -> SecretKeyMaterial {
    SecretKeyMaterial::Encrypted(Encrypted::new(
        S2K::Private { tag: 101, parameters: None },
        SymmetricAlgorithm::Unencrypted,
        Some(SecretKeyChecksum::Sum16),
        Box::new(*b"\0GNU\x01"),
    ))
}
