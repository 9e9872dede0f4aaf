//! Lists of checksums of what was signed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::signed::{SignedFile, State};
use super::signing::Signing;
use super::watch::Watch;
use crate::disk::artifact::{Artifact, Root};
use crate::disk::checksums::{Checksums, DigestKind, MAX_CHECKSUMS};
use crate::disk::file::{folder_of, read_small};
use crate::disk::folder::Folder;
use crate::disk::names::{lists_in, name_in, plain, signatures_of};
use crate::disk::write::{Access, Existing};
use crate::disk::{Error, Result};
use crate::text::{Safe, quoted};

/// Signed files in the order of their paths, in which those of one folder stand together.
pub(super) struct Sorted<'a>(Vec<&'a SignedFile>);

impl<'a> Sorted<'a> {
    pub fn new(files: impl Iterator<Item = &'a SignedFile>) -> Sorted<'a> {
        let mut files: Vec<&SignedFile> = files.collect();
        files.sort_by_key(|file| plain(&file.path));
        Sorted(files)
    }

    /// Returns the files in a folder, with their names as they are seen from there.
    fn within(&self, folder: &'a Path) -> impl Iterator<Item = (&'a Path, &'a SignedFile)> {
        let above = plain(folder);
        let start = self.0.partition_point(|file| plain(&file.path) < above);
        let rest = self.0.get(start..).unwrap_or_default().iter().copied();
        rest.take_while(move |file| plain(&file.path).starts_with(above))
            .filter_map(move |file| Some((name_in(folder, &file.path)?, file)))
    }
}

/// Warns of lists of checksums that lack files signed now: such a folder does not verify.
pub(super) fn warn_of_lists(
    roots: &[Arc<Root>],
    files: &Sorted<'_>,
    kind: DigestKind,
    watch: &dyn Watch,
) {
    let folders = roots.iter().map(|root| root.path());
    for (folder, path) in
        folders.flat_map(|folder| lists_in(folder).into_iter().map(move |it| (folder, it)))
    {
        let Ok(text) = read_small(&path, "a list of checksums", MAX_CHECKSUMS) else { continue };
        let list = Checksums::read(&text, &path).unwrap_or_else(|_| Checksums::new(kind, []));
        let is_listed = |(name, file): (&Path, &SignedFile)| match (&file.digest, list.get(name)) {
            (None, _) => true,
            (Some(digest), Some(listed)) => list.kind() != kind || listed == &digest[..],
            (Some(_), None) => false,
        };
        if files.within(folder).all(is_listed) {
            continue;
        }
        // A list that somebody made by hand may have more than would be written here.
        let signed: BTreeSet<&Path> = files.within(folder).map(|(name, _)| name).collect();
        let mend = match list.names().all(|name| signed.contains(name)) {
            true => format!(
                "write it anew:\n  plugsign sign --checksums={} --force {}",
                shown_name(&path),
                quoted(folder)
            ),
            false => {
                format!("bring it up to date, then sign it:\n  plugsign sign {}", quoted(&path))
            }
        };
        watch.warn(&format!(
            "{} does not list the files as they are now: {mend}",
            Safe::path(&path)
        ));
    }
}

fn shown_name(path: &Path) -> String {
    quoted(Path::new(path.file_name().unwrap_or_default()))
}

impl Signing<'_> {
    /// Lists a folder's signed files and signs the list. If one of them failed, there is none.
    pub fn sign_list(
        &self,
        root: &Arc<Root>,
        name: &OsStr,
        files: &Sorted<'_>,
        unreadable: &[(PathBuf, Error)],
    ) -> Vec<SignedFile> {
        let folder = root.path();
        let list = Artifact::found(folder.join(name), root);
        let path = list.path.clone();
        let complete = unreadable.iter().all(|(path, _)| name_in(folder, path).is_none())
            && files.within(folder).all(|(_, file)| file.digest.is_some());
        let digests =
            files.within(folder).filter_map(|(name, file)| Some((name, file.digest.as_deref()?)));
        let checksums = Checksums::new(self.kind, digests);
        if complete && checksums.is_empty() {
            // A list of nothing would pass for a release.
            return Vec::new();
        }
        let outputs = self.beside(&list);
        let states = match complete {
            true => self.write_list(&list, &checksums, &outputs),
            false => Err(Error::Incomplete(path.to_path_buf())),
        };
        let states = states.unwrap_or_else(|error| vec![Err(error)]);
        let both = outputs.into_iter().zip(states);
        both.map(|(output, state)| SignedFile::new(&path, Some(output), state)).collect()
    }

