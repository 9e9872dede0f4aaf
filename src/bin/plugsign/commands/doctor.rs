//! `plugsign doctor`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::disk::Error;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::weakness::Weakness;
use serde_json::{Map, Value, json};

use super::doctor_checks::{bundle, clock, home, look_at_key};
use crate::edge::asking::PassphraseSource;
use crate::edge::keys::KeySource;
use crate::edge::report::Report;
use crate::edge::terminal::{BAD, GOOD};
use crate::edge::world::World;
use plugsign::publisher::failure::{EXIT_NO, Failure, hint, one_line};

/// Tell, before a long build, whether signing will work at its end
///
/// Looks at the clock, the home, the key, the passphrase and where it comes from, what the
/// Mattermost server reads, and signs and verifies a few bytes in memory. Takes the same options
/// and variables as sign, writes nothing, and exits with 1 if a check failed.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    pub key: KeySource,
    /// Fail if the key is valid for fewer days; without this, fewer than 30 are a warning
    #[arg(long, value_name = "N")]
    pub min_days: Option<u32>,
    /// Also check this plugin bundle, as `plugsign check` does; that it has no signature yet is fine
    #[arg(long = "bundle", value_name = "FILE")]
    bundles: Vec<PathBuf>,
    #[command(flatten)]
    pub passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Findings, Failure> {
    if arguments.key.keys.len() > 1 {
        return Err(Failure::Usage("doctor looks at one key at a time".into()));
    }
    if arguments.key.uses_stdin() && arguments.passphrase.uses_stdin() {
        let words = "standard input cannot be both the key and the passphrase";
        return Err(Failure::Usage(words.into()));
    }
    let mut rows = Vec::new();
    let found = match arguments.key.find(world) {
        Ok(mut found) => found.pop(),
        Err(failure @ Failure::Usage(_)) => return Err(failure),
        Err(failure) => {
            rows.push(Row::failure("key", &failure));
            None
        }
    };
    rows.insert(0, clock(found.as_ref(), world));
    rows.insert(1, home(found.as_ref().map(|found| found.origin), world));
    let certificate = found.as_ref().map(|found| found.secret.certificate());
    if let Some(found) = &found {
        rows.extend(look_at_key(found, &arguments, world));
    }
    for path in &arguments.bundles {
        rows.push(bundle(path, certificate, world));
    }
    Ok(Findings { fingerprint: certificate.map(|it| it.fingerprint()), rows })
}

/// All checks.
pub struct Findings {
    fingerprint: Option<Fingerprint>,
    rows: Vec<Row>,
}

/// One check.
pub struct Row {
    /// A promise to scripts.
    pub name: &'static str,
    pub state: State,
    detail: String,
    /// What mends it.
    mend: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

impl Row {
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Row {
        Row { name, state: State::Ok, detail: detail.into(), mend: None }
    }

    pub fn warn(name: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Row {
        Row { name, state: State::Warn, detail: detail.into(), mend: Some(mend.into()) }
    }

    pub fn fail(name: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Row {
        Row { state: State::Fail, ..Row::warn(name, detail, mend) }
    }

    pub fn error(name: &'static str, error: &Error) -> Row {
        Row { name, state: State::Fail, detail: one_line(error), mend: hint(error) }
    }

    pub fn failure(name: &'static str, failure: &Failure) -> Row {
        let mut detail = failure.message();
        for cause in failure.causes() {
            detail = format!("{detail}: {cause}");
        }
        Row { name, state: State::Fail, detail, mend: failure.hint() }
    }

    /// Says what mends it, if nothing was said yet.
    pub fn or_mend(mut self, mend: impl Into<String>) -> Row {
        self.mend = self.mend.or_else(|| Some(mend.into()));
        self
    }

    /// Says something more of what was seen.
    pub fn remark(mut self, words: &str) -> Row {
        self.detail = format!("{}; {words}", self.detail);
        self
    }

    pub fn weakness(name: &'static str, certificate: &Certificate, weakness: Weakness) -> Row {
        Row::error(
            name,
            &Error::OpenPgp(openpgp::Error::Refused {
                key: certificate.fingerprint().to_string(),
                weakness,
            }),
        )
    }
}

impl Report for Findings {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for row in &self.rows {
            match row.state {
                State::Ok => write!(out, "{GOOD}ok{GOOD:#}    ")?,
                State::Warn => write!(out, "{BAD}warn{BAD:#}  ")?,
                State::Fail => write!(out, "{BAD}FAIL{BAD:#}  ")?,
            }
            write!(out, "{}: {}", row.name, row.detail)?;
            match &row.mend {
                // A list of keys goes on in lines of its own.
                Some(mend) => writeln!(out, "; {}", mend.replace('\n', " "))?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name,
                    "state": row.state.name(),
                    "detail": row.detail,
                    "mend": row.mend,
                })
            })
            .collect();
        let mut map = Map::new();
        let fingerprint = self.fingerprint.as_ref().map(ToString::to_string);
        map.insert("fingerprint".into(), fingerprint.into());
        map.insert("checks".into(), rows.into());
        map
    }

    fn exit(&self) -> u8 {
        if self.rows.iter().any(|row| row.state == State::Fail) { EXIT_NO } else { 0 }
    }
}
