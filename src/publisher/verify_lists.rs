//! Signed lists of checksums: one signature for any number of files.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::verified::{Answer, By, Line};
use super::watch::Watch;
use crate::disk::artifact::{Artifact, Root};
use crate::disk::checksums::{Checksums, is_list, is_of_one_file};
use crate::disk::file::{folder_of, with_ending};
use crate::disk::names::{lists_in, name_in, plain};
use crate::openpgp::hash::{ContentHash, Hashed};
use crate::openpgp::verdict::{Bad, Reason};
use crate::text::{Safe, quoted};

/// A list with a good signature.
pub(super) struct SignedList {
    path: Arc<Path>,
    checksums: Checksums,
    /// Who signed it.
    by: (By, Box<[By]>),
    /// Whether all files on it are compared, and not only one beside it.
    is_whole: bool,
}

/// What the signed lists say of a file.
pub(super) enum Entry<'a> {
    /// No list is about it.
    Unlisted,
    /// It is on this list with these bytes.
    Listed(&'a SignedList),
    /// A list is about its neighbours and not about it.
    Missing(Bad),
    /// It is on a list with other bytes.
    Other(Bad),
}

/// All signed lists.
#[derive(Default)]
pub(super) struct SignedLists {
    all: Vec<SignedList>,
    /// The places of those that are about their neighbours too.
    of_several: Vec<usize>,
    /// The places of those of one file, by what they name. There may be one for every file.
    of_one: BTreeMap<PathBuf, Vec<usize>>,
}

impl SignedList {
    /// Takes a list with a good signature. One that lists nothing is not good: it would pass for a
    /// release.
    pub fn new(
        path: &Path,
        checksums: Checksums,
        by: (By, Box<[By]>),
        is_whole: bool,
    ) -> Result<SignedList, Bad> {
        if checksums.is_empty() {
            return Err(mismatch("it lists no file"));
        }
        Ok(SignedList { path: path.into(), checksums, by, is_whole })
    }

    /// Returns the line of a file that is good because it is on the list.
    pub fn line(&self, artifact: &Arc<Path>) -> Line {
        let (signer, also) = self.by.clone();
        let answer = Answer::Good { signer, also };
        Line { list: Some(self.path.clone()), ..Line::new(artifact, answer) }
    }

    fn name(&self) -> Safe<'_> {
        Safe::bytes(self.path.file_name().unwrap_or_default().as_encoded_bytes())
    }
}

impl SignedLists {
    pub fn push(&mut self, list: SignedList) {
        let (place, folder) = (self.all.len(), folder_of(&list.path));
        if is_of_one_file(&list.path) {
            for name in list.checksums.names() {
                let file = plain(&folder.join(name)).to_owned();
                self.of_one.entry(file).or_default().push(place);
            }
        } else {
            self.of_several.push(place);
        }
        self.all.push(list);
    }

    /// Returns how files are hashed for the lists that may name them.
    pub fn ways(&self, artifact: &Path) -> Vec<ContentHash> {
        self.about(artifact).map(|(list, _)| list.checksums.kind().way()).collect()
    }

    /// Returns the lists of the folders that a file is in, with its name as seen from there.
    fn about<'a>(&'a self, file: &'a Path) -> impl Iterator<Item = (&'a SignedList, &'a Path)> {
        let of_one = self.of_one.get(plain(file)).into_iter().flatten();
        let lists = self.of_several.iter().chain(of_one).filter_map(|place| self.all.get(*place));
        lists.filter_map(move |list| Some((list, name_in(folder_of(&list.path), file)?)))
    }

    /// Looks a file up, by its name and its content.
    pub fn find<'a>(&'a self, artifact: &'a Path, content: &Hashed) -> Entry<'a> {
        let (mut found, mut missing) = (None, None);
        for (list, name) in self.about(artifact) {
            match (list.checksums.get(name), list.checksums.kind().of(content)) {
                (None, _) if is_list(artifact) => {}
                (None, _) => {
                    missing = Some(mismatch(&format!("it is not on the signed {}", list.name())));
                }
                (Some(listed), Some(digest)) if *listed == *digest => found = Some(list),
                (Some(_), _) => {
                    let why = format!("the signed {} has another file of this name", list.name());
                    return Entry::Other(mismatch(&why));
                }
            }
        }
        match (found, missing) {
            (Some(list), _) => Entry::Listed(list),
            (None, Some(bad)) => Entry::Missing(bad),
            (None, None) => Entry::Unlisted,
        }
    }

    /// Returns the files that are on the lists and not among these.
    pub fn further<'a>(&self, artifacts: impl Iterator<Item = &'a Path>) -> Vec<Artifact> {
        if !self.all.iter().any(|list| list.is_whole) {
            return Vec::new();
        }
        let known: HashSet<&Path> = artifacts.map(plain).collect();
        let mut further: BTreeMap<PathBuf, Artifact> = BTreeMap::new();
        for list in self.all.iter().filter(|list| list.is_whole) {
            let folder = Arc::new(Root::new(folder_of(&list.path)));
            for path in list.checksums.names().map(|name| folder.path().join(name)) {
                if !known.contains(plain(&path)) {
                    let artifact = Artifact::found(path.as_path(), &folder);
                    further.entry(plain(&path).to_owned()).or_insert(artifact);
                }
            }
        }
        further.into_values().collect()
    }

    /// Says that a listed file is not there.
    pub fn not_here(&self, artifact: &Path) -> Bad {
        let list = self.about(artifact).find(|(list, name)| list.checksums.get(name).is_some());
        let list = list.map_or_else(|| "list".into(), |(list, _)| list.name().to_string());
        mismatch(&format!("it is on the signed {list}, but not here"))
    }
}

fn mismatch(detail: &str) -> Bad {
    Bad::new(Reason::ChecksumMismatch, detail)
}

/// Warns of unsigned lists. A killed run may have left one, and then nothing covers the names.
pub(super) fn warn_of_unsigned(roots: &[Arc<Root>], lines: &[Line], watch: &dyn Watch) {
    let is_about_list = |path: &Path| is_list(path) || is_list(&path.with_extension(""));
    let paths = lines.iter().map(|line| plain(&line.path));
    let judged: BTreeSet<&Path> = paths.filter(|path| is_about_list(path)).collect();
    for list in roots.iter().flat_map(|root| lists_in(root.path())) {
        let signed = [list.clone(), with_ending(&list, ".asc")];
        if !signed.iter().any(|path| judged.contains(plain(path))) {
            watch.warn(&format!(
                "{} is not signed, so nothing covers the names. If it is right, sign it:\n  plugsign sign {}",
                Safe::path(&list),
                quoted(&list)
            ));
        }
    }
}
