//! The gzip tar, entry by entry, as the server's `extractTarGz` takes it.
//!
//! The `tar` crate splits the stream into headers and contents; what the headers mean is decided
//! here as Go's archive/tar does, so that both see the same files. What the two could read
//! differently (sparse files, sizes that disagree) is an error.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Read};

use tar::Archive;

use super::finding::Findings;
use super::gzip::{MAX_MEMBERS, Members};
use super::manifest::{MANIFEST_NAMES, MAX_MANIFEST};

/// The most bytes that a bundle may unpack to.
pub const MAX_UNPACKED: u64 = 512 * 1024 * 1024;

/// The most entries that a bundle may have.
pub const MAX_ENTRIES: usize = 50_000;

/// The most bytes of paths that are remembered.
const MAX_NAMES: usize = 8 * 1024 * 1024;

/// The most bytes of an extension header: Go's limit too (archive/tar, maxSpecialFileSize).
const MAX_EXTENSION: u64 = 1024 * 1024;

/// Linux's limits for a path and for each part of it.
const MAX_PATH: usize = 4096;
const MAX_COMPONENT: usize = 255;

/// What extraction would leave behind.
#[derive(Default)]
pub(super) struct Contents {
    nodes: BTreeMap<String, Node>,
    name_bytes: usize,
    /// The manifests, as far as they are small enough.
    captured: BTreeMap<String, Vec<u8>>,
    cut_short: bool,
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

    /// Returns whether reading ended early, so that what is missing may only not have been seen.
    pub(super) fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Remembers a path. Fails when there is no room for more.
    fn insert(&mut self, path: &str, node: Node) -> Result<(), Stop> {
        if !self.nodes.contains_key(path) {
            self.name_bytes += path.len();
            if self.name_bytes > MAX_NAMES {
                return Err(Stop::TooMany);
            }
        }
        self.nodes.insert(path.to_owned(), node);
        Ok(())
    }
}

/// Why reading ended early.
enum Stop {
    /// The source failed; the error is in the meter.
    Source,
    /// The stream is no gzip, or no tar, or damaged.
    Damaged(String),
    TooLarge,
    TooMany,
    TooManyMembers,
}

/// Notes why reads fail, as it cannot be told from the error that comes out at the other end.
#[derive(Default)]
struct Meter {
    source: RefCell<Option<io::Error>>,
    exceeded: Cell<bool>,
    members: Cell<usize>,
}

struct MeteredSource<'a, R> {
    reader: R,
    meter: &'a Meter,
}

impl<R: Read> Read for MeteredSource<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.meter.source.replace(Some(error));
                Err(kind.into())
            }
            result => result,
        }
    }
}

struct Unpacked<'a, R> {
    reader: R,
    left: u64,
    meter: &'a Meter,
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => {
                self.meter.exceeded.set(true);
                return Err(io::Error::other("too large"));
            }
        }
        Ok(n)
    }
}

impl Meter {
    fn stop(&self, error: &io::Error) -> Stop {
        if self.source.borrow().is_some() {
            Stop::Source
        } else if self.exceeded.get() {
            Stop::TooLarge
        } else if self.members.get() > MAX_MEMBERS {
            Stop::TooManyMembers
        } else {
            Stop::Damaged(error.to_string())
        }
    }
}

/// Reads a bundle to its end, remembering what would be extracted.
pub(super) fn read(bundle: impl Read, findings: &mut Findings) -> io::Result<Contents> {
    let meter = Meter::default();
    let mut contents = Contents::default();
    let stop = walk(bundle, &meter, |entry, body| extract(entry, body, &mut contents, findings));
    if let Some(error) = meter.source.take() {
        return Err(error);
    }
    contents.cut_short = true;
    match stop {
        Ok(Ok(())) => contents.cut_short = false,
        Ok(Err(why)) => {
            contents.cut_short = false;
            findings.warning(
                "damaged-end",
                format!("there is something wrong behind the last file: {why}"),
                "the server does not read so far, but other programs do",
            );
        }
        Err(Stop::Damaged(why)) if !meter.exceeded.get() => findings.error(
            "damaged",
            format!("it is no gzip tar, or it is damaged: {why}"),
            "the server does not install it",
        ),
        Err(Stop::TooLarge | Stop::Damaged(_)) => findings.error(
            "too-large",
            format!("it unpacks to more than {} MiB", MAX_UNPACKED >> 20),
            "the server has no limit, and would fill its disk",
        ),
        Err(Stop::TooMany) => findings.error(
            "too-many-entries",
            format!("it has more than {MAX_ENTRIES} entries, or too long paths in them"),
            "the server has no limit, and would fill its disk",
        ),
        Err(Stop::TooManyMembers) => findings.error(
            "too-many-members",
            format!("it is more than {MAX_MEMBERS} gzip files in a row"),
            "plugsign reads no more, and no honest bundle has them",
        ),
        Err(Stop::Source) => {}
    }
    Ok(contents)
}

