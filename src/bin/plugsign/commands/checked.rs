//! What `plugsign verify` says: a line about each artifact.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plugsign::disk::Error;
use plugsign::disk::artifact::Verified;
use plugsign::disk::checksums::{CHECKSUMS, Sha256};
use plugsign::judge::ServerVerdict;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::verdict::{Bad, Reason};
use plugsign::openpgp::verify::{Good, Verdict};
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use crate::edge::report::Report;
use crate::edge::terminal::{BAD, GOOD};
use plugsign::publisher::failure::{EXIT_COULD_NOT, EXIT_NO, error_json, hint, one_line};
use plugsign::publisher::show::{first_user_id, path_text};

/// The verdict on each artifact.
pub struct Checked {
    pub(super) lines: Vec<Line>,
    pub(super) passed_over: usize,
    /// The time in the past that it is about.
    pub(super) at: Option<SystemTime>,
}

pub(super) struct Line {
    pub(super) path: PathBuf,
    /// The signature, where the artifact has a line for each of two.
    pub(super) signature: Option<PathBuf>,
    pub(super) result: Result<Shown, Error>,
    pub(super) sha256: Option<Sha256>,
}

impl Line {
    pub(super) fn new(path: &Path, result: Result<Shown, Error>) -> Line {
        Line { path: path.to_owned(), signature: None, result, sha256: None }
    }

    /// Returns what the line is about.
    fn shown(&self) -> &Path {
        self.signature.as_deref().unwrap_or(&self.path)
    }

    pub(super) fn is_list(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == CHECKSUMS)
    }

    pub(super) fn is_good(&self) -> bool {
        matches!(self.result, Ok(Shown::Good { .. }))
    }

    fn is_bad(&self, because: Reason) -> bool {
        let word = because.to_string();
        matches!(&self.result, Ok(Shown::Bad { reason, .. }) if *reason == word)
    }

    fn was_made_while_valid(&self) -> bool {
        matches!(self.result, Ok(Shown::Bad { made_while_valid: true, .. }))
    }
}

/// A verdict as it is shown, whoever's it is.
pub(super) enum Shown {
    Good { words: String, json: Value, also: Vec<Value> },
    Bad { reason: String, detail: String, made_while_valid: bool },
}

fn signer_words(good: &Good) -> String {
    let user_id = first_user_id(good.certificate());
    format!("{}  {user_id}  {}", good.certificate().fingerprint(), show_time(good.created()))
}

fn signer_json(good: &Good) -> Value {
    json!({
        "certificate": good.certificate().fingerprint().to_string(),
        "key": good.key().to_string(),
        "user_id": first_user_id(good.certificate()),
        "created": show_time(good.created()),
    })
}

impl Shown {
    pub(super) fn policy(verified: &Verified) -> Shown {
        match &verified.verdict {
            Verdict::Good(good) => Shown::Good {
                words: std::iter::once(&**good)
                    .chain(&verified.also)
                    .map(signer_words)
                    .collect::<Vec<_>>()
                    .join("  and  "),
                json: signer_json(good),
                also: verified.also.iter().map(signer_json).collect(),
            },
            Verdict::Bad(bad) => Shown::bad(bad.clone()),
        }
    }

    pub(super) fn bad(bad: Bad) -> Shown {
        Shown::Bad {
            reason: bad.reason().to_string(),
            detail: bad.detail().to_string(),
            made_while_valid: bad.made_while_valid(),
        }
    }

    pub(super) fn server(verdict: ServerVerdict) -> Shown {
        match verdict {
            ServerVerdict::Accepts { key_id } => {
                let key_id = format!("{key_id:016X}");
                Shown::Good {
                    words: format!("the server accepts it, by {key_id}"),
                    json: json!({ "key_id": key_id }),
                    also: Vec::new(),
                }
            }
            ServerVerdict::Refuses { words, advice } => Shown::Bad {
                reason: Reason::ServerRefuses.to_string(),
                detail: format!("{words}: {advice}"),
                made_while_valid: false,
            },
        }
    }
}

impl Checked {
    fn count(&self, good: bool) -> usize {
        self.lines
            .iter()
            .filter(|line| match &line.result {
                Ok(Shown::Good { .. }) => good,
                Ok(Shown::Bad { .. }) => !good,
                Err(_) => false,
            })
            .count()
    }
}

impl Report for Checked {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            let path = Safe::path(line.shown());
            match &line.result {
                Ok(Shown::Good { words, .. }) => {
                    writeln!(out, "{GOOD}good{GOOD:#}  {path}  {words}")?;
                }
                Ok(Shown::Bad { reason, detail, .. }) => {
                    writeln!(out, "{BAD}BAD{BAD:#}   {path}  {reason}: {detail}")?;
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if self.lines.len() + self.passed_over > 1 {
            write!(talk, "{} good, {} bad", self.count(true), self.count(false))?;
            if self.passed_over > 0 {
                write!(talk, ", {} passed over", self.passed_over)?;
            }
            writeln!(talk)?;
        }
        if let [one, other] = &self.lines[..]
            && one.is_bad(Reason::MissingSignature)
            && other.is_bad(Reason::OrphanSignature)
        {
            let (artifact, signature) = (Safe::path(&one.path), Safe::path(&other.path));
            writeln!(
                talk,
                "hint: if one is the other's signature: --signature {signature} {artifact}"
            )?;
        }
        if self.lines.iter().any(Line::was_made_while_valid) {
            writeln!(
                talk,
                "hint: ask the signer for a renewed certificate; --at TIME judges as of then, if you know by other means that the signature is from then"
            )?;
        }
        if let Some(at) = self.at {
            writeln!(talk, "judged as of {}, not as of now", show_time(at))?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            if let Err(error) = &line.result {
                writeln!(talk, "cannot verify {}: {}", Safe::path(line.shown()), one_line(error))?;
                if let Some(hint) = hint(error) {
                    writeln!(talk, "  hint: {hint}")?;
                }
            }
        }
        if self.lines.is_empty() {
            writeln!(talk, "there is nothing to verify: no release archives and no signatures")?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let artifacts: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let path = path_text(line.shown());
                match &line.result {
                    Ok(Shown::Good { json, also, .. }) => {
                        json!({"path": path, "verdict": "good", "signer": json, "also": also})
                    }
                    Ok(Shown::Bad { reason, detail, made_while_valid }) => json!({
                        "path": path, "verdict": "bad", "reason": reason, "detail": detail,
                        "made_while_valid": made_while_valid,
                    }),
                    Err(error) => {
                        json!({"path": path, "verdict": "unknown", "error": error_json(error)})
                    }
                }
            })
            .collect();
        let mut map = Map::new();
        map.insert("artifacts".into(), artifacts.into());
        map.insert("passed_over".into(), self.passed_over.into());
        map.insert("as_of".into(), self.at.map(show_time).into());
        map
    }

    /// Zero artifacts never pass.
    fn exit(&self) -> u8 {
        if self.lines.is_empty() || self.lines.iter().any(|line| line.result.is_err()) {
            EXIT_COULD_NOT
        } else if self.count(false) > 0 {
            EXIT_NO
        } else {
            0
        }
    }
}
