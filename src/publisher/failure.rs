//! Why an act could not be done: message, causes, hint and exit code.

use std::io;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::advice;
use crate::disk;
use crate::mattermost::public_key::Unfit;
use crate::openpgp;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::token;
use crate::text::Safe;

/// The exit code of a verdict that is not good.
pub const EXIT_NO: u8 = 1;
/// The exit code of a command line that makes no sense.
pub const EXIT_USAGE: u8 = 2;
/// The exit code of what could not be done.
pub const EXIT_COULD_NOT: u8 = 3;
/// The exit code of what the policy refuses.
pub const EXIT_REFUSED: u8 = 4;

/// What comes of an act, or why it could not be done.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why an act could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A key or a signature is in the way.
    #[error(transparent)]
    OpenPgp(#[from] openpgp::Error),
    /// A file is in the way.
    #[error(transparent)]
    Disk(disk::Error),
    /// A key file is none that a server could be given.
    #[error("{}", .0.problem)]
    Unfit(Unfit),
    /// What was looked at is not good. The words are foreign text.
    #[error("{0}")]
    No(String),
    /// Another failure, where other advice than the usual helps.
    #[error("{0}")]
    Advised(Box<Failure>, String),
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A passphrase is needed, and there is neither a source nor a terminal.
    #[error("{0} needs a passphrase, and there is no terminal to ask for it")]
    NoPassphrase(String),
    /// The same for a passphrase that a key shall have from now on.
    #[error("{0} needs a new passphrase, and there is no terminal to ask for it")]
    NoNewPassphrase(String),
    /// The passphrase is empty, and that was not asked for.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The new passphrase of a key is empty.
    #[error("the new passphrase is empty")]
    EmptyNewPassphrase,
    /// The variable that should hold the key is empty.
    #[error("PLUGSIGN_KEY is empty: is the CI's secret there?")]
    EmptyKey,
    /// Two entries of a new passphrase differ.
    #[error("the two passphrases are not the same")]
    PassphrasesDiffer,
    /// A passphrase source, or standard input or output, cannot be used.
    #[error("cannot {0}")]
    Stream(&'static str, #[source] io::Error),
    /// Binary output would go to a terminal.
    #[error("binary data would go to the terminal")]
    BinaryToTerminal,
    /// The person left the dialog, or said no.
    #[error("cancelled, nothing was done")]
    Cancelled,
    /// The passphrase that was given does not unlock the key, and where it was given.
    #[error("wrong passphrase for {0}")]
    WrongPassphrase(Fingerprint, String),
    /// The descriptor that a passphrase should come from cannot be read.
    #[error("cannot read the passphrase from descriptor {0}")]
    Descriptor(u32, #[source] io::Error),
    /// What should be a file or a key is neither.
    #[error("\"{}\" is neither a file nor a known key", Safe::text(.0))]
    NeitherFileNorKey(String),
    /// What should be a key file is none, and a KEY does not do.
    #[error("there is no file \"{}\", and --as-server takes key files", Safe::text(.0))]
    NoKeyFile(String),
    /// There are no signers that count.
    #[error("there is no signer to trust")]
    NobodyTrusted,
    /// Neither a folder for the home was named nor does the environment have one.
    #[error("there is no folder for the home")]
    NoHome,
}

impl From<disk::Error> for Failure {
    fn from(error: disk::Error) -> Failure {
        match error {
            disk::Error::OpenPgp(error) => Failure::OpenPgp(error),
            error => Failure::Disk(error),
        }
    }
}

impl From<token::Error> for Failure {
    fn from(error: token::Error) -> Failure {
        Failure::OpenPgp(error.into())
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Failure {
        Failure::Unfit(unfit)
    }
}

impl Failure {
    pub(super) fn advised(failure: impl Into<Failure>, advice: impl Into<String>) -> Failure {
        Failure::Advised(Box::new(failure.into()), advice.into())
    }

    /// Returns the message: what happened, to what.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// Returns the causes, outermost first.
    pub fn causes(&self) -> Vec<String> {
        match self {
            Failure::Advised(failure, _) => failure.causes(),
            failure => causes(failure),
        }
    }

    /// Returns what to try next, in steps: see [`advice::on_one_line`].
    pub fn hint(&self) -> Option<String> {
        let words = match self {
            Failure::OpenPgp(error) => return advice::of_openpgp(error),
            Failure::Disk(error) => return advice::of_disk(error),
            Failure::Unfit(unfit) => &unfit.advice,
            Failure::Advised(_, advice) => advice,
            Failure::NoPassphrase(_) => advice::PASSPHRASE,
            Failure::NoNewPassphrase(_) => {
                "give it with --new-passphrase-fd N, --new-passphrase-file FILE or PLUGSIGN_NEW_PASSPHRASE"
            }
            Failure::EmptyPassphrase => "if the key shall have no passphrase, say --no-passphrase",
            Failure::EmptyKey => {
                "check the secret's name, and whether this job may read it.\nTo sign with a key of the home, unset PLUGSIGN_KEY"
            }
            Failure::EmptyNewPassphrase => {
                "give one with --new-passphrase-fd N, --new-passphrase-file FILE or PLUGSIGN_NEW_PASSPHRASE.\nOnly passwd can remove a passphrase"
            }
            Failure::BinaryToTerminal => "write to a file with -o FILE, or armor it with -a",
            Failure::WrongPassphrase(_, source) => return Some(format!("it came from {source}")),
            Failure::NeitherFileNorKey(_) => {
                "see what is known here:\n  plugsign list\n  plugsign trust list"
            }
            Failure::NoKeyFile(_) => {
                "write a key of the home to a file:\n  plugsign export --for-server KEY -o FILE"
            }
            Failure::NobodyTrusted => {
                "name the signer's certificate with --key FILE.\nOr trust it once and for all:\n  plugsign trust add FILE"
            }
            Failure::NoHome => "name a folder with --home DIR or PLUGSIGN_HOME",
            _ => return None,
        };
        Some(words.into())
    }

    /// Returns the exit code.
    pub fn exit(&self) -> u8 {
        match self {
            Failure::OpenPgp(error) => exit_of_openpgp(error),
            Failure::Disk(error) => exit_of_disk(error),
            Failure::Unfit(_) => EXIT_REFUSED,
            Failure::Advised(failure, _) => failure.exit(),
            Failure::No(_) => EXIT_NO,
            Failure::Usage(_) => EXIT_USAGE,
            _ => EXIT_COULD_NOT,
        }
    }

    /// Names the two commands that may have been meant, if a subkey was named for a key. `KEY` and
    /// `SUBKEY` stand in them for the fingerprints.
    pub fn or_of_subkey(self, whole: &str, alone: &str) -> Failure {
        match self {
            Failure::OpenPgp(openpgp::Error::NamesSubkey { ref subkey, ref key }) => {
                let advice =
                    format!("for this subkey:\n  {alone}\nFor the key as a whole:\n  {whole}")
                        .replace("SUBKEY", &subkey.to_string())
                        .replace("KEY", &key.to_string());
                Failure::advised(self, advice)
            }
            other => other,
        }
    }

    /// Returns the message and its causes on one line.
    pub fn one_line(&self) -> String {
        joined(self.message(), self.causes())
    }

    /// Returns the failure as a JSON document.
    pub fn json(&self, command: &str) -> Value {
        let mut error = json!(self);
        if let Failure::OpenPgp(openpgp::Error::AmbiguousKey { candidates, .. }) = self {
            let fingerprints = candidates.iter().map(|(fingerprint, _)| json!(fingerprint));
            error["candidates"] = fingerprints.collect();
        }
        let exit = self.exit();
        json!({"schema": 1, "command": command, "ok": false, "exit": exit, "error": error})
    }
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hint = self.hint().map(|hint| advice::on_one_line(&hint));
        json!({ "message": self.message(), "causes": self.causes(), "hint": hint })
            .serialize(serializer)
    }
}

/// Returns an error and its causes on one line.
pub fn one_line(error: &dyn std::error::Error) -> String {
    joined(error.to_string(), causes(error))
}

fn joined(message: String, causes: Vec<String>) -> String {
    std::iter::once(message).chain(causes).collect::<Vec<_>>().join(": ")
}

fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(|cause| Safe::text(&cause.to_string()).to_string()).collect()
}

fn exit_of_disk(error: &disk::Error) -> u8 {
    use disk::Error;
    match error {
        Error::OpenPgp(error) => exit_of_openpgp(error),
        Error::NotForServer { .. } => EXIT_REFUSED,
        Error::Malformed(_) | Error::BadName(_) => EXIT_USAGE,
        _ => EXIT_COULD_NOT,
    }
}

fn exit_of_openpgp(error: &openpgp::Error) -> u8 {
    use openpgp::Error;
    match error {
        Error::Refused { .. }
        | Error::NotGood(_)
        | Error::OnlyPrimarySigns(_)
        | Error::ForeignRevocation(_)
        | Error::AlreadyRevoked { .. }
        | Error::LastUserId(_)
        | Error::Token(token::Error::NotRsa(_) | token::Error::Exportable(_))
        | Error::ClockBehind { .. } => EXIT_REFUSED,
        Error::Malformed(_)
        | Error::NamesSubkey { .. }
        | Error::Token(token::Error::Uri { .. }) => EXIT_USAGE,
        _ => EXIT_COULD_NOT,
    }
}

/// Adds advice to why a secret key could not be written.
pub fn secret_not_written(error: disk::Error) -> Failure {
    match error {
        disk::Error::NotAFile { .. } => Failure::advised(
            error,
            "write a secret key to a new file (-o NEWFILE) or to standard output (-o -)",
        ),
        error => error.into(),
    }
}
