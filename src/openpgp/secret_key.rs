//! Secret keys: locked as they are stored, unlocked as they sign.

use std::sync::Arc;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::crypto::S2K;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{
    KeyParts, SecretKeyMaterial, SecretParts, Unencrypted, UnspecifiedRole,
};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{HashAlgorithm, SymmetricAlgorithm};
use sequoia_openpgp::{Cert, Packet};
use zeroize::Zeroizing;

use super::armor::armored;
use super::certificate::Certificate;
use super::ids::Fingerprint;
pub use super::passphrase::Passphrase;
use super::policy::{check_key, is_rsa};
use super::rsa::UnlockedKey;
use super::statements::Statements;
use super::stub::{SecretPlace, place};
use super::token::TokenKey;
use super::weakness::Weakness;
use crate::openpgp::error::{Error, Result};

/// How the secret parts of a key are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// All that are here need a passphrase.
    Passphrase,
    /// At least one secret part has no protection.
    None,
}

/// The most secret parts of a key. Unlocking one takes up to a tenth of a second, protecting one as
/// long. An import does both with each.
const MOST_SECRET_PARTS: usize = 16;

/// The most passes of Argon2 over a KiB for all secret parts of a key: about a second.
const MOST_ARGON2: u64 = 4 << 17;

/// A transferable secret key (RFC 9580, section 10.2), as it is stored: protected or not, but never
/// unlocked. It has neither Debug nor Clone.
pub struct SecretKey {
    cert: Cert,
    /// Its public part. It is kept because it remembers which signatures were verified, and a
    /// hostile file may have hundreds.
    certificate: Arc<Certificate>,
    /// The keys whose secret parts are in a token that is open.
    pub(super) in_token: Vec<(Fingerprint, TokenKey)>,
}

impl SecretKey {
    pub(super) fn new(cert: Cert) -> SecretKey {
        let certificate = Arc::new(Certificate::new(cert.clone()));
        SecretKey { cert, certificate, in_token: Vec::new() }
    }

    /// Takes a key with the statements of the packets that it was read from.
    pub(super) fn read(cert: Cert, own: Statements) -> SecretKey {
        let certificate = Arc::new(Certificate::read(cert.clone(), own));
        SecretKey { cert, certificate, in_token: Vec::new() }
    }

    /// Returns the key with other packets. Its earlier statements are kept.
    pub(super) fn changed(&self, cert: Cert) -> SecretKey {
        let certificate = Arc::new(self.certificate.changed(cert.clone()));
        SecretKey { cert, certificate, in_token: self.in_token.clone() }
    }

    /// Returns the key as another copy of its certificate narrows it, see
    /// [`Certificate::narrowed_by`].
    pub fn narrowed_by(&self, other: &Certificate) -> SecretKey {
        let certificate = Arc::new(self.certificate.narrowed_by(other));
        SecretKey { cert: self.cert.clone(), certificate, in_token: self.in_token.clone() }
    }

    pub(super) fn cert(&self) -> &Cert {
        &self.cert
    }

    /// Returns the keys that have a secret part or a stub.
    pub(super) fn secret_parts(&self) -> impl Iterator<Item = &Key<SecretParts, UnspecifiedRole>> {
        self.cert.keys().secret().map(|component| component.key())
    }

    /// Returns the keys whose secret parts are here.
    pub(super) fn parts_here(&self) -> impl Iterator<Item = &Key<SecretParts, UnspecifiedRole>> {
        self.secret_parts().filter(|key| !is_elsewhere(key.secret()))
    }

    /// Puts packets into the key. Secret packets replace what is there.
    pub(super) fn with_packets(&self, packets: Vec<Packet>) -> Result<SecretKey> {
        self.cert
            .clone()
            .insert_packets(packets)
            .map(|(cert, _)| self.changed(cert))
            .map_err(Error::crypto("putting the key together"))
    }

