//! Signing artifacts where they are.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use super::artifact::{Artifact, Counted, sha256};
use super::checksums::{Checksums, MAX_CHECKSUMS, Sha256};
use super::file::{Access, Existing, read_small, write_new, write_one_of_many};
use crate::error::{Error, Result};
use crate::judge::Judge;
use crate::openpgp::certificate::KeyId;
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
use crate::openpgp::secret_key::SigningKey;
use crate::openpgp::sign::sign_hashed;
use crate::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE};
use crate::openpgp::verify::Verdict;

/// How artifacts are signed: one key, one judge and one time for all.
pub struct Signing<'a> {
    /// The unlocked key.
    pub key: &'a SigningKey,
    /// Judges every signature before it appears; accepts the key's certificate alone.
    pub judge: &'a Judge,
    /// The time of every signature.
    pub created: SystemTime,
    /// Whether signatures are armored.
    pub armored: bool,
    /// Whether other files in the signatures' places are replaced.
    pub existing: Existing,
    /// The process's file mode creation mask.
    pub umask: u32,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What became of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The signature was written, or would have been.
    Written,
    /// There is a good signature by this key.
    UpToDate,
}

/// An artifact that has a good signature now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whether the signature is new.
    pub state: State,
    /// The digest of the artifact, from the same pass over its bytes.
    pub sha256: Sha256,
}

impl Signing<'_> {
    /// Signs an artifact. `read` counts the bytes as they are read.
    ///
    /// The signature is checked with the certificate before it appears, whole or not at all. Its
    /// name lasts once its folder was synced ([`sync_folder`](super::file::sync_folder)): the
    /// caller does so before saying that it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if something else is in the signature's place, [`Error::Changed`],
    /// [`Error::NotGood`] if the signature does not pass, and whatever the disk says.
    pub fn sign(&self, artifact: &Artifact, output: &Path, read: &AtomicU64) -> Result<Signed> {
        let content = self.hash(artifact, read)?;
        self.place(&content, output)
    }

    /// Signs what a reader yields, as [`Signing::sign`] does an artifact.
    ///
    /// # Errors
    ///
    /// As [`Signing::sign`], or [`Error::Io`] with `name` for the reader's.
    pub fn sign_stream(&self, content: impl Read, name: &str, output: &Path) -> Result<Signed> {
        self.place(&hash_stream(content, name)?, output)
    }

    /// Signs an artifact by several signers, reading it once. The outputs are theirs, in the
    /// same order.
    ///
    /// # Errors
    ///
    /// Outside, that the artifact could not be read; inside, as [`Signing::sign`].
    pub fn sign_by_all(
        signers: &[Signing<'_>],
        artifact: &Artifact,
        outputs: &[PathBuf],
        read: &AtomicU64,
    ) -> Result<Vec<Result<Signed>>> {
        let Some(first) = signers.first() else { return Ok(Vec::new()) };
        let content = first.hash(artifact, read)?;
        let both = signers.iter().zip(outputs);
        Ok(both.map(|(signing, output)| signing.place(&content, output)).collect())
    }

    fn place(&self, content: &Hashed, output: &Path) -> Result<Signed> {
        let signed = |state| {
            let sha256 = sha256(content);
            let sha256 = sha256.ok_or_else(|| Error::crypto("hashing")("no SHA-256"))?;
            Ok(Signed { state, sha256 })
        };
        if let Ok(metadata) = fs::symlink_metadata(output) {
            if metadata.is_file() && self.is_good(output, content) {
                return signed(State::UpToDate);
            }
            if self.existing == Existing::Keep {
                return Err(match metadata.is_file() {
                    true => self.stale(output),
                    false => Error::Exists(output.to_owned()),
                });
            }
        }
        let bytes = self.signature(content)?;
        if !self.dry_run {
            let access = Access::Public { umask: self.umask };
            write_one_of_many(output, &bytes, access, self.existing)?;
        }
        signed(State::Written)
    }

    /// Writes a folder's list of checksums, unless the same one is there, and signs it to
    /// `output`.
    ///
    /// # Errors
    ///
    /// As [`Signing::sign`].
    pub fn sign_checksums(
        &self,
        list: &Artifact,
        checksums: &Checksums,
        output: &Path,
    ) -> Result<State> {
        let bytes = checksums.to_bytes();
        let there = read_small(&list.path, "a list of checksums", MAX_CHECKSUMS);
        let is_same = there.is_ok_and(|there| *there == bytes);
        if !is_same && !self.dry_run {
            let access = Access::Public { umask: self.umask };
            write_new(&list.path, &bytes, access, self.existing)?;
        } else if !is_same {
            return Ok(State::Written);
        }
        self.sign(list, output, &AtomicU64::new(0)).map(|signed| signed.state)
    }

    /// Signs what a reader yields, and returns the signature instead of writing it.
    ///
    /// # Errors
    ///
    /// [`Error::NotGood`], or [`Error::Io`] with `name` for the reader's.
    pub fn sign_stream_to_bytes(&self, content: impl Read, name: &str) -> Result<Vec<u8>> {
        self.signature(&hash_stream(content, name)?)
    }

    /// Signs an artifact, and returns the signature instead of writing it.
    ///
    /// # Errors
    ///
    /// As [`Signing::sign`].
    pub fn sign_to_bytes(&self, artifact: &Artifact, read: &AtomicU64) -> Result<Vec<u8>> {
        let content = self.hash(artifact, read)?;
        self.signature(&content)
    }

    fn hash(&self, artifact: &Artifact, read: &AtomicU64) -> Result<Hashed> {
        artifact.read_once(|file| {
            Hasher::new([ContentHash::SHA256]).read_ahead(Counted { reader: file, count: read })
        })
    }

    fn signature(&self, content: &Hashed) -> Result<Vec<u8>> {
        let signature = sign_hashed(content, self.key, self.created)?;
        let bytes = if self.armored { signature.to_armored()? } else { signature.to_bytes()? };
        match self.judge.verify_content(&bytes, content) {
            Verdict::Good(_) => Ok(bytes),
            Verdict::Bad(bad) => Err(Error::NotGood(bad)),
        }
    }

    /// Says of a file in the signature's place what it seems to be.
    fn stale(&self, output: &Path) -> Error {
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

    fn is_good(&self, output: &Path, content: &Hashed) -> bool {
        let Ok(bytes) = read_small(output, "a signature", MAX_SIGNATURE_FILE) else {
            return false;
        };
        match self.judge.verify_content(&bytes, content) {
            Verdict::Good(good) => *good.key() == self.key.fingerprint(),
            Verdict::Bad(_) => false,
        }
    }
}

fn hash_stream(content: impl Read, name: &str) -> Result<Hashed> {
    Hasher::new([ContentHash::SHA256]).read(content).map_err(Error::io("read", Path::new(name)))
}
