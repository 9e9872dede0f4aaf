//! Who may read a file that is written, and what it may replace.

use std::fs::File;
use std::io;

use super::system;

/// Who may read a new file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only the owner: 0600, with any umask. If the file system does not keep modes, nothing is
    /// written.
    Secret,
    /// Only the owner, if the file system keeps modes. A USB stick may not.
    SecretIfPossible,
    /// Everybody, within this umask: 0644 less the mask.
    Public {
        /// The process's file mode creation mask.
        umask: u32,
    },
    /// The same users as another file: the one that it replaces, or one beside it.
    Exactly {
        /// The permission bits.
        mode: u32,
        /// The user and the group that it belongs to.
        owner: (u32, u32),
        /// What says so beside them.
        labels: Labels,
    },
}

impl Access {
    pub(super) fn mode(&self) -> u32 {
        match *self {
            Access::Secret | Access::SecretIfPossible => 0o600,
            Access::Public { umask } => 0o644 & !umask,
            Access::Exactly { mode, .. } => mode & 0o777,
        }
    }
}

/// Who may read a file, beside its permission bits: its ACL and SELinux's label. Not on macOS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Vec<(&'static str, Vec<u8>)>);

impl Labels {
    /// Reads those of an open file.
    pub(super) fn of(file: &File) -> io::Result<Labels> {
        Ok(Labels(system::labels(file)?))
    }

    /// Gives them to a file, in place of those that it got from its folder.
    pub(super) fn give(&self, file: &File) -> io::Result<()> {
        system::set_labels(file, &self.0)
    }
}

/// What happens if there is a file already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// The old file stays, and the new one is refused.
    Keep,
    /// The new file replaces it in one step.
    Replace,
}
