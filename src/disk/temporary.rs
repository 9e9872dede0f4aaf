//! Files that are complete before they get their name.
//!
//! On Linux they have no name until then, so that a killed command leaves nothing. A file that
//! replaces another one has a temporary name, and so has every file on other systems:
//! `.NAME.plugsign-N.tmp`. Its writer holds a lock on it, so the next command knows what a killed
//! one left.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, OFlags, linkat, renameat, unlinkat};
use rustix::io::Errno;

use super::access::{Access, Existing};
use super::error::{Error, Result};
use super::file::Facts;
use super::folder::Folder;
use super::system;

/// How many commands may write one file at once before names are random.
const SLOTS: usize = 32;

/// A file that is complete and synced, but does not have its name yet. Dropping it removes it.
pub(crate) struct Prepared<'a> {
    pub(super) temporary: Temporary<'a>,
    pub(super) path: PathBuf,
    pub(super) bytes: &'a [u8],
    pub(super) access: Access,
    pub(super) existing: Existing,
}

impl Prepared<'_> {
    /// Gives the file its name. With [`Existing::Keep`] it fails with [`Error::Exists`].
    pub(crate) fn appear(self) -> Result<()> {
        let Prepared { temporary, path, bytes, access, existing } = self;
        let name = path.file_name().unwrap_or_default();
        let folder = temporary.folder;
        let is_nameless = temporary.name.is_none();
        let placed = match temporary.place(name, existing) {
            // Without /proc, and on file systems without hard links, a nameless file never gets a
            // name.
            Err(error) if is_nameless && error.kind() != io::ErrorKind::AlreadyExists => {
                Temporary::create_named(folder, name).and_then(|named| {
                    named.fill(bytes, &access)?;
                    named.place(name, existing)
                })
            }
            placed => placed,
        };
        placed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(path.clone()),
            _ => Error::io("write", &path)(error),
        })
    }
}

/// A file without a name, or under a temporary one. Dropping it removes it.
pub(super) struct Temporary<'a> {
    folder: &'a Folder,
    file: File,
    name: Option<Registered>,
}

impl Temporary<'_> {
    /// Creates the temporary file for a file of this name, without a name if possible.
    pub(super) fn create<'a>(folder: &'a Folder, name: &OsStr) -> io::Result<Temporary<'a>> {
        match system::create_nameless(folder.file()) {
            Some(file) => Ok(Temporary { folder, file, name: None }),
            None => Temporary::create_named(folder, name),
        }
    }

    fn create_named<'a>(folder: &'a Folder, name: &OsStr) -> io::Result<Temporary<'a>> {
        let (file, name) = claim(folder, name, |slot| {
            let file = folder.create_new(slot)?;
            match take_lock(&file) && is_named(&file, folder, slot)? {
                true => Ok(file),
                // Another command swept at this moment and took it for an old one.
                false => Err(io::ErrorKind::AlreadyExists.into()),
            }
        })?;
        Ok(Temporary { folder, file, name: Some(name) })
    }

    /// Returns whether the file got its mode, and this user or root as its owner. On file systems
    /// without modes or owners, or mounted for another user, it does not.
    pub(super) fn is_private(&self) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        let owners = [0, rustix::process::geteuid().as_raw()];
        let is_ours = metadata.mode() & 0o077 == 0 && owners.contains(&metadata.uid());
        Ok(is_ours && system::keeps_owners(&self.file)?)
    }

    pub(super) fn fill(&self, bytes: &[u8], access: &Access) -> io::Result<()> {
        let mut file = &self.file;
        file.write_all(bytes)?;
        if let Access::Exactly { owner: (user, group), labels, .. } = access {
            let metadata = file.metadata()?;
            if (metadata.uid(), metadata.gid()) != (*user, *group) {
                std::os::unix::fs::fchown(file, Some(*user), Some(*group))?;
            }
            labels.give(file)?;
        }
        let mode = access.mode();
        // An ACL changes the mode.
        if mode != 0o600 || matches!(access, Access::Exactly { .. }) {
            match (file.set_permissions(Permissions::from_mode(mode)), access) {
                // A file system without modes. The mount decides who can read it.
                (Err(error), Access::Public { .. })
                    if Errno::from_io_error(&error).is_some_and(is_unsupported) => {}
                (set, _) => set?,
            }
        }
        system::sync(file)
    }

    fn place(mut self, name: &OsStr, existing: Existing) -> io::Result<()> {
        let folder = self.folder;
        if self.name.is_none() && existing == Existing::Keep {
            return system::link_nameless(&self.file, folder.file(), name);
        }
        let registered = match self.name.take() {
            Some(registered) => registered,
            None if take_lock(&self.file) => {
                let link = |slot: &OsStr| system::link_nameless(&self.file, folder.file(), slot);
                claim(folder, name, link)?.1
            }
            None => return Err(io::ErrorKind::WouldBlock.into()),
        };
        Ok(registered.end(|from| match existing {
            Existing::Keep => rename_unless_there(folder, from, name),
            Existing::Replace => renameat(folder.file(), from, folder.file(), name),
        })?)
    }
}

