//! `plugsign trust`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use plugsign::disk::Error;
use plugsign::disk::file::read_small;
use plugsign::disk::write::Existing;
use plugsign::mattermost::public_key::{Unfit, read_public_key};
use plugsign::mattermost::standing::Standing;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::key_file::{MAX_KEY_FILE, read_certificates};
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use super::trust_check::home_copies;
use super::{trust_check, trust_server};
use crate::edge::asking::Asking;
use crate::edge::report::Report;
use crate::edge::streams::is_dash;
use crate::edge::world::World;
use plugsign::publisher::failure::{
    EXIT_COULD_NOT, EXIT_REFUSED, Failure, error_json, exit_of, files_json, hint, one_line,
};
use plugsign::publisher::show::{certificate_json, first_user_id, path_text};
use plugsign::publisher::store::heed;

/// Choose whose signatures count
///
/// The trusted certificates live in the home, each under the name of its key file. With --config
/// they are a Mattermost server's: key files beside its config.json, and listed in it. Run it as
/// the server's user or as root. A key file can be read by the owner of config.json alone, if that
/// is an ordinary user in its own group, else by whoever can read config.json.
#[derive(Args)]
pub struct Arguments {
    /// Work on the server with this configuration file, instead of on the home
    #[arg(long, global = true, value_name = "CONFIG.JSON")]
    config: Option<PathBuf>,
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
        /// Replace another certificate of the same name
        #[arg(long)]
        force: bool,
    },
    /// List the trusted certificates
    List,
    /// Trust these no more
    Remove {
        /// The names they were added under
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Check a server's key files, and the settings that go with them
    ///
    /// Exits with 1 if a key file is missing, cannot be used, or expires soon.
    Check {
        /// How many days a key must still be valid
        #[arg(long, value_name = "N", default_value_t = 30)]
        min_days: u32,
    },
}

pub fn run(arguments: Arguments, world: &World) -> Result<Box<dyn Report>, Failure> {
    let config = arguments.config.as_deref();
    Ok(match arguments.action {
        Action::Add { files, name, fingerprint, force } => {
            if (name.is_some() || fingerprint.is_some()) && files.len() > 1 {
                let words = "--name and --fingerprint go with exactly one file";
                return Err(Failure::Usage(words.into()));
            }
            if files.iter().any(|file| is_dash(file)) {
                let words =
                    "trust add takes files, not standard input: their names are what is listed";
                return Err(Failure::Usage(words.into()));
            }
            if let Some(asked) = &fingerprint {
                check_whole(asked)?;
            }
            let wanted = Wanted { files: &files, name, fingerprint, force };
            Box::new(match config {
                Some(config) => trust_server::add(config, &wanted, world)?,
                None => add(&wanted, world)?,
            })
        }
        Action::List => Box::new(match config {
            Some(config) => trust_server::list(config, world)?,
            None => list(world)?,
        }),
        Action::Remove { names } => Box::new(match config {
            Some(config) => trust_server::remove(config, &names, world)?,
            None => remove(&names, world)?,
        }),
        Action::Check { min_days } => match config {
            Some(config) => Box::new(trust_check::run(config, min_days, world)?),
            None => return Err(Failure::Usage("trust check needs --config CONFIG.JSON".into())),
        },
    })
}

/// Refuses parts of a fingerprint, which anybody can make another key for.
fn check_whole(fingerprint: &str) -> Result<(), Failure> {
    let digits = fingerprint.replace(' ', "");
    let digits = digits.trim_start_matches("0x").trim_start_matches("0X");
    match digits.len() {
        40 => Ok(()),
        count => Err(Failure::Usage(format!(
            "--fingerprint needs all 40 digits of the fingerprint, and {count} are given"
        ))),
    }
}

/// What is to be added.
pub struct Wanted<'a> {
    pub files: &'a [PathBuf],
    name: Option<String>,
    fingerprint: Option<String>,
    pub force: bool,
}

