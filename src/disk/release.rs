//! Releases: the artifacts in folders, and files that are named one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::artifact::{Artifact, Root};
use super::file::{folder_of, is_there, with_ending};
use super::names::{
    PlainPath, base_name, further_of, is_certificate, is_cleartext_file, lists_in, plain, signed_by,
};
use super::selection::Selection;
use crate::disk::error::{Error, Result};
use crate::mattermost::bundle::MANIFEST_NAMES;

/// The artifacts of a list of paths: files by name, folders by a walk.
#[derive(Debug, Default)]
pub struct Release {
    /// The artifacts to sign or to verify, in order of their paths within a folder, without
    /// duplicates.
    pub artifacts: Vec<Artifact>,
    /// Signature files in folders whose artifacts are not there.
    pub orphans: Vec<PathBuf>,
    /// The files in folders with the signatures of further signers: `FILE.KEYID.sig`.
    pub further: Vec<Artifact>,
    /// The files in folders that were skipped, without signatures.
    pub passed_over: Vec<PathBuf>,
    /// The skipped files with the name of an artifact: links, and files in unpacked plugins.
    pub archives_passed_over: Vec<PathBuf>,
    /// The files that were skipped only because they have other names than artifacts.
    pub unusual: Vec<PathBuf>,
    /// What could not be examined.
    pub unreadable: Vec<(PathBuf, Error)>,
    /// The folders among the paths.
    pub roots: Vec<Arc<Root>>,
    /// The lists of checksums with a signature that lie beside named files.
    pub lists_beside: Vec<Artifact>,
    /// What was met. One path alone meets nothing twice.
    met: Option<Met>,
}

/// What several paths lead to, so that it counts once.
#[derive(Debug, Default)]
struct Met {
    /// The place in the list of an artifact with its signature.
    places: HashMap<(PlainPath, Option<PlainPath>), usize>,
    /// The folders that were walked, the files found there, and orphans that were named.
    walked: HashSet<PlainPath>,
}

/// The content of a folder, each list sorted.
#[derive(Default)]
struct Walked {
    /// Regular files.
    files: Vec<Arc<Path>>,
    /// Regular files in unpacked plugins. They are parts of an archive.
    unpacked: Vec<Arc<Path>>,
    /// Links of any kind.
    links: Vec<Arc<Path>>,
}

impl Walked {
    /// Returns the signatures, and the files or links that they sign, if those are there.
    fn pairs(&self) -> BTreeSet<Arc<Path>> {
        let all = [&self.files, &self.unpacked, &self.links];
        let is_there = |path: &PathBuf| all.iter().any(|it| place_in(it, path).is_some());
        let mut pairs: BTreeSet<Arc<Path>> = BTreeSet::new();
        for signature in self.files.iter().chain(&self.unpacked) {
            let of = signed_by(signature).filter(is_there);
            if let Some(artifact) = of.or_else(|| further_of(signature).filter(is_there)) {
                pairs.extend([signature.clone(), artifact.into()]);
            }
        }
        pairs
    }
}

impl Release {
    /// Takes the one file that is named, whatever it is, and its signature.
    pub fn of_one(path: &Path, signature: &Path) -> Release {
        let signature = Some(signature.into());
        let artifacts = vec![Artifact { signature, ..Artifact::named(path) }];
        Release { artifacts, ..Release::default() }
    }

    /// Finds the artifacts to sign.
    pub fn to_sign(paths: &[PathBuf], selection: &Selection) -> Release {
        let met = (paths.len() > 1).then(Met::default);
        let mut release = Release { met, ..Release::default() };
        for path in paths {
            if !path.is_dir() {
                release.add(Artifact::named(path.as_path()));
                continue;
            }
            let root = Arc::new(Root::new(path));
            let Walked { files, unpacked, links } = release.walk(&root);
            release.pass_over(unpacked.into_iter().chain(links), selection);
            for file in files {
                match selection.takes(base_name(&file)) {
                    true => release.add(Artifact::found(file, &root)),
                    false => release.pass_over_by_name(file, selection),
                }
            }
        }
        release.without_doubles()
    }

