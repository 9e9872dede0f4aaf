//! `plugsign marketplace remove`

use std::path::PathBuf;

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::database::DatabaseFile;
use plugsign::mattermost::marketplace::downloads;

use super::add::{Added, Line};
use crate::edge::world::World;
use plugsign::publisher::PATIENCE;
use plugsign::publisher::failure::Failure;

/// Take a release out of a marketplace's database
///
/// Servers that have it installed keep it.
#[derive(Args)]
pub struct Arguments {
    /// The database
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The plugin
    #[arg(value_name = "ID")]
    id: String,
    /// Which version of it
    #[arg(value_name = "VERSION")]
    version: String,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Added, Failure> {
    let Arguments { database, id, version } = arguments;
    let mut file = DatabaseFile::change(&database, world.umask, PATIENCE)?;
    let lines: Vec<Line> = file
        .database
        .remove(&id, &version)
        .iter()
        .map(|entry| {
            let downloads = downloads(entry);
            Line {
                outcome: "removed",
                id: id.clone(),
                version: version.clone(),
                url: downloads.first().map_or_else(String::new, |(_, url, _)| url.to_string()),
                platforms: downloads.iter().filter_map(|it| it.0).map(String::from).collect(),
            }
        })
        .collect();
    if lines.is_empty() {
        return Err(Error::NotListed { id, version }.into());
    }
    file.commit()?;
    Ok(Added { database, lines, refused: Vec::new(), is_insecure: false })
}