    /// Writes a list, unless the same one is there, and signs it by all signers. The outputs are
    /// theirs, in the same order.
    ///
    /// No signature is ever beside a list that it was not made for: signatures that are to be
    /// replaced go first. Where a list is replaced, all signatures of the old one go, whoever made
    /// them. A run that ends too early leaves a list without some signatures, which the next run
    /// adds. Everything that needs room on the disk is done before anything goes.
    ///
    /// The outer error is about the list, the inner ones are about its signatures.
    fn write_list(
        &self,
        artifact: &Artifact,
        checksums: &Checksums,
        outputs: &[PathBuf],
    ) -> Result<Vec<Result<State>>> {
        let list = &*artifact.path;
        let bytes = checksums.to_bytes()?;
        let Some(first) = self.signers.first() else { return Ok(Vec::new()) };
        let content = first.hash(&bytes);
        // Whatever can fail without a change of the disk does so before.
        let is_listed = self.is_listed(list, &bytes)?;
        let mut new = Vec::new();
        for (signer, output) in self.signers.iter().zip(outputs) {
            new.push(match self.is_up_to_date(signer, &content, output)? {
                true => None,
                false => Some(signer.sign(&content)?),
            });
        }
        if self.dry_run {
            let state =
                |new: &Option<_>| new.as_ref().map_or(State::UpToDate, |_| State::WouldSign);
            return Ok(new.iter().map(state).map(Ok).collect());
        }
        let folder = artifact.place()?.folder_for(list, self.kept)?;
        let access = Access::Public { umask: self.umask };
        let prepare =
            |path: &Path, bytes| folder.prepare(path, bytes, access.clone(), self.existing);
        let mut prepared = Vec::new();
        for (output, new) in outputs.iter().zip(&new) {
            prepared.push(new.as_ref().map(|bytes| prepare(output, bytes)).transpose()?);
        }
        if !is_listed {
            let prepared = prepare(list, &bytes)?;
            let is_valid = |signature: &PathBuf| {
                outputs.iter().zip(&new).any(|(output, new)| output == signature && new.is_none())
            };
            if self.existing == Existing::Replace {
                remove_signatures(&folder, list, outputs, is_valid)?;
            }
            match prepared.appear() {
                // Another run may have been faster.
                Err(Error::Exists(_)) if self.is_listed(list, &bytes)? => {}
                appeared => appeared?,
            }
            folder.sync(list)?;
        }
        let all = self.signers.iter().zip(outputs).zip(prepared);
        let states =
            all.map(|((signer, output), prepared)| match prepared.map(|new| new.appear()) {
                None => Ok(State::UpToDate),
                Some(Ok(())) => Ok(State::Signed),
                // Another run may have been faster.
                Some(Err(Error::Exists(_))) if self.is_up_to_date(signer, &content, output)? => {
                    Ok(State::UpToDate)
                }
                Some(Err(error)) => Err(error),
            });
        Ok(states.collect())
    }

    /// Returns whether the very same list is there. Another one must be replaceable.
    fn is_listed(&self, list: &Path, bytes: &[u8]) -> Result<bool> {
        match (read_small(list, "a list of checksums", MAX_CHECKSUMS), self.existing) {
            (Ok(there), _) if *there == bytes => Ok(true),
            (_, Existing::Replace) => Ok(false),
            (Ok(_), Existing::Keep) => Err(Error::OtherList(list.to_owned())),
            (Err(error), _) if error.is_not_found() => Ok(false),
            (Err(error), Existing::Keep) => Err(error),
        }
    }
}

/// Removes the signatures of a list that is about to appear, but those that are valid for it. Where
/// it replaces no other list, signatures that are not of these outputs may be valid, and stay.
fn remove_signatures(
    folder: &Folder,
    list: &Path,
    outputs: &[PathBuf],
    is_valid: impl Fn(&PathBuf) -> bool,
) -> Result<()> {
    let is_replaced = folder.facts(list)?.is_some();
    let mut obsolete = signatures_of(list).map_err(Error::io("read", folder_of(list)))?;
    obsolete.retain(|it| !is_valid(it) && (is_replaced || outputs.contains(it)));
    folder.remove_all(&obsolete)
}