    /// Finds the artifacts to verify: those named, those whose signature is named, in folders
    /// every release archive and every file that has a signature beside it.
    pub fn to_verify(paths: &[PathBuf]) -> Result<Release> {
        let met = (paths.len() > 1).then(Met::default);
        let mut release = Release { met, ..Release::default() };
        for path in paths {
            if path.is_dir() {
                release.add_folder(path, &Selection::new(&[], &[])?);
            } else if let Err(error) = release.add_named(path) {
                release.unreadable.push((path.clone(), error));
            }
        }
        release.add_lists_beside();
        Ok(release.without_doubles())
    }

    /// Adds a file that is named, or the file that a named signature signs.
    fn add_named(&mut self, path: &Path) -> Result<()> {
        if is_cleartext_file(path) {
            let artifact = Artifact::named(path);
            self.add(Artifact { is_cleartext: true, ..artifact });
            return Ok(());
        }
        // The kernel's way. Nothing looks for such a file by itself.
        if path.extension().is_some_and(|ending| ending == "sign")
            && is_there(&path.with_extension(""))?
        {
            let signature = Some(path.into());
            self.add(Artifact { signature, ..Artifact::named(path.with_extension("")) });
            return Ok(());
        }
        let Some(artifact) = signed_by(path) else {
            self.add(Artifact::named(path));
            return Ok(());
        };
        let signature: Option<Arc<Path>> = Some(path.into());
        if is_there(&artifact)? {
            let mut artifact = Artifact::named(artifact);
            if artifact.find_signature()?.as_deref() != Some(path) {
                artifact.signature = signature;
            }
            self.add(artifact);
        } else if !is_there(path)? {
            self.add(Artifact::named(path));
        } else {
            match further_of(path) {
                Some(artifact) if is_there(&artifact)? => {
                    self.add(Artifact { signature, ..Artifact::named(artifact) });
                }
                _ if !self.is_new(&path.into()) => {}
                _ => self.orphans.push(path.to_owned()),
            }
        }
        Ok(())
    }

    /// Finds the signed lists in the folders of named files.
    fn add_lists_beside(&mut self) {
        let named = self.artifacts.iter().filter(|it| it.root.is_none() && !it.is_list());
        let named: Vec<Arc<Path>> = named.map(|it| it.path.clone()).collect();
        let folders: BTreeSet<&Path> = named.iter().map(|path| folder_of(path)).collect();
        let of_several = folders.into_iter().flat_map(lists_in);
        let of_one = named
            .iter()
            .flat_map(|path| [".sha256", ".sha512"].map(|ending| with_ending(path, ending)));
        let known: BTreeSet<PathBuf> =
            self.artifacts.iter().map(|it| plain(&it.path).to_path_buf()).collect();
        for list in of_several.chain(of_one) {
            let signature = with_ending(&list, ".asc");
            let artifact = match is_cleartext_file(&signature) {
                true => Artifact { is_cleartext: true, ..Artifact::named(signature) },
                false => Artifact::named(list),
            };
            let is_signed = || artifact.find_signature().is_ok_and(|signature| signature.is_some());
            if !known.contains(plain(&artifact.path)) && (artifact.is_cleartext || is_signed()) {
                self.lists_beside.push(artifact);
            }
        }
    }

    /// Files that were skipped in one folder, and found in another or named, count as found.
    fn without_doubles(mut self) -> Release {
        self.artifacts.shrink_to_fit();
        if let Some(Met { places, .. }) = self.met.take() {
            let is_found =
                |path: &PathBuf| places.contains_key(&(PlainPath(path.as_path().into()), None));
            self.archives_passed_over.retain(|path| !is_found(path));
        }
        self
    }

