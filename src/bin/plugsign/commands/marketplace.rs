//! `plugsign marketplace`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use plugsign::disk::Error;
use plugsign::mattermost::marketplace::{AUTHOR_TYPES, EntryDetails, HOSTING, RELEASE_STAGES};
use plugsign::publisher::check_marketplace::{CheckedDatabase, CheckedEntry};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::marketplace::{Adding, ChangedDatabase};
use plugsign::publisher::outcome::Unread;
use plugsign::text::Safe;

use crate::edge::asking::Asking;
use crate::edge::page::{BAD, GOOD, Page};
use crate::edge::report::{Report, Words};
use crate::edge::world::World;

/// Write and check the database of your own plugin marketplace
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: MarketplaceAction,
}

#[derive(Subcommand)]
enum MarketplaceAction {
    Add(AddArguments),
    Check(CheckArguments),
    Remove(RemoveArguments),
}

/// Add signed bundles to a marketplace's database
///
/// Adds all bundles or none. The server must be able to install each of them, and its signature
/// must be good. An entry that is already there and the same stays as it is. A bundle for one
/// platform (-linux-amd64, -osx-amd64, -windows-amd64) goes into the entry of its version's main
/// bundle. Name that bundle too.
#[derive(Args)]
struct AddArguments {
    /// Plugin bundles, with their signatures beside them
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
    /// The database. It is made if it does not exist
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The address that servers download from, without the bundle's file name
    #[arg(long, value_name = "URL")]
    download_url_base: String,
    /// The plugin's home page, instead of the one in its manifest
    #[arg(long, value_name = "URL")]
    homepage_url: Option<String>,
    /// The release notes, instead of those in its manifest
    #[arg(long, value_name = "URL")]
    release_notes_url: Option<String>,
    /// Show this label
    #[arg(long = "label", value_name = "NAME")]
    labels: Vec<String>,
    /// Who makes the plugins
    #[arg(long, value_name = "WHO", default_value = "community", value_parser = AUTHOR_TYPES)]
    author_type: String,
    /// How mature the plugins are
    #[arg(long, value_name = "STAGE", default_value = "production", value_parser = RELEASE_STAGES)]
    release_stage: String,
    /// The plugins need a licence
    #[arg(long)]
    enterprise: bool,
    /// Show the plugins only on servers of this kind
    #[arg(long, value_name = "WHERE", value_parser = HOSTING)]
    hosting: Option<String>,
    /// Replace the database's entry for the same plugin and version
    #[arg(long)]
    replace: bool,
    /// Date the entries with this time, instead of $SOURCE_DATE_EPOCH or now: ISO 8601, in UTC
    /// unless it names a zone, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Accept signatures by this certificate file or key of the home. Without it, those by the
    /// trusted certificates and the home's own secret keys count
    #[arg(long = "key", value_name = "FILE|KEY")]
    keys: Vec<String>,
}

/// Check a marketplace's database
///
/// Looks at every entry. With --bundles, also checks every offered bundle and its signature. Says
/// `good` only if it verified the signatures. Without --bundles it verifies nothing and says
/// `unverified`. Exits with 0 if nothing is wrong, else with 1.
#[derive(Args)]
struct CheckArguments {
    /// The database
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The folder with the bundles, named as in their addresses
    #[arg(long, value_name = "DIR")]
    bundles: Option<PathBuf>,
    /// Accept signatures by this certificate file or key of the home. Without it, those by the
    /// trusted certificates and the home's own secret keys count
    #[arg(long = "key", value_name = "FILE|KEY", requires = "bundles")]
    keys: Vec<String>,
}

