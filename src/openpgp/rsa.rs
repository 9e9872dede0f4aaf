//! Every RSA private-key operation, on AWS-LC.
//!
//! sequoia's Rust backend is slow and computes with secrets in variable time (RUSTSEC-2023-0071).
//! It hashes, verifies and decrypts key files, but never uses an RSA private key. AWS-LC is
//! constant-time and blinded. It refuses a key whose parts do not belong together. A key whose secret
//! part is in a token has the token sign.

use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaSignatureEncoding,
};
use crypto_bigint::{BoxedUint, NonZero};
use pkcs1::RsaPrivateKey;
use pkcs8::PrivateKeyInfo;
use pkcs8::der::Decode;
use sequoia_openpgp as openpgp;
use sequoia_openpgp::crypto::{Signer, mpi};
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{Key4, PublicParts, UnspecifiedRole};
use sequoia_openpgp::types::{HashAlgorithm, PublicKeyAlgorithm};
use zeroize::{Zeroize, Zeroizing};

use super::policy::KeySizeBits;
use super::token::{self, TokenKey};
use super::weakness::Weakness;
use crate::openpgp::error::{Error, Result};

/// An RSA key that can sign. AWS-LC wipes its secret part when it is dropped.
pub(super) struct UnlockedKey {
    secret: Secret,
    public: Key<PublicParts, UnspecifiedRole>,
}

/// Where the secret part is.
enum Secret {
    Here(KeyPair),
    InToken(TokenKey),
}

impl UnlockedKey {
    /// Generates a key with e = 65537. Also returns its secret part as OpenPGP writes it.
    pub(super) fn generate(
        bits: KeySizeBits,
        created: SystemTime,
    ) -> Result<(UnlockedKey, mpi::SecretKeyMaterial)> {
        let size = match bits {
            KeySizeBits::Rsa3072 => KeySize::Rsa3072,
            KeySizeBits::Rsa4096 => KeySize::Rsa4096,
        };
        let pair = first_of_some(size).map_err(Error::crypto("generating an RSA key"))?;
        let der: Pkcs8V1Der<'static> =
            pair.as_der().map_err(Error::crypto("encoding the generated key"))?;
        let unexpected = |error: pkcs8::der::Error| {
            Error::crypto("decoding the generated key")(error.to_string())
        };
        let info = PrivateKeyInfo::from_der(der.as_ref()).map_err(unexpected)?;
        let key = RsaPrivateKey::from_der(info.private_key).map_err(unexpected)?;
        let public = mpi::PublicKey::RSA {
            e: mpi::MPI::new(key.public_exponent.as_bytes()),
            n: mpi::MPI::new(key.modulus.as_bytes()),
        };
        // RFC 9580, section 5.5.5.1: u is p^-1 mod q. PKCS #1 has q^-1 mod p. So p and q are
        // exchanged, and the coefficient stays.
        let secret = mpi::SecretKeyMaterial::RSA {
            d: key.private_exponent.as_bytes().into(),
            p: key.prime2.as_bytes().into(),
            q: key.prime1.as_bytes().into(),
            u: key.coefficient.as_bytes().into(),
        };
        let public = Key4::new(created, PublicKeyAlgorithm::RSAEncryptSign, public)
            .map_err(Error::crypto("making the key packet"))?;
        Ok((UnlockedKey { secret: Secret::Here(pair), public: public.into() }, secret))
    }

    /// Loads a key from OpenPGP's parts.
    ///
    /// It is [`Weakness::Inconsistent`] if n, e, d, p, q and u do not belong to one key. Signing
    /// with a key whose public part was swapped gives the secret part away (KOpenPGP,
    /// <https://www.kopenpgp.com/>).
    pub(super) fn load(
        public: Key<PublicParts, UnspecifiedRole>,
        secret: &mpi::SecretKeyMaterial,
    ) -> Result<UnlockedKey, Weakness> {
        let (mpi::PublicKey::RSA { e, n }, mpi::SecretKeyMaterial::RSA { d, p, q, u }) =
            (public.mpis(), secret)
        else {
            return Err(Weakness::Inconsistent);
        };
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: n.value(), e: e.value() },
            d: d.value(),
            // The primes are exchanged, see `generate`.
            p: q.value(),
            q: p.value(),
            dP: &*exponent(d.value(), q.value())?,
            dQ: &*exponent(d.value(), p.value())?,
            qInv: u.value(),
        };
        let pair = KeyPair::from_components(&components).map_err(|_| Weakness::Inconsistent)?;
        Ok(UnlockedKey { secret: Secret::Here(pair), public })
    }

    /// Has a token sign for this public key.
    pub(super) fn in_token(
        public: Key<PublicParts, UnspecifiedRole>,
        key: TokenKey,
    ) -> UnlockedKey {
        UnlockedKey { secret: Secret::InToken(key), public }
    }

    /// Returns whether a token wants its PIN for each signature.
    pub(super) fn asks_each_time(&self) -> bool {
        matches!(&self.secret, Secret::InToken(key) if key.asks_each_time())
    }

    pub(super) fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        &self.public
    }
}

