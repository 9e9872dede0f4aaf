//! Keys that were made with too little randomness. If two RSA moduli share a prime, anybody with
//! both certificates can compute both private keys (factorable.net, 2012).

use std::collections::HashSet;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Gcd, Odd, Resize};

use super::bounds::Budget;
use super::certificate::Certificate;
use super::framing::packets;
use super::ids::Fingerprint;
use super::policy::{check_key, modulus};
use super::raw_key::{RSA, RawKey};
use super::rsa_public::without_zeros;
use crate::openpgp::error::{Error, Result};

/// How many keys of one certificate are checked. No real certificate has more signing keys.
const MOST_KEYS: usize = 16;

/// Returns the first of the others that shares a prime with a certificate. A shared modulus does
/// not count, because the same key may be in two certificates.
pub fn sharer<'a>(
    certificate: &Certificate,
    others: impl IntoIterator<Item = &'a Certificate>,
) -> Option<&'a Certificate> {
    let others: Vec<(&Certificate, Vec<Modulus>)> =
        others.into_iter().map(|other| (other, moduli(other))).collect();
    for own in moduli(certificate) {
        // One greatest common divisor with the product of all is cheap, and rarely more is needed.
        let all = others.iter().flat_map(|(_, moduli)| moduli);
        if own.shares_prime(all) {
            let sharer = others.iter().find(|(_, moduli)| own.shares_prime(moduli));
            return sharer.map(|(other, _)| *other);
        }
    }
    None
}

/// The moduli of many certificates, read once to compare new certificates with them.
#[derive(Default)]
pub struct Moduli {
    all: Vec<(Fingerprint, Modulus)>,
    known: HashSet<Vec<u8>>,
}

impl Moduli {
    /// Adds the moduli of a certificate's packets, without reading anything else.
    pub fn add_packets(&mut self, certificate: &Fingerprint, bytes: &[u8]) {
        let keys = packets(bytes).flatten().filter(|packet| packet.is_key());
        let moduli = keys.filter_map(|packet| {
            let key = RawKey::read(packet.body)?;
            let n = key.numbers.first().filter(|_| RSA.contains(&key.algorithm))?;
            (FEWEST_OCTETS..=MOST_OCTETS).contains(&n.len()).then(|| Modulus::read(n))?
        });
        for modulus in moduli.take(MOST_KEYS) {
            self.put(certificate, modulus);
        }
    }

    /// Adds the moduli of a certificate.
    pub fn add(&mut self, certificate: &Certificate) {
        let fingerprint = certificate.fingerprint();
        for modulus in moduli(certificate) {
            self.put(&fingerprint, modulus);
        }
    }

    fn put(&mut self, certificate: &Fingerprint, modulus: Modulus) {
        if self.known.insert(modulus.octets()) {
            self.all.push((certificate.clone(), modulus));
        }
    }

    /// Returns the first one that shares a prime with a certificate, as [`sharer`] does. The moduli
    /// here were compared with each other before.
    /// Fails with [`Error::NotRead`] if the budget is too small to compare it with all.
    pub fn sharer(
        &self,
        certificate: &Certificate,
        budget: &Budget,
    ) -> Result<Option<&Fingerprint>> {
        let own = moduli(certificate);
        let new = own.iter().filter(|own| !self.known.contains(&own.octets()));
        for own in new {
            if !budget.pay_for_comparing(self.all.len()) {
                return Err(Error::NotRead(certificate.fingerprint().to_string()));
            }
            if own.shares_prime(self.all.iter().map(|(_, it)| it)) {
                let mut all = self.all.iter();
                return Ok(all.find(|(_, it)| own.shares_prime([it])).map(|(key, _)| key));
            }
        }
        Ok(None)
    }
}

/// RSA of 3072 to 4096 bits, the only keys that are kept.
const FEWEST_OCTETS: usize = 384;
const MOST_OCTETS: usize = 512;

struct Modulus(Odd<BoxedUint>);

/// Returns the moduli of the sound RSA keys that may sign.
fn moduli(certificate: &Certificate) -> Vec<Modulus> {
    let never = certificate.subkeys_that_never_sign();
    let keys = certificate.cert().keys().map(|key| key.key());
    keys.filter(|key| check_key(*key).is_ok() && !never.contains(&Fingerprint::of(key)))
        .filter_map(|key| Modulus::read(modulus(key)?))
        .take(MOST_KEYS)
        .collect()
}

impl Modulus {
    fn read(bytes: &[u8]) -> Option<Modulus> {
        let number = BoxedUint::from_be_slice_vartime(bytes);
        Option::from(Odd::new(number)).map(Modulus)
    }

    /// Returns whether one of its primes divides another modulus. Equal moduli do not count.
    fn shares_prime<'a>(&self, others: impl IntoIterator<Item = &'a Modulus>) -> bool {
        let different = others.into_iter().filter(|other| other.0 != self.0);
        // A factor of the modulus stays a factor in Montgomery form.
        let parameters = BoxedMontyParams::new_vartime(self.0.clone());
        let form = |number| BoxedMontyForm::from_montgomery(number, &parameters);
        let product = different
            .map(|other| form(self.reduced(other)))
            .fold(BoxedMontyForm::one(&parameters), |product, other| product.mul(&other));
        let one = BoxedUint::one_with_precision(self.0.bits_precision());
        *self.0.gcd_vartime(product.as_montgomery()) != one
    }

    /// Returns the remainder of another modulus divided by this one. Most have the same length.
    fn reduced(&self, other: &Modulus) -> BoxedUint {
        let (own, other): (&BoxedUint, &BoxedUint) = (self.0.as_ref(), other.0.as_ref());
        if own.bits_precision() != other.bits_precision() {
            return other.rem_vartime(self.0.as_nz_ref()).resize(own.bits_precision());
        }
        let rest = if other < own { other.clone() } else { other.wrapping_sub(own) };
        if rest < *own { rest } else { rest.rem_vartime(self.0.as_nz_ref()) }
    }

    fn octets(&self) -> Vec<u8> {
        without_zeros(&self.0.to_be_bytes()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(factors: [u64; 2]) -> Modulus {
        let product = u128::from(factors[0]) * u128::from(factors[1]);
        Modulus::read(&product.to_be_bytes()).unwrap()
    }

    #[test]
    fn a_common_prime_is_found_among_many_and_the_same_modulus_is_none() {
        let [p, q, r, s, t] = [1_000_003, 1_000_033, 1_000_037, 1_000_039, 1_000_081];
        let own = product([p, q]);
        assert!(own.shares_prime(&[product([r, s]), product([s, q])]));
        assert!(own.shares_prime(&[product([p, s]), product([t, q])]), "the product is a multiple");
        assert!(!own.shares_prime(&[product([r, s]), product([p, q]), product([s, t])]));
        assert!(!own.shares_prime(&[]));
    }
}