    /// Returns its public part.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the primary key's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.cert.fingerprint())
    }

    /// Returns whether its use takes a passphrase.
    pub fn protection(&self) -> Protection {
        let is_open = self.secret_parts().any(|key| !key.secret().is_encrypted());
        if is_open { Protection::None } else { Protection::Passphrase }
    }

    /// Returns the keys whose secret parts are elsewhere, on a smart card or off-line. The file has
    /// stubs for them.
    pub fn elsewhere(&self) -> Vec<(Fingerprint, SecretPlace)> {
        let stubs = self.secret_parts().filter(|key| is_elsewhere(key.secret()));
        stubs.map(|key| (Fingerprint::of(key), place(key))).collect()
    }

    /// Returns the key as binary OpenPGP packets, secret parts as protected as they are here.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        let packets = self.cert.as_tsk().to_vec().map(Zeroizing::new);
        let packets = packets.map_err(Error::crypto("writing the secret key"))?;
        Ok(self.certificate.restored(&packets).map_or(packets, Zeroizing::new))
    }

    /// Returns the key armored, as "PGP PRIVATE KEY BLOCK".
    pub fn to_armored(&self) -> Result<Zeroizing<Vec<u8>>> {
        let bytes = self.to_bytes()?;
        armored(openpgp::armor::Kind::SecretKey, &bytes).map(Zeroizing::new)
    }

    /// Returns whether every secret part of the other is here too. Secret parts of the same public
    /// key are the same, whatever protects them.
    pub fn has_all_secrets_of(&self, other: &SecretKey) -> bool {
        let here = self.secret_fingerprints();
        other.secret_fingerprints().iter().all(|key| here.contains(key))
    }

    /// Returns the fingerprints of the keys whose secret parts are here.
    pub fn secret_fingerprints(&self) -> Vec<Fingerprint> {
        self.parts_here().map(Fingerprint::of).collect()
    }

    /// Adds what a certificate knows of this key. The secret parts stay as they are.
    pub fn merge(&self, certificate: &Certificate) -> Result<SecretKey> {
        let cert = self
            .cert
            .clone()
            .merge_public(certificate.cert().clone())
            .map_err(Error::crypto("merging the certificate"))?;
        let certificate = Arc::new(self.certificate.merge(certificate)?);
        Ok(SecretKey { cert, certificate, in_token: self.in_token.clone() })
    }

    /// Proves that every secret part here can be unlocked and belongs to its public part, and that
    /// all RSA parts keep the rules.
    ///
    /// # Errors
    ///
    /// [`Error::WrongPassphrase`], [`Error::PassphraseNeeded`], or [`Error::Refused`] with
    /// [`Weakness::Inconsistent`] or [`Weakness::SecretElsewhere`], or with what it costs.
    pub fn check(&self, passphrase: Option<&Passphrase>) -> Result<()> {
        self.check_room(0)?;
        let mut usable = 0;
        for key in self.parts_here() {
            let unlocked = unlock(key, passphrase)?;
            if is_rsa(key) {
                load(key, &unlocked)?;
                usable += 1;
            }
        }
        if usable == 0 {
            let stub = self.elsewhere().pop();
            let weakness = stub.map_or(Weakness::SecretElsewhere, |(_, place)| place.into());
            return Err(self.refused(weakness));
        }
        Ok(())
    }

    /// Checks that it can be unlocked in reasonable time, also with a number of secret parts more.
    /// Refuses with [`Weakness::ManySecretParts`] or [`Weakness::CostlyPassphrase`].
    pub fn check_room(&self, more: usize) -> Result<()> {
        check_parts(&self.fingerprint(), self.parts_here().count() + more)?;
        let costs = self.parts_here().filter_map(|key| argon2(key.secret()));
        // Passes times KiB.
        if costs.map(|(t, _, m)| u64::from(t) << m.min(17)).sum::<u64>() > MOST_ARGON2 {
            let what = "more than 4 passes of Argon2 over 128 MiB in all";
            return Err(self.refused(Weakness::CostlyPassphrase(what.into())));
        }
        Ok(())
    }

    pub(super) fn refused(&self, weakness: Weakness) -> Error {
        Error::refused(self.fingerprint(), weakness)
    }
}

impl Certificate {
    /// Returns the certificate as a key without secret parts.
    pub fn without_secrets(&self) -> SecretKey {
        let (cert, certificate) = (self.cert().clone(), Arc::new(self.clone()));
        SecretKey { cert, certificate, in_token: Vec::new() }
    }
}

/// A key that is unlocked and can sign. Dropping it wipes it.
pub struct SigningKey {
    key: UnlockedKey,
    certificate: Arc<Certificate>,
}

impl SigningKey {
    pub(super) fn new(key: UnlockedKey, secret: &SecretKey) -> SigningKey {
        SigningKey { key, certificate: secret.certificate.clone() }
    }

