//! The database of a plugin marketplace: what goes in, and what comes out.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure::{Failure, Result};
use super::outcome::{Outcome, Unread, as_path};
use super::{PATIENCE, Publisher};
use crate::disk::Error;
use crate::disk::bundle::{Beside, BundleFile};
use crate::disk::database::DatabaseFile;
use crate::disk::file::Links;
use crate::judge::Judge;
use crate::mattermost::bundle::{Finding, Manifest, Platform};
use crate::mattermost::marketplace::{
    Download, EntryDetails, MAX_ICON, download_url, downloads, entry,
};
use crate::mattermost::valid::is_web_address;
use crate::text::Safe;

/// Bundles for a database.
pub struct Adding<'a> {
    /// The bundles, their signatures beside them.
    pub bundles: &'a [PathBuf],
    /// The database. It is made if it is not there.
    pub database: &'a Path,
    /// Where the bundles will be downloaded from: this and their file names.
    pub download_url_base: &'a str,
    /// Whether what is there of the same plugin and version is replaced.
    pub replace: bool,
    /// What else the entries say.
    pub details: EntryDetails,
    /// Whose signatures count: certificate files, or keys of the home.
    pub keys: &'a [String],
}

impl Adding<'_> {
    fn check(&self) -> Result<()> {
        let urls = [&self.details.homepage_url, &self.details.release_notes_url];
        let given = urls.into_iter().flatten().map(String::as_str);
        match given.chain([self.download_url_base]).find(|url| !is_web_address(url)) {
            Some(url) => {
                let words = format!("\"{}\" is no http or https address", Safe::text(url));
                Err(Failure::Usage(words))
            }
            None => Ok(()),
        }
    }
}

/// What was added or removed, or why nothing was.
#[derive(Serialize)]
pub struct ChangedDatabase {
    /// The database.
    #[serde(serialize_with = "as_path")]
    pub database: PathBuf,
    /// The entries, in the order of their bundles.
    pub entries: Vec<ChangedEntry>,
    /// The bundles that keep all others out.
    pub refused: Vec<Unread>,
    /// Whether servers would download over http.
    #[serde(skip)]
    pub is_insecure: bool,
}

/// An entry that was added or removed.
#[derive(Serialize)]
pub struct ChangedEntry {
    /// What became of it.
    pub outcome: &'static str,
    /// The plugin.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Where its bundle is downloaded from.
    pub download_url: String,
    /// The platforms that have bundles of their own.
    pub platforms: Vec<String>,
}

impl Outcome for ChangedDatabase {
    fn exit(&self) -> u8 {
        self.refused.iter().map(|refused| refused.error.exit()).max().unwrap_or(0)
    }
}

impl Publisher<'_> {
    /// Adds signed bundles: all of them, or none. The outcome says what speaks against a bundle.
    /// Fails if an address is none, or if the database cannot be changed.
    pub fn add_to_marketplace(&self, adding: &Adding<'_>) -> Result<ChangedDatabase> {
        adding.check()?;
        let judge = self.accepted(adding.keys)?.judge(self.policy())?;
        let mut file = DatabaseFile::change(adding.database, self.kept, self.umask, PATIENCE)?;
        let mut added = ChangedDatabase {
            database: adding.database.to_owned(),
            entries: Vec::new(),
            refused: Vec::new(),
            is_insecure: !adding.download_url_base.starts_with("https://"),
        };
        let mut items = Vec::new();
        for path in adding.bundles {
            match read(path, &judge, adding.download_url_base) {
                Ok(item) => items.push(item),
                Err(error) => added.refused.push(Unread { path: path.clone(), error }),
            }
        }
        for Group { main, platforms } in group(items, &mut added.refused) {
            let (id, version) = (main.manifest.id.clone(), main.manifest.version.clone());
            let mut line = ChangedEntry {
                outcome: "unchanged",
                id: id.clone(),
                version: version.clone(),
                download_url: main.download.url.clone(),
                platforms: platforms.iter().map(|(platform, _)| platform.name.into()).collect(),
            };
            let icon = main.icon.as_deref();
            let entry = entry(&adding.details, &main.manifest, icon, &main.download, &platforms);
            if !file.database.has_same(&entry) {
                let was_there = file.database.put(entry, adding.replace);
                if was_there && !adding.replace {
                    let error = Error::Duplicate { id, version }.into();
                    added.refused.push(Unread { path: main.path, error });
                    continue;
                }
                line.outcome = if was_there { "replaced" } else { "added" };
            }
            added.entries.push(line);
        }
        match added.refused.is_empty() {
            true => file.commit()?,
            false => added.entries.clear(),
        }
        Ok(added)
    }

    /// Takes a release out of a database. Fails if it is not there, or on a disk error.
    pub fn remove_from_marketplace(
        &self,
        database: &Path,
        id: &str,
        version: &str,
    ) -> Result<ChangedDatabase> {
        let mut file = DatabaseFile::change(database, self.kept, self.umask, PATIENCE)?;
        let removed = file.database.remove(id, version);
        if removed.is_empty() {
            let (id, version) = (id.to_string(), version.to_string());
            return Err(Error::NotListed { id, version }.into());
        }
        let entries = removed.iter().map(|entry| {
            let downloads = downloads(entry);
            ChangedEntry {
                outcome: "removed",
                id: id.to_string(),
                version: version.to_string(),
                download_url: downloads.first().map_or_else(String::new, |it| it.1.to_string()),
                platforms: downloads.iter().filter_map(|it| it.0).map(String::from).collect(),
            }
        });
        let (database, entries) = (database.to_owned(), entries.collect());
        file.commit()?;
        Ok(ChangedDatabase { database, entries, refused: Vec::new(), is_insecure: false })
    }
}

