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
    /// subkey for encryption makes the whole certificate unreadable to the server.
    ///
    /// # Errors
    ///
    /// Why the server cannot read it all the same.
    pub fn of(certificate: &Certificate) -> Result<ServerCopy, Refusal> {
        if let Ok(key_ring) = read(certificate) {
            return ServerCopy::without_revoked(certificate.clone(), Vec::new(), key_ring);
        }
        let candidates = certificate.subkeys_that_never_sign();
        let left_out = match cost(certificate, &candidates) <= MOST_READ {
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
        let is_unheeded =
            |key: &Fingerprint| certificate.revoked_subkey(key).is_some() && is_taken(key);
        let unheeded: Vec<Fingerprint> =
            certificate.fingerprints().into_iter().filter(is_unheeded).collect();
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

/// Returns how many packets are read if each candidate is tried on its own.
fn cost(certificate: &Certificate, candidates: &[Fingerprint]) -> usize {
    certificate.packet_count().saturating_mul(candidates.len())
}

/// Returns the candidates that make the certificate unreadable on their own.
fn unreadable(certificate: &Certificate, candidates: Vec<Fingerprint>) -> Vec<Fingerprint> {
    let subkeys: Vec<Fingerprint> = certificate.fingerprints().into_iter().skip(1).collect();
    let mut unreadable = Vec::new();
    for candidate in candidates {
        let others: Vec<Fingerprint> =
            subkeys.iter().filter(|subkey| **subkey != candidate).cloned().collect();
        if read(&certificate.without_subkeys(&others)).is_err() {
            unreadable.push(candidate);
        }
    }
    unreadable
}

/// Reads one certificate as the server does.
fn read(certificate: &Certificate) -> Result<KeyRing, Refusal> {
    let bytes = certificate.to_bytes().map_err(|error| Refusal::not_written(&error))?;
    let ring = KeyRing::read(&bytes)?;
    match ring.passed_over() {
        Some(refusal) => Err(refusal.clone()),
        None => Ok(ring),
    }
}
