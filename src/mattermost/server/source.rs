//! Where the server's packet reader gets its octets.
//!
//! What a packet's parser leaves unread is read as the next packet, unless a buffer has swallowed
//! it. So the buffers here have the library's sizes.

use super::refusal::{Fault, FaultKind};

/// A source of octets, like Go's `io.Reader`.
pub(super) trait ByteSource {
    /// Reads some octets into a buffer that is not empty. Zero octets are the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault>;

    /// Fills the buffer. Before its first octet, the end is just the end (Go's `io.ReadFull`).
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

    /// Fills the buffer. An earlier end is unexpected.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
        self.fill_or_end(buffer).map_err(|fault| match fault.kind {
            FaultKind::End => Fault::unexpected_end(),
            _ => fault,
        })
    }

    /// Reads a field of a fixed length. An earlier end is unexpected.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut octets = [0; N];
        self.fill(&mut octets)?;
        Ok(octets)
    }

    /// Reads a field of one octet. An earlier end is unexpected.
    fn octet(&mut self) -> Result<u8, Fault> {
        self.array().map(|[octet]| octet)
    }

    /// Reads a field of this length. An earlier end is unexpected.
    fn octets(&mut self, length: u16) -> Result<Vec<u8>, Fault> {
        let mut octets = vec![0; usize::from(length)];
        self.fill(&mut octets)?;
        Ok(octets)
    }

    /// Reads a number as it stands: its length in bits and its octets (RFC 9580, section 3.2).
    fn mpi(&mut self) -> Result<([u8; 2], Vec<u8>), Fault> {
        let bits = self.array()?;
        let octets = self.octets(u16::from_be_bytes(bits).div_ceil(8))?;
        Ok((bits, octets))
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

    /// Reads to the end and drops what it reads.
    fn drain(&mut self) -> Result<(), Fault> {
        let mut piece = [0; 1024];
        while self.read(&mut piece)? > 0 {}
        Ok(())
    }
}

impl<S: ByteSource> ByteSource for &mut S {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        S::read(self, buffer)
    }
}

impl ByteSource for &[u8] {
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

/// A source with a buffer, like Go's `bufio.Reader`.
pub(super) struct Buffered<S> {
    source: S,
    buffer: Vec<u8>,
    taken: usize,
}

impl<S: ByteSource> Buffered<S> {
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

impl<S: ByteSource> ByteSource for Buffered<S> {
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
