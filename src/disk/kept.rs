//! What no output of a command may replace: the home's own files, and the files that the command
//! reads keys and passphrases from.
//!
//! They are known by device and inode, whatever the spelling of a path, and through links.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::file::{Identity, entries, identity_of};
use super::folder::{Folder, name_of};
use super::home::Home;
use super::write::{Access, Existing, write_unless_same};
use crate::disk::error::{Error, Result};

/// What no output of a command may replace. Every output goes through it.
#[derive(Debug, Default)]
pub struct Kept {
    home: Option<Home>,
    inputs: Mutex<Vec<Identity>>,
}

impl Kept {
    /// Keeps the files of a home.
    pub fn new(home: Option<&Home>) -> Kept {
        Kept { home: home.cloned(), inputs: Mutex::default() }
    }

    /// Keeps a file that the command reads a key or a passphrase from, and a link that leads to it.
    pub fn input(&self, path: &Path) {
        let both = [fs::metadata(path), fs::symlink_metadata(path)];
        let found = both.iter().flatten().map(identity_of);
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
    }

    /// Writes a file as [`write_new`](super::write) does, or fails with [`Error::Kept`].
    pub fn write_new(
        &self,
        path: &Path,
        bytes: &[u8],
        access: Access,
        existing: Existing,
    ) -> Result<()> {
        self.folder(path)?.write(path, bytes, access, existing)
    }

    /// Writes a file as [`Kept::write_new`] does with [`Existing::Keep`], unless the same file is
    /// there. So a command that was killed after its last write can run again. Any other file is
    /// [`Error::Exists`], also one with the same bytes that more users can read.
    pub fn write_unless_same(&self, path: &Path, bytes: &[u8], access: Access) -> Result<()> {
        write_unless_same(&self.folder(path)?, path, bytes, access)
    }

    /// Opens a file for lines that are written as they come. What is in it goes, as with gpg. One
    /// that is kept stays as it is, and is [`Error::Kept`].
    pub fn open_for_lines(&self, path: &Path) -> Result<File> {
        let open = |options: &mut OpenOptions| options.write(true).open(path);
        match open(&mut File::options()) {
            Ok(file) => {
                let metadata = file.metadata().map_err(Error::io("read", path))?;
                if metadata.is_file() {
                    self.check_content(path, identity_of(&metadata))?;
                    file.set_len(0).map_err(Error::io("write", path))?;
                }
                Ok(file)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.folder(path)?;
                open(File::options().create_new(true)).map_err(Error::io("create", path))
            }
            Err(error) => Err(Error::io("write", path)(error)),
        }
    }

    /// Opens the folder of an output.
    pub(crate) fn folder(&self, path: &Path) -> Result<Folder> {
        let folder = Folder::of(path)?;
        self.check(&folder, path)?;
        Ok(folder)
    }

    /// Refuses an output in a folder of the home, or in the place of a file that is kept.
    pub(super) fn check(&self, folder: &Folder, path: &Path) -> Result<()> {
        if let Some(home) = &self.home {
            let here = folder.file().metadata().map_err(Error::io("read", path))?;
            let is_here = |own: &Path| is(own, identity_of(&here));
            if home.own_folders().iter().any(|own| is_here(own)) {
                return Err(of_home(path));
            }
        }
        match folder.look(name_of(path), false) {
            Ok(facts) if !facts.is_folder() => self.check_file(path, facts.identity()),
            _ => Ok(()),
        }
    }

    fn check_file(&self, path: &Path, file: Identity) -> Result<()> {
        if self.home.as_ref().is_some_and(|home| is(&home.lock_path(), file)) {
            return Err(of_home(path));
        }
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        match inputs.contains(&file) {
            true => Err(Error::Kept { path: path.to_owned(), what: "read by this very command" }),
            false => Ok(()),
        }
    }

    /// Refuses a file whose content would be lost: here its other names count, too.
    fn check_content(&self, path: &Path, file: Identity) -> Result<()> {
        self.check_file(path, file)?;
        for folder in self.home.iter().flat_map(Home::own_folders) {
            if entries(&folder)?.iter().any(|own| is(own, file)) {
                return Err(of_home(path));
            }
        }
        Ok(())
    }
}

fn of_home(path: &Path) -> Error {
    Error::Kept { path: path.to_owned(), what: "in plugsign's home" }
}

fn is(path: &Path, file: Identity) -> bool {
    fs::metadata(path).is_ok_and(|metadata| identity_of(&metadata) == file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    #[test]
    fn no_spelling_leads_an_output_to_what_is_kept() {
        let there = tempfile::tempdir().unwrap();
        let path = |name: &str| there.path().join(name);
        for folder in ["home/keys", "home/certificates", "elsewhere", "trusted"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        symlink("../trusted", path("home/trusted")).unwrap();
        symlink("home/keys", path("link")).unwrap();
        for file in ["home/keys/a", "home/lock", "passphrase", "elsewhere/b", "trusted/t"] {
            fs::write(path(file), "kept").unwrap();
        }
        fs::hard_link(path("home/keys/a"), path("hard")).unwrap();
        symlink("home/keys/a", path("soft")).unwrap();
        symlink("passphrase", path("other")).unwrap();
        let kept = Kept::new(Some(&Home::new(path("home"))));
        kept.input(&path("other"));
        let access = Access::Public { umask: 0 };
        let written =
            |name: &str| kept.write_new(&path(name), b"new", access.clone(), Existing::Replace);
        let is_kept = |done: Result<()>| matches!(done, Err(Error::Kept { .. }));
        for name in [
            "home/keys/a",
            "link/a",
            "home/keys/../keys/a",
            "home/keys/new",
            "trusted/t",
            "home/lock",
            "passphrase",
            "other",
        ] {
            assert!(is_kept(written(name)), "{name}");
        }
        // What is written as it comes goes through links.
        for name in ["home/keys/a", "link/a", "soft", "hard", "passphrase", "other", "link/new"] {
            assert!(is_kept(kept.open_for_lines(&path(name)).map(drop)), "{name}");
        }
        for file in ["home/keys/a", "home/lock", "passphrase", "trusted/t"].map(PathBuf::from) {
            assert_eq!(fs::read(there.path().join(&file)).unwrap(), b"kept", "{file:?}");
        }
        for name in ["elsewhere/b", "home/summary", "elsewhere/new"] {
            written(name).unwrap();
            kept.open_for_lines(&path(name)).unwrap();
            assert_eq!(fs::read(path(name)).unwrap(), b"", "{name}");
        }
    }
}
