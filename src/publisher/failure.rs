//! Why an act could not be done: message, causes, hint and exit code, in one table.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::mistaken::{looks_like_file, looks_like_key};
use super::show::path_text;
use crate::disk::gnupg::PRIVATE_KEYS;
use crate::error::Error;
use crate::openpgp::certificate::Fingerprint;
use crate::openpgp::verify::Reason;
use crate::text::{Safe, quoted};

/// The exit code of a verdict that is not good.
pub const EXIT_NO: u8 = 1;
/// The exit code of a command line that makes no sense.
pub const EXIT_USAGE: u8 = 2;
/// The exit code of what could not be done.
pub const EXIT_COULD_NOT: u8 = 3;
/// The exit code of what the policy refuses.
pub const EXIT_REFUSED: u8 = 4;

/// What to do about a key whose certificate the server does not take.
pub const UNREADABLE: &str = "take out of the key what the server cannot read (gpg --edit-key KEY: key N, delkey, save), export its secret key and the certificate again, and: plugsign import --replace FILE; or make a key for releases alone: plugsign keygen";

/// Why a command ended without a report.
#[derive(Debug)]
pub enum Failure {
    /// The library could not do it.
    Library(Error),
    /// The same where another advice than the usual helps.
    Advised(Box<Error>, String),
    /// The command line makes no sense.
    Usage(String),
    /// A passphrase is needed, and there is neither a source nor a terminal.
    NoPassphrase(String),
    /// The same for a passphrase that a key shall have from now on.
    NoNewPassphrase(String),
    /// The passphrase is empty, and that was not asked for.
    EmptyPassphrase,
    /// The new passphrase of a key is empty.
    EmptyNewPassphrase,
    /// The variable that should hold the key is empty.
    EmptyKey,
    /// Two entries of a new passphrase differ.
    PassphrasesDiffer,
    /// A passphrase source, or standard input or output, cannot be used.
    Stream(&'static str, io::Error),
    /// Binary output would go to a terminal.
    BinaryToTerminal,
    /// The person left the dialog.
    Cancelled,
    /// The passphrase that was given does not unlock the key, and where it was given.
    WrongPassphrase(Fingerprint, String),
    /// The descriptor that a passphrase should come from cannot be read.
    Descriptor(u32, io::Error),
    /// What should be a file or a key is neither.
    NeitherFileNorKey(String),
    /// What should be a key file is none, and a KEY does not do.
    NoKeyFile(String),
    /// There are no signers that count.
    NobodyTrusted,
    /// Neither a folder for the home was named nor does the environment have one.
    NoHome,
    /// Signals cannot be handled.
    Signals(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Library(error)
    }
}

impl Failure {
    /// Returns the message: what happened, to what.
    pub fn message(&self) -> String {
        match self {
            Failure::Library(error) => error.to_string(),
            Failure::Advised(error, _) => error.to_string(),
            Failure::Usage(message) => message.clone(),
            Failure::NoPassphrase(what) => {
                format!("{what} needs a passphrase, and there is no terminal to ask for it")
            }
            Failure::NoNewPassphrase(what) => {
                format!("{what} needs a new passphrase, and there is no terminal to ask for it")
            }
            Failure::EmptyPassphrase => "the passphrase is empty".into(),
            Failure::EmptyKey => "PLUGSIGN_KEY is empty: is the CI's secret there?".into(),
            Failure::EmptyNewPassphrase => "the new passphrase is empty".into(),
            Failure::PassphrasesDiffer => "the two passphrases are not the same".into(),
            Failure::Stream(what, _) => format!("cannot {what}"),
            Failure::BinaryToTerminal => "binary data would go to the terminal".into(),
            Failure::Cancelled => "cancelled, nothing was made".into(),
            Failure::WrongPassphrase(key, _) => format!("wrong passphrase for {key}"),
            Failure::Descriptor(number, _) => {
                format!("cannot read the passphrase from descriptor {number}")
            }
            Failure::NeitherFileNorKey(name) => {
                format!("\"{}\" is neither a file nor a key that is known here", Safe::text(name))
            }
            Failure::NoKeyFile(name) => {
                format!(
                    "there is no file \"{}\", and --as-server takes key files",
                    Safe::text(name)
                )
            }
            Failure::NobodyTrusted => "there is no signer to trust".into(),
            Failure::NoHome => "there is no place for the home".into(),
            Failure::Signals(_) => "cannot handle signals".into(),
        }
    }

