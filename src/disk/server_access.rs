//! Who reads a server's `config.json`, and so must be able to read the key files beside it.
//!
//! The server's user is not written anywhere. plugsign takes the owner of `config.json` if that is
//! an ordinary user in its own group, as in installed servers. Otherwise it may be any user who can
//! read `config.json`.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::access::Labels;
use super::file::Facts;
use super::folder::Folder;
use super::write::{Access, Existing};
use crate::disk::error::{Error, Result};

/// The owner, the group and the mode of a configuration, and its ACL.
#[derive(Clone)]
pub(super) struct ConfigAccess {
    user: u32,
    group: u32,
    mode: u32,
    /// Whether the group is the owner's own.
    is_own_group: bool,
    labels: Labels,
}

impl ConfigAccess {
    pub(super) fn of((file, metadata): &(File, Metadata)) -> io::Result<ConfigAccess> {
        let (user, group) = (metadata.uid(), metadata.gid());
        let is_own_group = primary_group(user) == Some(group);
        let labels = Labels::of(file)?;
        Ok(ConfigAccess { user, group, mode: metadata.mode() & 0o7777, is_own_group, labels })
    }

    /// Returns whether the server seems to run as the owner.
    fn is_owners(&self) -> bool {
        self.user != 0 && self.is_own_group
    }

    /// Returns whether the users who may be the server can read this file too.
    pub(super) fn reaches(&self, file: &Facts) -> bool {
        let is_group = file.group == self.group;
        let bit = match self.user {
            // Root can read everything, but the server need not run as root.
            0 if self.mode & 0o004 != 0 => 0o004,
            0 if self.mode & 0o040 != 0 && is_group => 0o044,
            0 if self.mode & 0o040 != 0 => 0o004,
            0 => return true,
            user if file.user == user => 0o400,
            _ if is_group => 0o040,
            _ => 0o004,
        };
        file.mode & bit != 0
    }

    /// Writes a key file. If the server runs as the owner, only the owner can read it. Otherwise
    /// all who may read the configuration can. A certificate is not secret. If only the owner or
    /// root could write it, that is [`Error::OwnerNeeded`].
    pub(super) fn write_key(
        &self,
        folder: &Folder,
        path: &Path,
        bytes: &[u8],
        existing: Existing,
    ) -> Result<()> {
        let as_configuration = 0o600 | self.mode & 0o044;
        let mode = if self.is_owners() { 0o600 } else { as_configuration };
        self.write(folder, path, bytes, [mode, as_configuration], existing)
    }

    /// Writes the configuration or its backup, with the same readers as before.
    pub(super) fn write_configuration(
        &self,
        folder: &Folder,
        path: &Path,
        bytes: &[u8],
    ) -> Result<()> {
        self.write(folder, path, bytes, [self.mode; 2], Existing::Replace)
    }

    /// Writes a file with the first mode and its owner. If that fails, with the second mode and
    /// without it.
    fn write(
        &self,
        folder: &Folder,
        path: &Path,
        bytes: &[u8],
        modes: [u32; 2],
        existing: Existing,
    ) -> Result<()> {
        let write = |user, mode| {
            let labels = self.labels.clone();
            let access = Access::Exactly { mode, owner: (user, self.group), labels };
            folder.write(path, bytes, access, existing).map_err(|error| match error {
                Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                    Error::OwnerNeeded { path: path.to_owned(), source }
                }
                other => other,
            })
        };
        let us = rustix::process::geteuid().as_raw();
        match write(self.user, modes[0]) {
            Err(Error::OwnerNeeded { .. }) if self.goes_without_owner() && us != self.user => {
                write(us, modes[1])
            }
            written => written,
        }
    }

    /// Returns whether the owner has all access to a file by its group or as others. Then another
    /// member of the group may own it instead. Groups are not looked up, but an owner is in its own
    /// group, and root needs no bits.
    fn goes_without_owner(&self) -> bool {
        let owner = self.mode >> 6 & 0o6;
        let is_covered = |bits: u32| bits & owner == owner;
        self.user == 0 || is_covered(self.mode) || self.is_own_group && is_covered(self.mode >> 3)
    }
}

/// Returns the group that a user of this machine has of its own.
fn primary_group(user: u32) -> Option<u32> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        let is_user = fields.next()?.parse() == Ok(user);
        is_user.then(|| fields.next()?.parse().ok()).flatten()
    })
}
