//! gpg's and gpgv's options, and what becomes of each: all that `gpg --dump-options` knows, and no
//! other.

mod commands;
mod options;
mod passed_over;
mod reasons;

use self::reasons::NOT_WRITTEN;
use super::argv::{Kind, Spec, Table};

/// What gpg can be asked to do here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    Sign,
    DetachSign,
    Verify,
    ListKeys,
    ListSecretKeys,
    Fingerprint,
    ShowKeys,
    Export,
    ExportSecretKeys,
    ExportSecretSubkeys,
    Import,
    GenerateKey,
    FullGenerateKey,
    QuickGenerateKey,
    PrintDigest,
    Nothing,
    ListConfig,
    DumpOptions,
    Version,
    Help,
}

/// An option that does something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opt {
    Task(Task),
    Armor,
    NoArmor,
    AlwaysTrust,
    AssertSigner,
    Batch,
    NoBatch,
    CertDigestAlgo,
    Comment,
    NoComments,
    Compliance,
    DefaultKey,
    DefaultPreferenceList,
    DigestAlgo,
    EmitVersion,
    NoEmitVersion,
    ExportOptions,
    FakedSystemTime,
    Homedir,
    ImportOptions,
    KeyidFormat,
    Keyring,
    LocalUser,
    LoggerFd,
    LoggerFile,
    No,
    NoDefaultKeyring,
    NoTty,
    Output,
    Passphrase,
    PassphraseFd,
    PassphraseFile,
    /// Our own: a descriptor that has the passphrase and nothing else. What `--passphrase` becomes.
    PassphrasePipe,
    PersonalDigestPreferences,
    PinentryMode,
    Quiet,
    SpecialFilenames,
    StatusFd,
    StatusFile,
    TrustModel,
    VerifyOptions,
    Verbose,
    NoVerbose,
    WeakDigest,
    WithColons,
    WithFingerprint,
    WithKeygrip,
    WithSecret,
    WithSubkeyFingerprint,
    Yes,
}

type Entry = Spec<Opt>;

const fn entry(long: &'static str, short: u8, takes_value: bool, is: Kind<Opt>) -> Entry {
    Spec { long, short: if short == 0 { None } else { Some(short) }, takes_value, is }
}

const fn task(long: &'static str, short: u8, task: Task) -> Entry {
    entry(long, short, false, Kind::Done(Opt::Task(task)))
}

const fn flag(long: &'static str, short: u8, option: Opt) -> Entry {
    entry(long, short, false, Kind::Done(option))
}

const fn value(long: &'static str, short: u8, option: Opt) -> Entry {
    entry(long, short, true, Kind::Done(option))
}

const fn silent(long: &'static str) -> Entry {
    entry(long, 0, false, Kind::Silent)
}

const fn silent_value(long: &'static str) -> Entry {
    entry(long, 0, true, Kind::Silent)
}

const fn told(long: &'static str) -> Entry {
    entry(long, 0, false, Kind::Told)
}

const fn told_value(long: &'static str) -> Entry {
    entry(long, 0, true, Kind::Told)
}

const fn refused(long: &'static str, why: &'static str) -> Entry {
    entry(long, 0, false, Kind::Refused(why))
}

const fn refused_value(long: &'static str, why: &'static str) -> Entry {
    entry(long, 0, true, Kind::Refused(why))
}

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
