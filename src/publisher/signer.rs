//! Keys that sign, and where their signatures appear.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use super::Publisher;
use super::failure::Failure;
use super::keys::Found;
use super::signed::{SignedFile, State};
use crate::disk::artifact::{Artifact, sha256};
use crate::disk::file::{metadata_of, read_small};
use crate::disk::folder::Folder;
use crate::disk::release::is_certificate;
use crate::disk::still::hash_still;
use crate::disk::write::{Access, Existing};
use crate::disk::{Error, Result};
use crate::judge::Judge;
use crate::openpgp;
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
use crate::openpgp::ids::{Fingerprint, KeyId};
use crate::openpgp::secret_key::SigningKey;
use crate::openpgp::sign::sign_hashed_with;
use crate::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE};
use crate::openpgp::verify::Verdict;

/// A key that signs, unlocked.
pub struct Signer {
    /// The unlocked key.
    pub key: SigningKey,
    /// Judges every signature before it appears. It accepts the key's certificate alone.
    judge: Judge,
    /// Whether this very key was asked for, and not the newest of its certificate.
    is_exact: bool,
}

impl Publisher<'_> {
    /// Unlocks a key that was found, for signing.
    ///
    /// # Errors
    ///
    /// As [`Publisher::unlock`].
    pub fn signer(&self, found: &Found) -> Result<Signer, Failure> {
        let key = self.unlock(&found.secret, found.exactly.as_ref())?;
        let judge = Judge::new(vec![key.certificate().clone()], self.policy())?;
        Ok(Signer { key, judge, is_exact: found.exactly.is_some() })
    }
}

impl Signer {
    /// Signs content that was hashed this way, and judges the signature before anybody sees it.
    ///
    /// # Errors
    ///
    /// [`openpgp::Error::NotGood`] if the signature does not pass, and as [`sign_hashed_with`].
    pub fn sign(
        &self,
        content: &Hashed,
        way: ContentHash,
        created: SystemTime,
        armored: bool,
    ) -> openpgp::Result<Vec<u8>> {
        let signature = sign_hashed_with(content, way, &self.key, created)?;
        let bytes = if armored { signature.to_armored()? } else { signature.to_bytes()? };
        match self.judge.verify_content(&bytes, content) {
            Verdict::Good(_) => Ok(bytes),
            Verdict::Bad(bad) => Err(openpgp::Error::NotGood(bad)),
        }
    }

    /// Signs some bytes, unless a signature is `there` that does as well: then returns that one.
    ///
    /// # Errors
    ///
    /// As [`Signer::sign`], and that the other signature cannot be read.
    pub fn sign_unless_signed(
        &self,
        bytes: &[u8],
        created: SystemTime,
        there: Option<&Path>,
    ) -> Result<Vec<u8>> {
        let content = hash_bytes(bytes);
        match there {
            Some(path) if self.maker(path, &content)?.is_some_and(|it| self.does_as_well(&it)) => {
                Ok(read_small(path, "a signature", MAX_SIGNATURE_FILE)?.to_vec())
            }
            _ => Ok(self.sign(&content, ContentHash::SHA256, created, false)?),
        }
    }

    /// Returns whether a signature by this key of the certificate does as well as a new one. An
    /// older subkey's does after a rotation, unless a key was asked for by itself.
    fn does_as_well(&self, maker: &Fingerprint) -> bool {
        !self.is_exact || *maker == self.key.fingerprint()
    }

    /// Returns which key of the certificate made the signature that is there, if it is good.
    fn maker(&self, path: &Path, content: &Hashed) -> Result<Option<Fingerprint>> {
        let bytes = match read_small(path, "a signature", MAX_SIGNATURE_FILE) {
            Ok(bytes) => bytes,
            Err(Error::TooLarge { .. }) => return Ok(None),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let own = self.key.certificate().fingerprint();
        Ok(match self.judge.verify_content(&bytes, content) {
            Verdict::Good(good) if good.signer().certificate == own => {
                Some(good.signer().key.clone())
            }
            _ => None,
        })
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
}

/// Hashes some bytes as signatures made here want it.
pub(super) fn hash_bytes(bytes: &[u8]) -> Hashed {
    let mut hasher = Hasher::new([ContentHash::SHA256]);
    hasher.update(bytes);
    hasher.finish()
}

/// Where signatures go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output<'a> {
    /// Beside their files: the first signer's to `FILE.sig`, which servers read, each other one's
    /// to `FILE.KEYID.sig`. A stream's is returned.
    Beside,
    /// The only signature goes to this file.
    At(&'a Path),
    /// The only signature is returned.
    Returned,
}

/// How files are signed: by whom, as of when, and what may be written.
pub(super) struct Signing<'a> {
    /// At least one.
    pub signers: Vec<Signer>,
    /// The time of every signature.
    pub created: SystemTime,
    /// Whether signatures are armored.
    pub armored: bool,
    /// Where they go.
    pub output: Output<'a>,
    /// Whether other files in their places are replaced.
    pub existing: Existing,
    /// The process's file mode creation mask.
    pub umask: u32,
    /// Whether nothing is written.
    pub dry_run: bool,
}

impl Signing<'_> {
    /// Signs a file by all signers, reading it once. `read` counts the bytes as they are read.
    ///
    /// A signature's name lasts once its folder was synced: the caller does so
    /// ([`sync_folder`](crate::disk::write::sync_folder)) before saying that it is there.
    pub fn sign(&self, artifact: &Artifact, read: &AtomicU64) -> Vec<SignedFile> {
        let outputs = self.outputs(Some(artifact));
        match artifact.hash_still(read) {
            Ok(content) => {
                let folder_of = |output: &Path| artifact.folder_for(output);
                self.put(&artifact.path, &content, outputs, folder_of)
            }
            Err(error) => {
                let output = outputs.into_iter().next().flatten();
                vec![SignedFile::new(&artifact.path, output, Err(error))]
            }
        }
    }

