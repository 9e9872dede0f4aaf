//! gpg's options as values.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use plugsign::openpgp::hash::HashAlgorithm;
use plugsign::text::Safe;

use super::argv::Parsed;
use super::dates;
use super::table::{Opt, Task};
use crate::edge::asking::Given;

/// How key IDs are shown in listings.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyidFormat {
    #[default]
    None,
    Short,
    Long,
    HexShort,
    HexLong,
}

/// What may be asked when no passphrase is given.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Pinentry {
    /// Ask on the terminal.
    #[default]
    Ask,
    /// Do not ask: `error` and `cancel`.
    Never,
    /// Ask on the terminal, except with `--batch` or `--no-tty`.
    Loopback,
}

/// What a listing says of signatures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Signatures {
    #[default]
    Hidden,
    Listed,
    Checked,
}

/// A command line that makes sense.
#[derive(Default)]
pub struct Options {
    pub task: Option<Task>,
    pub signatures: Signatures,
    /// `--fingerprint` is a command, `--with-fingerprint` is none.
    lists: bool,
    pub fingerprints: u8,
    pub armor: bool,
    pub comments: Vec<String>,
    pub emit_version: bool,
    pub batch: bool,
    pub yes: bool,
    pub no: bool,
    pub no_tty: bool,
    pub quiet: bool,
    pub verbose: bool,
    pub always_trust: bool,
    pub with_colons: bool,
    pub with_keygrip: bool,
    pub with_secret: bool,
    pub with_subkey_fingerprint: bool,
    pub no_default_keyring: bool,
    pub special_filenames: bool,
    text_mode: bool,
    pub local_users: Vec<String>,
    pub default_key: Option<String>,
    pub default_new_key_algo: Option<String>,
    pub asserted: Vec<OsString>,
    pub keyrings: Vec<OsString>,
    pub output: Option<PathBuf>,
    /// Nothing is written but to standard output.
    pub dry_run: bool,
    /// `--import` shows what a file has.
    pub import_shows: bool,
    /// `--import` takes nothing.
    pub import_is_dry: bool,
    pub digest: Option<HashAlgorithm>,
    pub preferred_digest: Option<HashAlgorithm>,
    /// The options that would make another key than is made here.
    pub other_keys: Vec<&'static str>,
    pub time: Option<SystemTime>,
    pub homedir: Option<PathBuf>,
    pub keyid_format: KeyidFormat,
    pub passphrase: Option<Given>,
    pub pinentry: Pinentry,
    pub status_fd: Option<String>,
    pub status_file: Option<PathBuf>,
    pub logger_fd: Option<String>,
    pub logger_file: Option<PathBuf>,
    pub words: Vec<OsString>,
    pub passed_over: Vec<&'static str>,
    pub late: Vec<OsString>,
}

impl Options {
    /// Reads the values. The message of an error is fit to show.
    pub fn read(parsed: Parsed) -> Result<Options, String> {
        let Parsed { options: list, words, passed_over, late } = parsed;
        let mut options = Options { words, passed_over, late, ..Options::default() };
        for (option, value) in list {
            options.take(option, value)?;
        }
        let lists = options.lists || options.signatures != Signatures::Hidden;
        match options.task {
            None if lists => options.task = Some(Task::ListKeys),
            // As with gpg, the words are then files.
            None if options.fingerprints > 0 => options.task = Some(Task::ShowKeys),
            _ => {}
        }
        match options.task {
            Some(Task::DetachSign | Task::Sign) if options.text_mode => {
                return Err("--textmode: plugsign signs files as they are, not as text".into());
            }
            // Texts and their signatures are made of letters.
            Some(Task::ClearSign | Task::Decrypt) => options.armor = true,
            _ => {}
        }
        let makes = matches!(
            options.task,
            Some(Task::GenerateKey | Task::FullGenerateKey | Task::QuickGenerateKey)
        );
        match options.other_keys.first() {
            Some(option) if makes => Err(format!(
                "--{option}: plugsign makes keys only with SHA-256, SHA-512 and SHA-384, in this order"
            )),
            _ => Ok(options),
        }
    }

