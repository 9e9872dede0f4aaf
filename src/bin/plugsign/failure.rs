//! Errors as a person meets them: message, hint and exit code, in one table.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use plugsign::error::Error;
use plugsign::openpgp::verify::Reason;
use plugsign::safe::Safe;
use serde_json::{Value, json};

pub const EXIT_NO: u8 = 1;
pub const EXIT_USAGE: u8 = 2;
pub const EXIT_COULD_NOT: u8 = 3;
pub const EXIT_REFUSED: u8 = 4;

/// What to do about a key whose certificate the server does not take.
pub const UNREADABLE: &str = "take out of the key what the server cannot read (gpg --edit-key KEY: key N, delkey, save), export its secret key and the certificate again, and: plugsign import --replace FILE; or make a key for releases alone: plugsign keygen";

/// Why a command ended without a report.
#[derive(Debug)]
pub enum Failure {
    /// The library could not do it.
    Library(Error),
    /// The command line makes no sense.
    Usage(String),
    /// A passphrase is needed, and there is neither a source nor a terminal.
    NoPassphrase(String),
    /// The same for a passphrase that a key shall have from now on.
    NoNewPassphrase(String),
    /// The passphrase is empty, and that was not asked for.
    EmptyPassphrase,
    /// Two entries of a new passphrase differ.
    PassphrasesDiffer,
    /// A passphrase source, or standard input or output, cannot be used.
    Stream(&'static str, io::Error),
    /// Binary output would go to a terminal.
    BinaryToTerminal,
    /// The person left the dialog.
    Cancelled,
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
            Failure::Usage(message) => message.clone(),
            Failure::NoPassphrase(what) => {
                format!("{what} needs a passphrase, and there is no terminal to ask for it")
            }
            Failure::NoNewPassphrase(what) => {
                format!("{what} needs a new passphrase, and there is no terminal to ask for it")
            }
            Failure::EmptyPassphrase => "the passphrase is empty".into(),
            Failure::PassphrasesDiffer => "the two passphrases are not the same".into(),
            Failure::Stream(what, _) => format!("cannot {what}"),
            Failure::BinaryToTerminal => "binary data would go to the terminal".into(),
            Failure::Cancelled => "cancelled, nothing was made".into(),
            Failure::NobodyTrusted => "there is no signer to trust".into(),
            Failure::NoHome => "there is no place for the home".into(),
            Failure::Signals(_) => "cannot handle signals".into(),
        }
    }

    /// Returns the causes, outermost first.
    pub fn causes(&self) -> Vec<String> {
        match self {
            Failure::Library(error) => causes(error),
            Failure::Stream(_, error) | Failure::Signals(error) => vec![error.to_string()],
            _ => Vec::new(),
        }
    }

    /// Returns what to try next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Failure::Library(error) => hint(error),
            Failure::NoPassphrase(_) => Some(
                "give it with --passphrase-fd N, --passphrase-file FILE or PLUGSIGN_PASSPHRASE".into(),
            ),
            Failure::NoNewPassphrase(_) => Some(
                "give it with --new-passphrase-fd N, --new-passphrase-file FILE or PLUGSIGN_NEW_PASSPHRASE".into(),
            ),
            Failure::EmptyPassphrase => {
                Some("say --no-passphrase if the key shall have no protection".into())
            }
            Failure::BinaryToTerminal => Some("write to a file with -o FILE, or armor it with -a".into()),
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
            Failure::Usage(_) => EXIT_USAGE,
            _ => EXIT_COULD_NOT,
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
        .map(|(path, error)| json!({"path": path.to_string_lossy(), "error": error_json(error)}))
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
        | Error::WithoutEffect(_)
        | Error::LastUserId(_)
        | Error::ClockBehind { .. } => EXIT_REFUSED,
        Error::Malformed(_) | Error::BadName(_) => EXIT_USAGE,
        _ => EXIT_COULD_NOT,
    }
}

