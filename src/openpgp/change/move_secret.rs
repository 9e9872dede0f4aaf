//! Changes of the secret parts only: another passphrase, one subkey for CI, the primary key
//! off-line.

use sequoia_openpgp::crypto::S2K;
use sequoia_openpgp::crypto::mpi::SecretKeyChecksum;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{Encrypted, SecretKeyMaterial, SecretParts, UnspecifiedRole};
use sequoia_openpgp::types::SymmetricAlgorithm;

use crate::openpgp::budget::{Budget, PROTECTING, deriving, filling};
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::openpgp::secret_key::{
    Passphrase, SecretKey, check_cost, is_elsewhere, key_packet, lock, unlock,
};
use crate::openpgp::weakness::Weakness;

impl SecretKey {
    /// Protects every secret part here with another passphrase, or with none.
    /// Fails with [`Error::WrongPassphrase`] and [`Error::PassphraseNeeded`] for the old
    /// passphrase.
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
            lock(key, unlock(key, old)?, new).map(Some)
        })
    }

    /// Protects every secret part that has no protection or a weak one. The new protection is the
    /// strongest that gpg reads, usage octet 254. It is iterated and salted SHA-256 over 62 MiB,
    /// AES-256 in CFB mode, and a SHA-1 checksum.
    /// Fails as [`SecretKey::check`].
    pub fn protect(&self, passphrase: &Passphrase) -> Result<SecretKey> {
        self.with_secrets(|key| {
            if is_elsewhere(key.secret()) || is_well_protected(key.secret()) {
                return Ok(None);
            }
            lock(key, unlock(key, Some(passphrase))?, Some(passphrase)).map(Some)
        })
    }

    /// Pays for proving the key and for protecting it, if it shall be.
    /// Fails with [`Error::NotUnlocked`] if the budget is too small. Refuses what costs too much in
    /// whatever command, as [`SecretKey::check`] does.
    pub fn pay_for_unlocking(&self, protects: bool, budget: &Budget) -> Result<()> {
        self.check_room(0)?;
        let mut costs = self.parts_here().map(|key| check_cost(key.secret()));
        costs.try_for_each(|cost| cost.map_err(|weakness| self.refused(weakness)))?;
        let new = if protects { PROTECTING } else { 0 };
        let work = self.parts_here().map(|key| match key.secret() {
            SecretKeyMaterial::Unencrypted(_) => new,
            SecretKeyMaterial::Encrypted(encrypted) => {
                let once = match *encrypted.s2k() {
                    S2K::Iterated { hash, hash_bytes, .. } => deriving(hash, hash_bytes.into()),
                    S2K::Argon2 { t, m, .. } => filling(t, m),
                    _ => 0,
                };
                if is_well_protected(key.secret()) { once } else { 2 * once + new }
            }
        });
        budget.pay_for_unlocking(self.fingerprint(), work.sum())
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
        if subkey == self.fingerprint() {
            return Err(Error::OnlyPrimarySigns(subkey));
        }
        self.unlock(old, Some(&subkey), policy)?;
        let one = self.cert().clone().retain_subkeys(|it| Fingerprint::of(it.key()) == subkey);
        let one = self.changed(one).with_secrets(|key| match Fingerprint::of(key) == subkey {
            true => lock(key, unlock(key, old)?, Some(new)).map(Some),
            false => Ok(Some(dummy())),
        })?;
        Ok((one, subkey))
    }

    /// Adds the secret parts that only another copy has, with their protection there. What is here
    /// stays as it is.
    /// Fails with [`Error::Crypto`].
    pub fn with_parts_of(&self, other: &SecretKey) -> Result<SecretKey> {
        let primary = self.fingerprint();
        let here = self.secret_fingerprints();
        let known = self.certificate().fingerprints();
        let missing = other.parts_here().filter(|key| {
            let fingerprint = Fingerprint::of(key);
            known.contains(&fingerprint) && !here.contains(&fingerprint)
        });
        self.with_packets(missing.map(|key| key_packet(key.clone(), &primary)).collect())
    }

    /// Returns the keys whose secret parts are here under another passphrase than this one.
    pub fn locked_to(&self, passphrase: Option<&Passphrase>) -> Vec<Fingerprint> {
        let locked = self.parts_here().filter(|key| unlock(key, passphrase).is_err());
        locked.map(Fingerprint::of).collect()
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
        let without =
            self.with_secrets(|key| Ok((Fingerprint::of(key) == fingerprint).then(dummy)))?;
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
    /// Fails with [`Error::Refused`] if no secret part would be left.
    pub fn subkeys_alone(&self, only: &[Fingerprint]) -> Result<SecretKey> {
        let primary = self.fingerprint();
        let stays = |fingerprint: &Fingerprint| {
            *fingerprint != primary && (only.is_empty() || only.contains(fingerprint))
        };
        if !self.secret_fingerprints().iter().any(stays) {
            return Err(Error::refused(primary, Weakness::SecretElsewhere));
        }
        self.with_secrets(|key| Ok((!stays(&Fingerprint::of(key))).then(dummy)))
    }

    /// Replaces secret parts: `with` returns the new one, or nothing to keep what is there.
    fn with_secrets(
        &self,
        with: impl Fn(&Key<SecretParts, UnspecifiedRole>) -> Result<Option<SecretKeyMaterial>>,
    ) -> Result<SecretKey> {
        let primary = self.fingerprint();
        let mut packets = Vec::new();
        for key in self.secret_parts() {
            let Some(secret) = with(key)? else { continue };
            let (key, _) = key.clone().take_secret().0.add_secret(secret);
            packets.push(key_packet(key, &primary));
        }
        self.with_packets(packets)
    }
}

/// Returns whether a stored secret needs no better protection: iterated or Argon2, with more
/// than a 16-bit checksum.
fn is_well_protected(secret: &SecretKeyMaterial) -> bool {
    let SecretKeyMaterial::Encrypted(encrypted) = secret else { return false };
    let derivation = matches!(encrypted.s2k(), S2K::Iterated { .. } | S2K::Argon2 { .. });
    let checksum =
        encrypted.aead_algo().is_some() || encrypted.checksum() == Some(SecretKeyChecksum::SHA1);
    derivation && checksum
}

/// GnuPG's stub for a secret part elsewhere (its doc/DETAILS, "GNU extensions to the S2K
/// algorithm"). It is usage octet 255, no cipher, S2K specifier 101, hash 0, "GNU" and 1.
fn dummy() -> SecretKeyMaterial {
    SecretKeyMaterial::Encrypted(Encrypted::new(
        S2K::Private { tag: 101, parameters: None },
        SymmetricAlgorithm::Unencrypted,
        Some(SecretKeyChecksum::Sum16),
        Box::new(*b"\0GNU\x01"),
    ))
}
