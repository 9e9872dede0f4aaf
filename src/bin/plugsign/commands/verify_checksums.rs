//! What `plugsign verify` makes of signed lists of checksums.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use plugsign::disk::artifact::Artifact;
use plugsign::disk::checksums::{Checksums, MAX_CHECKSUMS, Sha256};
use plugsign::disk::file::{folder_of, read_small};
use plugsign::disk::release::name_in;
use plugsign::error::Error;
use plugsign::openpgp::hash::{ContentHash, Hasher};
use plugsign::openpgp::verify::{Bad, Reason};

use super::verify::{Line, Shown};

/// Holds the folders, and those in them, against their signed lists.
pub(super) fn run(folders: &[PathBuf], lines: &mut Vec<Line>) {
    for (folder, path, signed) in signed_lists(folders, lines) {
        check_names(&folder, &path, signed, lines);
    }
}

/// Returns the lists of checksums with good signatures, the folders that they are of, and their
/// digests.
fn signed_lists(folders: &[PathBuf], lines: &[Line]) -> Vec<(PathBuf, PathBuf, Option<Sha256>)> {
    let is_list = |line: &&Line| {
        line.is_good()
            && line.is_list()
            && folders.iter().any(|folder| name_in(folder, &line.path).is_some())
    };
    let lists: BTreeMap<&Path, &Line> =
        lines.iter().filter(is_list).map(|line| (line.path.as_path(), line)).collect();
    let lists = lists.into_iter();
    lists.map(|(path, line)| (folder_of(path).into(), path.into(), line.sha256)).collect()
}

/// Holds a folder against its signed list of checksums: every artifact must be on it under its
/// name, and every file on it must be there. Lists do not list each other.
fn check_names(folder: &Path, path: &Path, signed: Option<Sha256>, lines: &mut Vec<Line>) {
    let checksums = match read_list(path, signed) {
        Ok(checksums) => checksums,
        Err(error) => return lines.push(Line::new(path, Err(error))),
    };
    let mismatch = |detail: String| Ok(Shown::bad(Bad::new(Reason::ChecksumMismatch, detail)));
    for line in lines.iter_mut().filter(|line| line.is_good() && !line.is_list()) {
        let Some(name) = name_in(folder, &line.path) else { continue };
        match checksums.get(name) {
            None => line.result = mismatch("it is not on the signed SHA256SUMS".into()),
            Some(digest) if Some(*digest) != line.sha256 => {
                line.result =
                    mismatch("the signed SHA256SUMS has another file of this name".into());
            }
            Some(_) => {}
        }
    }
    let judged: HashSet<PathBuf> =
        lines.iter().filter_map(|line| Some(name_in(folder, &line.path)?.to_owned())).collect();
    for name in checksums.names().filter(|name| !judged.contains(*name)) {
        let listed = folder.join(name);
        let artifact = Artifact::found(listed.clone(), folder);
        let result = match artifact.digest(&AtomicU64::new(0)) {
            Ok(digest) if checksums.get(name) == Some(&digest) => continue,
            Ok(_) => mismatch("its bytes are not those on the signed SHA256SUMS".into()),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                mismatch("it is on the signed SHA256SUMS, but not here".into())
            }
            Err(error) => Err(error),
        };
        lines.push(Line::new(&listed, result));
    }
}

/// Reads the list again, and makes sure that it is the one whose signature was good.
fn read_list(path: &Path, signed: Option<Sha256>) -> Result<Checksums, Error> {
    let bytes = read_small(path, "a list of checksums", MAX_CHECKSUMS)?;
    let mut hasher = Hasher::new([ContentHash::SHA256]);
    hasher.update(&bytes);
    let digest = hasher.finish().digest(ContentHash::SHA256, b"");
    if digest.as_deref() != signed.as_ref().map(<[u8; 32]>::as_slice) {
        return Err(Error::Changed(path.to_owned()));
    }
    Checksums::read(&bytes)
}
