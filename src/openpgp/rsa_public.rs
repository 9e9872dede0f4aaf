//! Verifying with RSA public keys, on AWS-LC: ten times as fast as sequoia's Rust backend.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
};

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize};
use sequoia_openpgp as openpgp;

use super::framing::integer;
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
/// Only keys of 2048 to 8192 bits with SHA-1, SHA-256, SHA-384 or SHA-512 are checked, see
/// [`is_known`]. For all others the answer is no.
pub(crate) fn verifies(
    key: PublicNumbers<'_>,
    hash: HashAlgorithm,
    digest: &[u8],
    signature: &[u8],
) -> bool {
    let (algorithm, parameters): (_, &RsaParameters) = match hash {
        // Old self-signatures use it. The caller decides whether it counts.
        HashAlgorithm::Sha1 => {
            (&digest::SHA1_FOR_LEGACY_USE_ONLY, &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY)
        }
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

/// Returns whether a no of [`verifies`] is final for keys of this modulus.
pub(super) fn is_known(n: &[u8], hash: HashAlgorithm) -> bool {
    use HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    let n = without_zeros(n);
    let top = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = 8 * n.len() - top;
    let is_odd = n.last().is_some_and(|last| last % 2 == 1);
    is_odd && (2048..=8192).contains(&bits) && matches!(hash, Sha1 | Sha256 | Sha384 | Sha512)
}

/// Returns a number, big-endian, without zeros in front.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// An RSA public key that recovers the digest from a signature.
pub(super) struct Recovering {
    n: Odd<BoxedUint>,
    e: u32,
    parameters: BoxedMontyParams,
}

/// The most octets of a modulus and of an exponent.
const MOST_OCTETS: (usize, usize) = (1024, 4);

impl Recovering {
    /// Takes the numbers out of a version 4 key packet's body (RFC 9580, section 5.5.2.2).
    pub(super) fn of_key_body(body: &[u8]) -> Option<Recovering> {
        let [4, _, _, _, _, 1..=3, ref numbers @ ..] = *body else { return None };
        let (n, rest) = integer(numbers)?;
        let (e, _) = integer(rest)?;
        if n.len() > MOST_OCTETS.0 || e.len() > MOST_OCTETS.1 {
            return None;
        }
        let n = odd_modulus(n)?;
        let parameters = BoxedMontyParams::new_vartime(n.clone());
        let e = e.iter().fold(0, |sum, &octet| sum << 8 | u32::from(octet));
        Some(Recovering { n, e, parameters })
    }

    /// Returns how many octets the modulus has.
    pub(super) fn octets(&self) -> usize {
        self.n.bits_vartime().div_ceil(8) as usize
    }

    /// Returns the digest that this is a PKCS #1 v1.5 signature of, if it is one.
    ///
    /// The number counts modulo the key's, as it does for gpg. [`verifies`] is strict about that.
    pub(super) fn recover(
        &self,
        hash: openpgp::types::HashAlgorithm,
        signature: &[u8],
    ) -> Option<Vec<u8>> {
        let info = hash.oid().ok()?;
        let signature = BoxedUint::from_be_slice_vartime(signature);
        let signature = signature.rem_vartime(self.n.as_nz_ref());
        let encoded = self.raise(signature).to_be_bytes();
        let encoded = encoded.get(encoded.len().checked_sub(self.octets())?..)?;
        let padded = encoded.strip_prefix(&[0, 1])?;
        let padding = padded.iter().take_while(|&&byte| byte == 0xFF).count();
        let digest = padded.get(padding..)?.strip_prefix(&[0])?.strip_prefix(info)?;
        (padding >= 8 && digest.len() == hash.digest_size().ok()?).then(|| digest.to_vec())
    }

    /// Raises a number below the modulus to the exponent, by squaring. Most exponents have two bits,
    /// which need no table of powers.
    fn raise(&self, number: BoxedUint) -> BoxedUint {
        let base = BoxedMontyForm::new(number, &self.parameters);
        let bits = (0..self.e.checked_ilog2().unwrap_or(0)).rev();
        let squared = |power: BoxedMontyForm, bit: u32| match self.e >> bit & 1 {
            1 => power.square().mul(&base),
            _ => power.square(),
        };
        bits.fold(base.clone(), squared).retrieve()
    }
}

/// Returns an odd number greater than one, with no more words than it needs.
pub(crate) fn odd_modulus(octets: &[u8]) -> Option<Odd<BoxedUint>> {
    let number = BoxedUint::from_be_slice_vartime(octets);
    let bits = number.bits_vartime();
    if bits < 2 {
        return None;
    }
    Odd::new(number.resize(bits)).into_option()
}

/// Raises a number below the modulus, and of its precision, to a power.
pub(crate) fn power(modulus: &Odd<BoxedUint>, base: BoxedUint, exponent: &BoxedUint) -> BoxedUint {
    let parameters = BoxedMontyParams::new_vartime(modulus.clone());
    BoxedMontyForm::new(base, &parameters)
        .pow_bounded_exp(exponent, exponent.bits_vartime())
        .retrieve()
}
