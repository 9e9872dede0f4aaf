//! Tells whether a key made a signature (golang.org/x/crypto/openpgp/packet, public_key.go).

use super::key::{Material, PublicKey};
use super::numbers::{self, Allowance, Rsa};
use super::refusal::{Cause, Fault};
use super::signature::{Signature, is_available};
use crate::openpgp::hash::{ContentHash, HashAlgorithm, Hashed, Hasher};

/// What signatures in a certificate sign. It is hashed once, because a hostile certificate may have
/// thousands of signatures over a user ID of megabytes.
pub(super) struct SignedData<'a> {
    parts: Vec<&'a [u8]>,
    hashed: Vec<(HashAlgorithm, Hashed)>,
}

impl<'a> SignedData<'a> {
    pub(super) fn new(parts: Vec<&'a [u8]>) -> SignedData<'a> {
        SignedData { parts, hashed: Vec::new() }
    }

    /// Checks that the key signed this.
    pub(super) fn verify(
        &mut self,
        key: &PublicKey,
        signature: &Signature,
        allowance: &mut Allowance,
    ) -> Result<(), Fault> {
        let digest = self
            .digest(signature.hash, &signature.trailer)
            .ok_or_else(|| Fault::unsupported(Cause::HashAlgorithm, "hash function"))?;
        verify(key, signature, &digest, allowance)
    }

    fn digest(&mut self, algorithm: HashAlgorithm, trailer: &[u8]) -> Option<Vec<u8>> {
        if !is_available(algorithm) {
            return None;
        }
        let way = ContentHash { algorithm, text: false };
        if !self.hashed.iter().any(|(known, _)| *known == algorithm) {
            let mut hasher = Hasher::new([way]);
            self.parts.iter().for_each(|part| hasher.update(part));
            self.hashed.push((algorithm, hasher.finish()));
        }
        let (_, hashed) = self.hashed.iter().find(|(known, _)| *known == algorithm)?;
        hashed.digest(way, trailer)
    }
}

/// Checks that the key signed this digest.
pub(super) fn verify(
    key: &PublicKey,
    signature: &Signature,
    digest: &[u8],
    allowance: &mut Allowance,
) -> Result<(), Fault> {
    if !key.may_verify() {
        let what = "public key cannot generate signatures";
        return Err(Fault::argument(Cause::NotASigningKey, what));
    }
    if !digest.starts_with(&signature.digest_prefix) {
        return Err(Fault::signature(Cause::OtherContent, "hash tag doesn't match"));
    }
    if key.algorithm != signature.algorithm {
        let what = "public key and signature use different algorithms";
        return Err(Fault::argument(Cause::OtherAlgorithm, what));
    }
    if !allowance.pay(price(&key.material)) {
        let words = "plugsign: verifying the certificate takes too long";
        return Err(Fault::fatal(Cause::Excessive, words));
    }
    verify_numbers(&key.material, signature, digest)
}

fn price(material: &Material) -> u64 {
    match material {
        Material::Rsa { n, .. } => numbers::rsa_price(n),
        Material::Dsa([p, q, ..]) => numbers::dsa_price(p, q),
        Material::Ecdsa(_) => numbers::CURVE_PRICE,
        Material::Encryption => 0,
    }
}

fn verify_numbers(material: &Material, signature: &Signature, digest: &[u8]) -> Result<(), Fault> {
    let [first, second] = signature.numbers.each_ref().map(Vec::as_slice);
    let (good, what) = match material {
        Material::Rsa { n, e } => {
            let what = "RSA verification failure";
            let key = Rsa::new(n, *e).ok_or_else(|| Fault::signature(Cause::WeakKey, what))?;
            (key.verifies(signature.hash, digest, first), what)
        }
        Material::Dsa(key) => {
            let key = key.each_ref().map(Vec::as_slice);
            let good = numbers::dsa_verifies(key, digest, [first, second]);
            (good.unwrap_or(false), "DSA verification failure")
        }
        Material::Ecdsa(point) => {
            (point.verifies(digest, first, second), "ECDSA verification failure")
        }
        Material::Encryption => (false, "Unsupported public key algorithm used in signature"),
    };
    if good { Ok(()) } else { Err(Fault::signature(Cause::BadSignature, what)) }
}
