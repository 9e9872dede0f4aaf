//! Reads the gzip tar entry by entry, as the server's `extractTarGz` does.
//!
//! The `tar` crate splits the stream into headers and contents. What the headers mean is decided
//! here as in Go's archive/tar, so that both see the same files. What the two could read
//! differently (sparse files, sizes that disagree) is an error.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};

use tar::Archive;

use super::gzip::{MAX_MEMBERS, Members};

/// The most bytes that a bundle may unpack to.
pub const MAX_UNPACKED: u64 = 512 * 1024 * 1024;

/// The most entries that a bundle may have.
pub const MAX_ENTRIES: usize = 50_000;

/// The most bytes of an extension header: Go's limit too (archive/tar, maxSpecialFileSize).
const MAX_EXTENSION: u64 = 1024 * 1024;

/// Why reading ended early.
pub(super) enum Stop {
    /// The source failed; the error is in the meter.
    Source,
    /// The stream is no gzip tar, or damaged.
    Damaged(String),
    TooLarge,
    TooMany,
    TooManyMembers,
}

/// Notes why a read fails. The error that comes out of the decoders does not tell.
#[derive(Default)]
pub(super) struct Meter {
    pub(super) source: RefCell<Option<io::Error>>,
    pub(super) exceeded: Cell<bool>,
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
    pub(super) fn stop(&self, error: &io::Error) -> Stop {
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

/// An entry with its extensions applied.
pub(super) struct TarEntry {
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    pub(super) mode: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Folder,
    /// What the server leaves out, in words.
    Other(&'static str),
    /// Headers for the following entries.
    Global,
}

/// Calls `each` for every entry, then reads to the end of the gzip stream. The inner error is
/// about what follows the archive.
pub(super) fn walk(
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
    /// Reads records of `LENGTH KEY=VALUE\n`. The `tar` crate splits them at line ends, and so
    /// reads a name with a line end differently from Go.
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
