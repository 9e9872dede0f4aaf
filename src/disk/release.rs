//! Releases: artifacts and their signatures, in a folder or named one by one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use globset::{Glob, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;
use zeroize::Zeroizing;

use super::checksums::{Checksums, MAX_CHECKSUMS, Sha256};
use super::file::{Access, Existing, Links, Stamp, folder_of, open_regular, read_small, write_new};
use crate::error::{Error, Result};
use crate::judge::{Judge, ServerVerdict, ask_server, content_hash};
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
use crate::openpgp::secret_key::SigningKey;
use crate::openpgp::sign::sign_hashed;
use crate::openpgp::signature::MAX_SIGNATURE_FILE;
use crate::openpgp::verify::{Bad, Reason, Verdict};
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

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was named outright, and not found in a folder.
    pub named: bool,
    /// The signature file to judge it by, if another than the one beside it was named.
    pub signature: Option<PathBuf>,
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
                    Some(_) if fs::symlink_metadata(path).is_ok() => {
                        release.orphans.push(path.clone());
                    }
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
            match signed_by(&signature) {
                Some(artifact) if others.binary_search(&artifact).is_ok() => {
                    found.insert(artifact);
                }
                _ if is_certificate(&signature) => self.passed_over += 1,
                _ => self.orphans.push(signature),
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

/// Returns whether an `.asc` file is an armored certificate, as releases often have one.
fn is_certificate(path: &Path) -> bool {
    let Ok((file, _)) = open_regular(path, Links::Refuse) else { return false };
    let mut start = Vec::new();
    let begin = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
    file.take(begin.len() as u64).read_to_end(&mut start).is_ok() && start == begin
}

impl Artifact {
    /// Returns a file that was found in a folder.
    pub fn found(path: PathBuf) -> Artifact {
        Artifact { path, named: false, signature: None }
    }

    /// Returns a file that is named outright.
    pub fn named(path: PathBuf) -> Artifact {
        Artifact { path, named: true, signature: None }
    }

    /// Returns where its signature goes: `FILE.sig`, or `FILE.asc` if armored.
    pub fn signature_path(&self, armored: bool) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(if armored { ".asc" } else { ".sig" });
        PathBuf::from(name)
    }

    /// Returns its signature file: `FILE.sig`, else `FILE.asc`, else none.
    fn find_signature(&self) -> Option<PathBuf> {
        [false, true]
            .map(|armored| self.signature_path(armored))
            .into_iter()
            .find(|path| fs::symlink_metadata(path).is_ok())
    }

    /// Opens it. A file that was found must still be one; a named one may be reached through a
    /// link, unless that leads out of its folder.
    fn open(&self) -> Result<(File, Stamp)> {
        let links = if self.named { Links::Follow } else { Links::Refuse };
        let is_link = fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_symlink());
        if self.named && is_link {
            let canonical =
                |path: &Path| path.canonicalize().map_err(Error::io("read", &self.path));
            if !canonical(&self.path)?.starts_with(canonical(folder_of(&self.path))?) {
                return Err(Error::LinkOutside(self.path.clone()));
            }
        }
        let (file, metadata) = open_regular(&self.path, links)?;
        Ok((file, Stamp::from(&metadata)))
    }

    /// Reads it once, through `read`, and makes sure that it did not change meanwhile.
    fn read_once<T>(&self, read: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T> {
        let (mut file, before) = self.open()?;
        let value = read(&mut file).map_err(Error::io("read", &self.path))?;
        let after = file.metadata().map_err(Error::io("read", &self.path))?;
        if before != Stamp::from(&after) {
            return Err(Error::Changed(self.path.clone()));
        }
        Ok(value)
    }
}

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

/// The verdict on an artifact.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Whether it is good.
    pub verdict: Verdict,
    /// The artifact's digest, if it was asked for and the artifact was read.
    pub sha256: Option<Sha256>,
}

fn sha256(content: &Hashed) -> Option<Sha256> {
    content.digest(ContentHash::SHA256, b"")?.try_into().ok()
}

