//! One new key, a primary key or a subkey.

use std::time::SystemTime;

use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{
    Key4, KeyRole, PublicParts, SecretKeyMaterial, SecretParts, Unencrypted, UnspecifiedRole,
};
use sequoia_openpgp::types::PublicKeyAlgorithm;

use super::error::{Error, Result};
use super::policy::KeySizeBits;
use super::rsa::{self, PrivateKey};
use super::secret_key::{Passphrase, lock};

/// Makes one key, its secret part protected if there is a passphrase.
pub(super) fn new_key<R>(
    bits: KeySizeBits,
    created: SystemTime,
    passphrase: Option<&Passphrase>,
) -> Result<(Key<SecretParts, R>, PrivateKey)>
where
    R: KeyRole + Clone,
    Key<SecretParts, R>: From<Key4<SecretParts, R>>,
{
    let (private, parts) = rsa::generate(bits)?;
    let bare: Key<PublicParts, UnspecifiedRole> =
        Key4::new(created, PublicKeyAlgorithm::RSAEncryptSign, parts.public.clone())
            .map_err(Error::crypto("making the key packet"))?
            .into();
    let secret = Unencrypted::from(parts.secret);
    let secret = match passphrase {
        Some(passphrase) => lock(&bare, secret, passphrase)?,
        None => SecretKeyMaterial::Unencrypted(secret),
    };
    let key = Key4::<SecretParts, R>::with_secret(
        created,
        PublicKeyAlgorithm::RSAEncryptSign,
        parts.public,
        secret,
    )
    .map_err(Error::crypto("making the key packet"))?;
    Ok((key.into(), private))
}
