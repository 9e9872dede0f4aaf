//! Lists of checksums: the names of a release, covered by one signature.
//!
//! A signature covers bytes and not names. An old archive under a new version's name still
//! verifies. A signed list of names and digests closes that gap. Lists are written in coreutils'
//! form: each line is `DIGEST NAME` with two spaces, and a line with an escaped name begins with a
//! backslash. BSD's form (`SHA256 (NAME) = DIGEST`) is read, too.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::checksum_line::{read_line, unhex, write_line};
use crate::disk::error::{Error, Result};
use crate::openpgp::hash::{ContentHash, HashAlgorithm, Hashed};
use crate::text::Safe;

/// The most bytes that a list may have: some 400,000 files.
pub const MAX_CHECKSUMS: u64 = 32 * 1024 * 1024;

/// What a list's digests are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DigestKind {
    /// SHA-256, of 32 bytes.
    Sha256,
    /// SHA-512, of 64 bytes.
    Sha512,
}

impl DigestKind {
    /// Returns how content is hashed for it.
    pub fn way(self) -> ContentHash {
        let algorithm = match self {
            DigestKind::Sha256 => HashAlgorithm::Sha256,
            DigestKind::Sha512 => HashAlgorithm::Sha512,
        };
        ContentHash { algorithm, text: false }
    }

    /// Returns the usual name of a list.
    pub fn list_name(self) -> &'static str {
        match self {
            DigestKind::Sha256 => "SHA256SUMS",
            DigestKind::Sha512 => "SHA512SUMS",
        }
    }

    fn length(self) -> usize {
        match self {
            DigestKind::Sha256 => 32,
            DigestKind::Sha512 => 64,
        }
    }

    /// Returns the digest of content that was hashed this way.
    pub fn of(self, content: &Hashed) -> Option<Box<[u8]>> {
        content.digest(self.way(), b"").map(Vec::into_boxed_slice)
    }

    fn of_digits(digits: usize) -> Option<DigestKind> {
        match digits {
            64 => Some(DigestKind::Sha256),
            128 => Some(DigestKind::Sha512),
            _ => None,
        }
    }
}

/// Returns whether a file is a list of checksums, by its name.
pub fn is_list(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes().to_ascii_lowercase();
    let has = |part: &[u8]| name.windows(part.len()).any(|it| it == part);
    let is_sums = has(b"sha256sums") || has(b"sha512sums") || has(b"shasums256");
    let is_other = [&b".sig"[..], b".asc", b".gpg", b".sign", b".minisig", b".sigstore"];
    let ends = |end: &[u8]| name.ends_with(end);
    (is_sums && !is_other.iter().any(|end| ends(end)))
        || ends(b"checksums.txt")
        || is_of_one_file(path)
}

/// Returns whether a list is of one file: `FILE.sha256` says nothing of its neighbours.
pub fn is_of_one_file(list: &Path) -> bool {
    list.extension().is_some_and(|ending| ending == "sha256" || ending == "sha512")
}

/// The digests of files, by their paths relative to the list's folder. There may be very many, so
/// they lie side by side.
#[derive(Clone, Debug)]
pub struct Checksums {
    kind: DigestKind,
    /// In the order of their paths, each path once.
    entries: Vec<Entry>,
    names: Vec<u8>,
    digests: Vec<u8>,
}

/// Where a name and its digest lie.
#[derive(Clone, Copy, Debug)]
struct Entry {
    name: usize,
    length: usize,
    digest: usize,
}

