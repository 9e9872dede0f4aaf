//! Reading files within bounds, and what a path says.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, RawMode, Stat};
use zeroize::Zeroizing;

use super::beneath::{self, Root};
pub(crate) use super::beneath::{Identity, identity_of};
use super::permissions::check_own;
use crate::disk::error::{Error, Result};

/// Whether links in a path are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links<'a> {
    /// They are.
    Follow,
    /// One at its end is refused.
    Refuse,
    /// All below this folder are refused, also those that replaced it, a file or a folder since the
    /// walk.
    RefuseBeneath(&'a Root),
}

/// Opens a regular file for reading. Anything else is [`Error::NotAFile`] at once, without waiting
/// for a FIFO's other end or touching a device.
pub fn open_regular(path: &Path, links: Links<'_>) -> Result<(File, fs::Metadata)> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open =
        |flags: OFlags| OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    let opened = match links {
        Links::Follow => open(flags),
        Links::Refuse => open(flags | OFlags::NOFOLLOW),
        Links::RefuseBeneath(root) => beneath::open(root, path, flags),
    };
    regular(opened, path, links == Links::Follow, |through_links| {
        let metadata = if through_links { fs::metadata(path) } else { fs::symlink_metadata(path) };
        Ok(Facts::from(&metadata?))
    })
}

/// Makes sure that what was opened is a regular file. If it could not be opened, `look` says what
/// is there. It follows links if called with true.
pub(super) fn regular(
    opened: io::Result<File>,
    path: &Path,
    follows_links: bool,
    look: impl Fn(bool) -> io::Result<Facts>,
) -> Result<(File, fs::Metadata)> {
    let not_a_file = |kind| Error::NotAFile { path: path.to_owned(), kind };
    let is_link = || look(false).is_ok_and(|facts| facts.kind() == FileType::Symlink);
    let file = opened.map_err(|error| match look(true) {
        _ if !follows_links && is_link() => not_a_file("a link"),
        // A socket cannot be opened at all.
        Ok(facts) if !facts.is_file() => not_a_file(facts.words()),
        _ => Error::io("read", path)(error),
    })?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    match metadata.is_file() {
        true => Ok((file, metadata)),
        false => Err(not_a_file(Facts::from(&metadata).words())),
    }
}

/// Reads a small file whole, or fails with [`Error::TooLarge`] if it has more than `limit` bytes.
pub fn read_small(path: &Path, what: &'static str, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    read_opened(open_regular(path, Links::Follow)?, path, what, limit)
}

/// Reads a small file of the home whole. Nobody else may be able to write it.
pub(super) fn read_own(path: &Path, what: &'static str, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    let opened = open_regular(path, Links::Follow)?;
    check_own(path, &opened.1)?;
    read_opened(opened, path, what, limit)
}

/// Reads an opened file as [`read_small`] does.
pub(super) fn read_opened(
    (file, metadata): (File, fs::Metadata),
    path: &Path,
    what: &'static str,
    limit: u64,
) -> Result<Zeroizing<Vec<u8>>> {
    let name = path.to_string_lossy();
    if metadata.len() > limit {
        return Err(Error::TooLarge { name: name.into_owned(), what, limit });
    }
    read_bounded(file, &name, what, limit).map_err(|error| match error {
        Error::Io { source, .. } => Error::io("read", path)(source),
        other => other,
    })
}

/// Reads to the end, or fails with [`Error::TooLarge`] if there are more than `limit` bytes. Errors
/// call the reader `name`. The buffer is wiped when dropped.
pub fn read_bounded(
    reader: impl Read,
    name: &str,
    what: &'static str,
    limit: u64,
) -> Result<Zeroizing<Vec<u8>>> {
    const PIECE: usize = 32 * 1024;
    let mut reader = reader.take(limit + 1);
    let mut bytes = Zeroizing::new(Vec::new());
    // Reads directly into the wiped buffer, because `read_to_end` probes with a buffer on the
    // stack.
    loop {
        let filled = bytes.len();
        bytes.resize(filled + PIECE, 0);
        let read = reader.read(bytes.get_mut(filled..).unwrap_or_default());
        bytes.truncate(filled + read.as_ref().copied().unwrap_or_default());
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", Path::new(name))(error)),
        }
    }
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { name: name.to_string(), what, limit });
    }
    Ok(bytes)
}

