//! RSA and DSA with untrusted numbers (Go's crypto/rsa and crypto/dsa).

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd, Resize};

use crate::openpgp::hash::HashAlgorithm;
use crate::openpgp::rsa_public::{self, PublicNumbers, odd_modulus, power};

/// How much more time verifying may take, roughly in word multiplications.
///
/// One allowance pays for all verifications of a key file. Without it, a hostile key file of 4 MiB
/// takes hours. It pays for 5000 signatures of RSA-4096, or one second.
pub(super) struct Allowance(u64);

impl Allowance {
    pub(super) fn new() -> Allowance {
        Allowance(1_000_000_000)
    }

    /// Pays for a verification, if there is enough left.
    pub(super) fn pay(&mut self, price: u64) -> bool {
        let left = self.0.checked_sub(price);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// The price of an elliptic curve verification.
pub(super) const CURVE_PRICE: u64 = 1_000_000;

/// Returns the price of raising a number to a power.
fn power_price(modulus: &[u8], exponent_bits: u64) -> u64 {
    let words = modulus.len().div_ceil(8) as u64;
    2 * words * words * exponent_bits
}

/// Returns what verifying with this modulus costs.
pub(super) fn rsa_price(n: &[u8]) -> u64 {
    power_price(n, 24)
}

/// Returns what verifying with this modulus and this order costs.
pub(super) fn dsa_price(p: &[u8], q: &[u8]) -> u64 {
    power_price(p, 2 * 8 * q.len() as u64).saturating_add(power_price(q, 100))
}

/// An RSA public key that servers compute with.
pub(super) struct Rsa {
    n: Odd<BoxedUint>,
    e: u32,
}

impl Rsa {
    /// Returns the key, unless servers built with Go 1.24 or later refuse it (crypto/rsa,
    /// checkKeySize and checkPublicKey).
    pub(super) fn new(n: &[u8], e: u32) -> Option<Rsa> {
        const FEWEST_BITS: u32 = 1024;
        let n = odd_modulus(n)?;
        (n.bits_vartime() >= FEWEST_BITS && e >= 3 && e % 2 == 1).then_some(Rsa { n, e })
    }

    /// Tells whether this is a signature of the digest (RFC 8017, section 8.2.2). AWS-LC is asked
    /// first, because it is fast. Its no is not final, because it knows fewer hashes and sizes.
    pub(super) fn verifies(&self, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        let (n, e) = (self.n.to_be_bytes(), self.e.to_be_bytes());
        if rsa_public::verifies(PublicNumbers { n: &n, e: &e }, hash, digest, signature) {
            return true;
        }
        let length = self.n.bits_vartime().div_ceil(8) as usize;
        // Shorter signatures are padded. Longer ones are refused, even if they begin with zeros.
        let Some(expected) = encode(hash, digest, length).filter(|_| signature.len() <= length)
        else {
            return false;
        };
        let number = |octets| BoxedUint::from_be_slice_truncated(octets, self.n.bits_precision());
        let signature = number(signature);
        signature < *self.n.as_ref()
            && power(&self.n, signature, &BoxedUint::from(self.e)) == number(&expected)
    }
}

/// Encodes a digest for a key of this length in octets (RFC 8017, section 9.2). Returns nothing if
/// the key is too short for it.
fn encode(hash: HashAlgorithm, digest: &[u8], length: usize) -> Option<Vec<u8>> {
    let info = [digest_info(hash)?, digest].concat();
    let padding = length.checked_sub(info.len() + 3).filter(|&padding| padding >= 8)?;
    Some([&[0, 1], vec![0xff; padding].as_slice(), &[0], &info].concat())
}

/// Returns what stands before the digest in a DigestInfo (RFC 8017, section 9.2, note 1).
fn digest_info(hash: HashAlgorithm) -> Option<&'static [u8]> {
    Some(match hash {
        HashAlgorithm::Md5 => {
            b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10"
        }
        HashAlgorithm::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        HashAlgorithm::Sha224 => {
            b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c"
        }
        HashAlgorithm::Sha256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
        }
        HashAlgorithm::Sha384 => {
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
        }
        HashAlgorithm::Sha512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
        }
        // Never computed, see is_available().
        HashAlgorithm::Ripemd160 => return None,
    })
}

/// Tells whether `r` and `s` are a DSA signature of the digest (FIPS 186-4, section 4.7).
///
/// As in Go, the numbers are only checked as far as the computation needs it. Unlike in Go, even
/// p and q are refused.
pub(super) fn dsa_verifies(
    [p, q, g, y]: [&[u8]; 4],
    digest: &[u8],
    [r, s]: [&[u8]; 2],
) -> Option<bool> {
    let number = BoxedUint::from_be_slice_vartime;
    let (p, q) = (odd_modulus(p)?, odd_modulus(q)?);
    let (r, s) = (number(r), number(s));
    let zero = BoxedUint::zero();
    if r <= zero || s <= zero || r >= *q.as_ref() || s >= *q.as_ref() {
        return Some(false);
    }
    let order = q.as_ref().as_nz_vartime()?;
    let inverse = reduce(&s, order).invert_odd_mod_vartime(&q).into_option()?;
    let bits = q.bits_vartime();
    if !bits.is_multiple_of(8) {
        return Some(false);
    }
    let digest = number(digest.get(..bits as usize / 8).unwrap_or(digest));
    let exponent = |factor: &BoxedUint| inverse.concatenating_mul(factor).rem_vartime(order);
    let modulus = p.as_ref().as_nz_vartime()?;
    let one = power(&p, reduce(&number(g), modulus), &exponent(&digest));
    let other = power(&p, reduce(&number(y), modulus), &exponent(&r));
    let v = one.concatenating_mul(&other).rem_vartime(modulus).rem_vartime(order);
    Some(v == r)
}

fn reduce(number: &BoxedUint, modulus: &NonZero<BoxedUint>) -> BoxedUint {
    number.rem_vartime(modulus).resize(modulus.bits_precision())
}
