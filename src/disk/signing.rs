//! Signing artifacts where they are.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use super::artifact::{Artifact, sha256};
use super::checksums::{Checksums, MAX_CHECKSUMS, Sha256};
use super::file::{folder_of, metadata_of, read_small};
use super::folder::Folder;
use super::release::{is_certificate, signatures_of};
use super::still::hash_still;
use super::temporary::Prepared;
use super::write::{Access, Existing};
use crate::disk::error::{Error, Result};
use crate::judge::Judge;
use crate::openpgp;
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
use crate::openpgp::ids::{Fingerprint, KeyId};
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
    /// Whether a good signature by another key of the certificate is left alone, as an older
    /// subkey's is after a rotation. Not where the key was asked for by itself, and never where
    /// other files are replaced.
    pub any_key: bool,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whether the signature is new.
    pub state: State,
    /// The digest of the artifact, from the same pass over its bytes.
    pub sha256: Sha256,
    /// The signature in the other form beside the new one, `.asc` beside `.sig`, if it is the
    /// signer's own and no good any more: verifying will say so.
    pub stale: Option<PathBuf>,
}

impl Signing<'_> {
    /// Signs an artifact. `read` counts the bytes as they are read.
    ///
    /// The signature is checked with the certificate before it appears, whole or not at all. Its
    /// name lasts once its folder was synced ([`sync_folder`](super::write::sync_folder)): the caller does so before saying that
    /// it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if something else is in the signature's place, [`Error::Changed`],
    /// [`openpgp::Error::NotGood`] if the signature does not pass, and whatever the disk says.
    pub fn sign(&self, artifact: &Artifact, output: &Path, read: &AtomicU64) -> Result<Signed> {
        let content = self.hash(artifact, read)?;
        self.place(&content, &artifact.folder_for(output)?, output)
    }

    /// Signs an open file or a stream, as [`Signing::sign`] does an artifact.
    ///
    /// # Errors
    ///
    /// As [`Signing::sign`], or [`Error::Io`] with `name` for the reader's.
    pub fn sign_stream(&self, content: &mut File, name: &str, output: &Path) -> Result<Signed> {
        self.place(&hash_open(content, name)?, &Folder::of(output)?, output)
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
        let both = signers.iter().zip(outputs).map(|(signing, output)| {
            signing.place(&content, &artifact.folder_for(output)?, output)
        });
        Ok(both.collect())
    }

    fn place(&self, content: &Hashed, folder: &Folder, output: &Path) -> Result<Signed> {
        let state = match self.is_up_to_date(content, output)? {
            true => {
                folder.sweep(output);
                State::UpToDate
            }
            false => self.write(&self.signature(content)?, content, folder, output)?,
        };
        let sha256 =
            sha256(content).ok_or_else(|| openpgp::Error::crypto("hashing")("no SHA-256"))?;
        let stale = match state {
            State::Written => self.stale_beside(content, output),
            State::UpToDate => None,
        };
        Ok(Signed { state, sha256, stale })
    }

    fn stale_beside(&self, content: &Hashed, output: &Path) -> Option<PathBuf> {
        let other = output.with_extension(if self.armored { "sig" } else { "asc" });
        let is_file = other != output && fs::symlink_metadata(&other).is_ok_and(|it| it.is_file());
        let is_stale = is_file
            && !is_certificate(&other)
            && matches!(self.good_signer(&other, content), Ok(None))
            && matches!(self.stale(&other), Error::Stale(_));
        is_stale.then_some(other)
    }

    /// Returns whether a good signature is in the new one's place that does as well. Anything else
    /// there is an error, unless it may be replaced.
    fn is_up_to_date(&self, content: &Hashed, output: &Path) -> Result<bool> {
        let Some(metadata) = metadata_of(output)? else { return Ok(false) };
        let does = |signer: &Fingerprint| self.does_as_well(signer);
        let is_good = match metadata.is_file() {
            true => self.good_signer(output, content).map(|it| it.as_ref().is_some_and(does)),
            false => Ok(false),
        };
        match (is_good, self.existing) {
            (Ok(true), _) => Ok(true),
            (_, Existing::Replace) => Ok(false),
            (Err(error), Existing::Keep) => Err(error),
            (Ok(false), Existing::Keep) => Err(match metadata.is_file() {
                true => self.stale(output),
                false => Error::Exists(output.to_owned()),
            }),
        }
    }

    fn write(
        &self,
        signature: &[u8],
        content: &Hashed,
        folder: &Folder,
        output: &Path,
    ) -> Result<State> {
        if self.dry_run {
            return Ok(State::Written);
        }
        let access = Access::Public { umask: self.umask };
        let written = folder.write_one_of_many(output, signature, access, self.existing);
        // Another run may have been faster.
        if matches!(written, Err(Error::Exists(_))) && self.is_up_to_date(content, output)? {
            return Ok(State::UpToDate);
        }
        written.map(|()| State::Written)
    }

    /// Writes a folder's list of checksums, unless the same one is there, and signs it by all
    /// signers. The outputs are theirs, in the same order.
    ///
    /// At no moment a signature is beside a list that it is not of: those that are to be replaced go
    /// first, and where a list is replaced, all signatures of the old one, whoever's they are. A run that ends too early leaves a
    /// list without some signatures, which the next one adds. All that needs room on the disk is
    /// done before anything goes.
    ///
    /// # Errors
    ///
    /// Outside, that the list could not be written; inside, as [`Signing::sign`].
    pub fn sign_checksums(
        signers: &[Signing<'_>],
        list: &Path,
        checksums: &Checksums,
        outputs: &[PathBuf],
    ) -> Result<Vec<Result<State>>> {
        let Some(first) = signers.first() else { return Ok(Vec::new()) };
        let bytes = checksums.to_bytes()?;
        let mut hasher = Hasher::new([ContentHash::SHA256]);
        hasher.update(&bytes);
        let content = hasher.finish();
        // Whatever can fail without a change of the disk does so before.
        let is_listed = first.has_checksums(list, &bytes)?;
        let mut new = Vec::new();
        for (signing, output) in signers.iter().zip(outputs) {
            new.push(match signing.is_up_to_date(&content, output)? {
                true => None,
                false => Some(signing.signature(&content)?),
            });
        }
        if first.dry_run {
            let state = |new: &Option<_>| new.as_ref().map_or(State::UpToDate, |_| State::Written);
            return Ok(new.iter().map(state).map(Ok).collect());
        }
        let folder = Folder::of(list)?;
        let access = Access::Public { umask: first.umask };
        let prepare = |path: &Path, bytes| folder.prepare(path, bytes, access, first.existing);
        let mut prepared = Vec::new();
        for (output, new) in outputs.iter().zip(&new) {
            prepared.push(match new {
                Some(signature) => Some(prepare(output, signature)?),
                None => None,
            });
        }
        if !is_listed {
            let prepared = prepare(list, &bytes)?;
            let is_valid = |signature: &PathBuf| {
                outputs.iter().zip(&new).any(|(output, new)| output == signature && new.is_none())
            };
            if first.existing == Existing::Replace {
                remove_signatures(&folder, list, outputs, is_valid)?;
            }
            match prepared.appear() {
                // Another run may have been faster.
                Err(Error::Exists(_)) if first.has_checksums(list, &bytes)? => {}
                appeared => appeared?,
            }
            folder.sync(list)?;
        }
        let all = signers.iter().zip(outputs).zip(prepared);
        let states =
            all.map(|((signing, output), prepared)| match prepared.map(Prepared::appear) {
                None => Ok(State::UpToDate),
                Some(Ok(())) => Ok(State::Written),
                // Another run may have been faster.
                Some(Err(Error::Exists(_))) if signing.is_up_to_date(&content, output)? => {
                    Ok(State::UpToDate)
                }
                Some(Err(error)) => Err(error),
            });
        Ok(states.collect())
    }

    /// Returns whether the very same list is there. Another one is an error, unless it may be
    /// replaced.
    fn has_checksums(&self, list: &Path, bytes: &[u8]) -> Result<bool> {
        match (read_small(list, "a list of checksums", MAX_CHECKSUMS), self.existing) {
            (Ok(there), _) if *there == bytes => Ok(true),
            (_, Existing::Replace) => Ok(false),
            (Ok(_), Existing::Keep) => Err(Error::OtherList(list.to_owned())),
            (Err(error), _) if error.is_not_found() => Ok(false),
            (Err(error), Existing::Keep) => Err(error),
        }
    }

    /// Signs an open file or a stream, and returns the signature instead of writing it.
    ///
    /// # Errors
    ///
    /// [`openpgp::Error::NotGood`], or [`Error::Io`] with `name` for the reader's.
    pub fn sign_stream_to_bytes(&self, content: &mut File, name: &str) -> Result<Vec<u8>> {
        self.signature(&hash_open(content, name)?)
    }

    /// Does the same for what a reader yields, and returns the signature that is `there` if it is
    /// good.
    ///
    /// # Errors
    ///
    /// [`openpgp::Error::NotGood`], or [`Error::Io`] with `name` for the reader's.
    pub fn sign_stream_unless_signed(
        &self,
        content: impl Read,
        name: &str,
        there: Option<&Path>,
    ) -> Result<Vec<u8>> {
        let content = hash_stream(content, name)?;
        match there {
            Some(path)
                if self.good_signer(path, &content)?.is_some_and(|it| self.does_as_well(&it)) =>
            {
                Ok(read_small(path, "a signature", MAX_SIGNATURE_FILE)?.to_vec())
            }
            _ => self.signature(&content),
        }
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
        let (mut file, _) = artifact.open()?;
        hash_still(&mut file, &artifact.path, &[ContentHash::SHA256], read)
    }

    fn signature(&self, content: &Hashed) -> Result<Vec<u8>> {
        let signature = sign_hashed(content, self.key, self.created)?;
        let bytes = if self.armored { signature.to_armored()? } else { signature.to_bytes()? };
        match self.judge.verify_content(&bytes, content) {
            Verdict::Good(_) => Ok(bytes),
            Verdict::Bad(bad) => Err(Error::OpenPgp(openpgp::Error::NotGood(bad))),
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

    fn does_as_well(&self, signer: &Fingerprint) -> bool {
        *signer == self.key.fingerprint() || (self.any_key && self.existing == Existing::Keep)
    }

    /// Returns which key of the certificate made the good signature that is there, if it is one.
    fn good_signer(&self, output: &Path, content: &Hashed) -> Result<Option<Fingerprint>> {
        let bytes = match read_small(output, "a signature", MAX_SIGNATURE_FILE) {
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
}

/// Removes the signatures of a list that is about to appear, but those that are valid for it. Where
/// it replaces no other one, signatures that are not of these outputs may be valid, and stay.
fn remove_signatures(
    folder: &Folder,
    list: &Path,
    outputs: &[PathBuf],
    is_valid: impl Fn(&PathBuf) -> bool,
) -> Result<()> {
    let is_replaced = folder.metadata(list)?.is_some();
    let mut obsolete = signatures_of(list).map_err(Error::io("read", folder_of(list)))?;
    obsolete.retain(|it| !is_valid(it) && (is_replaced || outputs.contains(it)));
    folder.remove_all(&obsolete)
}

fn hash_open(content: &mut File, name: &str) -> Result<Hashed> {
    hash_still(content, Path::new(name), &[ContentHash::SHA256], &AtomicU64::new(0))
}

fn hash_stream(content: impl Read, name: &str) -> Result<Hashed> {
    Hasher::new([ContentHash::SHA256]).read(content).map_err(Error::io("read", Path::new(name)))
}