impl Wanted<'_> {
    /// Returns the name that a file is added under.
    pub fn name_of(&self, file: &Path) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Reads a key file that may be trusted, and its certificate.
    pub fn read(&self, file: &Path, world: &World) -> Result<(Vec<u8>, Certificate), Why> {
        let bytes = read_small(file, "a key file", MAX_KEY_FILE).map_err(Why::Error)?;
        let certificate = read_public_key(&bytes, &world.policy()).map_err(|unfit| {
            let read = read_certificates(&bytes, &world.budget).unwrap_or_default();
            let read: Vec<Certificate> = read.into_iter().flatten().collect();
            heed(&read, &world.publisher(&Asking::new(world)));
            Why::Unfit(unfit)
        })?;
        let asked = self.fingerprint.as_ref().map(|text| text.replace(' ', "").to_uppercase());
        let found = certificate.fingerprint().to_string();
        match asked {
            Some(asked) if asked.trim_start_matches("0X") != found => {
                Err(Why::Unfit(Unfit::other_fingerprint(&found)))
            }
            _ => Ok((bytes.to_vec(), certificate)),
        }
    }
}

fn add(wanted: &Wanted<'_>, world: &World) -> Result<Trust, Failure> {
    let home = world.home()?;
    home.check()?;
    let existing = if wanted.force { Existing::Replace } else { Existing::Keep };
    let mut trust = Trust::new("added");
    let copies = home_copies(world);
    for file in wanted.files {
        let name = wanted.name_of(file);
        let outcome = wanted.read(file, world).and_then(|(bytes, certificate)| {
            let lock = world.lock().map_err(Why::from)?;
            home.trust(&lock, &name, &certificate, existing).map_err(Why::Error)?;
            Ok((bytes, certificate))
        });
        trust.entries.push(Entry::new(name, outcome, world).narrowed(&copies));
    }
    Ok(trust)
}

fn list(world: &World) -> Result<Trust, Failure> {
    let home = world.home()?;
    let shelf = home.trusted()?;
    let copies = home_copies(world);
    let entries = shelf
        .items
        .into_iter()
        .map(|trusted| {
            let certificate = trusted.certificate;
            let outcome = certificate.to_bytes().map(|bytes| (bytes, certificate));
            let entry =
                Entry::new(trusted.name, outcome.map_err(|error| Why::Error(error.into())), world);
            entry.narrowed(&copies).of_list()
        })
        .collect();
    Ok(Trust { entries, unreadable: shelf.unreadable, ..Trust::new("trusted") })
}

fn remove(names: &[String], world: &World) -> Result<Trust, Failure> {
    let home = world.home()?;
    home.check()?;
    let mut trust = Trust::new("removed");
    // The documented command takes the names that `add` printed, or the paths they came from.
    for name in names {
        let base = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let lock = world.lock().map_err(Why::from);
        let outcome = lock.and_then(|lock| home.distrust(&lock, &base).map_err(Why::Error));
        trust.entries.push(Entry { name: base, outcome: outcome.map(|()| None), word: None });
    }
    Ok(trust)
}

/// What became of each name.
pub struct Trust {
    action: &'static str,
    pub entries: Vec<Entry>,
    unreadable: Vec<(PathBuf, Error)>,
    /// The server's configuration, if it is not about the home.
    pub server: Option<Server>,
}

pub struct Entry {
    pub name: String,
    pub outcome: Result<Option<Shown>, Why>,
    /// What to say instead of the action.
    pub word: Option<&'static str>,
}

/// A server's configuration that was worked on.
pub struct Server {
    pub config: PathBuf,
    /// The configuration before, if it was changed.
    pub backup: Option<PathBuf>,
}

impl Trust {
    pub fn new(action: &'static str) -> Trust {
        Trust { action, entries: Vec::new(), unreadable: Vec::new(), server: None }
    }

    pub fn is_changed(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.backup.is_some())
    }
}

/// A certificate as it is shown.
pub struct Shown {
    fingerprint: String,
    user_id: String,
    json: Map<String, Value>,
    standing: Standing,
}

/// Why it did not happen.
pub enum Why {
    Error(Error),
    Unfit(Unfit),
    Failure(Failure),
}