    /// Returns the causes, outermost first.
    pub fn causes(&self) -> Vec<String> {
        match self {
            Failure::Library(error) => causes(error),
            Failure::Advised(error, _) => causes(error),
            Failure::Stream(_, error) | Failure::Descriptor(_, error) | Failure::Signals(error) => {
                vec![error.to_string()]
            }
            _ => Vec::new(),
        }
    }

    /// Returns what to try next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Failure::Library(error) => hint(error),
            Failure::Advised(_, advice) => Some(advice.clone()),
            Failure::NoPassphrase(_) => Some(
                "give it with --passphrase-fd N, --passphrase-file FILE or PLUGSIGN_PASSPHRASE".into(),
            ),
            Failure::NoNewPassphrase(_) => Some(
                "give it with --new-passphrase-fd N, --new-passphrase-file FILE or PLUGSIGN_NEW_PASSPHRASE".into(),
            ),
            Failure::EmptyPassphrase => {
                Some("say --no-passphrase if the key shall have no protection".into())
            }
            Failure::EmptyKey => Some(
                "a secret may be kept from this job, or have another name; unset PLUGSIGN_KEY to sign with a key of the home".into(),
            ),
            Failure::EmptyNewPassphrase => Some(
                "give one with --new-passphrase-fd N, --new-passphrase-file FILE or PLUGSIGN_NEW_PASSPHRASE; only passwd leaves a key without one".into(),
            ),
            Failure::BinaryToTerminal => Some("write to a file with -o FILE, or armor it with -a".into()),
            Failure::WrongPassphrase(_, source) => Some(format!("it came from {source}")),
            Failure::NeitherFileNorKey(_) => {
                Some("see what is known here: plugsign list, plugsign trust list".into())
            }
            Failure::NoKeyFile(_) => {
                Some("write a key of the home to one: plugsign export --for-server KEY -o FILE".into())
            }
            Failure::NobodyTrusted => Some(
                "name the signer's certificate with --key FILE, or trust it once with: plugsign trust add FILE".into(),
            ),
            Failure::NoHome => Some("name a folder with --home DIR or PLUGSIGN_HOME".into()),
            _ => None,
        }
    }

    /// Returns the exit code.
    pub fn exit(&self) -> u8 {
        match self {
            Failure::Library(error) => exit_of(error),
            Failure::Advised(error, _) => exit_of(error),
            Failure::Usage(_) => EXIT_USAGE,
            _ => EXIT_COULD_NOT,
        }
    }

    /// Names the two commands that may have been meant, if a subkey was named for a key. `KEY` and
    /// `SUBKEY` stand in them for the fingerprints.
    pub fn or_of_subkey(self, whole: &str, alone: &str) -> Failure {
        match self {
            Failure::Library(Error::NamesSubkey { subkey, key }) => {
                let advice = format!("for this subkey: {alone}; for the key as a whole: {whole}")
                    .replace("SUBKEY", &subkey.to_string())
                    .replace("KEY", &key.to_string());
                Failure::Advised(Box::new(Error::NamesSubkey { subkey, key }), advice)
            }
            other => other,
        }
    }

    /// Returns the failure as a JSON value, for reports about several things.
    pub fn error_json(&self) -> Value {
        error_fields(&self.message(), self.causes(), self.hint())
    }

    /// Returns the message and its causes on one line.
    pub fn one_line(&self) -> String {
        let mut line = self.message();
        for cause in self.causes() {
            line.push_str(": ");
            line.push_str(&cause);
        }
        line
    }

    /// Returns the failure as a JSON document.
    pub fn json(&self, command: &str) -> Value {
        let mut error = self.error_json();
        if let Failure::Library(Error::AmbiguousKey { candidates, .. }) = self {
            let fingerprints: Vec<String> =
                candidates.iter().map(|(fingerprint, _)| fingerprint.to_string()).collect();
            error["candidates"] = json!(fingerprints);
        }
        json!({
            "schema": 1,
            "command": command,
            "ok": false,
            "exit": self.exit(),
            "error": error,
        })
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.error_json().serialize(serializer)
    }
}