/// Returns what has a name, without following links. A file that cannot be examined is not missing.
/// A file whose name is impossible is.
pub(crate) fn metadata_of(path: &Path) -> Result<Option<fs::Metadata>> {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    /// The longest name on common file systems.
    const MOST: usize = 255;
    let is_too_long = || path.file_name().is_some_and(|name| name.len() > MOST);
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => match error.kind() {
            NotFound | NotADirectory | InvalidInput => Ok(None),
            // If the path above it is too long, the file may be there.
            InvalidFilename if is_too_long() => Ok(None),
            _ => Err(Error::io("read", path)(error)),
        },
    }
}

/// Returns whether something has a name, without following links, or why it cannot be examined.
pub fn is_there(path: &Path) -> Result<bool> {
    Ok(metadata_of(path)?.is_some())
}

/// Returns whether a path is another user's, or behind a folder of another user that keeps this user
/// from looking whether it is there. This user cannot have made anything in there.
pub fn is_of_others(path: &Path) -> bool {
    let me = rustix::process::geteuid().as_raw();
    match fs::metadata(path) {
        Ok(there) => there.uid() != me,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let nearest = path.ancestors().skip(1).find_map(|above| fs::metadata(above).ok());
            nearest.is_some_and(|it| it.uid() != me)
        }
        Err(_) => false,
    }
}

/// What must not change about a file while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&fs::Metadata> for Stamp {
    fn from(metadata: &fs::Metadata) -> Stamp {
        Facts::from(metadata).stamp
    }
}

/// What the system says of a file, without opening it or through an open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// With the bits of its kind.
    pub mode: u32,
    pub user: u32,
    pub group: u32,
    pub stamp: Stamp,
}

impl Facts {
    /// Returns which file it is, whatever its names.
    pub fn identity(&self) -> Identity {
        (self.stamp.device, self.stamp.inode)
    }

    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode as RawMode)
    }

    pub fn is_file(&self) -> bool {
        self.kind() == FileType::RegularFile
    }

    pub fn is_folder(&self) -> bool {
        self.kind() == FileType::Directory
    }

    /// Names what is no regular file.
    pub fn words(&self) -> &'static str {
        match self.kind() {
            FileType::Directory => "a folder",
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            FileType::BlockDevice | FileType::CharacterDevice => "a device",
            _ => "something else",
        }
    }
}

impl From<&fs::Metadata> for Facts {
    fn from(metadata: &fs::Metadata) -> Facts {
        let stamp = Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        Facts { mode: metadata.mode(), user: metadata.uid(), group: metadata.gid(), stamp }
    }
}

impl From<&Stat> for Facts {
    // The numbers have other widths on each system.
    #[allow(clippy::unnecessary_cast)]
    fn from(stat: &Stat) -> Facts {
        let stamp = Stamp {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            length: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        };
        Facts { mode: stat.st_mode as u32, user: stat.st_uid, group: stat.st_gid, stamp }
    }
}

/// Returns the folder that a path's last component is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Returns a path with something added to its end: `FILE.sig` for `FILE` and `.sig`.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Lists a folder, sorted. A folder that is not there is empty. A link that leads nowhere is an
/// error.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = || fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path())).collect();
    let mut paths: Vec<PathBuf> = match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_there(folder)? => {
            return Ok(Vec::new());
        }
        listed => listed.map_err(Error::io("list", folder))?,
    };
    paths.sort();
    Ok(paths)
}
