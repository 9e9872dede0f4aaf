//! Compares folders with their signed lists of checksums.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use super::verified::{Answer, Line};
use super::watch::Watch;
use crate::disk::artifact::{Artifact, sha256};
use crate::disk::checksums::{CHECKSUMS, Checksums, MAX_CHECKSUMS, Sha256};
use crate::disk::file::{folder_of, is_there, read_small};
use crate::disk::release::{name_in, plain};
use crate::disk::{Error, Result};
use crate::openpgp::hash::{ContentHash, Hasher};
use crate::openpgp::verdict::{Bad, Reason};
use crate::text::{Safe, quoted};

/// Compares the folders, and the folders in them, with their signed lists.
pub(super) fn check_lists(folders: &[PathBuf], lines: &mut Vec<Line>) {
    let is_walked = |line: &Line| folders.iter().any(|it| name_in(it, &line.path).is_some());
    let is_signed = |line: &&Line| line.is_good() && line.is_list() && is_walked(line);
    let lists: BTreeMap<PathBuf, Option<Sha256>> =
        lines.iter().filter(is_signed).map(|line| (line.path.clone(), line.sha256)).collect();
    let place = |(place, line): (usize, &Line)| (plain(&line.path).to_owned(), place);
    let places: Places = lines.iter().enumerate().map(place).collect();
    let more = lists.iter().flat_map(|(list, signed)| check_list(list, *signed, &places, lines));
    let more: Vec<Line> = more.collect();
    lines.extend(more);
}

/// The places of the lines about each file, by its path. The files of a folder are neighbours.
type Places = BTreeSet<(PathBuf, usize)>;

/// Warns of unsigned lists. A killed run may have left one, and then nothing covers the names.
pub(super) fn warn_of_unsigned(folders: &[PathBuf], lines: &[Line], watch: &dyn Watch) {
    let judged: BTreeSet<&Path> = lines.iter().map(|line| plain(&line.path)).collect();
    for folder in folders {
        let list = folder.join(CHECKSUMS);
        // A list that cannot be looked at counts as one.
        let may_be_there = is_there(&list).unwrap_or(true);
        if may_be_there && !list.is_dir() && !judged.contains(plain(&list)) {
            watch.warn(&format!(
                "{} is not signed, so nothing covers the names: plugsign sign --checksums --force {}",
                Safe::path(&list),
                quoted(folder)
            ));
        }
    }
}

/// Compares a folder with its signed list, both ways. Lists do not list each other. Returns lines
/// about the files that have none yet.
fn check_list(
    path: &Path,
    signed: Option<Sha256>,
    places: &Places,
    lines: &mut [Line],
) -> Vec<Line> {
    let folder = folder_of(path);
    let mismatch = |detail: &str| Answer::from(Bad::new(Reason::ChecksumMismatch, detail));
    let checksums = match read_list(path, signed) {
        Ok(checksums) if checksums.names().next().is_none() => {
            return vec![Line::new(path, mismatch("it lists no file"))];
        }
        Ok(checksums) => checksums,
        Err(error) => return vec![Line::new(path, error)],
    };
    let mut there = HashSet::new();
    let from = places.range((plain(folder).to_owned(), 0)..);
    for (_, place) in from.take_while(|(path, _)| path.starts_with(plain(folder))) {
        let Some(line) = lines.get_mut(*place) else { continue };
        let Some(name) = name_in(folder, &line.path).map(Path::to_owned) else { continue };
        if line.is_good() && !line.is_list() {
            match checksums.get(&name) {
                None => line.answer = mismatch("it is not on the signed SHA256SUMS"),
                Some(digest) if Some(*digest) != line.sha256 => {
                    line.answer = mismatch("the signed SHA256SUMS has another file of this name");
                }
                Some(_) => {}
            }
        }
        there.insert(name);
    }
    let mut more = Vec::new();
    for name in checksums.names().filter(|name| !there.contains(*name)) {
        let listed = folder.join(name);
        let artifact = Artifact::found(listed.clone(), folder);
        let answer = match artifact.digest(&AtomicU64::new(0)) {
            Ok(digest) if checksums.get(name) == Some(&digest) => continue,
            Ok(_) => mismatch("its bytes are not those on the signed SHA256SUMS"),
            Err(error) if error.is_not_found() => {
                mismatch("it is on the signed SHA256SUMS, but not here")
            }
            Err(error) => error.into(),
        };
        more.push(Line::new(&listed, answer));
    }
    more
}

/// Reads the list again, and makes sure that its signature was about these bytes.
fn read_list(path: &Path, signed: Option<Sha256>) -> Result<Checksums> {
    let bytes = read_small(path, "a list of checksums", MAX_CHECKSUMS)?;
    let mut hasher = Hasher::new([ContentHash::SHA256]);
    hasher.update(&bytes);
    match sha256(&hasher.finish()) == signed {
        true => Checksums::read(&bytes),
        false => Err(Error::Changed(path.to_owned())),
    }
}
