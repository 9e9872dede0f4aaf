//! What `plugsign import` says, wherever the keys came from.

use std::collections::BTreeSet;
use std::io::{self, Write};

use plugsign::error::Error;
use plugsign::openpgp::certificate::{Certificate, Fingerprint};
use plugsign::openpgp::policy::Weakness;
use serde_json::{Map, Value, json};

use crate::edge::failure::{EXIT_COULD_NOT, EXIT_REFUSED, Failure};
use crate::edge::report::{Report, first_user_id};

/// What became of each key.
#[derive(Default)]
pub struct Imported {
    lines: Vec<Line>,
}

impl Imported {
    pub(super) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }
}

/// What became of one key.
pub(super) struct Line {
    /// A fingerprint and user ID, or the file that could not be read.
    what: String,
    user_id: Option<String>,
    secret: bool,
    kind: &'static str,
    outcome: Outcome,
}

/// What became of a key.
pub enum Outcome {
    New,
    Updated,
    Unchanged,
    /// There is nothing in it to take over, and nothing wrong with it.
    Skipped(Failure),
    Refused(Failure),
    /// The file, or a part of it, is no key.
    Unreadable(Failure),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Outcome::New => "new",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
            Outcome::Skipped(_) => "skipped",
            Outcome::Refused(_) => "refused",
            Outcome::Unreadable(_) => "unreadable",
        }
    }

    /// Returns why the key did not come over.
    fn why(&self) -> Option<&Failure> {
        match self {
            Outcome::Skipped(why) | Outcome::Refused(why) | Outcome::Unreadable(why) => Some(why),
            _ => None,
        }
    }
}

impl Line {
    pub(super) fn of(certificate: &Certificate, outcome: Outcome, secret: bool) -> Line {
        Line {
            what: certificate.fingerprint().to_string(),
            user_id: Some(first_user_id(certificate)),
            secret,
            kind: if secret { "secret key" } else { "certificate" },
            outcome,
        }
    }

    /// The revocation of a key.
    pub(super) fn of_revocation(certificate: &Certificate, outcome: Outcome) -> Line {
        Line { kind: "revocation", ..Line::of(certificate, outcome, false) }
    }

    /// A subkey whose secret part stays where it is. If its key came over, and signs, nothing of
    /// it is refused.
    pub(super) fn left_behind(
        certificate: &Certificate,
        subkey: &Fingerprint,
        weakness: &Weakness,
        came_over: bool,
    ) -> Line {
        let key = subkey.to_string();
        let error = Error::Refused { key: key.clone(), weakness: weakness.clone() };
        Line {
            what: key,
            user_id: Some(first_user_id(certificate)),
            secret: true,
            kind: "secret key",
            outcome: match came_over {
                true => Outcome::Skipped(error.into()),
                false => Outcome::Refused(error.into()),
            },
        }
    }

    pub(super) fn failed(file: String, failure: impl Into<Failure>) -> Line {
        let failure = failure.into();
        let outcome = match failure {
            Failure::Library(Error::Refused { .. }) => Outcome::Refused(failure),
            Failure::Library(Error::PassedOver(_)) => Outcome::Skipped(failure),
            _ => Outcome::Unreadable(failure),
        };
        Line { what: file, user_id: None, secret: false, kind: "certificate", outcome }
    }
}

impl Report for Imported {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            let word = line.outcome.word();
            let user_id = line.user_id.as_ref().map(|user_id| format!("  {user_id}"));
            let user_id = user_id.unwrap_or_default();
            match line.outcome.why() {
                Some(why @ Failure::Library(Error::Refused { .. })) => {
                    writeln!(out, "{word}  {}{user_id}", why.one_line())?;
                }
                Some(why) => {
                    writeln!(out, "{word}  {}: {}{user_id}", line.what, why.one_line())?;
                }
                None => writeln!(out, "{word}  {}  {}{user_id}", line.what, line.kind)?,
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let kept = |line: &Line| line.secret && matches!(line.outcome, Outcome::Unchanged);
        if self.lines.iter().any(kept) {
            writeln!(
                talk,
                "A secret key that was here already stays as it is, with its passphrase; --replace takes the new one."
            )?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        let mut said = BTreeSet::new();
        for hint in self.lines.iter().filter_map(|line| line.outcome.why()?.hint()) {
            if said.insert(hint.clone()) {
                writeln!(talk, "hint: {hint}")?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let keys: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let fingerprint = line.user_id.as_ref().map(|_| line.what.clone());
                let file = line.user_id.is_none().then(|| line.what.clone());
                json!({
                    "fingerprint": fingerprint,
                    "file": file,
                    "secret": line.secret,
                    "kind": line.user_id.as_ref().map(|_| line.kind),
                    "outcome": line.outcome.word(),
                    "error": line.outcome.why().map(Failure::error_json),
                })
            })
            .collect();
        let mut map = Map::new();
        map.insert("keys".into(), keys.into());
        map
    }

    /// Refused by policy weighs more than unreadable: nothing that is tried again mends it.
    fn exit(&self) -> u8 {
        let kept_out = |line: &Line| match &line.outcome {
            Outcome::Refused(why) | Outcome::Unreadable(why) => Some(why.exit()),
            _ => None,
        };
        let codes = self.lines.iter().filter_map(kept_out);
        match codes.max() {
            Some(EXIT_REFUSED) => EXIT_REFUSED,
            Some(_) => EXIT_COULD_NOT,
            None => 0,
        }
    }
}