    /// Returns the certificate it belongs to.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the fingerprint of the key itself, a subkey's where a subkey signs.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.key.public())
    }

    /// Returns when the key was made. No signature can be older.
    pub fn created(&self) -> SystemTime {
        self.key.public().creation_time()
    }

    /// Returns whether it is in a token that wants its PIN, and perhaps a touch, for each signature.
    pub fn asks_each_time(&self) -> bool {
        self.key.asks_each_time()
    }

    pub(super) fn signer(&self) -> &UnlockedKey {
        &self.key
    }
}

/// Unlocks one secret part.
pub(super) fn unlock(
    key: &Key<SecretParts, UnspecifiedRole>,
    passphrase: Option<&Passphrase>,
) -> Result<Unencrypted> {
    let fingerprint = || Fingerprint::of(key);
    let encrypted = match key.secret() {
        SecretKeyMaterial::Unencrypted(open) => return Ok(open.clone()),
        SecretKeyMaterial::Encrypted(encrypted) => encrypted,
    };
    let passphrase = passphrase.ok_or_else(|| Error::PassphraseNeeded(fingerprint()))?;
    check_cost(key.secret()).map_err(|weakness| Error::refused(fingerprint(), weakness))?;
    encrypted.decrypt(key, passphrase.password()).map_err(|_| Error::WrongPassphrase(fingerprint()))
}

/// Refuses a key derivation that costs more than 4 passes over 128 MiB. A file could ask for up to
/// 2^31 KiB of Argon2.
pub(super) fn check_cost(secret: &SecretKeyMaterial) -> Result<(), Weakness> {
    match argon2(secret) {
        Some((t, p, m)) if m > 17 || t > 4 || p > 16 => Err(Weakness::CostlyPassphrase(format!(
            "Argon2 with {t} passes, {p} lanes and 2^{m} KiB"
        ))),
        _ => Ok(()),
    }
}

/// Refuses more secret parts of a key than can be unlocked in reasonable time.
pub(super) fn check_parts(key: &Fingerprint, count: usize) -> Result<()> {
    if count <= MOST_SECRET_PARTS {
        return Ok(());
    }
    Err(Error::refused(key, Weakness::ManySecretParts { count, most: MOST_SECRET_PARTS }))
}

/// Returns what Argon2 is asked for: passes, lanes, and KiB as a power of two.
fn argon2(secret: &SecretKeyMaterial) -> Option<(u8, u8, u8)> {
    match secret {
        SecretKeyMaterial::Encrypted(encrypted) => match *encrypted.s2k() {
            S2K::Argon2 { t, p, m, .. } => Some((t, p, m)),
            _ => None,
        },
        SecretKeyMaterial::Unencrypted(_) => None,
    }
}

/// Loads an unlocked part, proving that it belongs to the public one.
pub(super) fn load(
    key: &Key<SecretParts, UnspecifiedRole>,
    unlocked: &Unencrypted,
) -> Result<UnlockedKey> {
    let public = || key.clone().take_secret().0;
    check_key(key)
        .and_then(|()| unlocked.map(|secret| UnlockedKey::load(public(), secret)))
        .map_err(|weakness| Error::refused(Fingerprint::of(key), weakness))
}

/// Returns the packet of a key: the primary key's or a subkey's.
pub(super) fn key_packet(key: Key<SecretParts, UnspecifiedRole>, primary: &Fingerprint) -> Packet {
    match Fingerprint::of(&key) == *primary {
        true => key.role_into_primary().into(),
        false => key.role_into_subordinate().into(),
    }
}

/// Protects an unlocked part, if there is a passphrase.
pub(super) fn lock<P: KeyParts>(
    key: &Key<P, UnspecifiedRole>,
    unlocked: Unencrypted,
    passphrase: Option<&Passphrase>,
) -> Result<SecretKeyMaterial> {
    let Some(passphrase) = passphrase else { return Ok(unlocked.into()) };
    let method = S2K::new_iterated(HashAlgorithm::SHA256, 0x3e0_0000)
        .map_err(Error::crypto("protecting the key"))?;
    unlocked
        .encrypt_with(key, method, SymmetricAlgorithm::AES256, None, passphrase.password())
        .map(SecretKeyMaterial::Encrypted)
        .map_err(Error::crypto("protecting the key"))
}

/// Returns whether the secret is a stub: gpg's "gnu-dummy", or a pointer to a smart card.
pub(super) fn is_elsewhere(secret: &SecretKeyMaterial) -> bool {
    match secret {
        SecretKeyMaterial::Encrypted(encrypted) => {
            matches!(encrypted.s2k(), S2K::Private { .. } | S2K::Unknown { .. })
        }
        SecretKeyMaterial::Unencrypted(_) => false,
    }
}
