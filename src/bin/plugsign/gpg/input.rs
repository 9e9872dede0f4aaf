//! Files as gpg takes them: named, on standard input, or by a descriptor.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use plugsign::disk::file::{Stamp, read_bounded};
use plugsign::error::{Error, Result};
use plugsign::openpgp::hash::{ContentHash, Hashed, Hasher};
use zeroize::Zeroizing;

/// Where bytes come from.
pub enum Input {
    Standard,
    Named(PathBuf),
}

impl Input {
    /// `-` is standard input; `-&N` is a descriptor, where such names are switched on.
    pub fn new(word: &OsStr, special: bool) -> Input {
        match word.as_bytes() {
            b"-" => Input::Standard,
            [b'-', b'&', number @ ..] if special => {
                Input::Named(Path::new("/dev/fd").join(OsStr::from_bytes(number)))
            }
            _ => Input::Named(word.into()),
        }
    }

    /// Returns what to call it in a message.
    pub fn name(&self) -> &Path {
        match self {
            Input::Standard => Path::new("-"),
            Input::Named(path) => path,
        }
    }

    /// Hashes everything. FIFOs are as good as files here, and a regular file that changes while
    /// it is read is an error.
    pub fn hash(&self, ways: impl IntoIterator<Item = ContentHash>) -> Result<Hashed> {
        let hasher = Hasher::new(ways);
        let failed = |error| Error::io("read", self.name())(error);
        let Input::Named(path) = self else {
            return hasher.read(io::stdin().lock()).map_err(failed);
        };
        let mut file = File::open(path).map_err(failed)?;
        let before = file.metadata().map_err(failed)?;
        if before.is_dir() {
            return Err(Error::NotAFile { path: path.clone(), kind: "a folder" });
        }
        let content = hasher.read(&mut file).map_err(failed)?;
        let after = file.metadata().map_err(failed)?;
        if before.is_file() && Stamp::from(&before) != Stamp::from(&after) {
            return Err(Error::Changed(path.clone()));
        }
        Ok(content)
    }

    /// Reads something small whole.
    pub fn read(&self, what: &'static str, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
        let name = self.name().to_string_lossy();
        match self {
            Input::Standard => read_bounded(io::stdin().lock(), &name, what, limit),
            Input::Named(path) => {
                let file = File::open(path).map_err(Error::io("read", path))?;
                read_bounded(file, &name, what, limit)
            }
        }
    }
}
