//! Releases: the artifacts of folders and of files that are named one by one.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;

use super::artifact::Artifact;
use super::file::{Links, open_regular};
use crate::error::{Error, Result};
use crate::safe::Safe;

/// The names of release archives.
const ARCHIVES: [&str; 7] = ["*.tar", "*.tar.*", "*.tgz", "*.tbz2", "*.txz", "*.tzst", "*.zip"];

/// The names of what is never an artifact of its own: signatures, checksums, unfinished files.
const NEVER: [&str; 20] = [
    ".*",
    "*~",
    "*.tmp",
    "*.part",
    "*.sig",
    "*.asc",
    "*.gpg",
    "*.pgp",
    "*.sign",
    "*.minisig",
    "*.sigstore",
    "*.sigstore.json",
    "*.md5",
    "*.sha1",
    "*.sha224",
    "*.sha256",
    "*.sha384",
    "*.sha512",
    "*SUMS",
    "*SUMS.txt",
];

/// The endings of signature files, the preferred one first.
const SIGNATURE_ENDINGS: [&str; 2] = ["sig", "asc"];

/// Which files of a folder are taken.
#[derive(Clone, Debug)]
pub struct Selection {
    include: GlobSet,
    exclude: GlobSet,
    never: GlobSet,
}

impl Selection {
    /// Takes release archives, or what `include` names instead, less what `exclude` names.
    /// Patterns match base names. Signatures, checksums, hidden and temporary files are never
    /// taken.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a pattern that is not one.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Selection> {
        let include = match include.is_empty() {
            true => globs(&ARCHIVES)?,
            false => globs(include)?,
        };
        Ok(Selection { include, exclude: globs(exclude)?, never: globs(&NEVER)? })
    }

    fn takes(&self, name: &Path) -> bool {
        self.include.is_match(name) && !self.exclude.is_match(name) && !self.never.is_match(name)
    }
}

fn globs(patterns: &[impl AsRef<str>]) -> Result<GlobSet> {
    let malformed = |error: globset::Error| {
        Error::Malformed(format!("not a pattern: {}", Safe::text(&error.to_string())))
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern.as_ref()).map_err(malformed)?);
    }
    set.build().map_err(malformed)
}

/// The artifacts of some paths: files as they are named, folders as they are walked.
#[derive(Debug, Default)]
pub struct Release {
    /// The artifacts to sign or to verify, in order of their paths within a folder, without
    /// doubles.
    pub artifacts: Vec<Artifact>,
    /// Signature files in folders whose artifacts are not there.
    pub orphans: Vec<PathBuf>,
    /// How many files of folders were passed over, signatures aside.
    pub passed_over: usize,
    /// What could not be looked at.
    pub unreadable: Vec<(PathBuf, Error)>,
    /// The folders among the paths.
    pub folders: Vec<PathBuf>,
    seen: BTreeSet<Artifact>,
}

impl Release {
    /// Takes the one file that is named, whatever it is.
    pub fn of_one(path: &Path) -> Release {
        let mut release = Release::default();
        release.add(Artifact::named(path.to_owned()));
        release
    }

    /// Finds the artifacts to sign.
    pub fn to_sign(paths: &[PathBuf], selection: &Selection) -> Release {
        let mut release = Release::default();
        for path in paths {
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => {
                    let (taken, others): (Vec<_>, Vec<_>) = release
                        .walk(path)
                        .into_iter()
                        .partition(|file| selection.takes(base_name(file)));
                    release.folders.push(path.clone());
                    release.passed_over +=
                        others.iter().filter(|file| signed_by(file).is_none()).count();
                    release.add_found(taken);
                }
                _ => release.add(Artifact::named(path.clone())),
            }
        }
        release
    }

    /// Finds the artifacts to verify: those named, those whose signature is named, in folders
    /// every release archive and every file that has a signature beside it.
    pub fn to_verify(paths: &[PathBuf]) -> Result<Release> {
        let selection = Selection::new(&[], &[])?;
        let mut release = Release::default();
        for path in paths {
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => release.add_folder(path, &selection),
                _ => match signed_by(path) {
                    Some(artifact) if fs::symlink_metadata(&artifact).is_ok() => {
                        let mut artifact = Artifact::named(artifact);
                        if artifact.find_signature().as_ref() != Some(path) {
                            artifact.signature = Some(path.clone());
                        }
                        release.add(artifact);
                    }
                    Some(_) if fs::symlink_metadata(path).is_ok() => match further_of(path) {
                        Some(artifact) if fs::symlink_metadata(&artifact).is_ok() => {
                            let signature = Some(path.clone());
                            release.add(Artifact { signature, ..Artifact::named(artifact) });
                        }
                        _ => release.orphans.push(path.clone()),
                    },
                    _ => release.add(Artifact::named(path.clone())),
                },
            }
        }
        Ok(release)
    }

    fn add_folder(&mut self, folder: &Path, selection: &Selection) {
        let files = self.walk(folder);
        self.folders.push(folder.to_owned());
        let (signatures, others): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|file| signed_by(file).is_some());
        let mut found = BTreeSet::new();
        for signature in signatures {
            let candidates = [signed_by(&signature), further_of(&signature)];
            let mut candidates = candidates.into_iter().flatten();
            match candidates.find(|artifact| others.binary_search(artifact).is_ok()) {
                Some(artifact) => {
                    found.insert(artifact);
                }
                None if is_certificate(&signature) => self.passed_over += 1,
                None => self.orphans.push(signature),
            }
        }
        for file in others {
            if selection.takes(base_name(&file)) || found.contains(&file) {
                found.insert(file);
            } else {
                self.passed_over += 1;
            }
        }
        self.add_found(found);
    }

    /// Lists the regular files of a folder, sorted. Links, FIFOs and the like are passed over.
    fn walk(&mut self, folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in WalkDir::new(folder).follow_links(false).follow_root_links(true) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => files.push(entry.into_path()),
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(_) => self.passed_over += 1,
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let source = error
                        .into_io_error()
                        .unwrap_or_else(|| io::Error::other("the folders loop"));
                    self.unreadable.push((path.clone(), Error::io("read", &path)(source)));
                }
            }
        }
        files.sort();
        files
    }

    fn add_found(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        for path in files {
            self.add(Artifact::found(path));
        }
    }

    fn add(&mut self, artifact: Artifact) {
        if self.seen.insert(artifact.clone()) {
            self.artifacts.push(artifact);
        }
    }
}

fn base_name(path: &Path) -> &Path {
    Path::new(path.file_name().unwrap_or_default())
}

/// Returns the artifact that a signature file's name says it is of.
fn signed_by(path: &Path) -> Option<PathBuf> {
    let ending = path.extension()?;
    let is_signature = SIGNATURE_ENDINGS.iter().any(|known| ending == *known);
    is_signature.then(|| path.with_extension(""))
}

/// Returns the artifact that a further signer's signature is of: FILE, for `FILE.KEYID.sig`.
fn further_of(path: &Path) -> Option<PathBuf> {
    let with_key_id = signed_by(path)?;
    let key_id = with_key_id.extension()?.as_encoded_bytes();
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    (key_id.len() == 16 && key_id.iter().all(is_digit)).then(|| with_key_id.with_extension(""))
}

/// Returns whether an `.asc` file is an armored certificate, as releases often have one.
fn is_certificate(path: &Path) -> bool {
    let Ok((file, _)) = open_regular(path, Links::Refuse) else { return false };
    let mut start = Vec::new();
    let begin = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
    file.take(begin.len() as u64).read_to_end(&mut start).is_ok() && start == begin
}
