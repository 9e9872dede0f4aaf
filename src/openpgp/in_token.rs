//! Keys of a certificate whose secret parts are in a token.

use std::sync::Arc;
use std::time::SystemTime;

use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{Key4, PublicParts, UnspecifiedRole};
use sequoia_openpgp::types::PublicKeyAlgorithm;

use super::certificate::Certificate;
use super::ids::Fingerprint;
use super::policy::check_key;
use super::rsa::UnlockedKey;
use super::rsa_public::without_zeros;
use super::secret_key::SecretKey;
use super::token::{self, KeyInToken, Pool, TokenKey};
use crate::openpgp::error::{Error, Result};

impl Certificate {
    /// Returns its keys whose numbers are those of a token's key.
    pub fn keys_like(&self, key: &KeyInToken) -> Vec<Fingerprint> {
        let Some((n, e)) = numbers(key) else { return Vec::new() };
        let is_it = |mpis: &mpi::PublicKey| match mpis {
            mpi::PublicKey::RSA { n: modulus, e: exponent } => {
                (modulus.value(), exponent.value()) == (n, e)
            }
            _ => false,
        };
        let keys = self.cert().keys().filter(|component| is_it(component.key().mpis()));
        keys.map(|component| Fingerprint::of(component.key())).collect()
    }
}

impl SecretKey {
    /// Has a token sign for each of its keys that the token has.
    pub fn with_token(mut self, pool: &Arc<Pool>, keys: &[KeyInToken]) -> SecretKey {
        for key in keys {
            let Ok(signs) = TokenKey::new(pool, key) else { continue };
            let fingerprints = self.certificate().keys_like(key).into_iter();
            self.in_token.extend(fingerprints.map(|fingerprint| (fingerprint, signs.clone())));
        }
        self
    }
}

/// Refuses a token's key that no certificate here could have.
///
/// # Errors
///
/// [`token::Error::NotRsa`], [`token::Error::NoNumbers`], and [`Error::Refused`] for a weak key.
pub fn check_token_key(key: &KeyInToken) -> Result<()> {
    // The time is no part of what is checked.
    public_key(key, SystemTime::UNIX_EPOCH).map(|_| ())
}

/// Returns a token's key as it signs in a certificate that says that it was made then.
pub(super) fn key_in_token(
    pool: &Arc<Pool>,
    key: &KeyInToken,
    created: SystemTime,
) -> Result<UnlockedKey> {
    Ok(UnlockedKey::in_token(public_key(key, created)?, TokenKey::new(pool, key)?))
}

fn public_key(key: &KeyInToken, created: SystemTime) -> Result<Key<PublicParts, UnspecifiedRole>> {
    if !key.is_rsa {
        return Err(token::Error::NotRsa(key.name()).into());
    }
    let (n, e) = numbers(key).ok_or_else(|| token::Error::NoNumbers(key.name()))?;
    let mpis = mpi::PublicKey::RSA { e: mpi::MPI::new(e), n: mpi::MPI::new(n) };
    let public = Key4::new(created, PublicKeyAlgorithm::RSAEncryptSign, mpis)
        .map_err(Error::crypto("making the key packet"))?;
    let public = Key::<PublicParts, UnspecifiedRole>::from(public);
    check_key(&public).map_err(|weakness| Error::refused(key.shown(), weakness))?;
    Ok(public)
}

fn numbers(key: &KeyInToken) -> Option<(&[u8], &[u8])> {
    let (n, e) = key.numbers.as_ref()?;
    Some((without_zeros(n), without_zeros(e)))
}
