//! gpg's and gpgv's options, and what becomes of each.

use super::argv::{Kind, Spec};

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
    DefaultKey,
    DigestAlgo,
    ExportOptions,
    FakedSystemTime,
    Homedir,
    ImportOptions,
    KeyidFormat,
    Keyring,
    LocalUser,
    LoggerFd,
    LoggerFile,
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

const ENCRYPTION: &str = "plugsign does not encrypt or decrypt, it signs";
const CLEARSIGN: &str =
    "plugsign makes detached signatures only, no cleartext signed ones; use --detach-sign";
const NETWORK: &str =
    "plugsign never uses the network; fetch and publish keys with another program";
const NOT_SIGNED: &str = "it would change what is signed, and is not supported";
const NOT_TRUSTED: &str = "it would change what is trusted, and is not supported";
const NOT_WRITTEN: &str = "it would change what is written, and is not supported";
const CERTIFYING: &str = "plugsign does not change or certify keys this way";
const EDITING: &str = "plugsign has no dialog for it; a key is changed with: plugsign extend (its end), plugsign passwd, plugsign adduid, plugsign revoke-uid, plugsign rotate (its subkey), plugsign revoke";
const EXTEND: &str = "use: plugsign extend KEY --expires WHEN";
const PASSWD: &str = "use: plugsign passwd KEY";
const ADD_UID: &str = "use: plugsign adduid KEY";
const REVOKE_UID: &str = "use: plugsign revoke-uid KEY";
const ROTATE: &str = "use: plugsign rotate KEY";
const REVOKE: &str = "use: plugsign revoke KEY";
const NO_CARD: &str = "plugsign does not use smart cards";
const TRUST: &str = "plugsign keeps no owner trust; trust a signer with: plugsign trust add FILE";
const NOT_HERE: &str = "plugsign has no such command";

