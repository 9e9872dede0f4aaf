//! Frames: how messages stand in the stream.
//!
//! Each side begins with a byte, the version. Then come frames: a code, the lengths of options and
//! message, 32 bits each, options, message. The answer has the code of its request.

use std::io::{self, Read};

use zeroize::Zeroizing;

use super::Result;
use super::error::Error;

/// The most bytes of a message that are read. A key's attributes are the longest.
const MOST_BYTES: u32 = 64 * 1024;

/// For how long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The program starts, or a person logs in far away.
    Start,
    /// As long as a call takes, also if somebody has to touch the token.
    Call,
    /// As long as it takes to make a key.
    Generation,
}

/// What comes from the other side.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// The version that both speak.
    Version(u8),
    /// An answer.
    Frame {
        /// The code of its request.
        code: u32,
        /// The message.
        message: Vec<u8>,
    },
}

/// A stream to a token's server.
pub trait Link: Send {
    /// Sends these bytes. Fails with [`Error::Lost`].
    fn send(&mut self, bytes: &[u8]) -> Result<()>;

    /// Waits for what comes next. Fails with [`Error::Lost`], [`Error::Late`] or
    /// [`Error::Garbage`].
    fn receive(&mut self, wait: Wait) -> Result<Received>;
}

/// Takes a stream apart.
pub struct Incoming<R> {
    stream: R,
    has_begun: bool,
}

impl<R: Read> Incoming<R> {
    /// Begins with the version.
    pub fn new(stream: R) -> Incoming<R> {
        Incoming { stream, has_begun: false }
    }

    /// Reads what comes next.
    /// Fails with [`Error::Lost`] at the stream's end, [`Error::Garbage`] for more than is read.
    pub fn read(&mut self) -> Result<Received> {
        if !self.has_begun {
            self.has_begun = true;
            return Ok(Received::Version(self.take::<1>()?[0]));
        }
        let [code, options, length] =
            [self.take()?, self.take()?, self.take()?].map(u32::from_be_bytes);
        if options.checked_add(length).is_none_or(|sum| sum > MOST_BYTES) {
            return Err(Error::Garbage("an answer is too long"));
        }
        self.exactly(options)?;
        Ok(Received::Frame { code, message: self.exactly(length)? })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).map_err(lost)?;
        Ok(bytes)
    }

    /// Memory grows with what comes, not with what is announced.
    fn exactly(&mut self, length: u32) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.by_ref().take(length.into()).read_to_end(&mut bytes).map_err(lost)?;
        match bytes.len() as u64 == u64::from(length) {
            true => Ok(bytes),
            false => Err(Error::Lost(String::new())),
        }
    }
}

fn lost(error: io::Error) -> Error {
    Error::Lost(match error.kind() {
        io::ErrorKind::UnexpectedEof => String::new(),
        _ => error.to_string(),
    })
}

/// Puts a message into a frame. It may have a PIN in it.
pub(super) fn framed(code: u32, message: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = Zeroizing::new(Vec::with_capacity(12 + message.len()));
    for number in [code, 0, length] {
        frame.extend(number.to_be_bytes());
    }
    frame.extend(message);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_version_and_frames() {
        let stream = [&[1][..], &framed(7, b"seven"), &framed(8, b"")].concat();
        let mut incoming = Incoming::new(&stream[..]);
        assert_eq!(incoming.read(), Ok(Received::Version(1)));
        assert_eq!(incoming.read(), Ok(Received::Frame { code: 7, message: b"seven".to_vec() }));
        assert_eq!(incoming.read(), Ok(Received::Frame { code: 8, message: Vec::new() }));
        assert_eq!(incoming.read(), Err(Error::Lost(String::new())));
    }

    #[test]
    fn more_than_a_message_may_have_is_not_waited_for() {
        for (options, length) in [(0, MOST_BYTES + 1), (u32::MAX, 1), (1, MOST_BYTES)] {
            let header = [1, options, length].map(u32::to_be_bytes).concat();
            let stream = [&[0][..], &header].concat();
            let mut incoming = Incoming::new(&stream[..]);
            incoming.read().unwrap();
            assert!(matches!(incoming.read(), Err(Error::Garbage(_))), "{options} {length}");
        }
    }
}
