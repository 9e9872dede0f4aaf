//! `plugsign marketplace add`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plugsign::disk::Error;
use plugsign::disk::bundle::{Beside, BundleFile};
use plugsign::disk::database::DatabaseFile;
use plugsign::disk::file::Links;
use plugsign::judge::Judge;
use plugsign::mattermost::bundle::{Manifest, Platform};
use plugsign::mattermost::marketplace::{Download, EntryDetails, MAX_ICON, download_url, entry};
use plugsign::mattermost::valid::is_web_address;
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use crate::commands::accepted::signers;
use crate::edge::report::Report;
use crate::edge::terminal::BAD;
use crate::edge::world::World;
use plugsign::publisher::PATIENCE;
use plugsign::publisher::failure::{EXIT_NO, Failure, error_json, exit_of, one_line};
use plugsign::publisher::show::path_text;

/// Add signed bundles to a marketplace's database
///
/// Only bundles that the server would install, with a signature that is good, are added: all of
/// them, or none. What is there already, and the same, stays as it is. Bundles for one platform
/// (-linux-amd64, -osx-amd64, -windows-amd64) go into the entry of the main bundle of the same
/// version, which must be given, too.
#[derive(Args)]
pub struct Arguments {
    /// Plugin bundles, their signatures beside them
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
    /// The database; made if it is not there
    #[arg(long, value_name = "FILE")]
    database: PathBuf,
    /// Where the bundles will be downloaded from: this and their file names
    #[arg(long, value_name = "URL")]
    download_url_base: String,
    /// Where the plugin lives, instead of what its manifest says
    #[arg(long, value_name = "URL")]
    homepage_url: Option<String>,
    /// What is new, instead of what its manifest says
    #[arg(long, value_name = "URL")]
    release_notes_url: Option<String>,
    /// Show this label
    #[arg(long = "label", value_name = "NAME")]
    labels: Vec<String>,
    /// Whose plugins they are
    #[arg(long, value_name = "WHO", default_value = "community")]
    author_type: AuthorType,
    /// How far they are
    #[arg(long, value_name = "STAGE", default_value = "production")]
    release_stage: ReleaseStage,
    /// They need a licence
    #[arg(long)]
    enterprise: bool,
    /// Show them on this kind of servers only
    #[arg(long, value_name = "WHERE")]
    hosting: Option<Hosting>,
    /// Replace what the database has of the same plugin and version
    #[arg(long)]
    replace: bool,
    /// Added at this time, instead of $SOURCE_DATE_EPOCH or now. ISO 8601, in UTC unless it names
    /// a zone, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Whose signatures count: a certificate file, or a key of the home. Else: trusted
    /// certificates and the home's own secret keys
    #[arg(long = "key", value_name = "FILE|KEY")]
    keys: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum AuthorType {
    Mattermost,
    Partner,
    Community,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReleaseStage {
    Production,
    Beta,
    Experimental,
}

#[derive(Clone, Copy, ValueEnum)]
enum Hosting {
    OnPrem,
    Cloud,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Added, Failure> {
    let urls = [&arguments.homepage_url, &arguments.release_notes_url];
    let given = urls.into_iter().flatten().chain([&arguments.download_url_base]);
    for url in given {
        if !is_web_address(url) {
            let words = format!("\"{}\" is no http or https address", Safe::text(url));
            return Err(Failure::Usage(words));
        }
    }
    let details = details(&arguments, world)?;
    let judge = signers(&arguments.keys, world)?.judge(world.policy())?;
    let mut file = DatabaseFile::change(&arguments.database, world.umask, PATIENCE)?;
    let mut added = Added {
        database: arguments.database.clone(),
        lines: Vec::new(),
        refused: Vec::new(),
        is_insecure: !arguments.download_url_base.starts_with("https://"),
    };
    let mut items = Vec::new();
    for path in &arguments.bundles {
        match read(path, &judge, &arguments.download_url_base) {
            Ok(item) => items.push(item),
            Err(why) => added.refused.push((path.clone(), why)),
        }
    }
    for group in group(items, &mut added.refused) {
        let (id, version) = (group.manifest.id.clone(), group.manifest.version.clone());
        let url = group.main.url.clone();
        let icon = group.icon.as_deref();
        let entry = entry(&details, &group.manifest, icon, &group.main, &group.platforms);
        let platforms = group.platforms.iter().map(|(platform, _)| platform.name.into()).collect();
        if file.database.has_same(&entry) {
            added.lines.push(Line { outcome: "unchanged", id, version, url, platforms });
            continue;
        }
        let was_there = file.database.put(entry, arguments.replace);
        if was_there && !arguments.replace {
            let error = Error::Duplicate { id, version };
            added.refused.push((group.path, Why::Error(error)));
            continue;
        }
        let outcome = if was_there { "replaced" } else { "added" };
        added.lines.push(Line { outcome, id, version, url, platforms });
    }
    if added.refused.is_empty() {
        file.commit()?;
    } else {
        added.lines.clear();
    }
    Ok(added)
}

fn details(arguments: &Arguments, world: &World) -> Result<EntryDetails, Failure> {
    Ok(EntryDetails {
        homepage_url: arguments.homepage_url.clone(),
        release_notes_url: arguments.release_notes_url.clone(),
        labels: arguments.labels.clone(),
        hosting: match arguments.hosting {
            None => "",
            Some(Hosting::OnPrem) => "on-prem",
            Some(Hosting::Cloud) => "cloud",
        },
        author_type: match arguments.author_type {
            AuthorType::Mattermost => "mattermost",
            AuthorType::Partner => "partner",
            AuthorType::Community => "community",
        },
        release_stage: match arguments.release_stage {
            ReleaseStage::Production => "production",
            ReleaseStage::Beta => "beta",
            ReleaseStage::Experimental => "experimental",
        },
        enterprise: arguments.enterprise,
        updated_at: world.time(arguments.time.as_deref())?,
    })
}

/// A bundle that may be added.
struct Item {
    path: PathBuf,
    manifest: Manifest,
    platform: Option<Platform>,
    icon: Option<Vec<u8>>,
    download: Download,
}

/// Why a bundle is not added.
pub(super) enum Why {
    /// We could not look.
    Error(Error),
    /// It is not good.
    No(String),
}

impl From<Error> for Why {
    fn from(error: Error) -> Why {
        Why::Error(error)
    }
}

fn read(path: &Path, judge: &Judge, base: &str) -> Result<Item, Why> {
    let mut file = BundleFile::open(path, Links::Follow)?;
    let Beside::Signature(signature) = file.signature()? else {
        return Err(Why::No("there is no .sig file beside it".into()));
    };
    if let Some((what, consequence)) = file.verify_and_ask(&signature, judge)?.problem() {
        return Err(Why::No(format!("{what}; {consequence}")));
    }
    let bundle = file.inspect()?;
    if let Some(finding) = bundle.findings.errors().next() {
        return Err(Why::No(format!("{}; {}", finding.what, finding.consequence)));
    }
    let name = file.name();
    let Some(manifest) = bundle.manifest else {
        return Err(Why::No("it has no manifest".into()));
    };
    let needed = ["no-version", "bad-version"];
    if let Some(finding) = bundle.findings.iter().find(|found| needed.contains(&found.code)) {
        return Err(Why::No(format!("{}; {}", finding.what, finding.consequence)));
    }
    let icon = match manifest.icon_path.as_str() {
        "" => None,
        path => {
            let bytes = file.read_file(&format!("{}{path}", bundle.root), MAX_ICON)?;
            let is_svg = |bytes: &Vec<u8>| bytes.windows(4).any(|window| window == b"<svg");
            let words = "its icon is not there, or no SVG of 256 KiB at the most";
            Some(bytes.filter(is_svg).ok_or_else(|| Why::No(words.into()))?)
        }
    };
    let download = Download { url: download_url(base, &name), signature: signature.to_vec() };
    Ok(Item { path: path.to_owned(), manifest, platform: Platform::of_file(&name), icon, download })
}

/// The bundles of one plugin in one version.
struct Group {
    path: PathBuf,
    manifest: Manifest,
    icon: Option<Vec<u8>>,
    main: Download,
    platforms: Vec<(Platform, Download)>,
}

fn group(items: Vec<Item>, refused: &mut Vec<(PathBuf, Why)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let same = |group: &Group, manifest: &Manifest| {
        (&group.manifest.id, &group.manifest.version) == (&manifest.id, &manifest.version)
    };
    let (mains, others): (Vec<Item>, Vec<Item>) =
        items.into_iter().partition(|item| item.platform.is_none());
    for item in mains {
        if groups.iter().any(|group| same(group, &item.manifest)) {
            let why = Why::No("another bundle of this plugin and version is given, too".into());
            refused.push((item.path, why));
            continue;
        }
        groups.push(Group {
            path: item.path,
            manifest: item.manifest,
            icon: item.icon,
            main: item.download,
            platforms: Vec::new(),
        });
    }
    for item in others {
        let Some(platform) = item.platform else { continue };
        let why = match groups.iter_mut().find(|group| same(group, &item.manifest)) {
            None => "the main bundle of this plugin and version is not given",
            Some(group) if group.platforms.iter().any(|(known, _)| known.name == platform.name) => {
                "another bundle for this platform is given, too"
            }
            Some(group) => {
                group.platforms.push((platform, item.download));
                continue;
            }
        };
        refused.push((item.path, Why::No(why.into())));
    }
    groups
}

/// What was added, or why nothing was.
pub struct Added {
    pub(super) database: PathBuf,
    pub(super) lines: Vec<Line>,
    pub(super) refused: Vec<(PathBuf, Why)>,
    pub(super) is_insecure: bool,
}

pub(super) struct Line {
    pub(super) outcome: &'static str,
    pub(super) id: String,
    pub(super) version: String,
    pub(super) url: String,
    pub(super) platforms: Vec<String>,
}

impl Why {
    fn words(&self) -> String {
        match self {
            Why::Error(error) => one_line(error),
            Why::No(words) => Safe::text(words).to_string(),
        }
    }
}

impl Report for Added {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            let (id, version) = (Safe::text(&line.id), Safe::text(&line.version));
            write!(out, "{}  {id} {version}  {}", line.outcome, Safe::text(&line.url))?;
            match line.platforms.is_empty() {
                true => writeln!(out)?,
                false => writeln!(out, "  {}", Safe::text(&line.platforms.join(" ")))?,
            }
        }
        for (path, why) in &self.refused {
            writeln!(out, "{BAD}refused{BAD:#}  {}: {}", Safe::path(path), why.words())?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        if !self.refused.is_empty() {
            writeln!(talk, "nothing was added to {}", Safe::path(&self.database))?;
            if self
                .refused
                .iter()
                .any(|(_, why)| matches!(why, Why::Error(Error::Duplicate { .. })))
            {
                writeln!(talk, "  hint: take the new one in its place with --replace")?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if self.is_insecure {
            writeln!(
                talk,
                "servers download over https only, unless AllowInsecureDownloadURL is true"
            )?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let entries: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                json!({
                    "outcome": line.outcome,
                    "id": line.id,
                    "version": line.version,
                    "download_url": line.url,
                    "platforms": line.platforms,
                })
            })
            .collect();
        let refused: Vec<Value> = self
            .refused
            .iter()
            .map(|(path, why)| {
                let error = match why {
                    Why::Error(error) => error_json(error),
                    Why::No(words) => json!({"message": words, "causes": [], "hint": null}),
                };
                json!({"path": path_text(path), "error": error})
            })
            .collect();
        let mut map = Map::new();
        map.insert("database".into(), path_text(&self.database).into());
        map.insert("entries".into(), entries.into());
        map.insert("refused".into(), refused.into());
        map
    }

    fn exit(&self) -> u8 {
        let codes = self.refused.iter().map(|(_, why)| match why {
            Why::Error(error) => exit_of(error),
            Why::No(_) => EXIT_NO,
        });
        codes.max().unwrap_or(0)
    }
}
