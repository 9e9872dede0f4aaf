//! The way to a file in somebody else's folder.
//!
//! Root may work in the folder of a server's user, who can put a link there at any time. Such a
//! link must not lead root to files that this user could not change. So each step of the way is
//! opened and held. A link may only lead where its maker could write.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{OFlags, readlinkat};
use rustix::io::Errno;

use super::file::folder_of;
use super::folder::{Folder, name_of};
use super::system::THROUGH;
use crate::disk::error::{Error, Result};

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// A folder on the way that is held open.
#[derive(Clone)]
pub(super) struct Reach {
    folder: Folder,
    /// The other user whose link led here, if one did.
    guide: Option<u32>,
}

impl Reach {
    /// Goes to the folder that a path's last component is in, or fails with [`Error::ForeignLink`].
    pub(super) fn of(path: &Path) -> Result<Reach> {
        let start = Reach { folder: open_start(".").map_err(failed(path))?, guide: None };
        let (place, _) = start.walk(folder_of(path), false).map_err(failed(path))?;
        Ok(Reach { folder: place.folder.to_write_in().map_err(failed(path))?, ..place })
    }

    /// Returns the folder, open for writing and syncing.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Goes through links, if there are any, to the file of this name, which need not be there.
    /// Returns its folder, and its path for messages.
    pub(super) fn file(&self, path: &Path) -> Result<(Folder, PathBuf)> {
        let (place, name) = self.clone().walk(name_of(path), true).map_err(failed(path))?;
        let path = path.with_file_name(name.unwrap_or_default());
        Ok((place.folder.to_write_in().map_err(failed(&path))?, path))
    }

    /// Walks a path, link by link. `to_file` leaves its last component to the caller.
    fn walk(mut self, path: &Path, to_file: bool) -> io::Result<(Reach, Option<OsString>)> {
        let mut ahead = parts(path);
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            let is_last = to_file && ahead.is_empty();
            match readlinkat(self.folder.file(), &part, Vec::new()) {
                Ok(target) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    self.follow(&part)?;
                    ahead.extend(parts(Path::new(&OsString::from_vec(target.into_bytes()))));
                }
                // No link, or not there.
                Err(Errno::INVAL | Errno::NOENT) if is_last => {
                    self.check_end()?;
                    return Ok((self, Some(part)));
                }
                Err(Errno::INVAL | Errno::NOENT) => self.enter(&part)?,
                Err(errno) => return Err(errno.into()),
            }
        }
        self.check_end()?;
        Ok((self, None))
    }

    fn enter(&mut self, part: &OsStr) -> io::Result<()> {
        self.folder = match part.as_bytes() {
            b"/" => open_start("/")?,
            _ => Folder::new(self.folder.open_name(Path::new(part), THROUGH | OFlags::NOFOLLOW)?),
        };
        let metadata = self.folder.file().metadata()?;
        match self.guide {
            Some(guide) if !lets(&metadata, guide, 0o1) => Err(foreign()),
            _ => Ok(()),
        }
    }

    /// Decides whether a link is followed, and whose link it is.
    fn follow(&mut self, name: &OsStr) -> io::Result<()> {
        let us = rustix::process::geteuid().as_raw();
        let is_trusted = |user: u32| user == 0 || user == us;
        let folder = self.folder.file().metadata()?;
        let link = self.folder.look(Path::new(name), false)?;
        let is_wide = folder.mode() & 0o002 != 0 || folder.mode() & 0o020 != 0 && folder.gid() != 0;
        // Others may have moved a trusted link in a folder that they can write to. This matters for
        // root. For other users a shared group is normal.
        let is_safe = !is_wide || folder.mode() & 0o1000 != 0 || us != 0;
        if is_trusted(folder.uid()) && is_trusted(link.user) && is_safe {
            return Ok(());
        }
        let is_one = link.user == folder.uid() && self.guide.is_none();
        // The link's target starts in this folder, so its maker must be able to enter it.
        if !(self.guide == Some(link.user) || is_one) || !lets(&folder, link.user, 0o1) {
            return Err(foreign());
        }
        self.guide = Some(link.user);
        Ok(())
    }

    /// Makes sure that the user whose link led here could have written here.
    fn check_end(&self) -> io::Result<()> {
        let folder = self.folder.file().metadata()?;
        match self.guide {
            Some(guide) if folder.uid() != guide || !lets(&folder, guide, 0o3) => Err(foreign()),
            _ => Ok(()),
        }
    }
}

/// Returns whether a folder's mode lets a user do something, without regard to groups.
fn lets(folder: &std::fs::Metadata, user: u32, bits: u32) -> bool {
    let given = if folder.uid() == user { folder.mode() >> 6 } else { folder.mode() };
    given & bits == bits
}

fn open_start(folder: &str) -> io::Result<Folder> {
    let opened = OpenOptions::new().read(true).custom_flags(THROUGH.bits() as i32).open(folder);
    opened.map(Folder::new)
}

/// Returns the components of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let is_step = |part: &Component<'_>| *part != Component::CurDir;
    path.components().filter(is_step).map(|part| part.as_os_str().to_owned()).rev().collect()
}

/// What an error inside this file says when a link is not followed.
fn foreign() -> io::Error {
    Errno::XDEV.into()
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| match Errno::from_io_error(&error) {
        Some(Errno::XDEV) => Error::ForeignLink(path),
        _ => Error::io("read", &path)(error),
    }
}
