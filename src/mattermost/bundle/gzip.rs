//! Gzip files in a row, which are read as one (RFC 1952, section 2.2).

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The most gzip files that are read. An empty one costs as much as some KiB. Programs that
/// compress in blocks make one for every 64 KiB.
pub(super) const MAX_MEMBERS: usize = 20_000;

/// Reads members as one stream, and counts them.
pub(super) struct Members<'a, R> {
    /// `None` after the last one.
    member: Option<GzDecoder<R>>,
    count: &'a Cell<usize>,
}

impl<'a, R: BufRead> Members<'a, R> {
    pub(super) fn new(reader: R, count: &'a Cell<usize>) -> Members<'a, R> {
        count.set(1);
        Members { member: Some(GzDecoder::new(reader)), count }
    }
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
            self.count.set(self.count.get() + 1);
            if self.count.get() > MAX_MEMBERS {
                return Err(io::Error::other("too many members"));
            }
            self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}