/// gpg's. The commands first, then the options, each in the order of the alphabet.
pub static GPG: &[Entry] = &[
    task("check-trustdb", 0, Task::Nothing),
    task("detach-sign", b'b', Task::DetachSign),
    task("export", 0, Task::Export),
    task("export-secret-keys", 0, Task::ExportSecretKeys),
    task("export-secret-subkeys", 0, Task::ExportSecretSubkeys),
    task("fast-import", 0, Task::Import),
    task("fingerprint", 0, Task::Fingerprint),
    task("full-gen-key", 0, Task::FullGenerateKey),
    task("full-generate-key", 0, Task::FullGenerateKey),
    task("gen-key", 0, Task::GenerateKey),
    task("generate-key", 0, Task::GenerateKey),
    task("help", b'h', Task::Help),
    task("import", 0, Task::Import),
    task("list-config", 0, Task::ListConfig),
    task("list-keys", b'k', Task::ListKeys),
    task("list-public-keys", 0, Task::ListKeys),
    task("list-secret-keys", b'K', Task::ListSecretKeys),
    task("print-md", 0, Task::PrintDigest),
    task("quick-gen-key", 0, Task::QuickGenerateKey),
    task("quick-generate-key", 0, Task::QuickGenerateKey),
    task("show-keys", 0, Task::ShowKeys),
    task("sign", b's', Task::Sign),
    task("update-trustdb", 0, Task::Nothing),
    task("verify", 0, Task::Verify),
    task("version", 0, Task::Version),
    // Not here.
    refused("card-edit", NO_CARD),
    refused("card-status", NO_CARD),
    refused("change-passphrase", PASSWD),
    refused("change-pin", NO_CARD),
    refused("check-sigs", NOT_HERE),
    refused("check-signatures", NOT_HERE),
    refused("clear-sign", CLEARSIGN),
    refused("clearsign", CLEARSIGN),
    refused("dearmor", NOT_HERE),
    entry("decrypt", b'd', false, Kind::Refused(ENCRYPTION)),
    refused("decrypt-files", ENCRYPTION),
    refused("delete-keys", NOT_HERE),
    refused("delete-secret-and-public-keys", NOT_HERE),
    refused("delete-secret-keys", NOT_HERE),
    refused("edit-card", NO_CARD),
    refused("edit-key", EDITING),
    refused("enarmor", NOT_HERE),
    entry("encrypt", b'e', false, Kind::Refused(ENCRYPTION)),
    refused("encrypt-files", ENCRYPTION),
    refused("export-ownertrust", TRUST),
    refused("export-ssh-key", NOT_HERE),
    refused("fetch-keys", NETWORK),
    refused("gen-revoke", REVOKE),
    refused("generate-revocation", REVOKE),
    refused("gpgconf-list", NOT_HERE),
    refused("gpgconf-test", NOT_HERE),
    refused("import-ownertrust", TRUST),
    refused("list-packets", NOT_HERE),
    refused("list-sigs", NOT_HERE),
    refused("list-signatures", NOT_HERE),
    refused("locate-external-keys", NETWORK),
    refused("locate-keys", NETWORK),
    refused("lsign-key", CERTIFYING),
    refused(
        "multifile",
        "plugsign's gpg takes one file at a time; for many: plugsign sign, plugsign verify",
    ),
    refused("passwd", PASSWD),
    refused("print-mds", NOT_HERE),
    refused("quick-add-key", ROTATE),
    refused("quick-add-uid", ADD_UID),
    refused("quick-lsign-key", CERTIFYING),
    refused("quick-revoke-uid", REVOKE_UID),
    refused("quick-set-expire", EXTEND),
    refused("quick-set-primary-uid", CERTIFYING),
    refused("quick-sign-key", CERTIFYING),
    refused("receive-keys", NETWORK),
    refused("recv-keys", NETWORK),
    refused("refresh-keys", NETWORK),
    refused("search-keys", NETWORK),
    refused("send-keys", NETWORK),
    refused("server", NOT_HERE),
    refused("sign-key", CERTIFYING),
    refused("store", NOT_HERE),
    entry("symmetric", b'c', false, Kind::Refused(ENCRYPTION)),
    refused("tofu-policy", TRUST),
    // What changes things, and is here.
    flag("always-trust", 0, Opt::AlwaysTrust),
    flag("armor", b'a', Opt::Armor),
    flag("armour", 0, Opt::Armor),
    value("assert-signer", 0, Opt::AssertSigner),
    flag("batch", 0, Opt::Batch),
    value("default-key", 0, Opt::DefaultKey),
    value("digest-algo", 0, Opt::DigestAlgo),
    flag("enable-special-filenames", 0, Opt::SpecialFilenames),
    value("export-options", 0, Opt::ExportOptions),
    value("faked-system-time", 0, Opt::FakedSystemTime),
    value("homedir", 0, Opt::Homedir),
    value("import-options", 0, Opt::ImportOptions),
    value("keyid-format", 0, Opt::KeyidFormat),
    value("keyring", 0, Opt::Keyring),
    value("local-user", b'u', Opt::LocalUser),
    value("logger-fd", 0, Opt::LoggerFd),
    value("logger-file", 0, Opt::LoggerFile),
    flag("no-armor", 0, Opt::NoArmor),
    flag("no-armour", 0, Opt::NoArmor),
    flag("no-batch", 0, Opt::NoBatch),
    flag("no-default-keyring", 0, Opt::NoDefaultKeyring),
    flag("no-tty", 0, Opt::NoTty),
    flag("no-verbose", 0, Opt::NoVerbose),
    value("output", b'o', Opt::Output),
    value("passphrase", 0, Opt::Passphrase),
    value("passphrase-fd", 0, Opt::PassphraseFd),
    value("passphrase-file", 0, Opt::PassphraseFile),
    value("plugsign-passphrase-pipe", 0, Opt::PassphrasePipe),
    value("personal-digest-preferences", 0, Opt::PersonalDigestPreferences),
    value("personal-digest-prefs", 0, Opt::PersonalDigestPreferences),
    value("pinentry-mode", 0, Opt::PinentryMode),
    flag("quiet", b'q', Opt::Quiet),
    value("status-fd", 0, Opt::StatusFd),
    value("status-file", 0, Opt::StatusFile),
    value("trust-model", 0, Opt::TrustModel),
    flag("verbose", b'v', Opt::Verbose),
    value("weak-digest", 0, Opt::WeakDigest),
    flag("with-colons", 0, Opt::WithColons),
    flag("with-fingerprint", 0, Opt::WithFingerprint),
    flag("with-keygrip", 0, Opt::WithKeygrip),
    flag("with-secret", 0, Opt::WithSecret),
    flag("with-subkey-fingerprint", 0, Opt::WithSubkeyFingerprint),
    flag("with-subkey-fingerprints", 0, Opt::WithSubkeyFingerprint),
    flag("yes", 0, Opt::Yes),
    // What would change things, and is not here.
    refused("allow-non-selfsigned-uid", NOT_TRUSTED),
    refused("allow-weak-digest-algos", NOT_TRUSTED),
    refused("allow-weak-key-signatures", NOT_TRUSTED),
    refused("ask-sig-expire", NOT_SIGNED),
    refused_value("cert-notation", NOT_SIGNED),
    refused_value(
        "command-fd",
        "plugsign takes no answers from a descriptor; say --batch and give options",
    ),
    refused_value(
        "command-file",
        "plugsign takes no answers from a file; say --batch and give options",
    ),
    refused_value("default-new-key-algo", NOT_WRITTEN),
    refused_value("default-sig-expire", NOT_SIGNED),
    entry("dry-run", b'n', false, Kind::Refused(NOT_WRITTEN)),
    entry("hidden-recipient", b'R', true, Kind::Refused(ENCRYPTION)),
    refused_value("options", "plugsign reads no gpg.conf"),
    refused_value("override-session-key", ENCRYPTION),
    refused_value("primary-keyring", NOT_WRITTEN),
    entry("recipient", b'r', true, Kind::Refused(ENCRYPTION)),
    refused_value("recipient-file", ENCRYPTION),
    refused_value("sender", NOT_SIGNED),
    entry("set-notation", b'N', true, Kind::Refused(NOT_SIGNED)),
    refused_value("set-policy-url", NOT_SIGNED),
    refused_value("sig-keyserver-url", NOT_SIGNED),
    refused_value("sig-notation", NOT_SIGNED),
    refused_value("sig-policy-url", NOT_SIGNED),
    refused("skip-verify", NOT_TRUSTED),
    entry("textmode", b't', false, Kind::Refused("plugsign signs files as they are, not as text")),
    refused_value("trusted-key", NOT_TRUSTED),
    refused("unwrap", ENCRYPTION),
    refused("with-key-data", NOT_HERE),
    // What has no meaning here: there is no agent, no keyring file, no trust database, no card,
    // no network, no terminal to find and no encryption.
    silent_value("agent-program"),
    silent("allow-freeform-uid"),
    silent("allow-secret-key-import"),
    silent_value("attribute-fd"),
    silent_value("attribute-file"),
    silent("auto-check-trustdb"),
    silent_value("auto-key-locate"),
    silent_value("charset"),
    silent_value("dirmngr-program"),
    silent("disable-dirmngr"),
    silent_value("display"),
    silent_value("display-charset"),
    silent("enable-progress-filter"),
    silent("exit-on-status-write-error"),
    silent("expert"),
    silent("fixed-list-mode"),
    silent_value("gpg-agent-info"),
    silent("ignore-time-conflict"),
    silent_value("lc-ctype"),
    silent_value("lc-messages"),
    silent("lock-multiple"),
    silent("lock-never"),
    silent("lock-once"),
    silent("no-auto-check-trustdb"),
    silent("no-auto-key-locate"),
    silent("no-auto-key-retrieve"),
    silent("no-autostart"),
    silent("no-comments"),
    silent("no-emit-version"),
    silent("no-expert"),
    silent("no-greeting"),
    silent("no-mdc-warning"),
    silent("no-options"),
    silent("no-permission-warning"),
    silent("no-random-seed-file"),
    silent("no-secmem-warning"),
    silent("no-sig-cache"),
    silent("no-sk-comment"),
    silent("no-sk-comments"),
    silent("no-textmode"),
    silent("no-use-agent"),
    silent("no-version"),
    silent("preserve-permissions"),
    silent_value("request-origin"),
    silent("require-secmem"),
    silent_value("set-filename"),
    silent_value("ttyname"),
    silent_value("ttytype"),
    silent("use-agent"),
    silent("utf8-strings"),
    silent("no-utf8-strings"),
    // The same, but somebody may wonder.
    told("ask-cert-expire"),
    told("ask-cert-level"),
    told("auto-key-retrieve"),
    told_value("bzip2-compress-level"),
    told_value("cert-digest-algo"),
    told_value("cipher-algo"),
    told_value("comment"),
    told_value("completes-needed"),
    told_value("compliance"),
    told_value("compress-algo"),
    entry("compress-level", b'z', true, Kind::Told),
    told_value("debug"),
    told("debug-all"),
    told_value("debug-level"),
    told_value("default-cert-expire"),
    told_value("default-cert-level"),
    told_value("default-preference-list"),
    told_value("default-recipient"),
    told("default-recipient-self"),
    told_value("disable-cipher-algo"),
    told("disable-ccid"),
    told("emit-version"),
    told_value("encrypt-to"),
    told("force-mdc"),
    told("force-v3-sigs"),
    told("gnupg"),
    told("ignore-crc-error"),
    told("ignore-valid-from"),
    entry("interactive", b'i', false, Kind::Told),
    told_value("keyserver"),
    told_value("keyserver-options"),
    told_value("list-options"),
    told_value("marginals-needed"),
    told_value("max-cert-depth"),
    told_value("max-output"),
    told_value("min-cert-level"),
    told_value("min-rsa-length"),
    told("no-ask-cert-expire"),
    told("no-ask-cert-level"),
    told("no-ask-sig-expire"),
    told("no-encrypt-to"),
    told("no-force-v3-sigs"),
    told("no-symkey-cache"),
    told("openpgp"),
    told_value("passphrase-repeat"),
    told_value("personal-cipher-preferences"),
    told_value("personal-cipher-prefs"),
    told_value("personal-compress-preferences"),
    told_value("personal-compress-prefs"),
    told_value("photo-viewer"),
    told("rfc2440"),
    told("rfc4880"),
    told("rfc4880bis"),
    told_value("s2k-cipher-algo"),
    told_value("s2k-count"),
    told_value("s2k-digest-algo"),
    told_value("s2k-mode"),
    told_value("secret-keyring"),
    told_value("trustdb-name"),
    told_value("try-secret-key"),
    told_value("verify-options"),
];

/// gpgv's: it verifies, and nothing else.
pub static GPGV: &[Entry] = &[
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
];
