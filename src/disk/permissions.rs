//! Who else can read what is secret, and where this process may write.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::disk::error::{Error, Result};

/// Returns the files and folders below `folder`, and itself, that others than their owner can
/// read or write. A folder that is not there has none.
pub fn exposed(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.try_exists().map_err(Error::io("read", folder))? {
        return Ok(Vec::new());
    }
    let mut exposed = Vec::new();
    for entry in WalkDir::new(folder).follow_links(false).follow_root_links(true) {
        let failed = |error: walkdir::Error| Error::io("read", folder)(error.into());
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        if !metadata.is_symlink() && metadata.mode() & 0o077 != 0 {
            exposed.push(entry.into_path());
        }
    }
    Ok(exposed)
}

/// Returns whether others than its owner can read or write a file.
pub fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
}

/// Refuses a file that somebody else can write to or that belongs to another user. Root does not
/// count.
pub(super) fn check_own(path: &Path, metadata: &fs::Metadata) -> Result<()> {
    let problem = match metadata.uid() {
        owner if owner != 0 && owner != rustix::process::geteuid().as_raw() => {
            "belongs to another user"
        }
        _ if metadata.mode() & 0o022 != 0 => "can be written to by others",
        _ => return Ok(()),
    };
    Err(Error::UnsafeFile { path: path.to_owned(), problem })
}

/// Returns why this process may not make files in a folder, if so.
pub fn check_writable(folder: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}
