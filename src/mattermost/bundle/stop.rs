//! Why a bundle is not read to its end.

/// Why reading ended early.
pub(super) enum Stop {
    /// The source failed; the error is in the meter.
    Source,
    /// The stream is no gzip tar, or damaged.
    Damaged(String),
    /// The server reads it, or may read it, in another way than other programs.
    Unclear(String),
    /// The stream is damaged behind the archive.
    DamagedEnd(String),
    TooLarge,
    TooMany,
    TooManyMembers,
}
