//! What the files of a release are, by their names and by how they begin.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::checksums::{is_list, is_of_one_file};
use super::file::{Links, folder_of, open_regular};
use crate::openpgp::cleartext;

/// The endings of signature files, the preferred one first.
const SIGNATURE_ENDINGS: [&str; 2] = ["sig", "asc"];

/// A path that is the same with and without `./` at its beginning.
#[derive(Clone, Debug)]
pub(super) struct PlainPath(pub(super) Arc<Path>);

impl PartialEq for PlainPath {
    fn eq(&self, other: &PlainPath) -> bool {
        plain(&self.0) == plain(&other.0)
    }
}

impl Eq for PlainPath {}

impl Hash for PlainPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        plain(&self.0).hash(state);
    }
}

/// Returns a path without `./` at its beginning, so that one file has one name.
pub(crate) fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// Returns a path as it is seen from a folder above it, also where only one of them was named
/// with a `./`.
pub(crate) fn name_in<'a>(folder: &Path, path: &'a Path) -> Option<&'a Path> {
    let name = plain(path).strip_prefix(plain(folder)).ok()?;
    name.components().all(|part| matches!(part, Component::Normal(_))).then_some(name)
}

/// Returns whether a file is a signature of another one that is there, by the names.
pub(crate) fn is_signature(path: &Path) -> bool {
    let of = [signed_by(path), further_of(path)];
    of.into_iter().flatten().any(|artifact| fs::symlink_metadata(artifact).is_ok())
        && !is_certificate(path)
}

/// Returns the artifact that a signature file is for, by its name.
pub(super) fn signed_by(path: &Path) -> Option<PathBuf> {
    let ending = path.extension()?;
    let is_signature = SIGNATURE_ENDINGS.iter().any(|known| ending == *known);
    is_signature.then(|| path.with_extension(""))
}

/// Returns the artifact of a further signer's signature: FILE for `FILE.KEYID.sig`.
pub(super) fn further_of(path: &Path) -> Option<PathBuf> {
    let with_key_id = signed_by(path)?;
    let key_id = with_key_id.extension()?.as_encoded_bytes();
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
    (key_id.len() == 16 && key_id.iter().all(is_digit)).then(|| with_key_id.with_extension(""))
}

/// Returns the signature files beside a file, by the names.
pub(crate) fn signatures_of(artifact: &Path) -> io::Result<Vec<PathBuf>> {
    let name = artifact.file_name();
    let is_of = |path: &Path| {
        [signed_by(path), further_of(path)].iter().flatten().any(|of| of.file_name() == name)
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder_of(artifact))? {
        let path = folder_of(artifact).join(entry?.file_name());
        if is_of(&path) && !is_certificate(&path) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Returns the lists of checksums in a folder that are about several files, by their names.
pub(crate) fn lists_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| folder.join(entry.file_name()));
    let is_of_several = |path: &PathBuf| is_list(path) && !is_of_one_file(path) && !path.is_dir();
    // A text with its signature in it is a list that may be there without another copy.
    let of_text = |path: PathBuf| match path.with_extension("") {
        list if is_list(&list) && is_cleartext_file(&path) => list,
        _ => path,
    };
    let mut lists: Vec<PathBuf> = names.map(of_text).filter(is_of_several).collect();
    lists.sort();
    lists.dedup();
    lists
}

/// Returns whether an `.asc` file is an armored certificate, as releases often have one.
pub(crate) fn is_certificate(path: &Path) -> bool {
    begins_with(path, b"-----BEGIN PGP PUBLIC KEY BLOCK-----", Links::Refuse)
}

/// Returns whether an `.asc` file is a text with its signature in it.
pub(super) fn is_cleartext_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "asc")
        && begins_with(path, cleartext::BEGIN, Links::Follow)
}

fn begins_with(path: &Path, begin: &[u8], links: Links<'_>) -> bool {
    let Ok((file, _)) = open_regular(path, links) else { return false };
    let mut start = Vec::new();
    file.take(begin.len() as u64).read_to_end(&mut start).is_ok() && start == begin
}

pub(super) fn base_name(path: &Path) -> &Path {
    Path::new(path.file_name().unwrap_or_default())
}
