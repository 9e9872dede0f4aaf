//! `plugsign trust --config CONFIG.JSON`: the key files of a Mattermost server.

use std::path::Path;

use plugsign::disk::Error;
use plugsign::disk::server_config::{Added, KeyBytes, Removed, ServerConfig, database_of};
use plugsign::disk::write::Existing;
use plugsign::mattermost::public_key::read_public_key;

use super::trust::{Entry, Server, Trust, Wanted, Why};
use super::trust_check::home_copies;
use crate::edge::world::World;
use plugsign::publisher::PATIENCE;
use plugsign::publisher::failure::Failure;

/// Refuses to work on a file when the environment says that the server does not read it.
pub fn check_environment(world: &World) -> Result<(), Failure> {
    let source = world.variable("MM_CONFIG").unwrap_or_default();
    match database_of(&source.to_string_lossy()) {
        Some(database) => Err(Error::ConfigInDatabase(database).into()),
        None => Ok(()),
    }
}

pub fn add(config: &Path, wanted: &Wanted<'_>, world: &World) -> Result<Trust, Failure> {
    check_environment(world)?;
    let existing = if wanted.force { Existing::Replace } else { Existing::Keep };
    let mut change = ServerConfig::change(config, PATIENCE)?;
    let mut trust = Trust::new("added");
    let copies = home_copies(world);
    for file in wanted.files {
        let name = wanted.name_of(file);
        let mut word = None;
        let outcome = wanted.read(file, world).and_then(|(bytes, certificate)| {
            if change.add(&name, &bytes, existing).map_err(Why::Error)? == Added::Unchanged {
                word = Some("unchanged");
            }
            Ok((bytes, certificate))
        });
        let entry = Entry::new(name, outcome, world).narrowed(&copies);
        trust.entries.push(Entry { word, ..entry });
    }
    trust.server = Some(Server { config: config.to_owned(), backup: change.commit()? });
    Ok(trust)
}

pub fn list(config: &Path, world: &World) -> Result<Trust, Failure> {
    check_environment(world)?;
    let server = ServerConfig::open(config)?;
    let copies = home_copies(world);
    let mut trust = Trust::new("trusted");
    for key in server.keys() {
        let outcome = match key.file {
            Ok(KeyBytes::New(bytes)) => {
                let certificate = read_public_key(&bytes, &world.policy()).map_err(Why::Unfit);
                certificate.map(|certificate| (bytes, certificate))
            }
            Ok(KeyBytes::Repeated) => {
                let word = Some("the same file again");
                trust.entries.push(Entry { name: key.name, outcome: Ok(None), word });
                continue;
            }
            Err(error) => Err(Why::Error(error)),
        };
        let word = outcome.is_err().then_some("unusable");
        let entry = Entry::new(key.name, outcome, world).narrowed(&copies).of_list();
        trust.entries.push(Entry { word: word.or(entry.word), ..entry });
    }
    trust.server = Some(Server { config: config.to_owned(), backup: None });
    Ok(trust)
}

pub fn remove(config: &Path, names: &[String], world: &World) -> Result<Trust, Failure> {
    check_environment(world)?;
    let mut change = ServerConfig::change(config, PATIENCE)?;
    let mut trust = Trust::new("removed");
    for name in names {
        let (name, outcome, word) = match change.remove(name) {
            Ok((entry, Removed::WithFile)) => (entry, Ok(None), None),
            Ok((entry, Removed::FileMissing)) => (entry, Ok(None), Some("removed (no file)")),
            Ok((entry, Removed::FileKept)) => (entry, Ok(None), Some("removed (file kept)")),
            Err(error) => (name.clone(), Err(Why::Error(error)), None),
        };
        trust.entries.push(Entry { name, outcome, word });
    }
    trust.server = Some(Server { config: config.to_owned(), backup: change.commit()? });
    Ok(trust)
}
