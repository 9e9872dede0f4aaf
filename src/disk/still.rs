//! A file that holds still while it is hashed to be signed.
//!
//! Its times tell of every `write`, but not of every write through a shared mapping: the system
//! notices the first one to a page, and then none until it has written that page to the disk. A
//! file is brought to the disk first, so that its times tell of the next one. Where that costs more
//! than reading, or where there is no disk behind the file, it is read twice.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use super::file::Stamp;
use crate::disk::error::{Error, Result};
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};

/// Up to this length a file is read twice: that is faster than any disk.
const SHORT: u64 = 1024 * 1024;

/// Hashes what an open file has from where it stands. `read` counts the bytes as they are read.
/// What is no regular file is read as it comes.
///
/// # Errors
///
/// [`Error::Changed`] if the file does not hold still, [`Error::Io`] with `path`.
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
    if !is_read_twice {
        bring_to_disk(file).map_err(Error::io("sync", path))?;
    }
    let before = Stamp::from(&file.metadata().map_err(failed)?);
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

/// Writes what is not on the disk yet. File systems that cannot do so have nothing to write.
fn bring_to_disk(file: &File) -> io::Result<()> {
    match rustix::io::retry_on_intr(|| rustix::fs::fdatasync(file)) {
        Err(Errno::INVAL | Errno::ROFS | Errno::NOSYS | Errno::NOTSUP) => Ok(()),
        synced => Ok(synced?),
    }
}

/// Returns whether a file lives in memory alone, where times never tell of writes through mappings.
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