fn error_fields(message: &str, causes: Vec<String>, hint: Option<String>) -> Value {
    json!({ "message": message, "causes": causes, "hint": hint })
}

/// Returns a library error as a JSON value, for reports about several things.
pub fn error_json(error: &Error) -> Value {
    error_fields(&error.to_string(), causes(error), hint(error))
}

/// Returns files and why each could not be looked at as a JSON value.
pub fn files_json(files: &[(PathBuf, Error)]) -> Value {
    files
        .iter()
        .map(|(path, error)| json!({"path": path_text(path), "error": error_json(error)}))
        .collect()
}

/// Returns an error and its causes on one line.
pub fn one_line(error: &Error) -> String {
    let mut line = error.to_string();
    for cause in causes(error) {
        line.push_str(": ");
        line.push_str(&cause);
    }
    line
}

fn causes(error: &Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(Safe::text(&cause.to_string()).to_string());
        source = cause.source();
    }
    causes
}

/// Returns the exit code of a library error.
pub fn exit_of(error: &Error) -> u8 {
    match error {
        Error::Refused { .. }
        | Error::NotGood(_)
        | Error::NotForServer { .. }
        | Error::OnlyPrimarySigns(_)
        | Error::ForeignRevocation(_)
        | Error::LastUserId(_)
        | Error::ClockBehind { .. } => EXIT_REFUSED,
        Error::Malformed(_) | Error::BadName(_) | Error::NamesSubkey { .. } => EXIT_USAGE,
        _ => EXIT_COULD_NOT,
    }
}