/// Makes something with a temporary name for a file of this name.
fn claim<T>(
    folder: &Folder,
    name: &OsStr,
    mut make: impl FnMut(&OsStr) -> io::Result<T>,
) -> io::Result<(T, Registered)> {
    for slot in 0..SLOTS {
        let name = slot_name(name, slot);
        match Registered::making(folder, &name, || make(&name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
    // Random names, which others cannot have taken.
    let mut found = None;
    let start = slot_name(name, SLOTS);
    let start = start.as_bytes().strip_suffix(b"tmp").unwrap_or_default();
    tempfile::Builder::new()
        .prefix(OsStr::from_bytes(start))
        .suffix(".tmp")
        // tempfile would remove it by its path.
        .disable_cleanup(true)
        .make_in("/", |path| {
            let name = path.file_name().unwrap_or_default();
            found = Some(Registered::making(folder, name, || make(name))?);
            Ok(())
        })?;
    found.ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// Returns a temporary name. A name has at most 255 bytes, and the temporary one is longer than
/// the final one.
fn slot_name(name: &OsStr, slot: usize) -> OsString {
    let bytes = name.as_bytes();
    let mut slot_name = OsString::from(".");
    slot_name.push(OsStr::from_bytes(bytes.get(..200).unwrap_or(bytes)));
    slot_name.push(format!(".plugsign-{slot}.tmp"));
    slot_name
}

/// Removes what killed commands left while they wrote a file of this name. If there is nothing,
/// this is one look.
pub(super) fn sweep(folder: &Folder, name: &OsStr) {
    let is_there = |slot| {
        let name = slot_name(name, slot);
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let opened = folder.open_name(Path::new(&name), flags);
        if let Ok(file) = &opened {
            remove_if_left(file, folder, &name);
        }
        !matches!(opened, Err(error) if error.kind() == io::ErrorKind::NotFound)
    };
    if is_there(0) {
        (1..SLOTS).for_each(|slot| {
            is_there(slot);
        });
    }
}

/// Removes a temporary file if its writer is gone. The remover holds its lock, so it cannot be a
/// later file of the same name.
fn remove_if_left(file: &File, folder: &Folder, name: &OsStr) {
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if is_file && file.try_lock().is_ok() && is_named(file, folder, name).unwrap_or(false) {
        let _ = unlinkat(folder.file(), name, AtFlags::empty());
    }
}

/// Takes the lock of a file of ours, unless a sweep has it. Some file systems have no locks. There
/// nobody sweeps.
fn take_lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Returns whether an open file has a name in a folder.
pub(super) fn is_named(file: &File, folder: &Folder, name: &OsStr) -> io::Result<bool> {
    match folder.look(Path::new(name), false) {
        Ok(there) => Ok(there.identity() == Facts::from(&file.metadata()?).identity()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames a file within a folder, unless the new name is taken.
fn rename_unless_there(opened: &Folder, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    let folder = opened.file();
    if let Some(renamed) = system::rename_unless_there(folder, from, to) {
        return renamed;
    }
    match linkat(folder, from, folder, to, AtFlags::empty()) {
        // File systems without hard links: FAT, exFAT.
        Err(errno) if errno == Errno::MLINK || is_unsupported(errno) => {
            return rename_over_own(opened, from, to);
        }
        linked => linked?,
    }
    // The file has its name. Its temporary name would do no harm.
    let _ = unlinkat(folder, from, AtFlags::empty());
    Ok(())
}

/// Takes the new name with an empty file, which fails if the name is taken. Then renames over it. A
/// command that is killed in between leaves the empty file.
fn rename_over_own(opened: &Folder, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    drop(opened.create_new(to)?);
    let folder = opened.file();
    renameat(folder, from, folder, to).inspect_err(|_| {
        let _ = unlinkat(folder, to, AtFlags::empty());
    })
}

/// Returns whether a file system cannot do this at all. Some call that a lack of permission.
fn is_unsupported(errno: Errno) -> bool {
    errno == Errno::PERM || system::is_unsupported(errno)
}

/// The temporary names that this process has made, for [`remove_temporary_files`].
static IN_PROGRESS: Mutex<BTreeMap<u64, (Arc<File>, OsString)>> = Mutex::new(BTreeMap::new());

/// Distinguishes equal names, because another write may use the same one later.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Removes the temporary files of writes in progress, for a signal handler that ends the process.
/// It keeps its lock until then, so no new one appears.
pub fn remove_temporary_files() {
    let names = in_progress();
    for (folder, name) in names.values() {
        let _ = unlinkat(folder, name, AtFlags::empty());
    }
    std::mem::forget(names);
}

fn in_progress() -> MutexGuard<'static, BTreeMap<u64, (Arc<File>, OsString)>> {
    IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary name that a signal removes.
pub(super) struct Registered {
    key: u64,
    folder: Arc<File>,
    name: OsString,
}

impl Registered {
    /// Makes something under a temporary name.
    pub(super) fn making<T>(
        folder: &Folder,
        name: &OsStr,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, Registered)> {
        let mut names = in_progress();
        let made = make()?;
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        names.insert(key, (folder.file().clone(), name.to_owned()));
        Ok((made, Registered { key, folder: folder.file().clone(), name: name.to_owned() }))
    }

    /// Removes the temporary name with `way`. If that fails, it stays registered until it is
    /// dropped.
    fn end(&self, way: impl FnOnce(&OsStr) -> Result<(), Errno>) -> Result<(), Errno> {
        let mut names = in_progress();
        if names.contains_key(&self.key) {
            way(&self.name)?;
            names.remove(&self.key);
        }
        Ok(())
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _ = self.end(|name| unlinkat(&self.folder, name, AtFlags::empty()));
        in_progress().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const NAME: &str = "a.zip.sig";

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn open(path: &Path) -> Folder {
        Folder::of(&path.join(NAME)).unwrap()
    }

    #[test]
    fn both_ways_put_the_file_there_and_leave_nothing_else() {
        let there = tempfile::tempdir().unwrap();
        let folder = open(there.path());
        let name = OsStr::new(NAME);
        type Create = for<'a> fn(&'a Folder, &OsStr) -> io::Result<Temporary<'a>>;
        let ways: [Create; 2] = [Temporary::create, Temporary::create_named];
        for create in ways {
            for existing in [Existing::Keep, Existing::Replace] {
                let _ = std::fs::remove_file(there.path().join(NAME));
                let new = |bytes: &[u8]| {
                    let temporary = create(&folder, name).unwrap();
                    temporary.fill(bytes, &Access::Secret).unwrap();
                    temporary
                };
                drop(new(b"dropped"));
                assert_eq!(names(there.path()), [""; 0]);
                new(b"first").place(name, existing).unwrap();
                let second = new(b"second").place(name, existing);
                assert_eq!(second.is_ok(), existing == Existing::Replace);
                let bytes = std::fs::read(there.path().join(NAME)).unwrap();
                assert_eq!(bytes, if second.is_ok() { &b"second"[..] } else { b"first" });
                assert_eq!(names(there.path()), [NAME]);
            }
        }
    }

    #[test]
    fn what_a_killed_command_left_goes_and_what_a_running_one_writes_stays() {
        let there = tempfile::tempdir().unwrap();
        let folder = open(there.path());
        let name = OsStr::new(NAME);
        let running = [(); 3].map(|()| Temporary::create_named(&folder, name).unwrap());
        for slot in [3, 7] {
            std::fs::write(there.path().join(slot_name(name, slot)), "left").unwrap();
        }
        // Similar names of other files, and what is not a file, stay.
        let others =
            [".a.zip.plugsign-0.tmp", ".a.zip.sig.AbCdEf.tmp", ".a.zip.sig.plugsign-x.tmp"];
        others.iter().for_each(|other| std::fs::write(there.path().join(other), "").unwrap());
        std::fs::create_dir(there.path().join(slot_name(name, 9))).unwrap();
        sweep(&folder, name);
        let kept = names(there.path());
        assert_eq!(kept.len(), running.len() + others.len() + 1, "{kept:?}");
        drop(running);
        assert_eq!(names(there.path()).len(), others.len() + 1);
    }

    #[test]
    fn where_all_usual_names_are_taken_another_is_found() {
        let there = tempfile::tempdir().unwrap();
        let folder = open(there.path());
        let long = "n".repeat(255);
        for name in [NAME, &long].map(OsStr::new) {
            let running = [(); SLOTS + 2].map(|()| Temporary::create_named(&folder, name).unwrap());
            assert_eq!(names(there.path()).len(), running.len());
        }
    }
}
