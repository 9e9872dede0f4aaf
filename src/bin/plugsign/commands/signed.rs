//! What `plugsign sign` says: a line about each signature.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plugsign::disk::Error;
use plugsign::disk::checksums::Sha256;
use plugsign::disk::signing::{Signed, State};
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::times::show_time;
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use crate::edge::report::Report;
use plugsign::publisher::failure::{
    EXIT_COULD_NOT, EXIT_REFUSED, error_json, exit_of, files_json, hint, one_line,
};
use plugsign::publisher::show::path_text;

/// What became of each file.
pub struct Done {
    /// The first one's signatures are what servers read.
    pub(super) signers: Vec<Described>,
    pub(super) created: SystemTime,
    pub(super) dry_run: bool,
    pub(super) files: Vec<File>,
    pub(super) passed_over: usize,
    pub(super) unreadable: Vec<(PathBuf, Error)>,
}

pub(super) struct Described {
    pub(super) key: Fingerprint,
    pub(super) certificate: Fingerprint,
    pub(super) user_id: String,
    pub(super) expires: Option<SystemTime>,
    pub(super) expires_soon: bool,
}

impl Described {
    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("key".into(), self.key.to_string().into());
        map.insert("certificate".into(), self.certificate.to_string().into());
        map.insert("expires".into(), self.expires.map(show_time).into());
        map.insert("expires_soon".into(), self.expires_soon.into());
        map
    }
}

pub(super) struct File {
    pub(super) path: PathBuf,
    /// Where the signature is, unless it went to standard output.
    pub(super) signature: Option<PathBuf>,
    pub(super) result: Result<State, Error>,
    /// The file's digest, if it was signed where it is.
    pub(super) sha256: Option<Sha256>,
    /// An older signature beside the new one that is no good any more.
    pub(super) stale: Option<PathBuf>,
}

impl File {
    pub(super) fn is_new(&self) -> bool {
        matches!(self.result, Ok(State::Written))
    }

    pub(super) fn new(path: &Path, signature: PathBuf, signed: Result<Signed, Error>) -> File {
        File {
            path: path.to_owned(),
            signature: Some(signature),
            sha256: signed.as_ref().ok().map(|signed| signed.sha256),
            stale: signed.as_ref().ok().and_then(|signed| signed.stale.clone()),
            result: signed.map(|signed| signed.state),
        }
    }
}

impl Done {
    fn count(&self, is: impl Fn(&Result<State, Error>) -> bool) -> usize {
        self.files.iter().filter(|file| is(&file.result)).count()
    }

    fn errors(&self) -> impl Iterator<Item = (&Path, &Error)> {
        let of_files = self
            .files
            .iter()
            .filter_map(|file| Some((file.path.as_path(), file.result.as_ref().err()?)));
        of_files.chain(self.unreadable.iter().map(|(path, error)| (path.as_path(), error)))
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unreadable.is_empty()
    }
}

impl Report for Done {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            if let (Ok(State::Written), Some(signature)) = (&file.result, &file.signature) {
                writeln!(out, "{}", Safe::path(signature))?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if self.files.len() == 1 && self.signature_on_stdout() {
            return Ok(());
        }
        let verb = if self.dry_run { "would be signed" } else { "signed" };
        let written = self.count(|result| matches!(result, Ok(State::Written)));
        let current = self.count(|result| matches!(result, Ok(State::UpToDate)));
        let failed = self.errors().count();
        write!(talk, "{written} {verb}, {current} up to date")?;
        if failed > 0 {
            write!(talk, ", {failed} failed")?;
        }
        if self.passed_over > 0 {
            write!(talk, ", {} passed over", self.passed_over)?;
        }
        let signers: Vec<String> =
            self.signers.iter().map(|it| format!("{} ({})", it.key, it.user_id)).collect();
        writeln!(talk, "; by {}", signers.join(" and "))
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for (path, error) in self.errors() {
            writeln!(talk, "failed: {}: {}", Safe::path(path), one_line(error))?;
            if let Some(hint) = hint(error) {
                writeln!(talk, "  hint: {hint}")?;
            }
        }
        if self.is_empty() {
            writeln!(
                talk,
                "there is nothing to sign: no release archives here; --include GLOB takes others"
            )?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|file| {
                let state = match &file.result {
                    Ok(State::Written) if self.dry_run => "would-sign",
                    Ok(State::Written) => "signed",
                    Ok(State::UpToDate) => "up-to-date",
                    Err(_) => "failed",
                };
                json!({
                    "path": path_text(&file.path),
                    "signature": file.signature.as_ref().map(|path| path_text(path)),
                    "state": state,
                    "error": file.result.as_ref().err().map(error_json),
                })
            })
            .collect();
        let mut map = self.signers.first().map(Described::json).unwrap_or_default();
        let signers: Vec<Value> = self.signers.iter().map(|it| it.json().into()).collect();
        map.insert("signers".into(), signers.into());
        map.insert("created".into(), show_time(self.created).into());
        map.insert("files".into(), files.into());
        map.insert("unreadable".into(), files_json(&self.unreadable));
        map.insert("passed_over".into(), self.passed_over.into());
        map
    }

    fn exit(&self) -> u8 {
        let codes = self.errors().map(|(_, error)| exit_of(error));
        match codes.max() {
            Some(EXIT_REFUSED) if self.errors().all(|(_, e)| exit_of(e) == EXIT_REFUSED) => {
                EXIT_REFUSED
            }
            Some(_) => EXIT_COULD_NOT,
            None if self.is_empty() => EXIT_COULD_NOT,
            None => 0,
        }
    }
}

impl Done {
    fn signature_on_stdout(&self) -> bool {
        self.files.iter().all(|file| file.signature.is_none())
    }
}