/// sequoia signs with it.
impl Signer for &UnlockedKey {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        &self.public
    }

    fn acceptable_hashes(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256, HashAlgorithm::SHA384, HashAlgorithm::SHA512]
    }

    /// Signs a digest with PKCS #1 v1.5 padding (RFC 9580, section 5.2.3.1).
    fn sign(&mut self, hash: HashAlgorithm, digest: &[u8]) -> openpgp::Result<mpi::Signature> {
        let (algorithm, encoding): (_, &'static RsaSignatureEncoding) = match hash {
            HashAlgorithm::SHA256 => (&digest::SHA256, &RSA_PKCS1_SHA256),
            HashAlgorithm::SHA384 => (&digest::SHA384, &RSA_PKCS1_SHA384),
            HashAlgorithm::SHA512 => (&digest::SHA512, &RSA_PKCS1_SHA512),
            other => return Err(openpgp::Error::UnsupportedHashAlgorithm(other).into()),
        };
        let signature = match &self.secret {
            Secret::Here(pair) => {
                let digest = Digest::import_less_safe(digest, algorithm)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(encoding, &digest, &mut signature)?;
                signature
            }
            Secret::InToken(key) => key.sign(&[hash.oid()?, digest].concat())?,
        };
        Ok(mpi::Signature::RSA { s: mpi::MPI::new(&signature) })
    }
}

/// Says what failed, or what the token says against it.
pub(super) fn signing<T>(what: &'static str, result: openpgp::Result<T>) -> Result<T> {
    result.map_err(|error| match error.downcast::<token::Error>() {
        Ok(error) => Error::Token(error),
        Err(error) => Error::crypto(what)(error),
    })
}

/// Generates a key on each of up to four cores and returns the first one. How long the search for
/// primes takes is chance. It reveals nothing about the primes, because every candidate is drawn
/// anew. The other threads end soon after, and AWS-LC wipes what they found.
fn first_of_some(size: KeySize) -> Result<KeyPair, Unspecified> {
    const MOST: usize = 4;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (sender, first) = mpsc::channel();
    for _ in 0..cores.min(MOST) {
        let sender = sender.clone();
        // A thread that cannot be started is left out.
        let _ = thread::Builder::new().spawn(move || sender.send(KeyPair::generate(size)));
    }
    drop(sender);
    first.iter().find_map(Result::ok).map_or_else(|| KeyPair::generate(size), Ok)
}

/// Returns d mod (prime - 1), in constant time.
fn exponent(d: &[u8], prime: &[u8]) -> Result<Zeroizing<Vec<u8>>, Weakness> {
    let bits = u32::try_from(8 * d.len().max(prime.len())).map_err(|_| Weakness::Inconsistent)?;
    let number =
        |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).map_err(|_| Weakness::Inconsistent);
    let one = BoxedUint::one_with_precision(bits);
    let mut prime = number(prime)?;
    let modulus: Option<NonZero<BoxedUint>> = NonZero::new(prime.wrapping_sub(&one)).into();
    prime.zeroize();
    let mut modulus = modulus.ok_or(Weakness::Inconsistent)?;
    let mut dividend = number(d)?;
    let mut exponent = dividend.rem(&modulus);
    let bytes = Zeroizing::new(exponent.to_be_bytes().into_vec());
    modulus.zeroize();
    dividend.zeroize();
    exponent.zeroize();
    Ok(bytes)
}
