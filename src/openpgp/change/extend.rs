//! A longer or shorter validity.

use std::time::{Duration, SystemTime};

use sequoia_openpgp::packet::signature::SignatureBuilder;

use super::renew::{
    Maker, check_changeable, renew_primary, renew_subkey, subkeys_in_use, with_packets,
};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;

/// A key with another validity.
pub struct Extended {
    /// The certificate that says so.
    pub certificate: Certificate,
    /// The subkeys whose validity changed too.
    pub subkeys: Vec<Fingerprint>,
}

/// Sets when a key stops being valid, or that it never does.
///
/// With `subkeys` the newest signing subkey and the newest other one get the same end. Older ones
/// keep theirs.
///
/// # Errors
///
/// [`Error::Refused`] for a revoked key and for a clock before its birth. [`Error::ClockBehind`].
/// [`Error::Malformed`] for an end that OpenPGP cannot hold. Also what unlocking a subkey says, if
/// its back-signature is renewed.
pub fn extend(
    certificate: &Certificate,
    maker: &Maker<'_>,
    expires: Option<SystemTime>,
    subkeys: bool,
    now: SystemTime,
) -> Result<Extended> {
    check_changeable(certificate, maker.primary, now)?;
    let validity = validity_since(maker.primary.created(), expires)?;
    let until = |builder: SignatureBuilder| builder.set_key_validity_period(validity);
    let mut packets = renew_primary(certificate, maker.primary, now, |_| true, until)?;
    if packets.is_empty() {
        return Err(Error::malformed("the key has no user ID that could be extended"));
    }
    let mut extended = Vec::new();
    if subkeys {
        for (subkey, binding) in subkeys_in_use(certificate) {
            let validity = validity_since(subkey.creation_time(), expires)?;
            let renewed = renew_subkey(subkey, binding, maker, now, |builder| {
                builder.set_key_validity_period(validity)
            })?;
            packets.extend(renewed);
            extended.push(Fingerprint::of(subkey));
        }
    }
    Ok(Extended { certificate: with_packets(certificate, packets)?, subkeys: extended })
}

/// Returns an end as OpenPGP has it: in seconds after the key was made.
fn validity_since(created: SystemTime, expires: Option<SystemTime>) -> Result<Option<Duration>> {
    let Some(expires) = expires else { return Ok(None) };
    let validity = expires.duration_since(created).ok();
    match validity.filter(|it| (1..=u64::from(u32::MAX)).contains(&it.as_secs())) {
        Some(validity) => Ok(Some(validity)),
        None => Err(Error::malformed(
            "the key would be valid for longer than OpenPGP can say, which is 136 years",
        )),
    }
}
