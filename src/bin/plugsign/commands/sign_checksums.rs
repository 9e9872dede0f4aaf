//! `plugsign sign --checksums`: the lists of what was signed.

use std::path::{Path, PathBuf};

use plugsign::disk::artifact::Artifact;
use plugsign::disk::checksums::{CHECKSUMS, Checksums, MAX_CHECKSUMS};
use plugsign::disk::file::read_small;
use plugsign::disk::release::name_in;
use plugsign::disk::signing::Signing;
use plugsign::error::Error;
use plugsign::safe::Safe;

use super::sign::outputs;
use super::signed::File;
use crate::mend::quoted;
use crate::world::World;

/// Warns of lists of checksums that lack files signed now: such a folder does not verify.
pub(super) fn warn_of_lists(folders: &[PathBuf], files: &[File], world: &World) {
    for folder in folders {
        let path = folder.join(CHECKSUMS);
        let Ok(text) = read_small(&path, "a list of checksums", MAX_CHECKSUMS) else { continue };
        let list = Checksums::read(&text).unwrap_or_default();
        let is_listed = |file: &File| match (name_in(folder, &file.path), &file.sha256) {
            (Some(name), Some(sha256)) => list.get(name) == Some(sha256),
            _ => true,
        };
        if !files.iter().all(is_listed) {
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
    files: &[File],
    unreadable: &[(PathBuf, Error)],
) -> Vec<File> {
    let path = folder.join(CHECKSUMS);
    let mut checksums = Checksums::default();
    let mut complete = unreadable.iter().all(|(path, _)| name_in(folder, path).is_none());
    for file in files {
        let Some(name) = name_in(folder, &file.path) else { continue };
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
