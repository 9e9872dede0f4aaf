//! Is a marketplace's database what servers can use?

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::Publisher;
use super::failure::{EXIT_COULD_NOT, EXIT_NO, Result};
use super::outcome::{Outcome, Unread};
use crate::disk::bundle::BundleFile;
use crate::disk::database::read_database;
use crate::disk::file::Links;
use crate::judge::Judge;
use crate::mattermost::marketplace::{decode_signature, downloads, file_of_url, identity};

/// The most problems that are named one by one, in all entries.
const MOST_NAMED: usize = 100;

/// What there is to say of each entry.
#[derive(Serialize)]
pub struct CheckedDatabase {
    /// The entries, in their order.
    pub entries: Vec<CheckedEntry>,
    /// Whether there was something to verify.
    #[serde(skip)]
    pub has_bundles: bool,
}

/// What there is to say of one entry.
#[derive(Default, Serialize)]
pub struct CheckedEntry {
    /// The plugin.
    pub id: String,
    /// Its version.
    pub version: String,
    /// "good", "bad", "unknown" or "unverified".
    pub verdict: &'static str,
    /// What is wrong with it, unsafe to show.
    pub problems: Vec<String>,
    /// How many problems more there are.
    pub more_problems: usize,
    /// How many signatures were verified.
    pub verified: usize,
    /// The bundles that could not be looked at.
    pub unknown: Vec<Unread>,
}

impl CheckedEntry {
    fn note(&mut self, problem: String, named: &mut usize) {
        *named += 1;
        match *named <= MOST_NAMED {
            true => self.problems.push(problem),
            false => self.more_problems += 1,
        }
    }

    /// Returns whether something is wrong with it.
    pub fn is_bad(&self) -> bool {
        !self.problems.is_empty() || self.more_problems > 0
    }

    /// Nothing may be wrong with it, and yet nobody answers for it.
    fn decide(&mut self) {
        self.verdict = match (self.is_bad(), self.unknown.is_empty()) {
            (true, _) => "bad",
            (false, false) => "unknown",
            (false, true) if self.verified == 0 => "unverified",
            (false, true) => "good",
        };
    }
}

impl Outcome for CheckedDatabase {
    fn exit(&self) -> u8 {
        if self.entries.iter().any(|entry| !entry.unknown.is_empty()) {
            EXIT_COULD_NOT
        } else if self.entries.iter().any(CheckedEntry::is_bad) {
            EXIT_NO
        } else {
            0
        }
    }
}

impl Publisher<'_> {
    /// Checks a database. With a folder of bundles, their signatures are verified too: `keys` says
    /// whose count. Fails if the database cannot be read.
    pub fn check_marketplace(
        &self,
        database: &Path,
        bundles: Option<&Path>,
        keys: &[String],
    ) -> Result<CheckedDatabase> {
        let database = read_database(database)?;
        let empty = |entry| {
            let (id, version) = identity(entry);
            CheckedEntry { id, version, ..CheckedEntry::default() }
        };
        let mut entries: Vec<CheckedEntry> = database.entries().iter().map(empty).collect();
        let mut named = 0;
        database.problems(|place, problem| {
            if let Some(entry) = entries.get_mut(place) {
                entry.note(problem, &mut named);
            }
        });
        if let Some(folder) = bundles {
            let judge = self.accepted(keys)?.judge(self.policy())?;
            for (entry, checked) in database.entries().iter().zip(&mut entries) {
                check_bundles(entry, folder, &judge, checked, &mut named);
            }
        }
        entries.iter_mut().for_each(CheckedEntry::decide);
        Ok(CheckedDatabase { entries, has_bundles: bundles.is_some() })
    }
}

fn check_bundles(
    entry: &Value,
    folder: &Path,
    judge: &Judge,
    checked: &mut CheckedEntry,
    named: &mut usize,
) {
    for (_, url, signature) in downloads(entry) {
        let Some(name) = file_of_url(url) else {
            checked.note(format!("no file can be the one of \"{url}\""), named);
            continue;
        };
        let Some(signature) = decode_signature(signature) else { continue };
        let path = folder.join(&name);
        match check_bundle(&path, &signature, judge, checked) {
            Ok(None) => checked.verified += 1,
            Ok(Some(problem)) => checked.note(format!("{name}: {problem}"), named),
            Err(error) => checked.unknown.push(Unread { path, error }),
        }
    }
}

fn check_bundle(
    path: &Path,
    signature: &[u8],
    judge: &Judge,
    checked: &CheckedEntry,
) -> Result<Option<String>> {
    let mut file = BundleFile::open(path, Links::Follow)?;
    if let Some((what, consequence)) = file.verify_and_ask(signature, judge)?.problem() {
        return Ok(Some(format!("{what}; {consequence}")));
    }
    let bundle = file.inspect()?;
    let Some(manifest) = &bundle.manifest else {
        return Ok(Some("it has no manifest that the server could read".into()));
    };
    if (&manifest.id, &manifest.version) != (&checked.id, &checked.version) {
        return Ok(Some(format!("it is {} {}", manifest.id, manifest.version)));
    }
    let error = bundle.findings.errors().next();
    Ok(error.map(|finding| format!("{}; {}", finding.what, finding.consequence)))
}