/// Remove a release from a marketplace's database
///
/// Servers that have installed it keep it.
#[derive(Args)]
struct RemoveArguments {
    /// The database
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// The plugin
    #[arg(value_name = "ID")]
    id: String,
    /// The plugin's version
    #[arg(value_name = "VERSION")]
    version: String,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Box<dyn Report>, Failure> {
    let asking = Asking::new(world);
    let publisher = world.publisher(&asking);
    Ok(match arguments.action {
        MarketplaceAction::Add(arguments) => {
            let details = EntryDetails {
                homepage_url: arguments.homepage_url,
                release_notes_url: arguments.release_notes_url,
                labels: arguments.labels,
                hosting: arguments.hosting.unwrap_or_default(),
                author_type: arguments.author_type,
                release_stage: arguments.release_stage,
                enterprise: arguments.enterprise,
                updated_at: world.time(arguments.time.as_deref())?,
            };
            Box::new(publisher.add_to_marketplace(&Adding {
                bundles: &arguments.bundles,
                database: &arguments.database,
                download_url_base: &arguments.download_url_base,
                replace: arguments.replace,
                details,
                keys: &arguments.keys,
            })?)
        }
        MarketplaceAction::Check(CheckArguments { database, bundles, keys }) => {
            Box::new(publisher.check_marketplace(&database, bundles.as_deref(), &keys)?)
        }
        MarketplaceAction::Remove(RemoveArguments { database, id, version }) => {
            Box::new(publisher.remove_from_marketplace(&database, &id, &version)?)
        }
    })
}

impl Words for ChangedDatabase {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for line in &self.entries {
            let (id, version) = (Safe::text(&line.id), Safe::text(&line.version));
            let url = Safe::text(&line.download_url);
            let mut words = format!("{}  {id} {version}  {url}", line.outcome);
            if !line.platforms.is_empty() {
                words = format!("{words}  {}", Safe::text(&line.platforms.join(" ")));
            }
            out.entry("", &words);
        }
        for Unread { path, error } in &self.refused {
            let why = error.one_line();
            let words = format!("{}: {}", Safe::path(path), Safe::text(&why));
            out.entry(&format!("{BAD}refused{BAD:#}  "), &words);
        }
        Ok(())
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        if !self.refused.is_empty() {
            writeln!(talk, "nothing was added to {}", Safe::path(&self.database))?;
            let is_there = |it: &Unread| matches!(it.error, Failure::Disk(Error::Duplicate { .. }));
            if self.refused.iter().any(is_there) {
                talk.hint(0, "replace it with --replace");
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        if self.is_insecure {
            writeln!(
                talk,
                "servers download only over https, unless AllowInsecureDownloadURL is true"
            )?;
        }
        Ok(())
    }
}

impl Words for CheckedDatabase {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for line in &self.entries {
            let (id, version) = (Safe::text(&line.id), Safe::text(&line.version));
            match line.is_bad() {
                false if !line.unknown.is_empty() => continue,
                // Nothing is wrong with it, but nothing is verified either.
                false if line.verified == 0 => write!(out, "unverified  {id} {version}")?,
                false => write!(out, "{GOOD}good{GOOD:#}  {id} {version}")?,
                true => write!(out, "{BAD}BAD{BAD:#}   {id} {version}")?,
            }
            match line.verified {
                0 => writeln!(out)?,
                n => writeln!(out, "  {n} verified")?,
            }
            for problem in &line.problems {
                out.entry("  ", &Safe::text(problem).to_string());
            }
            if line.more_problems > 0 {
                writeln!(out, "  and {} more", line.more_problems)?;
            }
        }
        Ok(())
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        let unknown = self.entries.iter().flat_map(|line| &line.unknown);
        talk.failures(
            unknown.map(|it| (format!("cannot verify {}", Safe::path(&it.path)), &it.error)),
        );
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        let bad = self.entries.iter().filter(|line| line.is_bad()).count();
        let count = self.entries.len();
        let entries = if count == 1 { "entry" } else { "entries" };
        writeln!(talk, "{count} {entries}, {bad} bad")?;
        let is_unverified = |line: &CheckedEntry| !line.is_bad() && line.verified == 0;
        match self.has_bundles || !self.entries.iter().any(is_unverified) {
            true => Ok(()),
            false => {
                writeln!(talk, "no signature was verified: name the bundles with --bundles DIR")
            }
        }
    }
}
