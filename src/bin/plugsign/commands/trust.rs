//! `plugsign trust`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use plugsign::disk::file::read_small;
use plugsign::error::Error;
use plugsign::mattermost::public_key::{Unfit, read_public_key};
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::key_file::MAX_KEY_FILE;
use plugsign::safe::Safe;
use serde_json::{Map, Value, json};

use crate::failure::{EXIT_COULD_NOT, EXIT_REFUSED, Failure, error_json, exit_of, one_line};
use crate::report::{Report, certificate_json, first_user_id};
use crate::world::World;

/// Choose whose signatures count
///
/// The trusted certificates live in the home, each under the name of its key file.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Trust the certificates in these files
    ///
    /// Refuses what the Mattermost server could not read, or should not have, and says why.
    Add {
        /// Key files, as `plugsign export` writes them
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Use this name instead of the file's base name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Refuse any certificate but the one with this fingerprint
        #[arg(long, value_name = "FINGERPRINT")]
        fingerprint: Option<String>,
    },
    /// List the trusted certificates
    List,
    /// Trust these no more
    Remove {
        /// The names they were added under
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
}

pub fn run(arguments: Arguments, world: &World) -> Result<Trust, Failure> {
    match arguments.action {
        Action::Add { files, name, fingerprint } => add(&files, name, fingerprint, world),
        Action::List => list(world),
        Action::Remove { names } => remove(&names, world),
    }
}

