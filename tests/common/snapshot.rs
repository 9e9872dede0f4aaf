//! A folder as it is, to be compared with what becomes of it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Names, kinds, modes and contents of everything in a folder.
#[derive(PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, (u32, Vec<u8>)>);

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, (mode, content)) in &self.0 {
            writeln!(f, "{mode:o} {} ({} bytes)", path.display(), content.len())?;
        }
        Ok(())
    }
}

pub fn snapshot(folder: &Path) -> Snapshot {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(listing) = fs::read_dir(&folder) else { continue };
        for entry in listing {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let kind = metadata.file_type();
            let content = if kind.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if kind.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_vec()
            } else if kind.is_fifo() || kind.is_socket() {
                Vec::new()
            } else {
                let mut content = Vec::new();
                // Sparse files are compared by their first bytes and their length.
                let read =
                    File::open(&path).map(|file| file.take(1 << 20).read_to_end(&mut content));
                drop(read);
                content.extend(metadata.len().to_be_bytes());
                content
            };
            found.insert(path, (metadata.mode(), content));
        }
    }
    Snapshot(found)
}
