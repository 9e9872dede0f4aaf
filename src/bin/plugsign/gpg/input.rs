//! Files as gpg takes them: named, on standard input, or by a descriptor.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use plugsign::disk::file::{Stamp, read_bounded};
use plugsign::disk::still::hash_still;
use plugsign::disk::{Error, Result};
use plugsign::openpgp::cleartext::MAX_CLEARTEXT;
use plugsign::openpgp::hash::{ContentHash, Hashed, Hasher};
use zeroize::Zeroizing;

use crate::edge::descriptor::inherited;
use crate::edge::streams;

/// Where bytes come from.
pub enum Input {
    Standard,
    Named(PathBuf),
    /// With its name on the command line.
    Descriptor(u32, PathBuf),
}

impl Input {
    /// `-` is standard input; `-&N` is a descriptor, where such names are switched on.
    pub fn new(word: &OsStr, special: bool) -> Input {
        let number = word.to_str().and_then(|word| word.strip_prefix("-&"));
        match number.filter(|_| special).map(str::parse) {
            Some(Ok(number)) => Input::Descriptor(number, word.into()),
            _ if word == "-" => Input::Standard,
            _ => Input::Named(word.into()),
        }
    }

    /// Returns what to call it in a message.
    pub fn name(&self) -> &Path {
        match self {
            Input::Standard => Path::new("-"),
            Input::Named(path) | Input::Descriptor(_, path) => path,
        }
    }

    fn open(&self) -> Result<File> {
        let open = || match self {
            Input::Standard => streams::input_file(),
            Input::Named(path) => File::open(path),
            Input::Descriptor(number, _) => inherited(*number, File::options().read(true)),
        };
        open().map_err(Error::io("read", self.name()))
    }

    fn open_to_hash(&self) -> Result<File> {
        let file = self.open()?;
        match file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            true => Err(Error::NotAFile { path: self.name().into(), kind: "a folder" }),
            false => Ok(file),
        }
    }

    /// Hashes everything, also of FIFOs. A regular file that changes meanwhile is an error.
    pub fn hash(&self, ways: impl IntoIterator<Item = ContentHash>) -> Result<Hashed> {
        let failed = |error| Error::io("read", self.name())(error);
        let mut file = self.open_to_hash()?;
        let before = file.metadata().map_err(failed)?;
        let content = Hasher::new(ways).read(&mut file).map_err(failed)?;
        let after = file.metadata().map_err(failed)?;
        if before.is_file() && Stamp::from(&before) != Stamp::from(&after) {
            return Err(Error::Changed(self.name().into()));
        }
        Ok(content)
    }

    /// Hashes everything for a signature: a regular file that changes is an error, however it
    /// changes.
    pub fn hash_still(&self, way: ContentHash) -> Result<Hashed> {
        hash_still(&mut self.open_to_hash()?, self.name(), &[way], &AtomicU64::new(0))
    }

    /// Reads a text, or another file that carries its signature, whole.
    pub fn read_text(&self) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |error| Error::io("read", self.name())(error);
        let file = self.open_to_hash()?;
        let before = file.metadata().map_err(failed)?;
        let name = self.name().to_string_lossy();
        let text = read_bounded(&file, &name, "a text", MAX_CLEARTEXT)?;
        let after = file.metadata().map_err(failed)?;
        match before.is_file() && Stamp::from(&before) != Stamp::from(&after) {
            true => Err(Error::Changed(self.name().into())),
            false => Ok(text),
        }
    }

    /// Reads something small whole.
    pub fn read(&self, what: &'static str, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
        read_bounded(self.open()?, &self.name().to_string_lossy(), what, limit)
    }
}
