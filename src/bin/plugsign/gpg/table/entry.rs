//! What an option is, and how a table writes it down.

use super::super::argv::{Kind, Spec};

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

pub(super) type Entry = Spec<Opt>;

pub(super) const fn entry(
    long: &'static str,
    short: u8,
    takes_value: bool,
    is: Kind<Opt>,
) -> Entry {
    Spec { long, short: if short == 0 { None } else { Some(short) }, takes_value, is }
}

pub(super) const fn task(long: &'static str, short: u8, task: Task) -> Entry {
    entry(long, short, false, Kind::Done(Opt::Task(task)))
}

pub(super) const fn flag(long: &'static str, short: u8, option: Opt) -> Entry {
    entry(long, short, false, Kind::Done(option))
}

pub(super) const fn value(long: &'static str, short: u8, option: Opt) -> Entry {
    entry(long, short, true, Kind::Done(option))
}

pub(super) const fn silent(long: &'static str) -> Entry {
    entry(long, 0, false, Kind::Silent)
}

pub(super) const fn silent_value(long: &'static str) -> Entry {
    entry(long, 0, true, Kind::Silent)
}

pub(super) const fn told(long: &'static str) -> Entry {
    entry(long, 0, false, Kind::Told)
}

pub(super) const fn told_value(long: &'static str) -> Entry {
    entry(long, 0, true, Kind::Told)
}

pub(super) const fn refused(long: &'static str, why: &'static str) -> Entry {
    entry(long, 0, false, Kind::Refused(why))
}

pub(super) const fn refused_value(long: &'static str, why: &'static str) -> Entry {
    entry(long, 0, true, Kind::Refused(why))
}