/// Returns what to try next about a library error.
pub fn hint(error: &Error) -> Option<String> {
    use plugsign::openpgp::policy::Weakness;
    Some(match error {
        Error::Stale(_) => "sign anew with --force, if the file is what it should be".into(),
        Error::Exists(_) => "write elsewhere, or replace it with --force".into(),
        Error::UnknownKey(query) if query.is_empty() => {
            "make a key with: plugsign keygen; or import one with: plugsign import FILE".into()
        }
        Error::UnknownKey(_) | Error::NoSecret(_) => "see which keys there are: plugsign list".into(),
        Error::AmbiguousKey { candidates, .. } => {
            let mut hint = "name one by its fingerprint:".to_string();
            for (fingerprint, user_id) in candidates {
                hint.push_str(&format!("\n  {fingerprint}  {}", Safe::text(user_id)));
            }
            hint
        }
        Error::ShortKeyId(_) => {
            "anybody can make a key with the same eight digits: give all 40 of the fingerprint, or 16".into()
        }
        Error::SecretKeyDiffers(_) => "take the new one in its place with --replace".into(),
        Error::PrimaryElsewhere(_) => {
            "lend it for this command: --primary FILE, with the file that export --offline-primary wrote; if it is lost, publish a stored revocation certificate: plugsign revoke KEY --stored --reason REASON".into()
        }
        Error::PrimaryWouldGo(key) => {
            format!("to take it off this machine: plugsign export --offline-primary DIR {key}")
        }
        Error::OnlyPrimarySigns(key) => format!("make a signing subkey first: plugsign rotate {key}"),
        Error::OtherKey { .. } => "--primary takes the file with the primary key of KEY".into(),
        Error::ClockBehind { .. } => "set the clock right, or wait until that time is past".into(),
        Error::ForeignRevocation(_) => {
            "nothing was changed: a key is revoked by itself alone; import reads whose certificate it is".into()
        }
        Error::WithoutEffect(_) => {
            "revoke with the key itself, or with the certificate for compromised keys, which counts for ever: plugsign revoke KEY --stored --reason compromised".into()
        }
        Error::UnknownUserId(_) => "see the user IDs: plugsign list; give one as it is written".into(),
        Error::LastUserId(_) => "add another one first: plugsign adduid KEY; or end the key: plugsign revoke KEY".into(),
        Error::UnsafeHome { path, .. } => {
            format!("make it yours alone: chmod 700 {}", Safe::path(path))
        }
        Error::PartUnreadable { .. } => {
            "it may revoke the key, or hold its secret part: make the file readable, or move it out of the home if nothing can be done".into()
        }
        Error::Busy(_) => "try again when it is done".into(),
        Error::Changed(_) => "sign it when nothing writes to it any more".into(),
        Error::LinkOutside(_) => "name the file that the link leads to".into(),
        Error::PassphraseNeeded(_) => {
            "give it with --passphrase-fd N, --passphrase-file FILE or PLUGSIGN_PASSPHRASE".into()
        }
        Error::WrongPassphrase(_) => {
            "check where the passphrase comes from: a trailing line end is dropped from files, nothing else is changed".into()
        }
        Error::UnknownName(_) => "see the names: plugsign trust list".into(),
        Error::GnupgFile(_) => {
            "have gpg write the key to a file, gpg --export-secret-keys KEY > FILE, and: plugsign import FILE".into()
        }
        Error::NoKey(_) => {
            "a key file is what `gpg --export` or `plugsign export` writes, armored or not".into()
        }
        Error::NotGood(bad) if bad.reason() == Reason::ServerRefuses => {
            format!("no signature was written; {UNREADABLE}")
        }
        Error::NotForServer { .. } => UNREADABLE.into(),
        Error::NotGood(_) => "no signature was written; see the key with: plugsign list".into(),
        Error::Refused { weakness, .. } => match weakness {
            Weakness::TooShort(_) | Weakness::Algorithm(_) | Weakness::Version(_) | Weakness::Modulus => {
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
                "extend it: plugsign extend KEY --expires 1y --subkeys; or where it was made (gpg --quick-set-expire KEY 1y), export it and import it again; or make a new one: plugsign keygen".into()
            }
            Weakness::Unbound(_) | Weakness::Hash(_) => {
                "it needs a user ID and self-signatures with SHA-256 or stronger: renew them on the way in (plugsign import --refresh FILE) or in the home (plugsign refresh KEY); or where it was made (gpg --cert-digest-algo SHA256 --quick-set-expire KEY 0), export it and import it again".into()
            }
            Weakness::OnCard(_) => {
                "plugsign uses no smart cards: sign with a key or subkey whose secret part is in a file; gpg --export gives the certificate of this one".into()
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
        Error::BadDocument { .. } => "nothing was changed; mend the file first".into(),
        Error::SamlFile(_) => "use another name: --name NAME".into(),
        Error::Duplicate { .. } => "take the new one in its place with --replace".into(),
        Error::NotAFile { .. } => "name a regular file, or use - for standard input".into(),
        _ => return None,
    })
}
