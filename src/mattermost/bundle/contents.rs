//! What a bundle leaves behind when the server extracts it.

use std::collections::BTreeMap;
use std::io::Read;

use super::finding::Findings;
use super::manifest::{MANIFEST_NAMES, MAX_MANIFEST};
use super::stop::Stop;
use super::stream::{EntryKind, TarEntry};

/// The most bytes of paths that are looked at.
const MAX_NAMES: usize = 8 * 1024 * 1024;

/// Linux's limit for a path.
const MAX_PATH: usize = 4096;
const MAX_COMPONENT: usize = 255;

/// What extraction would leave behind.
#[derive(Default)]
pub(super) struct Contents {
    nodes: BTreeMap<String, Node>,
    name_bytes: usize,
    /// The contents of the manifests that are small enough.
    captured: BTreeMap<String, Vec<u8>>,
    /// Whether reading ended early. Then a missing file may just not have been seen.
    pub(super) cut_short: bool,
    /// What it is in place of a gzip tar, if that can be told.
    pub(super) other_kind: Option<&'static str>,
}

#[derive(Clone, Copy)]
enum Node {
    Folder,
    File { mode: u32 },
}

impl Contents {
    /// Returns the plugin's folder: the only one at the top, or the top itself.
    pub(super) fn root(&self) -> String {
        let mut top = self.top();
        match (top.next(), top.next()) {
            (Some((name, Node::Folder)), None) => format!("{name}/"),
            _ => String::new(),
        }
    }

    fn top(&self) -> impl Iterator<Item = (&String, &Node)> {
        self.nodes.iter().filter(|(path, _)| !path.contains('/'))
    }

    /// Returns the names at the top.
    pub(super) fn top_names(&self) -> Vec<&str> {
        self.top().map(|(name, _)| name.as_str()).collect()
    }

