//! A new signing subkey.

use std::time::{Duration, SystemTime};

use sequoia_openpgp::Packet;
use sequoia_openpgp::types::{KeyFlags, SignatureType};

use super::made;
use super::renew::{Maker, check_changeable, self_signature, with_back_signature};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::new_key::new_key;
use crate::openpgp::policy::KeySizeBits;
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::secret_key::{Passphrase, SecretKey};

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

/// Makes a signing subkey with its binding.
pub(in crate::openpgp) fn signing_subkey(
    primary: &PrimaryKey,
    plan: &SubkeyPlan,
    passphrase: Option<&Passphrase>,
) -> Result<(Vec<Packet>, Fingerprint)> {
    let (subkey, unlocked) = new_key(plan.bits, plan.created, passphrase)?;
    let public = unlocked.public().clone().role_into_subordinate();
    let builder = self_signature(SignatureType::SubkeyBinding, plan.created)?
        .set_key_flags(KeyFlags::empty().set_signing())
        .and_then(|builder| builder.set_key_validity_period(plan.validity))
        .map_err(Error::crypto("preparing the subkey's signature"))?;
    let builder = with_back_signature(builder, &unlocked, primary, &public, plan.created)?;
    let binding =
        made::on_subkey(builder, primary, &public).map_err(Error::crypto("binding the subkey"))?;
    let packets = vec![subkey.role_into_subordinate().into(), binding.into()];
    Ok((packets, Fingerprint::of(&public)))
}