    fn take(&mut self, option: Opt, value: OsString) -> Result<(), String> {
        match option {
            Opt::Task(task) => self.set_task(task)?,
            Opt::Armor => self.armor = true,
            Opt::NoArmor => self.armor = false,
            Opt::AlwaysTrust => self.always_trust = true,
            Opt::AssertSigner => self.asserted.push(value),
            Opt::Batch => self.batch = true,
            Opt::NoBatch => self.batch = false,
            Opt::CertDigestAlgo => match digest(&text(value)?) {
                None => return Err("selected certification digest algorithm is invalid".into()),
                Some(HashAlgorithm::Sha256) => {}
                Some(_) => self.other_keys.push("cert-digest-algo"),
            },
            Opt::Comment => self.comments.push(text(value)?),
            Opt::NoComments => self.comments.clear(),
            Opt::Compliance => compliance(&text(value)?)?,
            Opt::DefaultPreferenceList => self.other_keys.push("default-preference-list"),
            Opt::DefaultKey => self.default_key = Some(text(value)?),
            Opt::DefaultNewKeyAlgo => self.default_new_key_algo = Some(text(value)?),
            Opt::DigestAlgo => self.digest = Some(signing_digest(&text(value)?)?),
            Opt::DryRun => self.dry_run = true,
            Opt::EmitVersion => self.emit_version = true,
            Opt::NoEmitVersion => self.emit_version = false,
            Opt::ExportOptions => only(&text(value)?, EXPORT_OPTIONS, "export")?,
            Opt::FakedSystemTime => self.time = Some(dates::faked_time(&text(value)?)?),
            Opt::Homedir => self.homedir = Some(value.into()),
            Opt::ImportOptions => self.import_options(&text(value)?)?,
            Opt::KeyidFormat => self.keyid_format = keyid_format(&text(value)?)?,
            Opt::Keyring => self.keyrings.push(value),
            Opt::LocalUser => self.local_users.push(text(value)?),
            Opt::LoggerFd => self.logger_fd = Some(text(value)?),
            Opt::LoggerFile => self.logger_file = Some(value.into()),
            Opt::No => self.no = true,
            Opt::NoDefaultKeyring => self.no_default_keyring = true,
            Opt::NoTty => self.no_tty = true,
            Opt::Output => self.output = Some(value.into()),
            // It never comes this far, see `secret`.
            Opt::Passphrase => return Err("--passphrase cannot be used here".into()),
            Opt::PassphraseFd => {
                self.passphrase = Some(Given::Descriptor(descriptor(&text(value)?)?));
            }
            Opt::PassphraseFile => self.passphrase = Some(Given::File(value.into())),
            Opt::PassphrasePipe => {
                self.passphrase = Some(Given::CommandLine(descriptor(&text(value)?)?));
            }
            Opt::PersonalDigestPreferences => {
                self.preferred_digest = preferred_digest(&text(value)?)?;
            }
            Opt::PinentryMode => self.pinentry = pinentry(&text(value)?)?,
            Opt::Quiet => self.quiet = true,
            Opt::SpecialFilenames => self.special_filenames = true,
            Opt::StatusFd => self.status_fd = Some(text(value)?),
            Opt::StatusFile => self.status_file = Some(value.into()),
            Opt::TextMode => self.text_mode = true,
            Opt::TrustModel => self.always_trust = trust_model(&text(value)?)?,
            Opt::VerifyOptions => only(&text(value)?, VERIFY_OPTIONS, "verify")?,
            Opt::Verbose => self.verbose = true,
            Opt::NoVerbose => self.verbose = false,
            Opt::WeakDigest => weak_digest(&text(value)?)?,
            Opt::WithColons => self.with_colons = true,
            Opt::WithFingerprint => self.fingerprints = self.fingerprints.saturating_add(1),
            Opt::WithKeygrip => self.with_keygrip = true,
            Opt::WithSecret => self.with_secret = true,
            Opt::WithSubkeyFingerprint => self.with_subkey_fingerprint = true,
            Opt::Yes => self.yes = true,
        }
        Ok(())
    }

