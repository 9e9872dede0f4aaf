//! The copy of a certificate that a server gets.

use super::server::{KeyRing, Refusal};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;

/// A certificate without the subkeys that the server cannot read and that never sign.
pub struct ServerCopy {
    /// What the server gets.
    pub certificate: Certificate,
    /// The subkeys that the copy lacks. Usually there are none.
    pub left_out: Vec<Fingerprint>,
    /// What the server makes of it.
    pub key_ring: KeyRing,
}

impl ServerCopy {
    /// Leaves out the subkeys that the server cannot read and that never sign. One Curve25519
    /// subkey for encryption makes the whole certificate unreadable to the server. Fails if the
    /// server cannot read it all the same.
    pub fn of(certificate: &Certificate) -> Result<ServerCopy, Refusal> {
        if let Ok(key_ring) = read(certificate) {
            return ServerCopy::without_revoked(certificate.clone(), Vec::new(), key_ring);
        }
        let candidates = certificate.subkeys_that_never_sign();
        let cost = certificate.packet_count().saturating_mul(candidates.len());
        let left_out = match cost <= MOST_READ {
            true => unreadable(certificate, candidates),
            false => candidates,
        };
        let certificate = certificate.without_subkeys(&left_out);
        let key_ring = read(&certificate)?;
        ServerCopy::without_revoked(certificate, left_out, key_ring)
    }

    /// Leaves out the revoked subkeys whose signatures the server would accept. It ignores the
    /// revocation of a subkey if that gives no reason, or is of version 3.
    fn without_revoked(
        certificate: Certificate,
        mut left_out: Vec<Fingerprint>,
        key_ring: KeyRing,
    ) -> Result<ServerCopy, Refusal> {
        let is_taken = |key: &Fingerprint| {
            let key_id = u64::from_str_radix(&key.key_id().to_string(), 16);
            key_id.is_ok_and(|key_id| key_ring.may_take(key_id))
        };
        if certificate.revoked().is_some() && certificate.fingerprints().iter().any(is_taken) {
            return Err(Refusal::not_heeded());
        }
        let mut unheeded = certificate.fingerprints();
        unheeded.retain(|key| certificate.revoked_subkey(key).is_some() && is_taken(key));
        if unheeded.is_empty() {
            return Ok(ServerCopy { certificate, left_out, key_ring });
        }
        let certificate = certificate.without_subkeys(&unheeded);
        left_out.extend(unheeded);
        let key_ring = read(&certificate)?;
        Ok(ServerCopy { certificate, left_out, key_ring })
    }
}

/// The most packets that are read to find the unreadable subkeys. No honest certificate needs
/// more. One that does loses all subkeys that never sign.
const MOST_READ: usize = 4_000;

/// Returns the candidates that make the certificate unreadable on their own.
fn unreadable(certificate: &Certificate, mut candidates: Vec<Fingerprint>) -> Vec<Fingerprint> {
    let subkeys: Vec<Fingerprint> = certificate.fingerprints().into_iter().skip(1).collect();
    candidates.retain(|candidate| {
        let others = subkeys.iter().filter(|subkey| *subkey != candidate).cloned();
        read(&certificate.without_subkeys(&others.collect::<Vec<_>>())).is_err()
    });
    candidates
}

/// Reads one certificate as the server does.
fn read(certificate: &Certificate) -> Result<KeyRing, Refusal> {
    KeyRing::read_whole(&certificate.to_bytes().map_err(|error| Refusal::not_written(&error))?)
}
