//! The file that holds packets, and a packet's body in it.

use super::armor::Armored;
use super::refusal::Fault;
use super::source::ByteSource;

/// A key file or a signature file, armored or not.
#[allow(clippy::large_enum_variant)] // There are two of them in a verdict.
pub(super) enum ByteInput<'a> {
    Binary(&'a [u8]),
    Armored(Armored<'a>),
}

impl<'a> ByteInput<'a> {
    /// Opens a file as the server does: as armor if there is any, else as binary packets.
    pub(super) fn open(file: &'a [u8]) -> ByteInput<'a> {
        match Armored::find(file) {
            Some(armored) => ByteInput::Armored(armored),
            None => ByteInput::Binary(file),
        }
    }
}

impl ByteSource for ByteInput<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        match self {
            ByteInput::Binary(octets) => octets.read(buffer),
            ByteInput::Armored(armored) => armored.read(buffer),
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
    file: &'s mut ByteInput<'a>,
    length: Length,
}

impl<'s, 'a> Body<'s, 'a> {
    pub(super) fn new(file: &'s mut ByteInput<'a>, length: Length) -> Body<'s, 'a> {
        Body { file, length }
    }

    /// Returns the file, if the library would read it without a buffer in between.
    pub(super) fn unbuffered(&mut self) -> Option<&mut ByteInput<'a>> {
        match (&self.length, &self.file) {
            (Length::Indeterminate, ByteInput::Binary(_)) => Some(self.file),
            _ => None,
        }
    }
}

impl ByteSource for Body<'_, '_> {
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
pub(super) fn read_length(file: &mut ByteInput<'_>) -> Result<Length, Fault> {
    let first = file.octet()?;
    Ok(match first {
        0..=191 => Length::Whole(first.into()),
        192..=223 => Length::Whole((u64::from(first - 192) << 8) + u64::from(file.octet()?) + 192),
        224..=254 => Length::Partial(1 << (first & 0x1f)),
        255 => Length::Whole(u32::from_be_bytes(file.array()?).into()),
    })
}