    fn import_options(&mut self, list: &str) -> Result<(), String> {
        only(list, IMPORT_OPTIONS, "import")?;
        for name in list.split([' ', ',']) {
            match name {
                "import-show" => self.import_shows = true,
                "no-import-show" => self.import_shows = false,
                "import-dry-run" => self.import_is_dry = true,
                "show-only" => (self.import_shows, self.import_is_dry) = (true, true),
                _ => {}
            }
        }
        Ok(())
    }

    /// `-s` goes with `-b` and `--clear-sign`. `--fingerprint` and the listings of signatures go with
    /// a listing. Nothing else does.
    fn set_task(&mut self, task: Task) -> Result<(), String> {
        match task {
            Task::Fingerprint => {
                self.fingerprints = self.fingerprints.saturating_add(1);
                self.lists = true;
            }
            Task::ListSigs => self.signatures = self.signatures.max(Signatures::Listed),
            Task::CheckSigs => self.signatures = Signatures::Checked,
            _ => return self.set_command(task),
        }
        Ok(())
    }

    fn set_command(&mut self, task: Task) -> Result<(), String> {
        self.task = Some(match (self.task, task) {
            (None, task) => task,
            (Some(before), task) if before == task => task,
            (Some(Task::Sign), Task::DetachSign) | (Some(Task::DetachSign), Task::Sign) => {
                Task::DetachSign
            }
            (Some(Task::Sign), Task::ClearSign) | (Some(Task::ClearSign), Task::Sign) => {
                Task::ClearSign
            }
            _ => return Err("conflicting commands".into()),
        });
        Ok(())
    }

    /// The hash that a signature is made with: what is said, what is preferred, else SHA-256.
    pub fn signing_digest(&self) -> HashAlgorithm {
        self.digest.or(self.preferred_digest).unwrap_or(HashAlgorithm::Sha256)
    }
}

fn text(value: OsString) -> Result<String, String> {
    value
        .into_string()
        .map_err(|value| format!("\"{}\" is not UTF-8", Safe::bytes(value.as_encoded_bytes())))
}

fn descriptor(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| format!("\"{}\" is not a descriptor", Safe::text(text)))
}

/// gpg's names of hashes. A hash has its first one.
const DIGESTS: [(&str, HashAlgorithm); 8] = [
    ("MD5", HashAlgorithm::Md5),
    ("SHA1", HashAlgorithm::Sha1),
    ("RIPEMD160", HashAlgorithm::Ripemd160),
    ("RMD160", HashAlgorithm::Ripemd160),
    ("SHA224", HashAlgorithm::Sha224),
    ("SHA256", HashAlgorithm::Sha256),
    ("SHA384", HashAlgorithm::Sha384),
    ("SHA512", HashAlgorithm::Sha512),
];

/// Reads a hash by its name or, as gpg has it, its number behind an H.
pub fn digest(name: &str) -> Option<HashAlgorithm> {
    let name = name.trim().to_ascii_uppercase().replace('-', "");
    let number = name.strip_prefix('H').unwrap_or(&name).parse().ok();
    number.and_then(HashAlgorithm::from_id).or_else(|| {
        DIGESTS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    })
}

/// Returns gpg's name of a hash.
pub fn digest_name(algorithm: HashAlgorithm) -> &'static str {
    DIGESTS.iter().find(|(_, known)| *known == algorithm).map_or("?", |(name, _)| name)
}

