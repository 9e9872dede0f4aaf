//! Standard input and output as the caller left them.
//!
//! Before `main`, Rust opens /dev/null in the place of a standard stream that is closed. What is
//! written there is lost without an error, and reading finds an empty file: a signature over
//! nothing. So both are looked at earlier.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use plugsign::disk::Error;
use plugsign::disk::file::{read_bounded, read_small};
use plugsign::openpgp::key_file::MAX_KEYRING;
use rustix::io::{Errno, fcntl_getfd};
use zeroize::Zeroizing;

use super::system::note_descriptors;

static INPUT_IS_CLOSED: AtomicBool = AtomicBool::new(false);
static OUTPUT_IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before Rust's own start.
#[ctor::ctor]
fn look() {
    INPUT_IS_CLOSED.store(is_closed(io::stdin()), Ordering::Relaxed);
    OUTPUT_IS_CLOSED.store(is_closed(io::stdout()), Ordering::Relaxed);
    note_descriptors();
}

fn is_closed(stream: impl AsFd) -> bool {
    fcntl_getfd(stream) == Err(Errno::BADF)
}

/// Returns standard input.
///
/// # Errors
///
/// The one of reading a closed file, if the caller closed it.
pub fn input() -> io::Result<io::StdinLock<'static>> {
    match INPUT_IS_CLOSED.load(Ordering::Relaxed) {
        true => Err(Errno::BADF.into()),
        false => Ok(io::stdin().lock()),
    }
}

/// Returns standard input as a file. Nothing else may have read ahead of it.
///
/// # Errors
///
/// As [`input`].
pub fn input_file() -> io::Result<File> {
    Ok(File::from(input()?.as_fd().try_clone_to_owned()?))
}

/// Returns standard output.
///
/// # Errors
///
/// The one of writing to a closed file, if the caller closed it.
pub fn output() -> io::Result<io::Stdout> {
    match OUTPUT_IS_CLOSED.load(Ordering::Relaxed) {
        true => Err(Errno::BADF.into()),
        false => Ok(io::stdout()),
    }
}

/// Reads a key file, or standard input.
pub fn read_key_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    if is_dash(path) {
        let input = input().map_err(Error::io("read", Path::new("standard input")))?;
        return read_bounded(input, "standard input", "a key file", MAX_KEYRING);
    }
    read_small(path, "a key file", MAX_KEYRING)
}

/// Returns whether a path stands for standard input or output.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}