impl From<Failure> for Why {
    fn from(failure: Failure) -> Why {
        match failure {
            Failure::Disk(error) => Why::Error(error),
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

    /// Returns what to try next, if the words do not say it.
    fn hint(&self) -> Option<String> {
        match self {
            Why::Error(error) => hint(error),
            Why::Unfit(_) => None,
            Why::Failure(failure) => failure.hint(),
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
    /// Of a key file, with its bytes and the certificate in it.
    pub fn new(name: String, outcome: Result<(Vec<u8>, Certificate), Why>, world: &World) -> Entry {
        let policy = world.policy();
        let outcome = outcome.map(|(bytes, certificate)| {
            Some(Shown {
                fingerprint: certificate.fingerprint().to_string(),
                user_id: first_user_id(&certificate),
                json: certificate_json(&certificate, &certificate.describe(&policy)),
                standing: Standing::of(&bytes, &certificate, &policy),
            })
        });
        Entry { name, outcome, word: None }
    }

    /// Takes in what the home knows of its certificate: a revocation above all.
    pub fn narrowed(mut self, copies: &[Certificate]) -> Entry {
        if let Ok(Some(shown)) = &mut self.outcome {
            let is_it = |copy: &&Certificate| copy.fingerprint().to_string() == shown.fingerprint;
            for copy in copies.iter().filter(is_it) {
                shown.standing = shown.standing.clone().narrowed_by(copy);
            }
        }
        self
    }

    /// Of what is there already, only what is good is called trusted.
    pub fn of_list(mut self) -> Entry {
        if let Ok(Some(shown)) = &self.outcome
            && shown.standing.problem().is_some()
        {
            self.word = Some(shown.standing.word());
        }
        self
    }

    /// Says that nothing counts which its certificate signs, and why.
    fn problem(&self) -> Option<String> {
        self.outcome.as_ref().ok()?.as_ref()?.standing.problem()
    }
}

/// Why a certificate that ended is added all the same.
const ADDED_TO_HOME: &str = "it was added all the same, for a revocation in it counts for other copies too; if you expected a good certificate, ask its owner";
const ADDED_TO_SERVER: &str = "it was added all the same; an older copy beside it would keep the key alive on this server, so remove that";

impl Report for Trust {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for entry in &self.entries {
            let name = Safe::text(&entry.name);
            let action = entry.word.unwrap_or(self.action);
            match &entry.outcome {
                Ok(Some(shown)) => {
                    write!(out, "{action}  {name}  {}  {}", shown.fingerprint, shown.user_id)?;
                    match entry.problem() {
                        Some(problem) => writeln!(out, "  {problem}")?,
                        None => writeln!(out)?,
                    }
                }
                Ok(None) => writeln!(out, "{action}  {name}")?,
                Err(why) => {
                    let word = entry.word.unwrap_or("refused");
                    writeln!(out, "{word}  {name}: {}", why.words())?;
                }
            }
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for (path, error) in &self.unreadable {
            writeln!(talk, "cannot read {}: {}", Safe::path(path), one_line(error))?;
        }
        if self.action == "added" {
            let why = if self.server.is_some() { ADDED_TO_SERVER } else { ADDED_TO_HOME };
            for entry in self.entries.iter().filter(|entry| entry.problem().is_some()) {
                let name = Safe::text(&entry.name);
                writeln!(talk, "warning: no signature by {name} is good: {why}")?;
            }
        }
        let whys = self.entries.iter().filter_map(|entry| entry.outcome.as_ref().err());
        let mut hints: Vec<String> = whys.filter_map(Why::hint).collect();
        hints.dedup();
        hints.iter().try_for_each(|hint| writeln!(talk, "hint: {hint}"))
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let any = self.entries.iter().any(|entry| entry.outcome.is_ok());
        if self.is_changed() {
            writeln!(talk, "restart the server, or run `mmctl config reload`, for this to count")?;
        }
        if let Some(backup) = self.server.as_ref().and_then(|server| server.backup.as_ref()) {
            writeln!(talk, "the configuration before: {}", Safe::path(backup))?;
        }
        match (self.action, any) {
            ("added", true) => writeln!(
                talk,
                "Compare the fingerprint with what the signer says in another place."
            ),
            ("trusted", false) if self.server.is_some() => {
                writeln!(talk, "this server trusts Mattermost's own keys only")
            }
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
                    "outcome": entry.word.unwrap_or(self.action),
                    "certificate": shown.as_ref().map(|shown| shown.json.clone()),
                    "warning": entry.problem(),
                }),
                Err(why) => json!({
                    "name": entry.name,
                    "outcome": entry.word.unwrap_or("refused"),
                    "error": why.json(),
                }),
            })
            .collect();
        let mut map = Map::new();
        map.insert("entries".into(), entries.into());
        map.insert("unreadable".into(), files_json(&self.unreadable));
        if let Some(server) = &self.server {
            let backup = server.backup.as_ref().map(|backup| path_text(backup));
            map.insert("config".into(), path_text(&server.config).into());
            map.insert("backup".into(), json!(backup));
            map.insert("restart_needed".into(), self.is_changed().into());
        }
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
