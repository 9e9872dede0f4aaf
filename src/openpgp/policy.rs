//! What a publisher's key and signature must be: one place for every command.

use std::time::{Duration, SystemTime};

use sequoia_openpgp as openpgp;
use sequoia_openpgp::cert::amalgamation::key::ValidErasedKeyAmalgamation;
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::key::{KeyParts, KeyRole, PublicParts};
use sequoia_openpgp::packet::{Key, Signature};
use sequoia_openpgp::policy::{AsymmetricAlgorithm, HashAlgoSecurity, StandardPolicy};
use sequoia_openpgp::types::{HashAlgorithm, PublicKeyAlgorithm, SignatureType};

use super::weakness::Weakness;

/// The sizes that keys are generated in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySizeBits {
    /// 3072 bits, the default and the least that Mattermost asks for.
    Rsa3072 = 3072,
    /// 4096 bits.
    Rsa4096 = 4096,
}

impl KeySizeBits {
    /// Returns the size of that many bits.
    /// Fails with [`Weakness::TooShort`] below 3072 bits, [`Weakness::Unsupported`] for other
    /// sizes.
    pub fn from_bits(bits: u32) -> Result<KeySizeBits, Weakness> {
        match bits {
            3072 => Ok(KeySizeBits::Rsa3072),
            4096 => Ok(KeySizeBits::Rsa4096),
            _ if bits < 3072 => Err(Weakness::TooShort(bits as usize)),
            _ => Err(Weakness::Unsupported(format!(
                "an RSA key of {bits} bits (3072 and 4096 are made here)"
            ))),
        }
    }

    /// Returns the size in bits.
    pub fn bits(self) -> u32 {
        self as u32
    }
}

/// The hashes that signatures and self-signatures may use.
pub(super) const ACCEPTED_HASHES: [HashAlgorithm; 3] =
    [HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512];

/// The most bits of an RSA modulus. sequoia's Rust backend verifies no larger ones.
const MOST_BITS: usize = 4096;

/// Checks a key's public part: version 4, RSA, 3072 to 4096 bits, a sound modulus and exponent. The
/// server reads exponents up to 2^24 (x/crypto, packet/public_key.go).
pub(super) fn check_key<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> Result<(), Weakness> {
    if key.version() != 4 {
        return Err(Weakness::Version(key.version()));
    }
    let (true, mpi::PublicKey::RSA { e, n }) = (is_rsa(key), key.mpis()) else {
        return Err(Weakness::Algorithm(key.pk_algo().to_string()));
    };
    if n.bits() < 3072 {
        return Err(Weakness::TooShort(n.bits()));
    }
    if n.bits() > MOST_BITS {
        let what = format!("RSA of {} bits (up to {MOST_BITS} are)", n.bits());
        return Err(Weakness::Unsupported(what));
    }
    let exponent = match *e.value() {
        [a, b, c] => u32::from_be_bytes([0, a, b, c]),
        _ => return Err(Weakness::Exponent),
    };
    if exponent < 65537 || exponent % 2 == 0 {
        return Err(Weakness::Exponent);
    }
    if n.value().last().is_none_or(|byte| byte % 2 == 0) || has_roca_mark(n.value()) {
        return Err(Weakness::Modulus);
    }
    Ok(())
}

/// Returns whether a key's algorithm is one of RSA's three numbers.
pub(super) fn is_rsa<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> bool {
    #[allow(deprecated)] // RFC 9580 deprecates 2 and 3, which only say less than 1 does.
    let is_rsa = matches!(
        key.pk_algo(),
        PublicKeyAlgorithm::RSAEncryptSign
            | PublicKeyAlgorithm::RSASign
            | PublicKeyAlgorithm::RSAEncrypt
    );
    is_rsa
}

/// Returns a key's modulus, big-endian, if it is an RSA key.
pub(super) fn modulus<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> Option<&[u8]> {
    match key.mpis() {
        mpi::PublicKey::RSA { n, .. } => Some(n.value()),
        _ => None,
    }
}

/// Returns whether a modulus, big-endian, was made by the generator of CVE-2017-15361. Modulo each
/// of these primes it is a power of 65537. By chance that happens once in 2^27.
fn has_roca_mark(modulus: &[u8]) -> bool {
    // The product of four fits 32 bits, so the modulus is divided once for four of them.
    PRIMES.chunks(4).zip(POWERS.chunks(4)).all(|(primes, powers)| {
        let product: u64 = primes.iter().product();
        let rest = modulus.rchunks(4).rev().fold(0, |rest, word| {
            word.iter().fold(rest, |rest, &byte| rest << 8 | u64::from(byte)) % product
        });
        primes.iter().zip(powers).all(|(prime, powers)| powers[(rest % prime) as usize])
    })
}

