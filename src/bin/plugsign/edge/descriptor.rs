//! Descriptors that a caller handed down by their number.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::io::Errno;

use super::system::{duplicate, is_our_own};

/// Returns a descriptor that was open when the program began.
///
/// The result is the caller's open file, at its position. On macOS that is what its name in /dev/fd
/// opens. On Linux a file would start at its beginning there, and a socket or another user's file
/// would not open. That is the last resort, in the given way, where the system has nothing better.
///
/// # Errors
///
/// Says the number if there is no such descriptor.
pub fn inherited(number: u32, way: &OpenOptions) -> io::Result<File> {
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => not_open(number),
        kind => io::Error::new(kind, format!("descriptor {number}: {error}")),
    };
    if is_our_own(number) {
        return Err(not_open(number));
    }
    match duplicate(number) {
        Some(Err(Errno::BADF)) => Err(not_open(number)),
        Some(duplicate) => duplicate.map_err(|errno| failed(errno.into())),
        None => way.open(Path::new("/dev/fd").join(number.to_string())).map_err(failed),
    }
}

fn not_open(number: u32) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("descriptor {number} is not open"))
}