    fn add_folder(&mut self, folder: &Path, selection: &Selection) {
        let root = Arc::new(Root::new(folder));
        let walked = self.walk(&root);
        // Anybody who can write to the folder can make any folder in it look like an unpacked
        // plugin.
        let pairs = match walked.unpacked.is_empty() && walked.links.is_empty() {
            true => BTreeSet::new(),
            false => walked.pairs(),
        };
        let is_paired = |file: &Arc<Path>| pairs.contains(file);
        let Walked { mut files, unpacked, links } = walked;
        let (mut signed, unpacked): (Vec<_>, Vec<_>) = unpacked.into_iter().partition(is_paired);
        signed.retain(|file| self.is_new(file));
        let (signed_links, links): (Vec<_>, Vec<_>) = links.into_iter().partition(is_paired);
        self.pass_over(unpacked.into_iter().chain(links), selection);
        files.extend(signed);
        files.extend(signed_links.iter().cloned());
        files.sort();
        let place_of = |file: PathBuf| place_in(&files, &file);
        let artifact_at = |file: Arc<Path>| match signed_links.binary_search(&file) {
            // Followed within its folder, as if it was named to be signed.
            Ok(_) => Artifact::named(file),
            Err(_) => Artifact::found(file, &root),
        };
        // By their places, with the other signature beside the preferred one, if there are two.
        let mut signed: BTreeMap<usize, Option<Arc<Path>>> = BTreeMap::new();
        for signature in files.iter().filter(|file| signed_by(file).is_some()) {
            if is_cleartext_file(signature) {
                let artifact = artifact_at(signature.clone());
                self.add(Artifact { is_cleartext: true, ..artifact });
                continue;
            }
            let first = signed_by(signature).and_then(place_of);
            match (first, further_of(signature).and_then(place_of)) {
                (Some(place), _) => {
                    let artifact = files.get(place).cloned().map(Artifact::named);
                    let preferred = artifact.and_then(|it| it.find_signature().ok().flatten());
                    let is_second = preferred.is_some_and(|it| *it != **signature);
                    let second = signed.entry(place).or_default();
                    match is_second {
                        true if is_certificate(signature) => {
                            self.passed_over.push(signature.to_path_buf());
                        }
                        true => *second = Some(signature.clone()),
                        false => {}
                    }
                }
                (None, Some(place)) => {
                    signed.entry(place).or_default();
                    if let Some(artifact) = files.get(place) {
                        let signature = Some(signature.clone());
                        self.further.push(Artifact { signature, ..artifact_at(artifact.clone()) });
                    }
                }
                (None, None) if is_certificate(signature) => {
                    self.passed_over.push(signature.to_path_buf());
                }
                (None, None) => self.orphans.push(signature.to_path_buf()),
            }
        }
        for (place, file) in files.into_iter().enumerate() {
            let second = signed.remove(&place);
            if second.is_some() || selection.takes(base_name(&file)) {
                let artifact = artifact_at(file);
                self.add(artifact.clone());
                if let Some(signature) = second.flatten() {
                    self.add(Artifact { signature: Some(signature), ..artifact });
                }
            } else {
                self.pass_over_by_name(file, selection);
            }
        }
    }

    /// Counts files that are skipped, without signatures.
    fn pass_over(&mut self, files: impl Iterator<Item = Arc<Path>>, selection: &Selection) {
        for file in files.filter(|file| signed_by(file).is_none()) {
            if selection.takes(base_name(&file)) {
                self.archives_passed_over.push(file.to_path_buf());
            }
            self.passed_over.push(file.to_path_buf());
        }
    }

    /// Skips a file that has no artifact's name, unless it is a signature.
    fn pass_over_by_name(&mut self, file: Arc<Path>, selection: &Selection) {
        if signed_by(&file).is_none() {
            if selection.may_take(base_name(&file)) {
                self.unusual.push(file.to_path_buf());
            }
            self.passed_over.push(file.to_path_buf());
        }
    }