/// Returns the last file of this path, if it is there and not larger than `limit` bytes. The
/// path is cleaned as Go would.
///
/// # Errors
///
/// Only the reader's own.
pub fn read_file(bundle: impl Read, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let meter = Meter::default();
    let wanted = clean(path.as_bytes());
    let mut found = None;
    let walked = walk(bundle, &meter, |entry, body| {
        if entry.kind == EntryKind::File && wanted.is_some() && clean(&entry.name) == wanted {
            let mut bytes = Vec::new();
            body.take(limit + 1).read_to_end(&mut bytes).map_err(|error| meter.stop(&error))?;
            found = (bytes.len() as u64 <= limit).then_some(bytes);
        }
        Ok(())
    });
    match (meter.source.take(), walked) {
        (Some(error), _) => Err(error),
        (None, Ok(_)) => Ok(found),
        (None, Err(_)) => Ok(None),
    }
}

/// An entry with its extensions applied.
struct TarEntry {
    name: Vec<u8>,
    kind: EntryKind,
    mode: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    File,
    Folder,
    /// What the server passes over, and what it is.
    Other(&'static str),
    /// Headers for the following entries.
    Global,
}

/// Calls `each` for every entry, then reads on to the end of the gzip stream. The inner error is
/// about what follows the archive.
fn walk(
    bundle: impl Read,
    meter: &Meter,
    mut each: impl FnMut(&TarEntry, &mut dyn Read) -> Result<(), Stop>,
) -> Result<Result<(), String>, Stop> {
    let source = io::BufReader::with_capacity(64 * 1024, MeteredSource { reader: bundle, meter });
    let unpacked =
        Unpacked { reader: Members::new(source, &meter.members), left: MAX_UNPACKED, meter };
    let mut archive = Archive::new(io::BufReader::with_capacity(64 * 1024, unpacked));
    let mut long_name: Option<Vec<u8>> = None;
    let mut pax = Pax::default();
    let entries = archive.entries().map_err(|error| meter.stop(&error))?.raw(true);
    for (count, entry) in entries.enumerate() {
        let mut entry = entry.map_err(|error| meter.stop(&error))?;
        if count >= MAX_ENTRIES {
            return Err(Stop::TooMany);
        }
        let header = entry.header();
        let flag = header.as_bytes().get(156).copied().unwrap_or_default();
        let size = header.entry_size().map_err(|error| meter.stop(&error))?;
        if matches!(flag, b'x' | b'L' | b'K') {
            if size > MAX_EXTENSION {
                return Err(Stop::Damaged("an extension header is too long".into()));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(|error| meter.stop(&error))?;
            match flag {
                b'x' => pax = Pax::read(&bytes).ok_or_else(|| damaged("an extension header"))?,
                b'L' => long_name = Some(until_nul(&bytes).to_vec()),
                _ => {}
            }
            continue;
        }
        let pax = std::mem::take(&mut pax);
        let name = long_name.take().or(pax.path).unwrap_or_else(|| header.path_bytes().into());
        if pax.sparse || flag == b'S' {
            return Err(Stop::Damaged(
                "it has sparse files, which tar programs read differently".into(),
            ));
        }
        if pax.size.is_some_and(|said| said != size) || (size > 0 && (b'1'..=b'6').contains(&flag))
        {
            return Err(damaged("the size of an entry"));
        }
        let kind = match flag {
            b'0' => EntryKind::File,
            // Old archives mark folders by a slash at the end.
            0 if name.ends_with(b"/") => EntryKind::Folder,
            0 => EntryKind::File,
            b'1' => EntryKind::Other("a hard link"),
            b'2' => EntryKind::Other("a symbolic link"),
            b'3' | b'4' => EntryKind::Other("a device"),
            b'5' => EntryKind::Folder,
            b'6' => EntryKind::Other("a FIFO"),
            b'g' => EntryKind::Global,
            _ => EntryKind::Other("of an unknown kind"),
        };
        let mode = header.mode().map_err(|error| meter.stop(&error))? & 0o777;
        each(&TarEntry { name, kind, mode }, &mut entry)?;
    }
    let mut rest = archive.into_inner();
    match io::copy(&mut rest, &mut io::sink()) {
        Ok(_) => Ok(Ok(())),
        Err(error) => match meter.stop(&error) {
            Stop::Damaged(why) => Ok(Err(why)),
            stop => Err(stop),
        },
    }
}

fn damaged(what: &str) -> Stop {
    Stop::Damaged(format!("{what} does not make sense"))
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What an extension header says of the next entry.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Pax {
    /// Reads records of `LENGTH KEY=VALUE\n`. The `tar` crate would split them at line ends, and
    /// so read a name with one in it differently from Go.
    fn read(mut bytes: &[u8]) -> Option<Pax> {
        let mut pax = Pax::default();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(bytes.get(..space)?).ok()?.parse().ok()?;
            let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            let (key, value) = (record.get(..equals)?, record.get(equals + 1..)?);
            match key {
                b"path" if !value.is_empty() => pax.path = Some(value.to_vec()),
                b"size" => pax.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
                _ if key.starts_with(b"GNU.sparse.") => pax.sparse = true,
                _ => {}
            }
            bytes = bytes.get(length..)?;
        }
        Some(pax)
    }
}

/// Cleans a path as Go's filepath.Join does under a folder. Nothing if it leads out of it.
fn clean(name: &[u8]) -> Option<String> {
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

/// Does what the server does with an entry, on paper.
fn extract(
    entry: &TarEntry,
    body: &mut dyn Read,
    contents: &mut Contents,
    findings: &mut Findings,
) -> Result<(), Stop> {
    let shown = || String::from_utf8_lossy(&entry.name).into_owned();
    if let EntryKind::Other(kind) = entry.kind {
        findings.warning(
            "dropped-entry",
            format!("{} is {kind}", shown()),
            "the server leaves it out",
        );
        return Ok(());
    }
    if entry.kind == EntryKind::Global {
        return Ok(());
    }
    let Some(path) = clean(&entry.name) else {
        findings.error(
            "unsafe-path",
            format!("{} leads out of the plugin's folder", shown()),
            "the server installs nothing of it: \"failed to sanitize path\"",
        );
        return Ok(());
    };
    if path.len() > MAX_PATH || path.split('/').any(|part| part.len() > MAX_COMPONENT) {
        findings.error(
            "long-path",
            format!("{} is too long", shown()),
            "the server cannot make it",
        );
        return Ok(());
    }
    if entry.name.contains(&0) {
        findings.error(
            "bad-name",
            format!("{} has a zero byte", shown()),
            "the server cannot make it",
        );
        return Ok(());
    }
    match entry.kind {
        EntryKind::Folder => folder(&path, contents, findings),
        _ => file(entry, path, body, contents, findings),
    }
}

/// The server makes a folder, but none above it (os.Mkdir).
fn folder(path: &str, contents: &mut Contents, findings: &mut Findings) -> Result<(), Stop> {
    if path.is_empty() || contents.nodes.contains_key(path) {
        return Ok(());
    }
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    match parent.map(|parent| contents.nodes.get(parent)) {
        None | Some(Some(Node::Folder)) => {}
        Some(None) => findings.error(
            "missing-parent",
            format!("the folder {path} comes before the one that it is in"),
            "the server cannot make it, and installs nothing",
        ),
        Some(Some(Node::File { .. })) => not_a_folder(path, findings),
    }
    contents.insert(path, Node::Folder)
}

fn not_a_folder(path: &str, findings: &mut Findings) {
    findings.error(
        "not-a-folder",
        format!("{path} is in something that is a file"),
        "the server cannot make it, and installs nothing",
    );
}

/// The server makes a file and the folders above it (os.MkdirAll), and empties one that is there.
fn file(
    entry: &TarEntry,
    path: String,
    body: &mut dyn Read,
    contents: &mut Contents,
    findings: &mut Findings,
) -> Result<(), Stop> {
    if path.is_empty() || matches!(contents.nodes.get(&path), Some(Node::Folder)) {
        findings.error(
            "not-a-file",
            format!("\"{path}\" is a folder and a file"),
            "the server cannot make it, and installs nothing",
        );
        return Ok(());
    }
    for (end, _) in path.match_indices('/') {
        let parent = path.get(..end).unwrap_or_default();
        match contents.nodes.get(parent) {
            Some(Node::Folder) => {}
            Some(Node::File { .. }) => {
                not_a_folder(&path, findings);
                return Ok(());
            }
            None => contents.insert(parent, Node::Folder)?,
        }
    }
    let mut mode = entry.mode;
    if let Some(before) = contents.file(&path) {
        // The mode is that of the first, for the file is there already.
        mode = before;
        findings.warning(
            "duplicate",
            format!("{path} is there more than once"),
            "the server keeps the last contents, other programs may keep the first",
        );
    }
    contents.insert(&path, Node::File { mode })?;
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

/// Returns whether a path may be the manifest's: at the top, or in the first folder there.
/// Only that one can turn out to be the only one, and so no more than six are kept.
fn is_manifest(path: &str, contents: &Contents) -> bool {
    match path.split_once('/') {
        None => MANIFEST_NAMES.contains(&path),
        Some((folder, name)) => {
            MANIFEST_NAMES.contains(&name)
                && contents
                    .captured
                    .keys()
                    .all(|kept| kept.split_once('/').is_none_or(|(other, _)| other == folder))
        }
    }
}
