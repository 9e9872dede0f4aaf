//! Reads the gzip tar entry by entry, as the server's `extractTarGz` does.
//!
//! What the headers mean is decided as in Go's archive/tar, so that both see the same files. Where
//! Go reads an archive in another way than other programs do, that is an error.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read};

use flate2::GzHeader;
use flate2::bufread::GzDecoder;

use super::header::{BLOCK, Header, until_nul};
use super::pax::{Pax, sparse};
use super::stop::Stop;

/// The most bytes that a bundle may unpack to.
pub const MAX_UNPACKED: u64 = 512 * 1024 * 1024;

/// The most entries that a bundle may have.
pub const MAX_ENTRIES: usize = 50_000;

/// The most bytes of an extension header: Go's limit too (archive/tar, maxSpecialFileSize).
const MAX_EXTENSION: u64 = 1024 * 1024;

/// The most bytes of all extension headers. An honest one has some 100.
const MAX_EXTENSIONS: u64 = 16 * 1024 * 1024;

/// The most gzip files in a row that are read. An empty one costs as much as some KiB. Programs
/// that compress in blocks make one for every 64 KiB.
pub(super) const MAX_MEMBERS: usize = 20_000;

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
            if member.header().is_some_and(is_too_long) {
                return Err(io::Error::other("a name in the gzip header is too long"));
            }
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

/// Go reads no longer names and comments in the header of a gzip file (compress/gzip, readString).
fn is_too_long(header: &GzHeader) -> bool {
    const MOST: usize = 511;
    [header.filename(), header.comment()].into_iter().flatten().any(|text| text.len() > MOST)
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
    let mut archive = Archive { reader: BufReader::with_capacity(BUFFER, unpacked), meter };
    let mut extensions = Extensions::default();
    let (mut count, mut extension_bytes) = (0, 0);
    while let Some(header) = archive.header()? {
        count += 1;
        if count > MAX_ENTRIES {
            return Err(Stop::TooMany);
        }
        let size = header.size;
        let mut body = (&mut archive.reader).take(size);
        match header.flag {
            b'x' | b'L' | b'K' | b'g' => {
                if size > MAX_EXTENSION {
                    return Err(Stop::Damaged("an extension header is too long".into()));
                }
                extension_bytes += size;
                if extension_bytes > MAX_EXTENSIONS {
                    return Err(Stop::TooMany);
                }
                let mut bytes = Vec::new();
                body.read_to_end(&mut bytes).map_err(|error| meter.stop(&error))?;
                extensions.read(header.flag, &bytes)?;
                if header.flag == b'g' {
                    let (name, kind) = (header.name, EntryKind::Global);
                    each(&TarEntry { name, kind, mode: header.mode }, &mut io::empty())?;
                }
            }
            _ => each(&std::mem::take(&mut extensions).apply(header)?, &mut body)?,
        }
        io::copy(&mut body, &mut io::sink()).map_err(|error| meter.stop(&error))?;
        if body.limit() > 0 {
            return Err(Stop::Damaged("it ends in the middle of a file".into()));
        }
        archive.skip_padding(size)?;
    }
    match io::copy(&mut archive.reader, &mut io::sink()).map_err(|error| meter.stop(&error)) {
        Ok(_) => Ok(()),
        Err(Stop::Damaged(why)) => Err(Stop::DamagedEnd(why)),
        Err(stop) => Err(stop),
    }
}

/// A tar archive, block by block.
struct Archive<'a, R> {
    reader: R,
    meter: &'a Meter,
}

impl<R: Read> Archive<'_, R> {
    /// Reads the next header. The archive ends with two blocks of zeros, or without any.
    fn header(&mut self) -> Result<Option<Header>, Stop> {
        const ZEROS: [u8; BLOCK] = [0; BLOCK];
        match self.block()? {
            None => Ok(None),
            Some(ZEROS) => match self.block()? {
                None | Some(ZEROS) => Ok(None),
                Some(_) => Err(Stop::Damaged("there is one block of zeros in it".into())),
            },
            Some(block) => Header::read(&block).map(Some),
        }
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Stop> {
        let mut bytes = Vec::with_capacity(BLOCK);
        let read = (&mut self.reader).take(BLOCK as u64).read_to_end(&mut bytes);
        read.map_err(|error| self.meter.stop(&error))?;
        match <[u8; BLOCK]>::try_from(bytes) {
            Ok(block) => Ok(Some(block)),
            Err(bytes) if bytes.is_empty() => Ok(None),
            Err(_) => Err(Stop::Damaged("it ends in the middle of a header".into())),
        }
    }

    /// Skips what fills a block behind contents of this size.
    fn skip_padding(&mut self, size: u64) -> Result<(), Stop> {
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        let copied = io::copy(&mut (&mut self.reader).take(padding), &mut io::sink());
        match copied.map_err(|error| self.meter.stop(&error))? == padding {
            true => Ok(()),
            false => Err(Stop::Unclear("it ends in the middle of a block".into())),
        }
    }
}

/// What stands before an entry, and says more of it than its header can.
#[derive(Default)]
struct Extensions {
    long_name: Option<Vec<u8>>,
    pax: Option<Pax>,
}

impl Extensions {
    fn read(&mut self, flag: u8, bytes: &[u8]) -> Result<(), Stop> {
        let is_first = match flag {
            b'x' => self.pax.replace(Pax::read(bytes)?).is_none(),
            b'L' => {
                let name = until_nul(bytes);
                let is_name = bytes.iter().skip(name.len()).all(|byte| *byte == 0);
                self.long_name.replace(name.to_vec()).is_none() && is_name && !name.is_empty()
            }
            b'g' => {
                Pax::check_global(bytes)?;
                // The server forgets what stands before it.
                self.pax.is_none() && self.long_name.is_none()
            }
            _ => true,
        };
        match is_first {
            true => Ok(()),
            false => Err(Stop::Unclear(
                "what stands before an entry names it twice, or not at all".into(),
            )),
        }
    }

    fn apply(self, header: Header) -> Result<TarEntry, Stop> {
        let Header { name, flag, size, mode } = header;
        let pax = self.pax.unwrap_or_default();
        let name = match (self.long_name, pax.path) {
            (Some(_), Some(_)) => return Err(Stop::Unclear("an entry has two names".into())),
            (Some(long), None) | (None, Some(long)) => long,
            (None, None) => name,
        };
        if flag == b'S' {
            return Err(sparse());
        }
        // Old archives mark folders by a slash at the end.
        let is_old_folder = flag == 0 && name.ends_with(b"/");
        let is_empty_kind = is_old_folder || (b'1'..=b'6').contains(&flag);
        if pax.size.is_some_and(|said| said != size) || (size > 0 && is_empty_kind) {
            return Err(Stop::Unclear("the size of an entry does not make sense".into()));
        }
        let kind = match flag {
            0 if is_old_folder => EntryKind::Folder,
            0 | b'0' => EntryKind::File,
            b'1' => EntryKind::Other("a hard link"),
            b'2' => EntryKind::Other("a symbolic link"),
            b'3' | b'4' => EntryKind::Other("a device"),
            b'5' => EntryKind::Folder,
            b'6' => EntryKind::Other("a FIFO"),
            _ => EntryKind::Other("of an unknown kind"),
        };
        Ok(TarEntry { name, kind, mode })
    }
}
