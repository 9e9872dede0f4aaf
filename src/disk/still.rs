//! Hashing a file to sign it, and noticing whether it changes.
//!
//! Its times show every `write`, but not every write through a shared mapping. Linux notices the
//! first write to a page, and then none until it has written that page to the disk. So the file is
//! synced first, and its times show the next write. If syncing costs more than reading, if there
//! is no disk, or on another system, the file is read twice.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::file::Stamp;
use super::system::watch_times;
use crate::disk::error::{Error, Result};
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};

/// Up to this length a file is read twice, which is faster than any disk.
const SHORT: u64 = 1024 * 1024;

/// Hashes the rest of an open file, or fails with [`Error::Changed`]. `read` counts the bytes as
/// they are read. If it is not a regular file, it is only read.
pub fn hash_still(
    file: &mut File,
    path: &Path,
    ways: &[ContentHash],
    read: &AtomicU64,
) -> Result<Hashed> {
    let failed = |error| Error::io("read", path)(error);
    let pass = |file: &mut File, count: &AtomicU64| {
        let hasher = Hasher::new(ways.iter().copied());
        hasher.read_ahead(Counted { reader: file, count })
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return pass(file, read).map_err(failed);
    }
    let is_watched =
        metadata.len() > SHORT && watch_times(file).map_err(Error::io("sync", path))?;
    let before = match is_watched {
        true => Stamp::from(&file.metadata().map_err(failed)?),
        false => Stamp::from(&metadata),
    };
    let start = file.stream_position().map_err(failed)?;
    let content = pass(file, read).map_err(failed)?;
    let is_still = is_watched || {
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        content.is_same(&pass(file, &AtomicU64::new(0)).map_err(failed)?)
    };
    match is_still && before == Stamp::from(&file.metadata().map_err(failed)?) {
        true => Ok(content),
        false => Err(Error::Changed(path.to_owned())),
    }
}

/// A reader that counts, for showing progress.
pub(crate) struct Counted<'a, R> {
    pub(crate) reader: R,
    pub(crate) count: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