impl Checksums {
    /// Makes a list of these files. Of a file that is there twice, the first digest counts.
    pub fn new<'a>(
        kind: DigestKind,
        files: impl IntoIterator<Item = (&'a Path, &'a [u8])>,
    ) -> Checksums {
        let mut list = Checksums::unsorted(kind);
        files.into_iter().for_each(|(name, digest)| list.push(name, digest));
        list.sort();
        list
    }

    fn unsorted(kind: DigestKind) -> Checksums {
        Checksums { kind, entries: Vec::new(), names: Vec::new(), digests: Vec::new() }
    }

    fn push(&mut self, name: &Path, digest: &[u8]) {
        let (digest_at, name_at) = (self.digests.len(), self.names.len());
        self.names.extend(name.as_os_str().as_bytes());
        self.digests.extend(digest);
        let length = self.names.len() - name_at;
        self.entries.push(Entry { name: name_at, length, digest: digest_at });
    }

    /// Puts the entries in order, and returns a name that is there twice.
    fn sort(&mut self) -> Option<PathBuf> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|one, other| self.name(one).cmp(self.name(other)));
        let mut doubled = None;
        entries.dedup_by(|later, first| {
            let is_same = self.name(later) == self.name(first);
            if is_same {
                doubled.get_or_insert_with(|| self.name(later).to_owned());
            }
            is_same
        });
        entries.shrink_to_fit();
        self.names.shrink_to_fit();
        self.digests.shrink_to_fit();
        self.entries = entries;
        doubled
    }

    fn name(&self, entry: &Entry) -> &Path {
        let name = self.names.get(entry.name..entry.name + entry.length);
        Path::new(OsStr::from_bytes(name.unwrap_or_default()))
    }

    fn digest(&self, entry: &Entry) -> &[u8] {
        let length = self.kind.length();
        self.digests.get(entry.digest..entry.digest + length).unwrap_or_default()
    }

    /// Returns what the digests are.
    pub fn kind(&self) -> DigestKind {
        self.kind
    }

    /// Returns whether it lists no file.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns a file's digest.
    pub fn get(&self, name: &Path) -> Option<&[u8]> {
        let place = self.entries.binary_search_by(|entry| self.name(entry).cmp(name)).ok()?;
        self.entries.get(place).map(|entry| self.digest(entry))
    }

    /// Returns all names, in the order of their paths.
    pub fn names(&self) -> impl Iterator<Item = &Path> {
        self.entries.iter().map(|entry| self.name(entry))
    }

    /// Writes the list, sorted by the bytes of the names. One that could not be read again is
    /// [`Error::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        // Paths are ordered by their components, which is another order.
        let name = |entry: &Entry| self.name(entry).as_os_str().as_bytes();
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by(|one, other| name(one).cmp(name(other)));
        let line = 2 * self.kind.length() + "  \n".len();
        let mut text = Vec::with_capacity(self.names.len() + line * entries.len());
        for entry in entries {
            write_line(&mut text, name(entry), self.digest(entry));
        }
        if text.len() as u64 > MAX_CHECKSUMS {
            let (name, what) = (self.kind.list_name().into(), "a list of checksums");
            return Err(Error::TooLarge { name, what, limit: MAX_CHECKSUMS });
        }
        Ok(text)
    }

    /// Reads a list in coreutils' text and binary forms or BSD's, with either line end. `list` is
    /// its file: FILE.sha256 may be a digest alone, which is FILE's. [`Error::Malformed`] are a
    /// line that is none, two kinds of digests, a name that is listed twice, and a name that leads
    /// out of the folder: half a list is none.
    pub fn read(text: &[u8], list: &Path) -> Result<Checksums> {
        let mut checksums: Option<Checksums> = None;
        let alone = list.file_stem().filter(|_| is_of_one_file(list)).map(OsStr::as_bytes);
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let malformed = |why: &str| {
                let list = Safe::path(list);
                Error::Malformed(format!("line {} of {list} {why}", number + 1))
            };
            let (name, digits) =
                read_line(line, alone).ok_or_else(|| malformed("is no checksum"))?;
            let (kind, digest) = DigestKind::of_digits(digits.len())
                .and_then(|kind| Some((kind, unhex(digits)?)))
                .ok_or_else(|| malformed("has no SHA-256 or SHA-512 digest"))?;
            let checksums = checksums.get_or_insert_with(|| Checksums::unsorted(kind));
            let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
            if !inside || name.as_os_str().is_empty() {
                return Err(malformed("names a file outside the folder"));
            }
            if checksums.kind != kind {
                return Err(malformed("has another kind of digest than the lines before"));
            }
            checksums.push(&name, &digest);
        }
        let mut checksums = checksums.unwrap_or_else(|| Checksums::unsorted(DigestKind::Sha256));
        match checksums.sort() {
            None => Ok(checksums),
            Some(name) => Err(Error::Malformed(format!(
                "{} names a file a second time: {}",
                Safe::path(list),
                Safe::path(&name)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn read(text: &str) -> Result<Checksums> {
        Checksums::read(text.as_bytes(), Path::new("SHA256SUMS"))
    }

    fn list_of<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Checksums {
        let path = |name: &'a [u8]| Path::new(OsStr::from_bytes(name));
        let files = names.into_iter().map(|name| (path(name), &[7; 32][..]));
        Checksums::new(DigestKind::Sha256, files)
    }

    #[test]
    fn what_is_written_is_read_back_whatever_the_names_are() {
        let names = [&b"a.tar.gz"[..], b"b\nc", b"d\\e", b"\xff.zip", b"sub/f.zip", b"-x", b" y"];
        let text = list_of(names).to_bytes().unwrap();
        let read = Checksums::read(&text, Path::new("SHA256SUMS")).unwrap();
        assert_eq!(read.to_bytes().unwrap(), text);
        for name in names {
            assert_eq!(read.get(Path::new(OsStr::from_bytes(name))), Some(&[7; 32][..]));
        }
        assert_eq!(read.names().count(), names.len());
    }

    #[test]
    fn names_that_have_to_be_escaped_mark_their_line() {
        let digest = unhex(DIGITS.as_bytes()).unwrap();
        let checksums = Checksums::new(DigestKind::Sha256, [(Path::new("a\nb"), &digest[..])]);
        assert_eq!(checksums.to_bytes().unwrap(), format!("\\{DIGITS}  a\\nb\n").as_bytes());
    }

    #[test]
    fn the_order_is_that_of_the_bytes() {
        let names = [&b"a/b"[..], b"a-1", b"a.zip", b"B", b"a-1"];
        let text = String::from_utf8(list_of(names).to_bytes().unwrap()).unwrap();
        let names: Vec<&str> = text.lines().map(|line| &line[66..]).collect();
        assert_eq!(names, ["B", "a-1", "a.zip", "a/b"]);
    }

    #[test]
    fn a_list_that_would_not_be_read_is_not_written() {
        let names: Vec<String> =
            (0..MAX_CHECKSUMS / 1000).map(|number| format!("{number:0950}")).collect();
        let checksums = list_of(names.iter().map(|name| name.as_bytes()));
        assert!(matches!(checksums.to_bytes(), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn both_modes_of_coreutils_are_read() {
        let checksums = read(&format!("{DIGITS} *a\r\n{DIGITS}  ./b\n")).unwrap();
        assert_eq!(checksums.names().collect::<Vec<_>>(), [Path::new("a"), Path::new("b")]);
    }

    #[test]
    fn other_forms_are_read_and_a_digest_alone_is_that_of_the_file() {
        let bsd = format!("\u{feff}# by hand\r\nSHA512 (a (1).zip) = {DIGITS}{DIGITS}\r\n");
        let checksums = read(&bsd).unwrap();
        assert_eq!(checksums.kind(), DigestKind::Sha512);
        assert_eq!(checksums.names().collect::<Vec<_>>(), [Path::new("a (1).zip")]);
        let alone = Checksums::read(DIGITS.as_bytes(), Path::new("d/a.zip.sha256")).unwrap();
        assert!(alone.get(Path::new("a.zip")).is_some());
        let escaped = read(&format!("\\SHA256 (a\\nb) = {DIGITS}")).unwrap();
        assert!(escaped.get(Path::new("a\nb")).is_some());
    }

    #[test]
    fn lists_are_known_by_their_names() {
        for name in [
            "SHA256SUMS",
            "app_1.0_SHA256SUMS",
            "sha512sums.txt",
            "SHASUMS256.txt",
            "checksums.txt",
            "app_1.0_checksums.txt",
            "a.zip.sha256",
            "d/a.zip.sha512",
        ] {
            assert!(is_list(Path::new(name)), "{name}");
        }
        for name in ["SHA256SUMS.sig", "SHA256SUMS.asc", "a.zip", "checksums", "SHA1SUMS", "a.md5"]
        {
            assert!(!is_list(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn names_outside_the_folder_doubles_and_nonsense_are_refused() {
        for text in [
            format!("{DIGITS}  ../a"),
            format!("{DIGITS}  /a"),
            format!("{DIGITS}  "),
            format!("{DIGITS}  a\n{DIGITS}  a"),
            format!("{DIGITS} a"),
            format!("{}  a", &DIGITS[1..]),
            format!("\\{DIGITS}  a\\x"),
            "hello".into(),
            DIGITS.into(),
            format!("{DIGITS}  a\n{DIGITS}{DIGITS}  b"),
            format!("SHA256 (a) = {DIGITS}{DIGITS}x"),
            format!("SHA1 (a) = {DIGITS}"),
        ] {
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
