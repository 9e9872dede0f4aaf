//! Hashing a file to sign it, and noticing whether it changes.
//!
//! Its times show every `write`, but not every write through a shared mapping. The system notices
//! the first write to a page, and then none until it has written that page to the disk. So the file
//! is synced first, and its times show the next write. If syncing costs more than reading, or if
//! there is no disk, the file is read twice.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use super::file::Stamp;
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
    let is_read_twice = metadata.len() <= SHORT || is_in_memory(file);
    let before = match is_read_twice {
        true => Stamp::from(&metadata),
        false => {
            bring_to_disk(file).map_err(Error::io("sync", path))?;
            Stamp::from(&file.metadata().map_err(failed)?)
        }
    };
    let start = file.stream_position().map_err(failed)?;
    let content = pass(file, read).map_err(failed)?;
    let is_still = !is_read_twice || {
        file.seek(SeekFrom::Start(start)).map_err(failed)?;
        content.is_same(&pass(file, &AtomicU64::new(0)).map_err(failed)?)
    };
    match is_still && before == Stamp::from(&file.metadata().map_err(failed)?) {
        true => Ok(content),
        false => Err(Error::Changed(path.to_owned())),
    }
}

/// Syncs the file. File systems that cannot sync have nothing to write.
fn bring_to_disk(file: &File) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::fs::fdatasync(file)) {
        Err(Errno::INVAL | Errno::ROFS | Errno::NOSYS | Errno::NOTSUP) => Ok(()),
        synced => Ok(synced?),
    }
}

/// Returns whether a file is only in memory. There times never show writes through mappings.
#[cfg(target_os = "linux")]
fn is_in_memory(file: &File) -> bool {
    /// tmpfs, ramfs, hugetlbfs (linux/magic.h).
    const MAGIC: [u32; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];
    rustix::fs::fstatfs(file).is_ok_and(|found| MAGIC.contains(&(found.f_type as u32)))
}

#[cfg(not(target_os = "linux"))]
fn is_in_memory(_: &File) -> bool {
    false
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
