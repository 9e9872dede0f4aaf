//! A new signing subkey.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::types::{KeyFlags, SignatureType};

use super::made;
use super::renew::{Maker, check_changeable, self_signature, with_back_signature, with_packets};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::in_token::key_in_token;
use crate::openpgp::new_key::new_key;
use crate::openpgp::policy::KeySizeBits;
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::rsa::{UnlockedKey, signing};
use crate::openpgp::secret_key::{Passphrase, SecretKey};
use crate::openpgp::token::{KeyInToken, Pool};
use crate::openpgp::validity::check_end;

/// A plan for a new signing subkey.
#[derive(Clone, Copy, Debug)]
pub struct SubkeyPlan {
    /// Its size.
    pub bits: KeySizeBits,
    /// When it is made.
    pub created: SystemTime,
    /// How long it is valid, or as long as the primary key.
    pub validity: Option<Duration>,
}

/// A key with a new signing subkey.
pub struct Rotated {
    /// The key, with all secret parts that it had and the new one.
    pub secret: SecretKey,
    /// The new subkey.
    pub subkey: Fingerprint,
}

/// Makes a new signing subkey. The old ones stay as they are, and their signatures are good until
/// they end.
///
/// The passphrase has to unlock the other secret parts. It then protects the new one.
/// Fails as [`extend`](super::extend()) does, and as unlocking the others may.
pub fn rotate(certificate: &Certificate, maker: &Maker<'_>, plan: &SubkeyPlan) -> Result<Rotated> {
    check_changeable(certificate, maker.primary, plan.created)?;
    maker.secret.check_room(1)?;
    maker.secret.check(maker.passphrase)?;
    let (packets, subkey) = signing_subkey(maker.primary, plan, maker.passphrase)?;
    let secret = maker.secret.merge(certificate)?.with_packets(packets)?;
    Ok(Rotated { secret, subkey })
}

/// Makes a token's key the newest signing subkey. Returns the certificate and the subkey.
/// Fails as [`rotate`] does, or as the token does.
pub fn rotate_to_token(
    certificate: &Certificate,
    primary: &PrimaryKey,
    plan: &SubkeyPlan,
    pool: &Arc<Pool>,
    key: &KeyInToken,
) -> Result<(Certificate, Fingerprint)> {
    check_changeable(certificate, primary, plan.created)?;
    let unlocked = key_in_token(pool, key, plan.created)?;
    let (binding, fingerprint) = binding(primary, &unlocked, plan)?;
    let subkey = unlocked.public().clone().role_into_subordinate();
    let changed = with_packets(certificate, vec![subkey.into(), binding.into()])?;
    Ok((changed, fingerprint))
}

/// Makes a signing subkey with its binding.
pub(in crate::openpgp) fn signing_subkey(
    primary: &PrimaryKey,
    plan: &SubkeyPlan,
    passphrase: Option<&Passphrase>,
) -> Result<(Vec<Packet>, Fingerprint)> {
    let (subkey, unlocked) = new_key(plan.bits, plan.created, passphrase)?;
    let (binding, fingerprint) = binding(primary, &unlocked, plan)?;
    Ok((vec![subkey.role_into_subordinate().into(), binding.into()], fingerprint))
}

/// Makes the binding of a signing subkey.
fn binding(
    primary: &PrimaryKey,
    unlocked: &UnlockedKey,
    plan: &SubkeyPlan,
) -> Result<(Signature, Fingerprint)> {
    plan.validity.map_or(Ok(()), |validity| check_end(plan.created, validity))?;
    let public = unlocked.public().clone().role_into_subordinate();
    let builder = self_signature(SignatureType::SubkeyBinding, plan.created)?
        .set_key_flags(KeyFlags::empty().set_signing())
        .and_then(|builder| builder.set_key_validity_period(plan.validity))
        .map_err(Error::crypto("preparing the subkey's signature"))?;
    let builder = with_back_signature(builder, unlocked, primary, &public, plan.created)?;
    let binding = signing("binding the subkey", made::on_subkey(builder, primary, &public))?;
    Ok((binding, Fingerprint::of(&public)))
}
