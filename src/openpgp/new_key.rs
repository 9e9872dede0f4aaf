//! One new key, a primary key or a subkey.

use std::time::SystemTime;

use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{SecretParts, Unencrypted, UnspecifiedRole};

use super::error::Result;
use super::policy::KeySizeBits;
use super::rsa::UnlockedKey;
use super::secret_key::{Passphrase, lock};

/// Makes one key, its secret part protected if there is a passphrase.
pub(super) fn new_key(
    bits: KeySizeBits,
    created: SystemTime,
    passphrase: Option<&Passphrase>,
) -> Result<(Key<SecretParts, UnspecifiedRole>, UnlockedKey)> {
    let (unlocked, secret) = UnlockedKey::generate(bits, created)?;
    let secret = lock(unlocked.public(), Unencrypted::from(secret), passphrase)?;
    Ok((unlocked.public().clone().add_secret(secret).0, unlocked))
}
