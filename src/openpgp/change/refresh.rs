//! New self-signatures with SHA-256 for those with a weak hash.

use std::time::SystemTime;

use super::renew::{
    Maker, changeable_subkeys, check_changeable, is_strong, renew_primary, renew_subkey, signs,
    with_packets,
};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::Result;

/// Renews the self-signatures whose hash is too weak, mostly SHA-1. Their content stays the same.
/// Returns nothing if all are strong.
/// Fails as [`extend`](super::extend()).
pub fn refresh(
    certificate: &Certificate,
    maker: &Maker<'_>,
    now: SystemTime,
) -> Result<Option<Certificate>> {
    check_changeable(certificate, maker.primary, now)?;
    let weak = |signature: &_| !is_strong(signature);
    let mut packets = renew_primary(certificate, maker.primary, now, weak, Ok)?;
    for (subkey, binding) in changeable_subkeys(certificate) {
        if weak(binding) || (signs(binding) && !binding.embedded_signatures().any(is_strong)) {
            packets.extend(renew_subkey(subkey, binding, maker, now, Ok)?);
        }
    }
    match packets.is_empty() {
        true => Ok(None),
        false => with_packets(certificate, packets).map(Some),
    }
}
