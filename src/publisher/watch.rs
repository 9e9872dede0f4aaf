//! What an act tells while it works, and the time that it is told.

use std::time::SystemTime;

/// Hears what an act has to say while it works.
pub trait Watch: Sync {
    /// Hears a warning. The act goes on.
    fn warn(&self, words: &str);

    /// Hears what only the curious want to know.
    fn detail(&self, words: &str);

    /// Returns the time by now: a prompt or another command's lock may have taken a while.
    fn now(&self) -> SystemTime;

    /// Hears that so many files of so many bytes come next. Returns whether to report progress.
    fn begin(&self, files: usize, bytes: u64) -> bool;

    /// Hears how many files are done, and how many bytes were read.
    fn advance(&self, files: usize, bytes: u64);

    /// Hears that these files are done.
    fn end(&self);
}