/// Returns what to try next about a library error.
pub fn hint(error: &Error) -> Option<String> {
    use crate::openpgp::policy::Weakness;
    Some(match error {
        Error::Stale(_) => "sign anew with --force, if the file is what it should be".into(),
        Error::OtherList(_) => {
            "remove it and its signature first; or write both anew with --force, which also replaces signatures that are no good".into()
        }
        Error::ByOther { issuer, .. } => {
            format!("to sign for both: -u {issuer} -u KEY, with yours beside it as FILE.KEYID.sig; or sign in its place with --force")
        }
        Error::Exists(_) => "write elsewhere, or replace it with --force".into(),
        Error::UnknownKey(query) if query.is_empty() => {
            "give one in PLUGSIGN_KEY or with --key-file FILE; or import one into the home: plugsign import FILE; or make one: plugsign keygen".into()
        }
        Error::UnknownKey(query) if looks_like_file(query) => {
            "if that is a file: export writes one with -o FILE, sign uses one with --key-file FILE".into()
        }
        Error::UnknownKey(_) | Error::NoSecret(_) => "see which keys there are: plugsign list".into(),
        Error::AmbiguousKey { candidates, query } => {
            let mut hint = match query.is_empty() {
                true => "choose one with -u and its fingerprint:".to_string(),
                false => "name one by its fingerprint:".to_string(),
            };
            for (fingerprint, user_id) in candidates {
                hint.push_str(&format!("\n  {fingerprint}  {}", Safe::text(user_id)));
            }
            hint
        }
        Error::NamesSubkey { subkey, key } => {
            format!("name the key as a whole: {key}; a subkey alone can only be revoked: plugsign revoke {key} --subkey {subkey} --reason REASON")
        }
        Error::ShortKeyId(_) => {
            "anybody can make a key with the same eight digits: give all 40 of the fingerprint, or 16".into()
        }
        Error::PassphrasesDiffer { key, .. } => {
            format!("nothing was changed: give the home's the passphrase of the file first: plugsign passwd {key}; then import the file again")
        }
        Error::PrimaryElsewhere(key) => {
            format!("lend it for this command: --primary FILE, with the file that export --offline-primary wrote; if it is lost, publish a stored revocation certificate: plugsign revoke {key} --stored --reason REASON")
        }
        Error::OnlyPrimarySigns(key) => format!("make a signing subkey first: plugsign rotate {key}"),
        Error::OtherKey { .. } => "--primary takes the file with the primary key of KEY".into(),
        Error::ClockBehind { .. } => "set the clock right, or wait until that time is past".into(),
        Error::ForeignRevocation(_) => {
            "nothing was changed: a key is revoked by itself alone; import reads whose certificate it is".into()
        }
        Error::NoRevocation { key, there, reason } => {
            let own = format!("revoke with the key itself: plugsign revoke {key} --reason {reason}; or with a copy that is kept elsewhere: plugsign revoke {key} --certificate FILE");
            match there.iter().any(|reason| reason.is_hard()) {
                true => format!("{own}; what is there takes back all that the key ever signed: plugsign revoke {key} --stored --reason compromised"),
                false => own,
            }
        }
        Error::UnknownUserId(_) => "see the user IDs: plugsign list; give one as it is written".into(),
        Error::LastUserId(_) => "add another one first: plugsign adduid KEY; or end the key: plugsign revoke KEY".into(),
        Error::UnsafeHome { problem, .. } if problem.contains("another user") => {
            "run plugsign as the user that the home belongs to, or choose a home of your own".into()
        }
        Error::UnsafeHome { problem, .. } if problem.contains("not a folder") => {
            "choose a folder for the home".into()
        }
        Error::UnsafeHome { path, .. } => {
            format!("make it yours alone: chmod 700 {}", quoted(path))
        }
        Error::Exposed(_) => {
            "nothing was written: use a disk that keeps permissions; export also writes to another one if you say --readable-by-others".into()
        }
        Error::UnsafeFile { path, problem: "belongs to another user" } => {
            format!("make sure that nobody changed it; then make it yours: chown $(id -u) {}", quoted(path))
        }
        Error::PartUnreadable { path, why, .. } if why.ends_with("can be written to by others") => {
            format!("make sure that nobody changed it; then: chmod go-w {}", quoted(path))
        }
        Error::UnsafeFile { path, .. } => {
            format!("make sure that nobody changed it; then: chmod go-w {}", quoted(path))
        }
        Error::PartUnreadable { .. } => {
            "it may revoke the key, or hold its secret part: make the file readable, or move it out of the home if nothing can be done".into()
        }
        Error::Busy(_) => "try again when it is done".into(),
        Error::Changed(_) => "try again when nothing writes to it any more".into(),
        Error::LinkOutside(_) => "name the file that the link leads to".into(),
        Error::ForeignLink(path) => {
            format!("see where it leads, and name that path: realpath {}", quoted(path))
        }
        Error::PassphraseNeeded(_) => {
            "give it with --passphrase-fd N, --passphrase-file FILE or PLUGSIGN_PASSPHRASE".into()
        }
        Error::UnknownName(_) => "see the names: plugsign trust list".into(),
        Error::GnupgFile(_) => {
            "have gpg write the key to a file, gpg --export-secret-keys KEY > FILE, and: plugsign import FILE".into()
        }
        Error::NotRead(_) => {
            "write the one key into a file of its own: gpg --export KEY > FILE".into()
        }
        Error::NoKey(_) => {
            "a key file is what `gpg --export` or `plugsign export` writes, armored or not".into()
        }
        Error::NotGood(bad) if bad.reason() == Reason::ServerRefuses => {
            format!("no signature was written; {UNREADABLE}")
        }
        Error::NotForServer { .. } => UNREADABLE.into(),
        Error::NotGood(_) => "no signature was written; see the key with: plugsign list".into(),
        Error::Refused { key, weakness } => match weakness {
            Weakness::TooShort(_) | Weakness::Algorithm(_) | Weakness::Version(_) | Weakness::Modulus | Weakness::Exponent => {
                "make a RSA key of 3072 bits: plugsign keygen".into()
            }
            Weakness::SharedPrime(_) => {
                "both keys were made with too little chance: trust neither, and make new ones elsewhere: plugsign keygen".into()
            }
            Weakness::Inconsistent => {
                "do not use this key file: it was damaged or tampered with; restore it from a backup".into()
            }
            Weakness::Unprotected => {
                "give it a passphrase, or say that it shall have none: --no-passphrase, or --unprotected for export".into()
            }
            Weakness::Expired(_) => {
                format!("see what has expired: plugsign list {key}; a subkey: plugsign rotate {key}; the key as a whole: plugsign extend {key} --expires 1y; or where it was made (gpg --quick-set-expire {key} 1y), export it and import it again; for a CI, do so where the key is kept, and export --ci again; or make a new one: plugsign keygen")
            }
            Weakness::Unbound(_) | Weakness::Hash(_) => {
                format!("it needs a user ID and self-signatures with SHA-256 or stronger: renew them on the way in (plugsign import --refresh FILE) or in the home (plugsign refresh {key}); or where it was made (gpg --cert-digest-algo SHA256 --quick-set-expire {key} 0), export it and import it again")
            }
            Weakness::OnCard(_) => {
                "plugsign uses no smart cards: sign with a key or subkey whose secret part is in a file; gpg --export gives the certificate of this one".into()
            }
            Weakness::NotYetValid(_) => {
                "set the clock right, or unset SOURCE_DATE_EPOCH, or give a later --time".into()
            }
            Weakness::ManySecretParts { .. } => {
                "take the secret parts of ended subkeys out of a copy (gpg --edit-key KEY: key N, delkey, save), export that, and: plugsign import --replace FILE".into()
            }
            Weakness::SecretElsewhere => "import the key with its secret part".into(),
            _ => return None,
        },
        Error::ConfigInDatabase(_) => {
            "plugsign edits config.json only: in a database, the key file is a row of the table ConfigurationFiles, and its name an entry of PluginSettings.SignaturePublicKeyFiles; if the server does read the file, unset MM_CONFIG".into()
        }
        Error::OwnerNeeded { .. } => {
            "run it as the server's user or as root: sudo -u mattermost plugsign ...".into()
        }
        Error::BadDocument { .. } => "nothing was changed; mend the file first".into(),
        Error::SamlFile(_) => "use another name: --name NAME".into(),
        Error::NotListed { .. } => "see what it has: plugsign marketplace check".into(),
        Error::Duplicate { .. } => "take the new one in its place with --replace".into(),
        Error::NotAFile { kind: "a folder", path } if path.join(PRIVATE_KEYS).is_dir() => {
            format!("it is a GnuPG home: plugsign import --from-gnupg {}", quoted(path))
        }
        Error::NotAFile { kind: "a folder", .. } => "name the files in it".into(),
        Error::NotAFile { .. } => {
            "name a regular file; sign, import and --key-file read standard input as -".into()
        }
        Error::Io { path, source, .. }
            if source.kind() == io::ErrorKind::NotFound && looks_like_key(path) =>
        {
            "if that is a key: sign takes it with -u KEY, verify with --key KEY".into()
        }
        _ => return None,
    })
}

/// Adds advice to why a secret key could not be written.
pub fn secret_not_written(error: Error) -> Failure {
    match error {
        Error::NotAFile { .. } => Failure::Advised(
            Box::new(error),
            "a secret key goes into a new file or to standard output: -o NEWFILE, or -o -".into(),
        ),
        error => error.into(),
    }
}
