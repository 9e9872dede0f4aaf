//! Verifying with RSA public keys, on AWS-LC: ten times as fast as sequoia's Rust backend.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters,
};

use super::hash::HashAlgorithm;

/// A public key's numbers, big-endian.
#[derive(Clone, Copy)]
pub(crate) struct PublicNumbers<'a> {
    /// The modulus.
    pub(crate) n: &'a [u8],
    /// The public exponent.
    pub(crate) e: &'a [u8],
}

/// Returns whether this is a PKCS #1 v1.5 signature of the digest (RFC 8017, section 8.2.2).
///
/// A signature with leading zeros may be shorter than the modulus: OpenPGP's numbers have none.
/// Only keys of 2048 to 8192 bits and SHA-256, SHA-384 and SHA-512 are looked at; for all others
/// the answer is no.
pub(crate) fn verifies(
    key: PublicNumbers<'_>,
    hash: HashAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> bool {
    let (algorithm, parameters): (_, &RsaParameters) = match hash {
        HashAlgorithm::Sha256 => (&digest::SHA256, &RSA_PKCS1_2048_8192_SHA256),
        HashAlgorithm::Sha384 => (&digest::SHA384, &RSA_PKCS1_2048_8192_SHA384),
        HashAlgorithm::Sha512 => (&digest::SHA512, &RSA_PKCS1_2048_8192_SHA512),
        _ => return false,
    };
    let (n, e) = (without_zeros(key.n), without_zeros(key.e));
    let Some(missing) = n.len().checked_sub(signature.len()) else { return false };
    let padded = [&vec![0; missing], signature].concat();
    let key = PublicKeyComponents { n, e }.to_parsed_public_key(parameters);
    let digest = Digest::import_less_safe(digest, algorithm);
    matches!((key, digest), (Ok(key), Ok(digest)) if key.verify_digest_sig(&digest, &padded).is_ok())
}

/// Returns a number, big-endian, without zeros in front.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
