//! New self-signatures with SHA-256 for those with a weak hash.

use std::time::SystemTime;

use super::renew::{
    Maker, check_changeable, is_strong, newest, renew_primary, renew_subkey, with_packets,
};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::Result;
use crate::openpgp::policy::check_key;

/// Renews the self-signatures whose hash is too weak, mostly SHA-1. Their content stays the same.
/// Returns nothing if all are strong.
///
/// # Errors
///
/// As [`extend`](super::extend()).
pub fn refresh(
    certificate: &Certificate,
    maker: &Maker<'_>,
    now: SystemTime,
) -> Result<Option<Certificate>> {
    check_changeable(certificate, maker.primary, now)?;
    let weak = |signature: &_| !is_strong(signature);
    let mut packets = renew_primary(certificate, maker.primary, now, weak, Ok)?;
    for subkey in certificate.cert().keys().subkeys() {
        if certificate.is_revoked_subkey(subkey.key()) || check_key(subkey.key()).is_err() {
            continue;
        }
        let Some(binding) = newest(subkey.self_signatures()) else { continue };
        let signs = binding.key_flags().is_some_and(|flags| flags.for_signing());
        if weak(binding) || (signs && !binding.embedded_signatures().any(is_strong)) {
            packets.extend(renew_subkey(subkey.component(), binding, maker, now, Ok)?);
        }
    }
    match packets.is_empty() {
        true => Ok(None),
        false => with_packets(certificate, packets).map(Some),
    }
}