    /// Signs an open file or a stream.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being signed.
    pub fn sign_stream(&self, mut stream: File) -> Result<Vec<SignedFile>, Failure> {
        let name = Path::new("standard input");
        let content = hash_still(&mut stream, name, &[ContentHash::SHA256], &AtomicU64::new(0))?;
        let mut files = self.put(Path::new("-"), &content, self.outputs(None), Folder::of);
        match files.iter_mut().find_map(|file| file.error.take()) {
            Some(failure) => Err(failure),
            None => Ok(files),
        }
    }

    /// Returns where each signer's signature goes. None of a file is a stream's.
    fn outputs(&self, artifact: Option<&Artifact>) -> Vec<Option<PathBuf>> {
        match (self.output, artifact) {
            (Output::Beside, Some(artifact)) => {
                self.beside(artifact).into_iter().map(Some).collect()
            }
            (Output::At(path), _) => vec![Some(path.to_owned())],
            (Output::Beside | Output::Returned, _) => vec![None],
        }
    }

    fn put(
        &self,
        path: &Path,
        content: &Hashed,
        outputs: Vec<Option<PathBuf>>,
        folder_of: impl Fn(&Path) -> Result<Folder>,
    ) -> Vec<SignedFile> {
        let signed = |(signer, output): (&Signer, Option<PathBuf>)| {
            let Some(output) = output else {
                let mut bytes = None;
                let signed = self.signature(signer, content).map(|it| bytes = Some(it));
                let state = if self.dry_run { State::WouldSign } else { State::Signed };
                return SignedFile { bytes, ..SignedFile::new(path, None, signed.map(|()| state)) };
            };
            let state =
                folder_of(&output).and_then(|folder| self.place(signer, content, &folder, &output));
            let stale = match state {
                Ok(State::Signed | State::WouldSign) => self.stale_beside(signer, content, &output),
                _ => None,
            };
            let sha256 = state.is_ok().then(|| sha256(content)).flatten();
            SignedFile { sha256, stale, ..SignedFile::new(path, Some(output), state) }
        };
        self.signers.iter().zip(outputs).map(signed).collect()
    }

    /// Returns where each signer's signature of a file goes if it goes beside it.
    pub fn beside(&self, artifact: &Artifact) -> Vec<PathBuf> {
        let output = |(place, signer): (usize, &Signer)| match place {
            0 => artifact.signature_path(self.armored),
            _ => {
                let certificate = signer.key.certificate().fingerprint();
                artifact.further_signature_path(&certificate, self.armored)
            }
        };
        self.signers.iter().enumerate().map(output).collect()
    }

    /// Makes a signature.
    pub fn signature(&self, signer: &Signer, content: &Hashed) -> Result<Vec<u8>> {
        Ok(signer.sign(content, ContentHash::SHA256, self.created, self.armored)?)
    }

    fn place(
        &self,
        signer: &Signer,
        content: &Hashed,
        folder: &Folder,
        output: &Path,
    ) -> Result<State> {
        if self.is_up_to_date(signer, content, output)? {
            folder.sweep(output);
            return Ok(State::UpToDate);
        }
        let signature = self.signature(signer, content)?;
        if self.dry_run {
            return Ok(State::WouldSign);
        }
        let access = Access::Public { umask: self.umask };
        match folder.write_one_of_many(output, &signature, access, self.existing) {
            // Another run may have been faster.
            Err(Error::Exists(_)) if self.is_up_to_date(signer, content, output)? => {
                Ok(State::UpToDate)
            }
            written => written.map(|()| State::Signed),
        }
    }

    /// Returns whether a good signature is in the new one's place that does as well. Anything else
    /// there is an error, unless it may be replaced.
    pub fn is_up_to_date(&self, signer: &Signer, content: &Hashed, output: &Path) -> Result<bool> {
        let Some(metadata) = metadata_of(output)? else { return Ok(false) };
        let does = |maker: &Fingerprint| match self.existing {
            Existing::Keep => signer.does_as_well(maker),
            Existing::Replace => *maker == signer.key.fingerprint(),
        };
        let is_good = match metadata.is_file() {
            true => signer.maker(output, content).map(|it| it.as_ref().is_some_and(does)),
            false => Ok(false),
        };
        match (is_good, self.existing) {
            (Ok(true), _) => Ok(true),
            (_, Existing::Replace) => Ok(false),
            (Err(error), Existing::Keep) => Err(error),
            (Ok(false), Existing::Keep) => Err(match metadata.is_file() {
                true => signer.stale(output),
                false => Error::Exists(output.to_owned()),
            }),
        }
    }

    fn stale_beside(&self, signer: &Signer, content: &Hashed, output: &Path) -> Option<PathBuf> {
        let other = output.with_extension(if self.armored { "sig" } else { "asc" });
        let is_file = other != output && fs::symlink_metadata(&other).is_ok_and(|it| it.is_file());
        let is_stale = is_file
            && !is_certificate(&other)
            && matches!(signer.maker(&other, content), Ok(None))
            && matches!(signer.stale(&other), Error::Stale(_));
        is_stale.then_some(other)
    }
}
