//! Where the server's packet reader gets its octets from.
//!
//! How much is read ahead matters: what a packet's parser leaves unread is read as the next
//! packet, unless a buffer has swallowed it. So the buffers here have the library's sizes.

use super::armor::Armored;
use super::refusal::{Fault, Kind};

/// A source of octets, like Go's `io.Reader`.
pub(super) trait Source {
    /// Reads some octets into a buffer that is not empty; nothing is the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault>;

    /// Fills the buffer; an end before its first octet is the end (Go's `io.ReadFull`).
    fn fill_or_end(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
        let mut rest = &mut *buffer;
        let mut any = false;
        while !rest.is_empty() {
            let n = self.read(rest)?;
            if n == 0 {
                return Err(if any { Fault::unexpected_end() } else { Fault::end() });
            }
            any = true;
            rest = rest.get_mut(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// Fills the buffer; an end before that is unexpected.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
        self.fill_or_end(buffer).map_err(|fault| match fault.kind {
            Kind::End => Fault::unexpected_end(),
            _ => fault,
        })
    }

    /// Reads a field of a fixed length; its end is unexpected.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut octets = [0; N];
        self.fill(&mut octets)?;
        Ok(octets)
    }

    /// Reads a field of one octet; its end is unexpected.
    fn octet(&mut self) -> Result<u8, Fault> {
        self.array().map(|[octet]| octet)
    }

    /// Reads a field of this length; its end is unexpected.
    fn octets(&mut self, length: u16) -> Result<Vec<u8>, Fault> {
        let mut octets = vec![0; usize::from(length)];
        self.fill(&mut octets)?;
        Ok(octets)
    }

    /// Reads to the end.
    fn rest(&mut self) -> Result<Vec<u8>, Fault> {
        let mut octets = Vec::new();
        let mut piece = [0; 512];
        loop {
            match self.read(&mut piece)? {
                0 => return Ok(octets),
                n => octets.extend_from_slice(piece.get(..n).unwrap_or_default()),
            }
        }
    }

    /// Passes over everything to the end.
    fn drain(&mut self) -> Result<(), Fault> {
        let mut piece = [0; 1024];
        while self.read(&mut piece)? > 0 {}
        Ok(())
    }
}

impl<S: Source> Source for &mut S {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        S::read(self, buffer)
    }
}

impl Source for &[u8] {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let n = buffer.len().min(self.len());
        let (now, later) = self.split_at(n);
        if let Some(buffer) = buffer.get_mut(..n) {
            buffer.copy_from_slice(now);
        }
        *self = later;
        Ok(n)
    }
}

/// A key file or a signature file, armored or not.
#[allow(clippy::large_enum_variant)] // There are two of them in a verdict.
pub(super) enum File<'a> {
    Binary(&'a [u8]),
    Armored(Armored<'a>),
}

impl<'a> File<'a> {
    /// Opens a file as the server does: as armor, and as it is if there is none.
    pub(super) fn open(file: &'a [u8]) -> File<'a> {
        match Armored::find(file) {
            Some(armored) => File::Armored(armored),
            None => File::Binary(file),
        }
    }
}

impl Source for File<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        match self {
            File::Binary(octets) => octets.read(buffer),
            File::Armored(armored) => armored.read(buffer),
        }
    }
}

/// How long a packet's body is (RFC 9580, section 4.2).
pub(super) enum Length {
    /// So many octets.
    Whole(u64),
    /// So many octets, and then another length.
    Partial(u64),
    /// To the end of the file.
    Indeterminate,
}

/// A packet's body, read from the file that it stands in.
pub(super) struct Body<'s, 'a> {
    file: &'s mut File<'a>,
    length: Length,
}

impl<'s, 'a> Body<'s, 'a> {
    pub(super) fn new(file: &'s mut File<'a>, length: Length) -> Body<'s, 'a> {
        Body { file, length }
    }

    /// Returns the file, if the library would read it without a buffer in between.
    pub(super) fn unbuffered(&mut self) -> Option<&mut File<'a>> {
        match (&self.length, &self.file) {
            (Length::Indeterminate, File::Binary(_)) => Some(self.file),
            _ => None,
        }
    }
}

impl Source for Body<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        while let Length::Partial(0) = self.length {
            self.length = read_length(self.file)?;
        }
        let left = match &mut self.length {
            Length::Whole(0) => return Ok(0),
            Length::Whole(left) | Length::Partial(left) => left,
            Length::Indeterminate => return self.file.read(buffer),
        };
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        if n == 0 {
            return Err(Fault::unexpected_end());
        }
        *left = left.saturating_sub(n as u64);
        Ok(n)
    }
}

/// Reads a new-format length (RFC 9580, section 4.2.1).
pub(super) fn read_length(file: &mut File<'_>) -> Result<Length, Fault> {
    let first = file.octet()?;
    Ok(match first {
        0..=191 => Length::Whole(first.into()),
        192..=223 => Length::Whole((u64::from(first - 192) << 8) + u64::from(file.octet()?) + 192),
        224..=254 => Length::Partial(1 << (first & 0x1f)),
        255 => Length::Whole(u32::from_be_bytes(file.array()?).into()),
    })
}

/// A source with a read-ahead, like Go's `bufio.Reader`.
pub(super) struct Buffered<S> {
    source: S,
    buffer: Vec<u8>,
    taken: usize,
}

impl<S: Source> Buffered<S> {
    /// The library's size, in octets.
    const SIZE: usize = 4096;

    pub(super) fn new(source: S) -> Buffered<S> {
        Buffered { source, buffer: Vec::new(), taken: 0 }
    }

    /// Returns the next octet without taking it.
    pub(super) fn peek(&mut self) -> Result<u8, Fault> {
        if self.ahead().is_empty() {
            self.read_ahead()?;
        }
        self.ahead().first().copied().ok_or_else(Fault::end)
    }

    fn ahead(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn read_ahead(&mut self) -> Result<(), Fault> {
        self.taken = 0;
        self.buffer.resize(Self::SIZE, 0);
        let read = self.source.read(&mut self.buffer);
        self.buffer.truncate(read.as_ref().map_or(0, |n| *n));
        read.map(|_| ())
    }
}

impl<S: Source> Source for Buffered<S> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        if self.ahead().is_empty() {
            if buffer.len() >= Self::SIZE {
                return self.source.read(buffer);
            }
            self.read_ahead()?;
        }
        let n = self.ahead().read(buffer)?;
        self.taken += n;
        Ok(n)
    }
}