    /// Returns skipped files that seem to be of the same release as these: they are in the same
    /// folder, and have the same version in their names.
    pub fn neighbours_of<'a>(&self, files: impl Iterator<Item = &'a Path>) -> Vec<&Path> {
        if self.unusual.is_empty() {
            return Vec::new();
        }
        let place = |file: &Path, version: &[u8]| (folder_of(file).to_owned(), version.to_vec());
        let places = files.flat_map(|file| versions(file).map(move |it| place(file, it)));
        let places: BTreeSet<(PathBuf, Vec<u8>)> = places.collect();
        let is_neighbour =
            |file: &&Path| versions(file).any(|it| places.contains(&place(file, it)));
        self.unusual.iter().map(PathBuf::as_path).filter(is_neighbour).collect()
    }

    /// Lists the files of a folder that no other walk has listed. Devices, FIFOs and the like are
    /// skipped. Hidden folders are not walked.
    fn walk(&mut self, root: &Arc<Root>) -> Walked {
        let folder = root.path();
        if !self.is_new(&folder.into()) {
            return Walked::default();
        }
        self.roots.push(root.clone());
        let (mut links, mut files, mut plugins) = (Vec::new(), Vec::new(), BTreeSet::new());
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
                    files.push(Arc::from(entry.into_path()));
                }
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if entry.path_is_symlink() => links.push(Arc::from(entry.into_path())),
                Ok(entry) => self.passed_over.push(entry.into_path()),
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let source = error.into_io_error();
                    let source = source.unwrap_or_else(|| io::Error::other("the folders loop"));
                    self.unreadable.push((path.clone(), Error::io("read", &path)(source)));
                }
            }
        }
        let is_in_plugin = |file: &Arc<Path>| file.ancestors().any(|it| plugins.contains(it));
        let mut new = |files: Vec<Arc<Path>>| {
            let mut files = files;
            files.retain(|file| self.is_new(file));
            files.sort();
            files
        };
        let (mut unpacked, files): (Vec<_>, Vec<_>) = files.into_iter().partition(is_in_plugin);
        // The plugin's folder may also be named and walked by itself.
        unpacked.sort();
        Walked { files: new(files), unpacked, links: new(links) }
    }

    /// Returns whether no other path has led here.
    fn is_new(&mut self, path: &Arc<Path>) -> bool {
        self.met.as_mut().is_none_or(|met| met.walked.insert(PlainPath(path.clone())))
    }

    fn add(&mut self, artifact: Artifact) {
        let signature = artifact.signature.clone().map(PlainPath);
        let key = (PlainPath(artifact.path.clone()), signature);
        let Some(Met { places, .. }) = &mut self.met else { return self.artifacts.push(artifact) };
        match places.get(&key).and_then(|place| self.artifacts.get_mut(*place)) {
            // Naming a file says more than naming its folder.
            Some(known) if artifact.root.is_none() => known.root = None,
            Some(_) => {}
            None => {
                places.insert(key, self.artifacts.len());
                self.artifacts.push(artifact);
            }
        }
    }
}

/// Returns the place of a path among sorted ones.
fn place_in(sorted: &[Arc<Path>], path: &Path) -> Option<usize> {
    sorted.binary_search_by(|it| (**it).cmp(path)).ok()
}

/// Returns the versions in a file's name: digits with dots between them, as in `app-1.0.2.zip`.
fn versions(file: &Path) -> impl Iterator<Item = &[u8]> {
    let name = base_name(file).as_os_str().as_encoded_bytes();
    let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let words = name.split(move |byte| !is_part(byte));
    words.filter_map(|word| {
        let start = word.iter().position(u8::is_ascii_digit)?;
        let end = word.iter().rposition(u8::is_ascii_digit)?;
        word.get(start..=end).filter(|version| version.contains(&b'.'))
    })
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}