fn add(
    files: &[PathBuf],
    name: Option<String>,
    fingerprint: Option<String>,
    world: &World,
) -> Result<Trust, Failure> {
    if (name.is_some() || fingerprint.is_some()) && files.len() > 1 {
        return Err(Failure::Usage("--name and --fingerprint go with exactly one file".into()));
    }
    let home = world.home()?;
    home.check()?;
    let mut trust = Trust { action: "added", entries: Vec::new(), unreadable: Vec::new() };
    for file in files {
        let name = match &name {
            Some(name) => name.clone(),
            None => file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let outcome = read_fit(file, fingerprint.as_deref(), world).and_then(|certificate| {
            let lock = world.lock().map_err(Why::from)?;
            home.trust(&lock, &name, &certificate).map_err(Why::Error)?;
            Ok(certificate)
        });
        trust.entries.push(Entry::new(name, outcome, world));
    }
    Ok(trust)
}

fn read_fit(file: &Path, fingerprint: Option<&str>, world: &World) -> Result<Certificate, Why> {
    let bytes = read_small(file, "a key file", MAX_KEY_FILE).map_err(Why::Error)?;
    let certificate = read_public_key(&bytes, &world.policy()).map_err(Why::Unfit)?;
    let asked = fingerprint.map(|text| text.replace(' ', "").to_uppercase());
    let found = certificate.fingerprint().to_string();
    match asked {
        Some(asked) if asked.trim_start_matches("0X") != found => {
            Err(Why::Unfit(Unfit::other_fingerprint(&found)))
        }
        _ => Ok(certificate),
    }
}

fn list(world: &World) -> Result<Trust, Failure> {
    let shelf = world.home()?.trusted()?;
    let entries = shelf
        .items
        .into_iter()
        .map(|trusted| Entry::new(trusted.name, Ok(trusted.certificate), world))
        .collect();
    Ok(Trust { action: "trusted", entries, unreadable: shelf.unreadable })
}

fn remove(names: &[String], world: &World) -> Result<Trust, Failure> {
    let home = world.home()?;
    home.check()?;
    let mut trust = Trust { action: "removed", entries: Vec::new(), unreadable: Vec::new() };
    // The documented command takes the names that `add` printed, or the paths they came from.
    for name in names {
        let base = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = world.lock()?;
        let outcome = home.distrust(&lock, &base).map_err(Why::Error);
        trust.entries.push(Entry { name: base, outcome: outcome.map(|()| None) });
    }
    Ok(trust)
}

/// What became of each name.
pub struct Trust {
    action: &'static str,
    entries: Vec<Entry>,
    unreadable: Vec<(PathBuf, Error)>,
}

struct Entry {
    name: String,
    outcome: Result<Option<Shown>, Why>,
}

/// A certificate as it is shown.
struct Shown {
    fingerprint: String,
    user_id: String,
    json: Map<String, Value>,
}

/// Why it did not happen.
enum Why {
    Error(Error),
    Unfit(Unfit),
    Failure(Failure),
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Why {
        match failure {
            Failure::Library(error) => Why::Error(error),
            other => Why::Failure(other),
        }
    }
}

impl Why {
    fn words(&self) -> String {
        match self {
            Why::Error(error) => one_line(error),
            Why::Unfit(unfit) => format!("{}: {}", unfit.problem, unfit.advice),
            Why::Failure(failure) => failure.message(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Why::Error(error) => error_json(error),
            Why::Unfit(unfit) => json!({
                "message": unfit.problem, "causes": [], "hint": unfit.advice,
            }),
            Why::Failure(failure) => json!({
                "message": failure.message(), "causes": failure.causes(), "hint": failure.hint(),
            }),
        }
    }

    fn exit(&self) -> u8 {
        match self {
            Why::Error(error) => exit_of(error),
            Why::Unfit(_) => EXIT_REFUSED,
            Why::Failure(failure) => failure.exit(),
        }
    }
}

impl Entry {
    fn new(name: String, outcome: Result<Certificate, Why>, world: &World) -> Entry {
        let outcome = outcome.map(|certificate| {
            Some(Shown {
                fingerprint: certificate.fingerprint().to_string(),
                user_id: first_user_id(&certificate),
                json: certificate_json(&certificate, &certificate.describe(&world.policy())),
            })
        });
        Entry { name, outcome }
    }
}

impl Report for Trust {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for entry in &self.entries {
            let name = Safe::text(&entry.name);
            match &entry.outcome {
                Ok(Some(shown)) => {
                    writeln!(
                        out,
                        "{}  {name}  {}  {}",
                        self.action, shown.fingerprint, shown.user_id
                    )?;
                }
                Ok(None) => writeln!(out, "{}  {name}", self.action)?,
                Err(why) => writeln!(out, "refused  {name}: {}", why.words())?,
            }
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for (path, error) in &self.unreadable {
            writeln!(talk, "cannot read {}: {}", Safe::path(path), one_line(error))?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let any = self.entries.iter().any(|entry| entry.outcome.is_ok());
        match (self.action, any) {
            ("added", true) => writeln!(
                talk,
                "Compare the fingerprint with what the signer says in another place."
            ),
            ("trusted", false) => writeln!(talk, "nothing is trusted yet: plugsign trust add FILE"),
            _ => Ok(()),
        }
    }

    fn json(&self) -> Map<String, Value> {
        let entries: Vec<Value> = self
            .entries
            .iter()
            .map(|entry| match &entry.outcome {
                Ok(shown) => json!({
                    "name": entry.name,
                    "outcome": self.action,
                    "certificate": shown.as_ref().map(|shown| shown.json.clone()),
                }),
                Err(why) => json!({
                    "name": entry.name,
                    "outcome": "refused",
                    "error": why.json(),
                }),
            })
            .collect();
        let unreadable: Vec<Value> = self
            .unreadable
            .iter()
            .map(
                |(path, error)| json!({"path": path.to_string_lossy(), "error": error_json(error)}),
            )
            .collect();
        let mut map = Map::new();
        map.insert("entries".into(), entries.into());
        map.insert("unreadable".into(), unreadable.into());
        map
    }

    fn exit(&self) -> u8 {
        let worst =
            self.entries.iter().filter_map(|entry| entry.outcome.as_ref().err()).map(Why::exit);
        match worst.max() {
            Some(code) => code,
            None if !self.unreadable.is_empty() => EXIT_COULD_NOT,
            None => 0,
        }
    }
}
