//! A key that signs, and the judge of what it signs.

use std::path::Path;
use std::time::SystemTime;

use super::Publisher;
use super::failure::Failure;
use super::keys::Found;
use crate::disk::file::read_small;
use crate::disk::{Error, Result};
use crate::judge::Judge;
use crate::openpgp;
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
use crate::openpgp::ids::{Fingerprint, KeyId};
use crate::openpgp::secret_key::SigningKey;
use crate::openpgp::sign::sign_hashed_with;
use crate::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE};
use crate::openpgp::verify::Verdict;

/// What signatures are like.
#[derive(Clone, Copy)]
pub struct Form {
    /// How the content is hashed.
    pub way: ContentHash,
    /// When they are made.
    pub created: SystemTime,
    /// Whether they are armored.
    pub armored: bool,
}

/// A key that signs, unlocked.
pub struct UnlockedSigner {
    /// The unlocked key.
    pub key: SigningKey,
    /// What its signatures are like.
    pub form: Form,
    /// Judges every signature before it appears. It accepts the key's certificate alone.
    pub(super) judge: Judge,
    /// Whether this very key was asked for, and not the newest of its certificate.
    is_exact: bool,
}

impl Publisher<'_> {
    /// Unlocks a key that was found, for signing. Fails as [`Publisher::unlock`].
    pub fn signer(&self, found: &Found, form: Form) -> Result<UnlockedSigner, Failure> {
        self.signer_with(self.unlock(found)?, found.exactly.is_some(), form)
    }

    pub(super) fn signer_with(
        &self,
        key: SigningKey,
        is_exact: bool,
        form: Form,
    ) -> Result<UnlockedSigner, Failure> {
        let judge = Judge::new(vec![key.certificate().clone()], self.policy())?;
        Ok(UnlockedSigner { key, form, judge, is_exact })
    }
}

impl UnlockedSigner {
    /// Signs content that was hashed the way that the form says, and judges the signature before
    /// anybody sees it. Fails with [`openpgp::Error::NotGood`], or as [`sign_hashed_with`].
    pub fn sign(&self, content: &Hashed) -> openpgp::Result<Vec<u8>> {
        let Form { way, created, armored } = self.form;
        let signature = sign_hashed_with(content, way, &self.key, created)?;
        let bytes = if armored { signature.to_armored()? } else { signature.to_bytes()? };
        match self.judge.verify_content(&bytes, content) {
            Verdict::Good(_) => Ok(bytes),
            Verdict::Bad(bad) => Err(openpgp::Error::NotGood(bad)),
        }
    }

    /// Signs some bytes, unless a signature is `there` that does as well: then returns that one.
    /// Fails as [`UnlockedSigner::sign`], or if the other signature cannot be read.
    pub fn sign_unless_signed(&self, bytes: &[u8], there: Option<&Path>) -> Result<Vec<u8>> {
        let content = self.hash(bytes);
        let there = there.map(|path| self.own_signature(path, &content)).transpose()?.flatten();
        match there.filter(|(maker, _)| self.does_as_well(maker)) {
            // These very bytes were judged. The file may be another one by now.
            Some((_, signature)) => Ok(signature),
            None => Ok(self.sign(&content)?),
        }
    }

    pub(super) fn hash(&self, bytes: &[u8]) -> Hashed {
        let mut hasher = Hasher::new([self.form.way]);
        hasher.update(bytes);
        hasher.finish()
    }

    /// Returns whether a signature by this key of the certificate does as well as a new one. An
    /// older subkey's does after a rotation, unless a key was asked for by itself.
    pub(super) fn does_as_well(&self, maker: &Fingerprint) -> bool {
        !self.is_exact || *maker == self.key.fingerprint()
    }

    /// Returns which key of the certificate made the signature that is there, if it is good.
    pub(super) fn maker(&self, path: &Path, content: &Hashed) -> Result<Option<Fingerprint>> {
        Ok(self.own_signature(path, content)?.map(|(maker, _)| maker))
    }

    /// Returns the signature that is there, if it is good and the certificate's, and which key made
    /// it.
    fn own_signature(
        &self,
        path: &Path,
        content: &Hashed,
    ) -> Result<Option<(Fingerprint, Vec<u8>)>> {
        let bytes = match read_small(path, "a signature", MAX_SIGNATURE_FILE) {
            Ok(bytes) => bytes,
            Err(Error::TooLarge { .. }) => return Ok(None),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let own = self.key.certificate().fingerprint();
        Ok(match self.judge.verify_content(&bytes, content) {
            Verdict::Good(good) if good.signer().certificate == own => {
                Some((good.signer().key.clone(), bytes.to_vec()))
            }
            _ => None,
        })
    }

    /// Says of a file in the signature's place what it seems to be.
    pub(super) fn stale(&self, output: &Path) -> Error {
        let path = output.to_owned();
        let bytes = read_small(output, "a signature", MAX_SIGNATURE_FILE).unwrap_or_default();
        let issuers = DetachedSignature::read(&bytes).map(|it| it.claimed_issuers());
        let ours = self.key.certificate().fingerprints();
        let is_ours = |issuer: &KeyId| ours.iter().any(|key| key.key_id() == *issuer);
        match issuers.as_deref() {
            // A former signing subkey of the same certificate is no other signer.
            Ok([issuer, ..]) if !is_ours(issuer) => Error::ByOther { path, issuer: issuer.clone() },
            _ => Error::Stale(path),
        }
    }
}
