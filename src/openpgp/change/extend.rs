//! A longer or shorter validity.

use std::time::{Duration, SystemTime};

use sequoia_openpgp::packet::signature::SignatureBuilder;

use super::renew::{
    Bound, Maker, changeable_subkeys, check_changeable, renew_primary, renew_subkey,
    subkeys_in_use, with_packets,
};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::times::show_time;
use crate::openpgp::validity::check_end;

/// Whose end is set.
#[derive(Clone, Copy, Debug)]
pub enum Ends<'a> {
    /// The key's.
    Key,
    /// The key's, and those of its newest signing subkey and its newest other one.
    KeyAndSubkeys,
    /// Those of these subkeys alone.
    Subkeys(&'a [Fingerprint]),
    /// Those of all subkeys that have not ended, and of nothing else.
    AllSubkeys,
}

/// A key with another validity.
pub struct Extended {
    /// The certificate that says so.
    pub certificate: Certificate,
    /// The subkeys whose validity changed too.
    pub subkeys: Vec<Fingerprint>,
}

/// Sets when a key or its subkeys stop being valid, or that they never do.
///
/// # Errors
///
/// [`Error::Refused`] for a revoked key and for a clock before its birth. [`Error::ClockBehind`].
/// [`Error::Malformed`] for an end that OpenPGP cannot hold. [`Error::UnknownKey`] for a subkey. Also what unlocking a subkey says, if
/// its back-signature is renewed.
pub fn extend(
    certificate: &Certificate,
    maker: &Maker<'_>,
    expires: Option<SystemTime>,
    ends: Ends<'_>,
    now: SystemTime,
) -> Result<Extended> {
    check_changeable(certificate, maker.primary, now)?;
    let validity = validity_since(maker.primary.created(), expires)?;
    let until = |builder: SignatureBuilder| builder.set_key_validity_period(validity);
    let mut packets = Vec::new();
    if matches!(ends, Ends::Key | Ends::KeyAndSubkeys) {
        packets = renew_primary(certificate, maker.primary, now, |_| true, until)?;
        if packets.is_empty() {
            return Err(Error::malformed("the key has no user ID that could be extended"));
        }
    }
    let mut extended = Vec::new();
    for (subkey, binding) in chosen(certificate, ends, now)? {
        let validity = validity_since(subkey.creation_time(), expires)?;
        let renewed = renew_subkey(subkey, binding, maker, now, |builder| {
            builder.set_key_validity_period(validity)
        })?;
        packets.extend(renewed);
        extended.push(Fingerprint::of(subkey));
    }
    Ok(Extended { certificate: with_packets(certificate, packets)?, subkeys: extended })
}

/// Returns the subkeys that get the end.
fn chosen<'a>(
    certificate: &'a Certificate,
    ends: Ends<'_>,
    now: SystemTime,
) -> Result<Vec<Bound<'a>>> {
    let all = || changeable_subkeys(certificate);
    let is_over = |(key, binding): &Bound<'_>| {
        let validity = binding.key_validity_period();
        validity.is_some_and(|validity| key.creation_time() + validity <= now)
    };
    match ends {
        Ends::Key => Ok(Vec::new()),
        Ends::KeyAndSubkeys => Ok(subkeys_in_use(certificate)),
        Ends::AllSubkeys => Ok(all().filter(|it| !is_over(it)).collect()),
        Ends::Subkeys(named) => {
            let find = |name: &Fingerprint| all().find(|(key, _)| Fingerprint::of(key) == *name);
            let unknown = |name: &Fingerprint| Error::UnknownKey(name.to_string());
            named.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect()
        }
    }
}

/// Returns an end as OpenPGP has it: in seconds after the key was made.
fn validity_since(created: SystemTime, expires: Option<SystemTime>) -> Result<Option<Duration>> {
    let Some(expires) = expires else { return Ok(None) };
    match expires.duration_since(created).map_or(0, |validity| validity.as_secs()) {
        0 => Err(Error::Malformed(format!(
            "the key would end before it begins: it was made {}",
            show_time(created)
        ))),
        seconds => {
            let validity = Duration::from_secs(seconds);
            check_end(created, validity).map(|()| Some(validity))
        }
    }
}
