//! A key that signs.

use std::sync::OnceLock;

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::rsa::{self, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaSignatureEncoding,
};
use crypto_bigint::{BoxedUint, NonZero, Resize};
use sequoia_openpgp as openpgp;

use openpgp::crypto::mpi::{PublicKey, SecretKeyMaterial, Signature};
use openpgp::crypto::{KeyPair, Signer, mpi};
use openpgp::packet::Key;
use openpgp::packet::key::{PublicParts, UnspecifiedRole};
use openpgp::types::HashAlgorithm;

/// sequoia's key pair. Where AWS-LC takes key and hash, it makes the same signature of them much
/// faster than sequoia's own RSA.
pub struct Pair {
    key: KeyPair,
    quick: OnceLock<Option<rsa::KeyPair>>,
}

impl From<KeyPair> for Pair {
    fn from(key: KeyPair) -> Pair {
        Pair { key, quick: OnceLock::new() }
    }
}

impl Pair {
    pub fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        self.key.public()
    }
}

impl Signer for Pair {
    fn public(&self) -> &Key<PublicParts, UnspecifiedRole> {
        self.key.public()
    }

    fn acceptable_hashes(&self) -> &[HashAlgorithm] {
        self.key.acceptable_hashes()
    }

    fn sign(&mut self, hash: HashAlgorithm, digest: &[u8]) -> openpgp::Result<Signature> {
        let (algorithm, encoding): (_, &'static RsaSignatureEncoding) = match hash {
            HashAlgorithm::SHA256 => (&digest::SHA256, &RSA_PKCS1_SHA256),
            HashAlgorithm::SHA384 => (&digest::SHA384, &RSA_PKCS1_SHA384),
            HashAlgorithm::SHA512 => (&digest::SHA512, &RSA_PKCS1_SHA512),
            _ => return self.key.sign(hash, digest),
        };
        let quick = self
            .quick
            .get_or_init(|| self.key.secret().map(|secret| load(self.key.public().mpis(), secret)));
        let Some(quick) = quick else { return self.key.sign(hash, digest) };
        let digest = Digest::import_less_safe(digest, algorithm)?;
        let mut signature = vec![0; quick.public_modulus_len()];
        quick.sign_digest(encoding, &digest, &mut signature)?;
        Ok(Signature::RSA { s: mpi::MPI::new(&signature) })
    }
}

fn load(public: &PublicKey, secret: &SecretKeyMaterial) -> Option<rsa::KeyPair> {
    let (PublicKey::RSA { n, e }, SecretKeyMaterial::RSA { d, p, q, u }) = (public, secret) else {
        return None;
    };
    // PKCS #1 has the inverse of the other prime.
    let (p, q) = (q, p);
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: n.value(), e: e.value() },
        d: d.value(),
        p: p.value(),
        q: q.value(),
        dP: &*exponent(d.value(), p.value())?,
        dQ: &*exponent(d.value(), q.value())?,
        qInv: u.value(),
    };
    rsa::KeyPair::from_components(&components).ok()
}

/// Returns d mod (prime - 1).
fn exponent(d: &[u8], prime: &[u8]) -> Option<Box<[u8]>> {
    let prime = BoxedUint::from_be_slice_vartime(prime);
    let modulus: Option<NonZero<BoxedUint>> =
        NonZero::new(prime.wrapping_sub(BoxedUint::one())).into();
    let d = BoxedUint::from_be_slice_vartime(d);
    let bits = d.bits_precision().max(prime.bits_precision());
    Some(d.resize(bits).rem_vartime(&modulus?).to_be_bytes())
}
