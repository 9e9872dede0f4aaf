//! `plugsign marketplace check`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::bundle::BundleFile;
use plugsign::disk::database::read_database;
use plugsign::disk::file::Links;
use plugsign::judge::Judge;
use plugsign::mattermost::marketplace::{decode_signature, downloads, file_of_url, identity};
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use crate::commands::accepted::signers;
use crate::edge::report::Report;
use crate::edge::terminal::{BAD, GOOD};
use crate::edge::world::World;
use plugsign::publisher::failure::{EXIT_COULD_NOT, EXIT_NO, Failure, files_json, one_line};

/// Check a marketplace's database
///
/// Looks at every entry; with --bundles also at every bundle that is offered, and at its
/// signature. Says `good` of an entry with verified signatures alone: without --bundles nothing is
/// verified, and it says `unverified`. Exits with 0 if nothing is wrong, with 1 otherwise.
#[derive(Args)]
pub struct Arguments {
    /// The database
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The folder with the bundles, under the file names of their addresses
    #[arg(long, value_name = "DIR")]
    bundles: Option<PathBuf>,
    /// Whose signatures count: a certificate file, or a key of the home. Else: trusted
    /// certificates and the home's own secret keys
    #[arg(long = "key", value_name = "FILE|KEY", requires = "bundles")]
    keys: Vec<String>,
}

/// The most problems that are named one by one, in all entries.
const MOST_NAMED: usize = 100;

pub fn run(arguments: &Arguments, world: &World) -> Result<Checked, Failure> {
    let database = read_database(&arguments.database)?;
    let mut entries: Vec<Line> = database
        .entries()
        .iter()
        .map(|entry| {
            let (id, version) = identity(entry);
            Line { id, version, ..Line::default() }
        })
        .collect();
    let mut named = 0;
    database.problems(|place, problem| {
        if let Some(line) = entries.get_mut(place) {
            line.note(problem, &mut named);
        }
    });
    if let Some(folder) = &arguments.bundles {
        let judge = signers(&arguments.keys, world)?.judge(world.policy())?;
        for (entry, line) in database.entries().iter().zip(&mut entries) {
            check_bundles(entry, folder, &judge, line, &mut named);
        }
    }
    Ok(Checked { entries, has_bundles: arguments.bundles.is_some() })
}

fn check_bundles(entry: &Value, folder: &Path, judge: &Judge, line: &mut Line, named: &mut usize) {
    for (_, url, signature) in downloads(entry) {
        let (Some(name), Some(signature)) = (file_of_url(url), decode_signature(signature)) else {
            if file_of_url(url).is_none() {
                line.note(format!("no file can be the one of \"{url}\""), named);
            }
            continue;
        };
        let path = folder.join(&name);
        match check_bundle(&path, &signature, judge, line) {
            Ok(None) => line.verified += 1,
            Ok(Some(problem)) => line.note(format!("{name}: {problem}"), named),
            Err(error) => line.unknown.push((path, error)),
        }
    }
}

fn check_bundle(
    path: &Path,
    signature: &[u8],
    judge: &Judge,
    line: &Line,
) -> Result<Option<String>, Error> {
    let mut file = BundleFile::open(path, Links::Follow)?;
    if let Some((what, consequence)) = file.verify_and_ask(signature, judge)?.problem() {
        return Ok(Some(format!("{what}; {consequence}")));
    }
    let bundle = file.inspect()?;
    let Some(manifest) = &bundle.manifest else {
        return Ok(Some("it has no manifest that the server could read".into()));
    };
    if (&manifest.id, &manifest.version) != (&line.id, &line.version) {
        return Ok(Some(format!("it is {} {}", manifest.id, manifest.version)));
    }
    let error = bundle.findings.errors().next();
    Ok(error.map(|finding| format!("{}; {}", finding.what, finding.consequence)))
}

/// What there is to say of each entry.
pub struct Checked {
    entries: Vec<Line>,
    /// Whether there was something to verify.
    has_bundles: bool,
}

#[derive(Default)]
struct Line {
    id: String,
    version: String,
    problems: Vec<String>,
    /// How many problems more there are.
    unnamed: usize,
    unknown: Vec<(PathBuf, Error)>,
    verified: usize,
}

impl Line {
    /// Adds a problem, by its name if not too many were named before.
    fn note(&mut self, problem: String, named: &mut usize) {
        *named += 1;
        match *named <= MOST_NAMED {
            true => self.problems.push(problem),
            false => self.unnamed += 1,
        }
    }

    fn is_bad(&self) -> bool {
        !self.problems.is_empty() || self.unnamed > 0
    }
}

impl Report for Checked {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.entries {
            let (id, version) = (Safe::text(&line.id), Safe::text(&line.version));
            match line.is_bad() {
                false if !line.unknown.is_empty() => continue,
                // Nothing is wrong with it, but nobody answers for it either.
                false if line.verified == 0 => write!(out, "unverified  {id} {version}")?,
                false => write!(out, "{GOOD}good{GOOD:#}  {id} {version}")?,
                true => write!(out, "{BAD}BAD{BAD:#}   {id} {version}")?,
            }
            match line.verified {
                0 => writeln!(out)?,
                n => writeln!(out, "  {n} verified")?,
            }
            for problem in &line.problems {
                writeln!(out, "  {}", Safe::text(problem))?;
            }
            if line.unnamed > 0 {
                writeln!(out, "  and {} more", line.unnamed)?;
            }
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for line in &self.entries {
            for (path, error) in &line.unknown {
                writeln!(talk, "cannot verify {}: {}", Safe::path(path), one_line(error))?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let bad = self.entries.iter().filter(|line| line.is_bad()).count();
        writeln!(talk, "{} entries, {bad} bad", self.entries.len())?;
        let is_unverified = |line: &Line| !line.is_bad() && line.verified == 0;
        match self.has_bundles || !self.entries.iter().any(is_unverified) {
            true => Ok(()),
            false => writeln!(talk, "no signature was verified: --bundles DIR"),
        }
    }

    fn json(&self) -> Map<String, Value> {
        let entries: Vec<Value> = self
            .entries
            .iter()
            .map(|line| {
                let verdict = match (line.is_bad(), line.unknown.is_empty()) {
                    (true, _) => "bad",
                    (false, false) => "unknown",
                    (false, true) if line.verified == 0 => "unverified",
                    (false, true) => "good",
                };
                json!({
                    "id": line.id,
                    "version": line.version,
                    "verdict": verdict,
                    "problems": line.problems,
                    "more_problems": line.unnamed,
                    "verified": line.verified,
                    "unknown": files_json(&line.unknown),
                })
            })
            .collect();
        let mut map = Map::new();
        map.insert("entries".into(), entries.into());
        map
    }

    fn exit(&self) -> u8 {
        if self.entries.iter().any(|line| !line.unknown.is_empty()) {
            EXIT_COULD_NOT
        } else if self.entries.iter().any(Line::is_bad) {
            EXIT_NO
        } else {
            0
        }
    }
}
