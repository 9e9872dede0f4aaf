//! Who may read a file that is written, and what it may replace.

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The owner alone: 0600, whatever the umask. Where the file system does not keep that, nothing
    /// is written.
    Secret,
    /// The owner alone, as far as the file system keeps that: on a stick, it may not.
    SecretIfPossible,
    /// Everybody, as far as this umask lets them: 0644 less the mask.
    Public {
        /// The process's file mode creation mask.
        umask: u32,
    },
    /// Whoever may read another file: in the place of one, or beside it for the same reader.
    Exactly {
        /// The permission bits.
        mode: u32,
        /// The user and the group that it belongs to.
        owner: (u32, u32),
    },
}

impl Access {
    pub(super) fn mode(self) -> u32 {
        match self {
            Access::Secret | Access::SecretIfPossible => 0o600,
            Access::Public { umask } => 0o644 & !umask,
            Access::Exactly { mode, .. } => mode & 0o777,
        }
    }
}

/// What happens when a file stands where the new one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused.
    Keep,
    /// The new one takes its place in one step.
    Replace,
}
