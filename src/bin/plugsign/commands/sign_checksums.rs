//! `plugsign sign --checksums`: the lists of what was signed.

use std::path::{Path, PathBuf};

use plugsign::disk::Error;
use plugsign::disk::artifact::Artifact;
use plugsign::disk::checksums::{CHECKSUMS, Checksums, MAX_CHECKSUMS};
use plugsign::disk::file::read_small;
use plugsign::disk::release::{name_in, plain};
use plugsign::disk::signing::Signing;
use plugsign::text::Safe;

use super::sign::outputs;
use super::signed::File;
use crate::edge::world::World;
use plugsign::text::quoted;

/// Signed files in the order of their paths, in which those of one folder stand together.
pub(super) struct Sorted<'a>(Vec<&'a File>);

impl<'a> Sorted<'a> {
    pub(super) fn new(files: &'a [File]) -> Sorted<'a> {
        let mut files: Vec<&File> = files.iter().collect();
        files.sort_by_key(|file| plain(&file.path));
        Sorted(files)
    }

    /// Returns the files in a folder, with their names as they are seen from there.
    fn within(&self, folder: &'a Path) -> impl Iterator<Item = (&'a Path, &'a File)> {
        let above = plain(folder);
        let start = self.0.partition_point(|file| plain(&file.path) < above);
        let rest = self.0.get(start..).unwrap_or_default().iter().copied();
        rest.take_while(move |file| plain(&file.path).starts_with(above))
            .filter_map(move |file| Some((name_in(folder, &file.path)?, file)))
    }
}

/// Warns of lists of checksums that lack files signed now: such a folder does not verify.
pub(super) fn warn_of_lists(folders: &[PathBuf], files: &Sorted<'_>, world: &World) {
    for folder in folders {
        let path = folder.join(CHECKSUMS);
        let Ok(text) = read_small(&path, "a list of checksums", MAX_CHECKSUMS) else { continue };
        let list = Checksums::read(&text).unwrap_or_default();
        let is_listed = |(name, file): (&Path, &File)| {
            file.sha256.as_ref().is_none_or(|sha256| list.get(name) == Some(sha256))
        };
        if !files.within(folder).all(is_listed) {
            world.terminal.warn(&format!(
                "{} does not list the files as they are now; write it anew: plugsign sign --checksums --force {}",
                Safe::path(&path),
                quoted(folder)
            ));
        }
    }
}

/// Lists the signed files of a folder and signs the list; none of it if one of them failed.
pub(super) fn run(
    signings: &[Signing<'_>],
    folder: &Path,
    files: &Sorted<'_>,
    unreadable: &[(PathBuf, Error)],
) -> Vec<File> {
    let path = folder.join(CHECKSUMS);
    let mut checksums = Checksums::default();
    let mut complete = unreadable.iter().all(|(path, _)| name_in(folder, path).is_none());
    for (name, file) in files.within(folder) {
        match file.sha256 {
            Some(sha256) => checksums.insert(name.to_owned(), sha256),
            None => complete = false,
        }
    }
    if complete && checksums.names().next().is_none() {
        // A list of nothing would pass for a release.
        return Vec::new();
    }
    let outputs = outputs(signings, &Artifact::named(path.clone()));
    let signed = match complete {
        true => Signing::sign_checksums(signings, &path, &checksums, &outputs),
        false => Err(Error::Incomplete(path.clone())),
    };
    let file = |(signature, result)| File {
        path: path.clone(),
        signature: Some(signature),
        result,
        sha256: None,
        stale: None,
    };
    match signed {
        Ok(states) => outputs.into_iter().zip(states).map(file).collect(),
        Err(error) => outputs.into_iter().zip([Err(error)]).map(file).collect(),
    }
}
