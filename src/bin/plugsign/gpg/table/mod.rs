//! gpg's and gpgv's options, and what becomes of each: all that `gpg --dump-options` knows, and no
//! other.

mod commands;
mod entry;
mod options;
mod passed_over;
mod reasons;

pub use self::entry::{Opt, Task};
use self::entry::{entry, flag, refused, silent, task, told_value, value};
use self::reasons::NOT_WRITTEN;
use super::argv::{Kind, Table};

/// gpg's.
pub static GPG: Table<Opt> = &[
    commands::DONE,
    commands::REFUSED,
    options::DONE,
    options::REFUSED,
    passed_over::SILENT,
    passed_over::TOLD,
];

/// gpgv's: it verifies, and nothing else.
pub static GPGV: Table<Opt> = &[&[
    task("dump-options", 0, Task::DumpOptions),
    task("help", b'h', Task::Help),
    task("version", 0, Task::Version),
    value("assert-signer", 0, Opt::AssertSigner),
    flag("enable-special-filenames", 0, Opt::SpecialFilenames),
    value("homedir", 0, Opt::Homedir),
    value("keyring", 0, Opt::Keyring),
    value("log-file", 0, Opt::LoggerFile),
    value("logger-fd", 0, Opt::LoggerFd),
    entry("output", b'o', true, Kind::Refused(NOT_WRITTEN)),
    flag("quiet", b'q', Opt::Quiet),
    value("status-fd", 0, Opt::StatusFd),
    flag("verbose", b'v', Opt::Verbose),
    value("weak-digest", 0, Opt::WeakDigest),
    told_value("debug"),
    silent("ignore-time-conflict"),
    refused("dump-option-table", reasons::NOT_HERE),
    refused("warranty", reasons::NOT_HERE),
]];
