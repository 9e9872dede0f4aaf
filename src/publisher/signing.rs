//! Where signatures appear: whole or not at all, and never in the place of anything else unasked.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::failure::Failure;
use super::signed::{SignedFile, State};
use super::signer::UnlockedSigner;
use crate::disk::artifact::Artifact;
use crate::disk::checksums::DigestKind;
use crate::disk::file::metadata_of;
use crate::disk::folder::Folder;
use crate::disk::kept::Kept;
use crate::disk::names::is_certificate;
use crate::disk::still::hash_still;
use crate::disk::write::{Access, Existing};
use crate::disk::{Error, Result};
use crate::openpgp::hash::{ContentHash, Hashed};
use crate::openpgp::ids::Fingerprint;

/// Where signatures go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// Beside their files: the first signer's to `FILE.sig`, which servers read, each other one's
    /// to `FILE.KEYID.sig`. A stream's is returned.
    Beside,
    /// The only signature goes to this file.
    At(&'a Path),
    /// The only signature is returned.
    Returned,
}

/// How files are signed: by whom, and what may be written.
pub(super) struct Signing<'a> {
    /// At least one.
    pub signers: Vec<UnlockedSigner>,
    /// Where signatures go.
    pub output: Destination<'a>,
    /// Whether other files in their places are replaced.
    pub existing: Existing,
    /// What is never replaced.
    pub kept: &'a Kept,
    /// The process's file mode creation mask.
    pub umask: u32,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// What lists of checksums have.
    pub kind: DigestKind,
    /// Whether digests are kept for lists.
    pub are_listed: bool,
}

impl Signing<'_> {
    /// Signs a file by all signers, reading it once. `read` counts the bytes as they are read.
    ///
    /// A signature's name lasts once its folder was synced: the caller does so
    /// ([`sync_folder`](crate::disk::write::sync_folder)) before saying that it is there.
    pub fn sign(&self, artifact: &Artifact, read: &AtomicU64) -> Vec<SignedFile> {
        let outputs = self.outputs(Some(artifact));
        let ways = [ContentHash::SHA256, self.kind.way()];
        let hashed = artifact.place().and_then(|it| Ok((it.hash_still(&ways, read)?, it)));
        match hashed {
            Ok((content, place)) => {
                let folder_of = |output: &Path| place.folder_for(output, self.kept);
                self.put(&artifact.path, &content, outputs, folder_of)
            }
            Err(error) => {
                let output = outputs.into_iter().next().flatten();
                vec![SignedFile::new(&artifact.path, output, Err(error))]
            }
        }
    }

    /// Hashes a file for a list, without a signature of its own.
    pub fn list(&self, artifact: &Artifact, read: &AtomicU64) -> SignedFile {
        let way = [self.kind.way()];
        let content = artifact.place().and_then(|place| place.hash_still(&way, read));
        let digest = content.as_ref().ok().and_then(|content| self.kind.of(content));
        SignedFile {
            digest,
            ..SignedFile::new(&artifact.path, None, content.map(|_| State::Listed))
        }
    }

    pub fn sign_stream(&self, mut stream: File) -> Result<Vec<SignedFile>, Failure> {
        let name = Path::new("standard input");
        let content = hash_still(&mut stream, name, &[ContentHash::SHA256], &AtomicU64::new(0))?;
        let folder_of = |output: &Path| self.kept.folder(output);
        let mut files = self.put(&Path::new("-").into(), &content, self.outputs(None), folder_of);
        match files.iter_mut().find_map(|file| file.error.take()) {
            Some(failure) => Err(*failure),
            None => Ok(files),
        }
    }

    /// Returns where each signer's signature goes. None of a file is a stream's.
    pub(super) fn outputs(&self, artifact: Option<&Artifact>) -> Vec<Option<PathBuf>> {
        match (self.output, artifact) {
            (Destination::Beside, Some(artifact)) => {
                self.beside(artifact).into_iter().map(Some).collect()
            }
            (Destination::At(path), _) => vec![Some(path.to_owned())],
            (Destination::Beside | Destination::Returned, _) => vec![None],
        }
    }

    fn put(
        &self,
        path: &Arc<Path>,
        content: &Hashed,
        outputs: Vec<Option<PathBuf>>,
        folder_of: impl Fn(&Path) -> Result<Folder>,
    ) -> Vec<SignedFile> {
        let signed = |(signer, output): (&UnlockedSigner, Option<PathBuf>)| {
            let Some(output) = output else {
                return SignedFile::returned(path, signer.sign(content), self.dry_run);
            };
            let state =
                folder_of(&output).and_then(|folder| self.place(signer, content, &folder, &output));
            let stale = match state {
                Ok(State::Signed | State::WouldSign) => stale_beside(signer, content, &output),
                _ => None,
            };
            let is_listed = self.are_listed && state.is_ok();
            let digest = is_listed.then(|| self.kind.of(content)).flatten();
            SignedFile {
                digest,
                stale: stale.map(PathBuf::into_boxed_path),
                ..SignedFile::new(path, Some(output), state)
            }
        };
        self.signers.iter().zip(outputs).map(signed).collect()
    }

    /// Returns where each signer's signature of a file goes if it goes beside it.
    pub fn beside(&self, artifact: &Artifact) -> Vec<PathBuf> {
        let output = |(place, signer): (usize, &UnlockedSigner)| match place {
            0 => artifact.signature_path(signer.form.armored),
            _ => {
                let certificate = signer.key.certificate().fingerprint();
                artifact.further_signature_path(&certificate, signer.form.armored)
            }
        };
        self.signers.iter().enumerate().map(output).collect()
    }

    fn place(
        &self,
        signer: &UnlockedSigner,
        content: &Hashed,
        folder: &Folder,
        output: &Path,
    ) -> Result<State> {
        if self.is_up_to_date(signer, content, output)? {
            folder.sweep(output);
            return Ok(State::UpToDate);
        }
        let signature = signer.sign(content)?;
        if self.dry_run {
            return Ok(State::WouldSign);
        }
        let access = Access::Public { umask: self.umask };
        let prepared = folder.prepare(output, &signature, access, self.existing);
        match prepared.and_then(|prepared| prepared.appear()) {
            // Another run may have been faster.
            Err(Error::Exists(_)) if self.is_up_to_date(signer, content, output)? => {
                Ok(State::UpToDate)
            }
            written => written.map(|()| State::Signed),
        }
    }

    /// Returns whether a signature is there that does as well. Another file must be replaceable.
    pub fn is_up_to_date(
        &self,
        signer: &UnlockedSigner,
        content: &Hashed,
        output: &Path,
    ) -> Result<bool> {
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
}

/// Returns the signature in the other form beside a new one, if it is the signer's and stale.
fn stale_beside(signer: &UnlockedSigner, content: &Hashed, output: &Path) -> Option<PathBuf> {
    let other = output.with_extension(if signer.form.armored { "sig" } else { "asc" });
    let is_file = other != output && fs::symlink_metadata(&other).is_ok_and(|it| it.is_file());
    let is_stale = is_file
        && !is_certificate(&other)
        && matches!(signer.maker(&other, content), Ok(None))
        && matches!(signer.stale(&other), Error::Stale(_));
    is_stale.then_some(other)
}
