//! Reads the gzip tar entry by entry, as the server's `extractTarGz` does.
//!
//! The `tar` crate splits the stream into headers and contents. What the headers mean is decided
//! here as in Go's archive/tar, so that both see the same files. What the two could read
//! differently (sparse files, sizes that disagree) is an error.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use tar::Archive;

/// The most bytes that a bundle may unpack to.
pub const MAX_UNPACKED: u64 = 512 * 1024 * 1024;

/// The most entries that a bundle may have.
pub const MAX_ENTRIES: usize = 50_000;

/// The most bytes of an extension header: Go's limit too (archive/tar, maxSpecialFileSize).
const MAX_EXTENSION: u64 = 1024 * 1024;

/// The most gzip files in a row that are read. An empty one costs as much as some KiB. Programs
/// that compress in blocks make one for every 64 KiB.
pub(super) const MAX_MEMBERS: usize = 20_000;

/// Why reading ended early.
pub(super) enum Stop {
    /// The source failed; the error is in the meter.
    Source,
    /// The stream is no gzip tar, or damaged.
    Damaged(String),
    /// The stream is damaged behind the archive.
    DamagedEnd(String),
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

/// Reads gzip files in a row as one stream (RFC 1952, section 2.2), and counts them.
struct Members<'a, R> {
    /// `None` after the last one.
    member: Option<GzDecoder<R>>,
    meter: &'a Meter,
}

impl<R: BufRead> Read for Members<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n = member.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            if member.get_mut().fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.meter.members.update(|count| count + 1);
            if self.meter.members.get() > MAX_MEMBERS {
                return Err(io::Error::other("too many members"));
            }
            self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
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
        let Some(left) = self.left.checked_sub(n as u64) else {
            self.meter.exceeded.set(true);
            return Err(io::Error::other("too large"));
        };
        self.left = left;
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

/// Calls `each` for every entry, then reads to the end of the gzip stream.
pub(super) fn walk(
    bundle: impl Read,
    meter: &Meter,
    mut each: impl FnMut(&TarEntry, &mut dyn Read) -> Result<(), Stop>,
) -> Result<(), Stop> {
    const BUFFER: usize = 64 * 1024;
    let source = BufReader::with_capacity(BUFFER, MeteredSource { reader: bundle, meter });
    meter.members.set(1);
    let reader = Members { member: Some(GzDecoder::new(source)), meter };
    let unpacked = Unpacked { reader, left: MAX_UNPACKED, meter };
    let mut archive = Archive::new(BufReader::with_capacity(BUFFER, unpacked));
    let mut long_name: Option<Vec<u8>> = None;
    let mut pax = Pax::default();
    let stop = |error: io::Error| meter.stop(&error);
    let entries = archive.entries().map_err(stop)?.raw(true);
    for (count, entry) in entries.enumerate() {
        let mut entry = entry.map_err(stop)?;
        if count >= MAX_ENTRIES {
            return Err(Stop::TooMany);
        }
        let header = entry.header();
        let flag = header.as_bytes().get(156).copied().unwrap_or_default();
        let size = header.entry_size().map_err(stop)?;
        if matches!(flag, b'x' | b'L' | b'K') {
            if size > MAX_EXTENSION {
                return Err(Stop::Damaged("an extension header is too long".into()));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(stop)?;
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
            let why = "it has sparse files, which tar programs read differently";
            return Err(Stop::Damaged(why.into()));
        }
        if pax.size.is_some_and(|said| said != size) || (size > 0 && (b'1'..=b'6').contains(&flag))
        {
            return Err(damaged("the size of an entry"));
        }
        let kind = match flag {
            // Old archives mark folders by a slash at the end.
            0 if name.ends_with(b"/") => EntryKind::Folder,
            0 | b'0' => EntryKind::File,
            b'1' => EntryKind::Other("a hard link"),
            b'2' => EntryKind::Other("a symbolic link"),
            b'3' | b'4' => EntryKind::Other("a device"),
            b'5' => EntryKind::Folder,
            b'6' => EntryKind::Other("a FIFO"),
            b'g' => EntryKind::Global,
            _ => EntryKind::Other("of an unknown kind"),
        };
        let mode = header.mode().map_err(stop)? & 0o777;
        each(&TarEntry { name, kind, mode }, &mut entry)?;
    }
    match io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(stop) {
        Ok(_) => Ok(()),
        Err(Stop::Damaged(why)) => Err(Stop::DamagedEnd(why)),
        Err(stop) => Err(stop),
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
