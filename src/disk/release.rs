//! Releases: the artifacts of folders and of files that are named one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use walkdir::{DirEntry, WalkDir};

use super::artifact::Artifact;
use super::file::{Links, folder_of, open_regular};
use crate::error::{Error, Result};
use crate::mattermost::bundle::MANIFEST_NAMES;
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
    /// Signatures of further signers in folders: `FILE.KEYID.sig`.
    pub further: Vec<PathBuf>,
    /// How many files of folders were passed over, signatures aside.
    pub passed_over: usize,
    /// What could not be looked at.
    pub unreadable: Vec<(PathBuf, Error)>,
    /// The folders among the paths.
    pub folders: Vec<PathBuf>,
    /// Where in the list an artifact and its signature are.
    places: BTreeMap<(PathBuf, Option<PathBuf>), usize>,
    /// The files that walks found, and orphans that were named.
    walked: BTreeSet<PathBuf>,
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
                    for file in release.walk(path) {
                        match selection.takes(base_name(&file)) {
                            true => release.add(Artifact::found(file, path)),
                            false if signed_by(&file).is_none() => release.passed_over += 1,
                            false => {}
                        }
                    }
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
                        let preferred = artifact.find_signature().ok().flatten();
                        if preferred.as_ref() != Some(path) {
                            artifact.signature = Some(path.clone());
                        }
                        release.add(artifact);
                    }
                    Some(_) if fs::symlink_metadata(path).is_ok() => match further_of(path) {
                        Some(artifact) if fs::symlink_metadata(&artifact).is_ok() => {
                            let signature = Some(path.clone());
                            release.add(Artifact { signature, ..Artifact::named(artifact) });
                        }
                        _ if !release.walked.insert(plain(path).to_owned()) => {}
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
        let is_there = |file: &PathBuf| files.binary_search(file).is_ok();
        // With the signature that is judged beside the preferred one, if there are two.
        let mut signed: BTreeMap<PathBuf, Option<PathBuf>> = BTreeMap::new();
        for signature in files.iter().filter(|file| signed_by(file).is_some()) {
            let first = signed_by(signature).filter(is_there);
            match (first, further_of(signature).filter(is_there)) {
                (Some(artifact), _) => {
                    let is_second = Artifact::named(artifact.clone())
                        .find_signature()
                        .is_ok_and(|preferred| preferred.is_some_and(|it| it != *signature));
                    let second = signed.entry(artifact).or_default();
                    match is_second {
                        true if is_certificate(signature) => self.passed_over += 1,
                        true => *second = Some(signature.clone()),
                        false => {}
                    }
                }
                (None, Some(artifact)) => {
                    signed.entry(artifact).or_default();
                    self.further.push(signature.clone());
                }
                (None, None) if is_certificate(signature) => self.passed_over += 1,
                (None, None) => self.orphans.push(signature.clone()),
            }
        }
        for file in files {
            let second = signed.remove(&file);
            if second.is_some() || selection.takes(base_name(&file)) {
                self.add(Artifact::found(file.clone(), folder));
                if let Some(signature) = second.flatten() {
                    let signature = Some(signature);
                    self.add(Artifact { signature, ..Artifact::found(file, folder) });
                }
            } else if signed_by(&file).is_none() {
                self.passed_over += 1;
            }
        }
    }

    /// Lists the regular files of a folder that no other walk has listed, sorted. Links, FIFOs and
    /// the like are passed over, and so are unpacked plugins: what is in one is of one archive.
    /// Hidden folders are not walked.
    fn walk(&mut self, folder: &Path) -> Vec<PathBuf> {
        if self.folders.iter().any(|walked| plain(walked) == plain(folder)) {
            return Vec::new();
        }
        self.folders.push(folder.to_owned());
        let mut files = Vec::new();
        let mut plugins = BTreeSet::new();
        let is_walked = |entry: &DirEntry| {
            entry.depth() == 0 || !entry.file_type().is_dir() || !is_hidden(entry)
        };
        let walk = WalkDir::new(folder).follow_links(false).follow_root_links(true);
        for entry in walk.into_iter().filter_entry(is_walked) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    // A plugin's manifest is at its top.
                    let is_manifest = MANIFEST_NAMES.iter().any(|name| entry.file_name() == *name);
                    if entry.depth() > 1 && is_manifest {
                        plugins.insert(folder_of(entry.path()).to_owned());
                    }
                    files.push(entry.into_path());
                }
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
        let is_in_plugin = |file: &PathBuf| file.ancestors().any(|it| plugins.contains(it));
        let (unpacked, mut files): (Vec<_>, Vec<_>) = files.into_iter().partition(is_in_plugin);
        self.passed_over += unpacked.iter().filter(|file| signed_by(file).is_none()).count();
        files.retain(|file| self.walked.insert(plain(file).to_owned()));
        files.sort();
        files
    }

    fn add(&mut self, artifact: Artifact) {
        let signature = artifact.signature.as_deref().map(|path| plain(path).to_owned());
        let key = (plain(&artifact.path).to_owned(), signature);
        match self.places.get(&key).and_then(|place| self.artifacts.get_mut(*place)) {
            // Naming a file outright says more than naming its folder.
            Some(known) if artifact.root.is_none() => known.root = None,
            Some(_) => {}
            None => {
                self.places.insert(key, self.artifacts.len());
                self.artifacts.push(artifact);
            }
        }
    }
}

/// Returns a path without the `./` that it may begin with: the same file, however it is named.
fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// Returns a path as it is seen from a folder above it, also where only one of them was named
/// with a `./`.
pub fn name_in<'a>(folder: &Path, path: &'a Path) -> Option<&'a Path> {
    let name = plain(path).strip_prefix(plain(folder)).ok()?;
    name.components().all(|part| matches!(part, Component::Normal(_))).then_some(name)
}

/// Returns whether a file is a signature of another one that is there, going by the names.
pub fn is_signature(path: &Path) -> bool {
    let of = [signed_by(path), further_of(path)];
    of.into_iter().flatten().any(|artifact| fs::symlink_metadata(artifact).is_ok())
        && !is_certificate(path)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
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