    /// Returns a file's permission bits, if there is a file.
    pub(super) fn file(&self, path: &str) -> Option<u32> {
        match self.nodes.get(path)? {
            Node::File { mode } => Some(*mode),
            Node::Folder => None,
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let is_file = |node: &Node| matches!(node, Node::File { .. });
        self.nodes.iter().filter(move |(_, node)| is_file(node)).map(|(path, _)| path.as_str())
    }

    pub(super) fn captured(&self, path: &str) -> Option<&[u8]> {
        self.captured.get(path).map(Vec::as_slice)
    }

    /// Returns whether there is a file or a folder.
    pub(super) fn is_there(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// Pays for a path: one costs time by its length, also if it is known. Fails when there were
    /// too many.
    fn pay_for(&mut self, path: &[u8]) -> Result<(), Stop> {
        self.name_bytes += path.len();
        match self.name_bytes > MAX_NAMES {
            true => Err(Stop::TooMany),
            false => Ok(()),
        }
    }

    /// Makes the folders above a path. Returns whether nothing there is a file. What is above a
    /// folder was made before, so only what is missing costs time.
    fn make_above(&mut self, path: &str) -> Result<bool, Stop> {
        let mut missing = Vec::new();
        let mut at = path;
        while let Some((parent, _)) = at.rsplit_once('/') {
            match self.nodes.get(parent) {
                Some(Node::Folder) => break,
                Some(Node::File { .. }) => return Ok(false),
                None => self.pay_for(parent.as_bytes())?,
            }
            missing.push((parent.to_owned(), Node::Folder));
            at = parent;
        }
        self.nodes.extend(missing);
        Ok(true)
    }
}

/// Cleans a path as Go's filepath.Join does under a folder. Returns nothing if the path leads out
/// of the folder.
pub(super) fn clean(name: &[u8]) -> Option<String> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(String::from_utf8_lossy(&parts.join(&b'/')).into_owned())
}

/// Notes down what the server does with an entry.
pub(super) fn extract(
    entry: &TarEntry,
    body: &mut dyn Read,
    contents: &mut Contents,
    findings: &mut Findings,
) -> Result<(), Stop> {
    let shown = String::from_utf8_lossy(&entry.name);
    let cannot_make = "the server cannot make it";
    contents.pay_for(&entry.name)?;
    // The server looks at the paths of all entries, also of those that it leaves out.
    let Some(path) = clean(&entry.name) else {
        findings.error(
            "unsafe-path",
            format!("{shown} leads out of the plugin's folder"),
            "the server installs nothing of it: \"failed to sanitize path\"",
        );
        return Ok(());
    };
    if let EntryKind::Other(kind) = entry.kind {
        let what = format!("{shown} is {kind}");
        findings.warning("dropped-entry", what, "the server leaves it out");
        return Ok(());
    }
    if entry.kind == EntryKind::Global {
        return Ok(());
    }
    if std::str::from_utf8(&entry.name).is_err() {
        let what = format!("the name {shown} is not in UTF-8");
        findings.error("bad-name", what, "servers on Linux take it, other programs may not");
        return Ok(());
    }
    if path.len() > MAX_PATH || path.split('/').any(|part| part.len() > MAX_COMPONENT) {
        findings.error("long-path", format!("{shown} is too long"), cannot_make);
        return Ok(());
    }
    if entry.name.contains(&0) {
        findings.error("bad-name", format!("{shown} has a zero byte"), cannot_make);
        return Ok(());
    }
    match entry.kind {
        EntryKind::Folder => {
            folder(&path, contents, findings);
            Ok(())
        }
        _ => file(entry, path, body, contents, findings),
    }
}

/// The server makes a folder, but none above it (os.Mkdir).
fn folder(path: &str, contents: &mut Contents, findings: &mut Findings) {
    if path.is_empty() || contents.is_there(path) {
        return;
    }
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    match parent.map(|parent| contents.nodes.get(parent)) {
        None | Some(Some(Node::Folder)) => {
            contents.nodes.insert(path.to_owned(), Node::Folder);
        }
        Some(None) => {
            let what = format!("the folder {path} comes before the one that it is in");
            findings.error("missing-parent", what, INSTALLS_NOTHING);
        }
        Some(Some(Node::File { .. })) => not_a_folder(path, findings),
    }
}

const INSTALLS_NOTHING: &str = "the server cannot make it, and installs nothing";

fn not_a_folder(path: &str, findings: &mut Findings) {
    let what = format!("{path} is in something that is a file");
    findings.error("not-a-folder", what, INSTALLS_NOTHING);
}

/// The server makes a file and the folders above it (os.MkdirAll). It empties a file that exists.
fn file(
    entry: &TarEntry,
    path: String,
    body: &mut dyn Read,
    contents: &mut Contents,
    findings: &mut Findings,
) -> Result<(), Stop> {
    if path.is_empty() || matches!(contents.nodes.get(&path), Some(Node::Folder)) {
        let what = format!("\"{path}\" is a folder and a file");
        findings.error("not-a-file", what, INSTALLS_NOTHING);
        return Ok(());
    }
    if !contents.make_above(&path)? {
        not_a_folder(&path, findings);
        return Ok(());
    }
    let mut mode = entry.mode;
    if let Some(before) = contents.file(&path) {
        // The file exists already, so it keeps the mode of the first.
        mode = before;
        findings.warning(
            "duplicate",
            format!("{path} is there more than once"),
            "the server keeps the last contents, other programs may keep the first",
        );
    }
    contents.nodes.insert(path.clone(), Node::File { mode });
    if is_manifest(&path, contents) {
        contents.captured.remove(&path);
        let mut bytes = Vec::new();
        let read = body.take(MAX_MANIFEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| Stop::Damaged(error.to_string()))?;
        if bytes.len() as u64 <= MAX_MANIFEST {
            contents.captured.insert(path, bytes);
        }
    }
    Ok(())
}

/// Returns whether the manifest may be at this path: at the top, or in the first folder there. So
/// at most six files are kept.
fn is_manifest(path: &str, contents: &Contents) -> bool {
    let Some((folder, name)) = path.split_once('/') else { return MANIFEST_NAMES.contains(&path) };
    let mut folders = contents.captured.keys().filter_map(|kept| kept.split_once('/'));
    MANIFEST_NAMES.contains(&name) && folders.all(|(other, _)| other == folder)
}