/// The most selective primes come first, so that sound keys are cleared early.
const PRIMES: [u64; 38] = [
    97, 37, 79, 11, 61, 73, 127, 151, 13, 17, 19, 53, 71, 103, 107, 109, 157, 3, 5, 7, 23, 29, 31,
    41, 43, 47, 59, 67, 83, 89, 101, 113, 131, 137, 139, 149, 163, 167,
];

/// Which numbers are powers of 65537 modulo each of the primes.
static POWERS: [[bool; 168]; PRIMES.len()] = {
    let mut powers = [[false; 168]; PRIMES.len()];
    let mut at = 0;
    while at < PRIMES.len() {
        let mut power = 1;
        while !powers[at][power as usize] {
            powers[at][power as usize] = true;
            power = power * 65537 % PRIMES[at];
        }
        at += 1;
    }
    powers
};

/// The publisher's policy at a point in time.
///
/// Self-signatures and signatures must use SHA-256, SHA-384 or SHA-512, keys must pass the rules
/// of `check_key`.
#[derive(Debug)]
pub struct Policy {
    now: SystemTime,
    rules: Rules,
}

impl Policy {
    /// How far in the future a signature's time may be, because clocks differ.
    pub const CLOCK_DIFFERENCE: Duration = Duration::from_secs(5 * 60);

    /// How long before a key's end plugsign announces it.
    pub const EXPIRY_NOTICE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// Makes the policy as of `now`.
    pub fn new(now: SystemTime) -> Policy {
        Policy { now, rules: Rules::new(now) }
    }

    /// Returns the time that the policy judges as of.
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// Returns whether this end is within [`Policy::EXPIRY_NOTICE`].
    pub fn ends_soon(&self, end: Option<SystemTime>) -> bool {
        end.is_some_and(|end| end <= self.now + Policy::EXPIRY_NOTICE)
    }

    /// Returns what sequoia judges certificates by.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// The policy as sequoia asks for it. Revocations are judged by sequoia's milder standard policy,
/// because a refused revocation would make the key good again.
#[derive(Debug)]
pub(super) struct Rules {
    strict: StandardPolicy<'static>,
    standard: StandardPolicy<'static>,
}

impl Rules {
    fn new(now: SystemTime) -> Rules {
        let mut strict = StandardPolicy::at(now);
        strict.reject_all_hashes();
        for hash in ACCEPTED_HASHES {
            strict.accept_hash(hash);
        }
        strict.reject_all_asymmetric_algos();
        strict.accept_asymmetric_algo(AsymmetricAlgorithm::RSA3072);
        strict.accept_asymmetric_algo(AsymmetricAlgorithm::RSA4096);
        Rules { strict, standard: StandardPolicy::at(now) }
    }
}

impl openpgp::policy::Policy for Rules {
    fn signature(&self, signature: &Signature, security: HashAlgoSecurity) -> openpgp::Result<()> {
        match signature.typ() {
            SignatureType::KeyRevocation
            | SignatureType::SubkeyRevocation
            | SignatureType::CertificationRevocation => {
                self.standard.signature(signature, security)
            }
            _ => self.strict.signature(signature, security),
        }
    }

    fn key(&self, key: &ValidErasedKeyAmalgamation<PublicParts>) -> openpgp::Result<()> {
        self.strict.key(key)?;
        check_key(key.key())
            .map_err(|weakness| openpgp::Error::PolicyViolation(weakness.to_string(), None).into())
    }

    fn symmetric_algorithm(
        &self,
        algorithm: openpgp::types::SymmetricAlgorithm,
    ) -> openpgp::Result<()> {
        self.strict.symmetric_algorithm(algorithm)
    }

    fn aead_algorithm(&self, algorithm: openpgp::types::AEADAlgorithm) -> openpgp::Result<()> {
        self.strict.aead_algorithm(algorithm)
    }

    fn packet(&self, packet: &openpgp::Packet) -> openpgp::Result<()> {
        self.strict.packet(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_below_3072_bits_are_refused_and_odd_ones_not_supported() {
        assert_eq!(KeySizeBits::from_bits(2048), Err(Weakness::TooShort(2048)));
        assert_eq!(KeySizeBits::from_bits(3071), Err(Weakness::TooShort(3071)));
        assert_eq!(KeySizeBits::from_bits(3072), Ok(KeySizeBits::Rsa3072));
        assert!(matches!(KeySizeBits::from_bits(3073), Err(Weakness::Unsupported(_))));
    }

    #[test]
    fn a_power_of_65537_carries_the_mark_of_roca_and_its_neighbour_does_not() {
        let power = 65537u128.pow(7);
        assert!(has_roca_mark(&power.to_be_bytes()));
        assert!(!has_roca_mark(&(power + 2).to_be_bytes()));
    }
}