fn is_strong(algorithm: &HashAlgorithm) -> bool {
    matches!(algorithm, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
}

fn signing_digest(name: &str) -> Result<HashAlgorithm, String> {
    match digest(name) {
        None => Err("selected digest algorithm is invalid".into()),
        Some(algorithm) if is_strong(&algorithm) => Ok(algorithm),
        Some(algorithm) => Err(format!(
            "{} is refused for signatures: use SHA256, SHA384 or SHA512",
            digest_name(algorithm)
        )),
    }
}

/// Returns the first of the preferences that may be used.
fn preferred_digest(list: &str) -> Result<Option<HashAlgorithm>, String> {
    let mut preferred = None;
    for name in list.split([' ', ',']).filter(|name| !name.is_empty()) {
        let algorithm = digest(name).ok_or("invalid personal digest preferences")?;
        preferred = preferred.or(Some(algorithm).filter(is_strong));
    }
    Ok(preferred)
}

/// Weak hashes never count here, so only switching off a strong one is an error.
fn weak_digest(name: &str) -> Result<(), String> {
    match digest(name) {
        Some(algorithm) if is_strong(&algorithm) => {
            Err(format!("--weak-digest: {} cannot be switched off", digest_name(algorithm)))
        }
        _ => Ok(()),
    }
}

fn keyid_format(name: &str) -> Result<KeyidFormat, String> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "none" => KeyidFormat::None,
        "short" => KeyidFormat::Short,
        "long" => KeyidFormat::Long,
        "0xshort" => KeyidFormat::HexShort,
        "0xlong" => KeyidFormat::HexLong,
        _ => return Err(format!("unknown keyid-format '{}'", Safe::text(name))),
    })
}

fn pinentry(name: &str) -> Result<Pinentry, String> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "default" | "ask" => Pinentry::Ask,
        "cancel" | "error" => Pinentry::Never,
        "loopback" => Pinentry::Loopback,
        _ => return Err(format!("invalid pinentry mode '{}'", Safe::text(name))),
    })
}

/// All of these allow what plugsign makes and accepts. The others, such as `de-vs`, do not.
fn compliance(name: &str) -> Result<(), String> {
    match name.to_ascii_lowercase().as_str() {
        "gnupg" | "openpgp" | "rfc4880" | "rfc4880bis" | "rfc2440" => Ok(()),
        _ => Err(format!(
            "--compliance {}: plugsign does not follow this standard",
            Safe::text(name)
        )),
    }
}

/// Returns whether every key is trusted.
fn trust_model(name: &str) -> Result<bool, String> {
    match name.to_ascii_lowercase().as_str() {
        "always" => Ok(true),
        "pgp" | "classic" | "direct" | "auto" | "tofu" | "tofu+pgp" => Ok(false),
        _ => Err(format!("unknown trust model '{}'", Safe::text(name))),
    }
}

/// Exports do these in any case: a certificate leaves without other people's signatures.
const EXPORT_OPTIONS: &str = "export-attributes export-clean export-minimal export-local-sigs \
     no-export-attributes no-export-local-sigs no-export-sensitive-revkeys";

/// Imports do these in any case, for the same reason.
const IMPORT_OPTIONS: &str = "import-clean import-dry-run import-local-sigs import-minimal \
     import-show keep-ownertrust no-import-show show-only \
     no-import-local-sigs no-repair-keys no-repair-pks-subkey-bug no-self-sigs-only repair-keys \
     repair-pks-subkey-bug self-sigs-only";

/// These change what people see. None changes what is believed.
const VERIFY_OPTIONS: &str = "no-pka-lookups no-pka-trust-increase no-show-keyserver-urls \
     no-show-notations no-show-photos no-show-policy-urls no-show-primary-uid-only \
     no-show-std-notations no-show-uid-validity no-show-unusable-uids no-show-user-notations \
     pka-lookups show-keyserver-urls show-notations show-photos show-policy-urls \
     show-primary-uid-only show-std-notations show-uid-validity show-unusable-uids \
     show-user-notations";

fn only(list: &str, known: &str, what: &str) -> Result<(), String> {
    let mut names = list.split([' ', ',']).filter(|name| !name.is_empty());
    match names.find(|name| !known.split_whitespace().any(|known| known == *name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "the {what} option '{}' would change what is {}, and is not supported",
            Safe::text(name),
            if what == "verify" { "trusted" } else { "written" },
        )),
    }
}