struct Item {
    path: PathBuf,
    manifest: Manifest,
    platform: Option<Platform>,
    icon: Option<Vec<u8>>,
    download: Download,
}

fn read(path: &Path, judge: &Judge, base: &str) -> Result<Item> {
    let no = |words: &str| Failure::No(words.into());
    let because = |what: &str, consequence: &str| no(&format!("{what}; {consequence}"));
    let mut file = BundleFile::open(path, Links::Follow)?;
    let Beside::Signature(signature) = file.signature()? else {
        return Err(no("there is no .sig file beside it"));
    };
    if let Some((what, consequence)) = file.verify_and_ask(&signature, judge)?.problem() {
        return Err(because(&what, &consequence));
    }
    let bundle = file.inspect()?;
    // The server takes a plugin without a version. A database has to name one.
    let needed = |finding: &&Finding| ["no-version", "bad-version"].contains(&finding.code);
    let found = bundle.findings.errors().next();
    if let Some(found) = found.or_else(|| bundle.findings.iter().find(needed)) {
        return Err(because(&found.what, &found.consequence));
    }
    let name = file.name();
    let manifest = bundle.manifest.ok_or_else(|| no("it has no manifest"))?;
    let icon = match manifest.icon_path.as_str() {
        "" => None,
        path => {
            let bytes = file.read_file(&format!("{}{path}", bundle.root), MAX_ICON)?;
            let is_svg = |bytes: &Vec<u8>| bytes.windows(4).any(|window| window == b"<svg");
            let words = "its icon is not there, or no SVG of 256 KiB at the most";
            Some(bytes.filter(is_svg).ok_or_else(|| no(words))?)
        }
    };
    let download = Download { url: download_url(base, &name), signature: signature.to_vec() };
    Ok(Item { path: path.to_owned(), manifest, platform: Platform::of_file(&name), icon, download })
}

/// The bundles of one plugin in one version.
struct Group {
    main: Item,
    platforms: Vec<(Platform, Download)>,
}

fn group(mut items: Vec<Item>, refused: &mut Vec<Unread>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    items.sort_by_key(|item| item.platform.is_some());
    for mut item in items {
        let id = |item: &Item| (item.manifest.id.clone(), item.manifest.version.clone());
        let group = groups.iter_mut().find(|group| id(&group.main) == id(&item));
        let why = match (group, item.platform.take()) {
            (None, None) => {
                groups.push(Group { main: item, platforms: Vec::new() });
                continue;
            }
            (Some(_), None) => "another bundle of this plugin and version is given, too",
            (None, Some(_)) => "the main bundle of this plugin and version is not given",
            (Some(group), Some(new)) if group.platforms.iter().any(|it| it.0.name == new.name) => {
                "another bundle for this platform is given, too"
            }
            (Some(group), Some(platform)) => {
                group.platforms.push((platform, item.download));
                continue;
            }
        };
        refused.push(Unread { path: item.path, error: Failure::No(why.into()) });
    }
    groups
}