impl Signing<'_> {
    /// Signs an artifact. `read` counts the bytes as they are read.
    ///
    /// The signature is checked with the certificate before it appears, whole or not at all.
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
                    true => Error::Stale(output.to_owned()),
                    false => Error::Exists(output.to_owned()),
                });
            }
        }
        let bytes = self.signature(content)?;
        if !self.dry_run {
            let access = Access::Public { umask: self.umask };
            write_new(output, &bytes, access, self.existing)?;
        }
        signed(State::Written)
    }

    /// Writes a folder's list of checksums, unless the same one is there, and signs it.
    ///
    /// # Errors
    ///
    /// As [`Signing::sign`].
    pub fn sign_checksums(&self, list: &Artifact, checksums: &Checksums) -> Result<State> {
        let bytes = checksums.to_bytes();
        let there = read_small(&list.path, "a list of checksums", MAX_CHECKSUMS);
        let is_same = there.is_ok_and(|there| *there == bytes);
        if !is_same && !self.dry_run {
            let access = Access::Public { umask: self.umask };
            write_new(&list.path, &bytes, access, self.existing)?;
        } else if !is_same {
            return Ok(State::Written);
        }
        let output = list.signature_path(self.armored);
        self.sign(list, &output, &AtomicU64::new(0)).map(|signed| signed.state)
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
            Hasher::new([ContentHash::SHA256]).read(Counted { reader: file, count: read })
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

impl Artifact {
    /// Judges the artifact by the signature file that is given or was named, or by the one
    /// beside it.
    ///
    /// # Errors
    ///
    /// Whatever keeps from looking: a file that cannot be read, or changes meanwhile.
    pub fn verify(
        &self,
        signature: Option<&Path>,
        judge: &Judge,
        want_digest: bool,
        read: &AtomicU64,
    ) -> Result<Verified> {
        let bad = |bad| Verified { verdict: Verdict::Bad(bad), sha256: None };
        let signature = match self.read_signature(signature)? {
            Ok(signature) => signature,
            Err(reason) => return Ok(bad(reason)),
        };
        let way = match content_hash(&signature) {
            Ok(way) => way,
            Err(reason) => {
                self.open()?;
                return Ok(bad(reason));
            }
        };
        let ways = want_digest.then_some(ContentHash::SHA256).into_iter().chain([way]);
        let content =
            self.read_once(|file| Hasher::new(ways).read(Counted { reader: file, count: read }))?;
        Ok(Verified {
            verdict: judge.verify_content(&signature, &content),
            sha256: want_digest.then(|| sha256(&content)).flatten(),
        })
    }

    /// Returns the digest of the artifact.
    ///
    /// # Errors
    ///
    /// As [`Artifact::verify`].
    pub fn digest(&self, read: &AtomicU64) -> Result<Sha256> {
        let content = self.read_once(|file| {
            Hasher::new([ContentHash::SHA256]).read(Counted { reader: file, count: read })
        })?;
        sha256(&content).ok_or_else(|| Error::crypto("hashing")("no SHA-256"))
    }

    /// Asks the server alone, with these key files.
    ///
    /// # Errors
    ///
    /// As [`Artifact::verify`].
    pub fn ask_server(
        &self,
        signature: Option<&Path>,
        key_files: &[Vec<u8>],
        read: &AtomicU64,
    ) -> Result<ServerVerdict> {
        match self.read_signature(signature)? {
            Ok(signature) => self.read_once(|file| {
                ask_server(key_files, &signature, Counted { reader: file, count: read })
            }),
            Err(bad) => Ok(ServerVerdict::Refuses {
                words: bad.reason().to_string(),
                advice: bad.detail().to_string(),
            }),
        }
    }

    fn read_signature(&self, signature: Option<&Path>) -> Result<Result<Zeroizing<Vec<u8>>, Bad>> {
        let named = signature.or(self.signature.as_deref()).map(Path::to_owned);
        let Some(path) = named.or_else(|| self.find_signature()) else {
            self.open()?;
            return Ok(Err(Bad::new(
                Reason::MissingSignature,
                "there is neither a .sig nor an .asc file for it",
            )));
        };
        match read_small(&path, "a signature", MAX_SIGNATURE_FILE) {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(Error::TooLarge { limit, .. }) => Ok(Err(Bad::new(
                Reason::Malformed,
                format!("the signature file is larger than {limit} bytes"),
            ))),
            Err(error) => Err(error),
        }
    }
}

/// A reader that counts, for showing progress.
struct Counted<'a, R> {
    reader: R,
    count: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
