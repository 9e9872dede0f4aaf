//! `plugins.json`: what a plugin marketplace serves, and servers install from.
//!
//! Its format is that of the marketplace's generator (mattermost-marketplace,
//! internal/model/plugin.go and cmd/generator): which fields, in which order, sorted by
//! identifier and then by version, the newest first. The generator takes signatures on faith.

use std::cmp::Reverse;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use semver::Version;

use super::bundle::{Manifest, Platform};
use super::json::{Json, check_values};
use super::shape::shape;
use super::valid::{is_valid_id, is_web_address};
use crate::openpgp::times::show_time;

/// The most bytes that are read of a `plugins.json`. Mattermost's own has about 12 MiB.
pub const MAX_DATABASE: u64 = 32 * 1024 * 1024;

/// The most entries of a database. Mattermost's own has about 500.
const MOST_ENTRIES: usize = 10_000;

/// The most values in all of its entries. An entry has about 60.
const MOST_VALUES: usize = 500_000;

/// The most bytes of a plugin's picture.
pub const MAX_ICON: u64 = 256 * 1024;

/// The platforms, in the order of the marketplace's type.
const PLATFORMS: [&str; 5] =
    ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"];

const HOSTING: [&str; 3] = ["", "on-prem", "cloud"];
const AUTHOR_TYPES: [&str; 3] = ["mattermost", "partner", "community"];
const RELEASE_STAGES: [&str; 3] = ["production", "beta", "experimental"];

/// A bundle that is offered for download, with its signature.
#[derive(Clone, Debug)]
pub struct Download {
    /// Where it will be.
    pub url: String,
    /// Its signature file, as it is.
    pub signature: Vec<u8>,
}

/// What the publisher says of plugins.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Where the plugin lives, instead of what its manifest says.
    pub homepage_url: Option<String>,
    /// What is new, instead of what its manifest says.
    pub release_notes_url: Option<String>,
    /// Names of labels.
    pub labels: Vec<String>,
    /// Where it may run: everywhere, `on-prem` or `cloud`.
    pub hosting: &'static str,
    /// Whose it is: `mattermost`, `partner` or `community`.
    pub author_type: &'static str,
    /// How far it is: `production`, `beta` or `experimental`.
    pub release_stage: &'static str,
    /// Whether it needs a licence.
    pub enterprise: bool,
    /// When it was added.
    pub updated_at: SystemTime,
}

/// Makes an entry of the database.
pub fn entry(
    listing: &Listing,
    manifest: &Manifest,
    icon: Option<&[u8]>,
    main: &Download,
    platforms: &[(Platform, Download)],
) -> Json {
    let text = |given: &Option<String>, own: &str| Json::string(given.as_deref().unwrap_or(own));
    let icon_data = icon.map_or_else(String::new, |icon| {
        format!("data:image/svg+xml;base64,{}", STANDARD.encode(icon))
    });
    let platforms = PLATFORMS.map(|name| {
        let bundle = platforms.iter().find(|(platform, _)| platform.name == name);
        let members = bundle.map_or_else(Vec::new, |(_, download)| {
            vec![
                ("download_url".to_string(), Json::string(&download.url)),
                ("signature".to_string(), Json::string(STANDARD.encode(&download.signature))),
            ]
        });
        (name, Json::Object(members))
    });
    let mut members = vec![
        ("homepage_url", text(&listing.homepage_url, &manifest.homepage_url)),
        ("icon_data", Json::String(icon_data)),
        ("download_url", Json::string(&main.url)),
        ("release_notes_url", text(&listing.release_notes_url, &manifest.release_notes_url)),
    ];
    if !listing.labels.is_empty() {
        let labels = listing.labels.iter().map(|name| label(name)).collect();
        members.push(("labels", Json::Array(labels)));
    }
    members.extend([
        ("hosting", Json::string(listing.hosting)),
        ("author_type", Json::string(listing.author_type)),
        ("release_stage", Json::string(listing.release_stage)),
        ("enterprise", Json::Bool(listing.enterprise)),
        ("signature", Json::string(STANDARD.encode(&main.signature))),
        ("repo_name", Json::string("")),
        ("manifest", manifest.json()),
        ("platforms", Json::object(platforms)),
        ("updated_at", Json::string(show_time(listing.updated_at))),
    ]);
    Json::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn label(name: &str) -> Json {
    Json::object([
        ("name", Json::string(name)),
        ("description", Json::string("")),
        ("url", Json::string("")),
        ("color", Json::string("")),
    ])
}

/// Returns the address of a file below a base.
pub fn download_url(base: &str, name: &str) -> String {
    let mut url = format!("{}/", base.trim_end_matches('/'));
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// Returns the name of the file that an address is of, if that can be a file's.
pub fn file_of_url(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let encoded = path.rsplit_once('/')?.1;
    let mut name = Vec::new();
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            byte => name.push(byte),
        }
    }
    let name = String::from_utf8(name).ok()?;
    let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    is_name.then_some(name)
}

/// A marketplace's database.
#[derive(Clone, Debug, Default)]
pub struct Database {
    entries: Vec<Json>,
}

impl Database {
    /// Reads a database.
    ///
    /// # Errors
    ///
    /// What is wrong with it. The generator does not cut a file that shrinks, so that the end of
    /// an older one may follow: that is wrong, too.
    pub fn read(bytes: &[u8]) -> Result<Database, String> {
        check_values(bytes, MOST_VALUES)?;
        let json: Json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match json {
            Json::Array(entries) if entries.len() > MOST_ENTRIES => Err(format!(
                "it has more than {MOST_ENTRIES} entries, the most that plugsign reads"
            )),
            Json::Array(entries) => Ok(Database { entries }),
            other => Err(format!("it is {}, not a list", other.kind())),
        }
    }

    /// Returns the entries.
    pub fn entries(&self) -> &[Json] {
        &self.entries
    }

    /// Returns whether an entry is there that differs in nothing but when it was added.
    pub fn has_same(&self, entry: &Json) -> bool {
        let undated = |entry: &Json| -> Vec<(String, Json)> {
            let members = entry.members().iter();
            members.filter(|(name, _)| name != "updated_at").cloned().collect()
        };
        self.entries.iter().any(|known| undated(known) == undated(entry))
    }

    /// Takes a plugin's version out, and returns its entries: none if it is not there.
    pub fn remove(&mut self, id: &str, version: &str) -> Vec<Json> {
        let wanted = (id.to_lowercase(), version.to_string());
        self.entries.extract_if(.., |entry| identity(entry) == wanted).collect()
    }

    /// Adds an entry, or replaces the one for the same plugin and version. Returns whether there
    /// was one, which with `replace` false is left as it is.
    pub fn put(&mut self, entry: Json, replace: bool) -> bool {
        let new = identity(&entry);
        match self.entries.iter_mut().find(|known| identity(known) == new) {
            Some(known) => {
                if replace {
                    *known = entry;
                }
                true
            }
            None => {
                self.entries.push(entry);
                false
            }
        }
    }

    /// Returns the file, sorted as the generator does.
    ///
    /// # Errors
    ///
    /// As [`Json::pretty`].
    pub fn into_text(mut self) -> serde_json::Result<String> {
        self.entries.sort_by_cached_key(order);
        Json::Array(self.entries).pretty()
    }

    /// Says what is wrong with each entry, by its place, one entry after the other.
    pub fn problems(&self, mut say: impl FnMut(usize, String)) {
        let mut seen = std::collections::BTreeSet::new();
        for (place, entry) in self.entries.iter().enumerate() {
            check_entry(entry, |problem| say(place, problem));
            if !seen.insert(identity(entry)) {
                say(place, "it is there more than once in this version".into());
            }
        }
    }
}

/// Returns an entry's identifier, in lower case as servers have it, and its version.
pub fn identity(entry: &Json) -> (String, String) {
    let manifest = entry.get("manifest").unwrap_or(&Json::Null);
    (manifest.text("id").to_lowercase(), manifest.text("version").to_string())
}

/// By identifier, then by version, the newest first; what is no version comes last.
fn order(entry: &Json) -> (String, Reverse<Option<Version>>) {
    let (id, version) = identity(entry);
    (id, Reverse(Version::parse(&version).ok()))
}

/// Returns every download of an entry: for which platform, where, and its signature in base64.
pub fn downloads(entry: &Json) -> Vec<(Option<&str>, &str, &str)> {
    let mut downloads = vec![(None, entry.text("download_url"), entry.text("signature"))];
    for (name, platform) in entry.get("platforms").unwrap_or(&Json::Null).members() {
        if !platform.members().is_empty() {
            let (url, signature) = (platform.text("download_url"), platform.text("signature"));
            downloads.push((Some(name.as_str()), url, signature));
        }
    }
    downloads
}

/// Decodes a signature as servers do.
pub fn decode_signature(text: &str) -> Option<Vec<u8>> {
    // Go's decoder skips line ends.
    let compact: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(compact).ok()
}

fn check_entry(entry: &Json, mut say: impl FnMut(String)) {
    let manifest = entry.get("manifest").unwrap_or(&Json::Null);
    if manifest.members().is_empty() {
        say("it has no manifest, and a marketplace with it does not start".into());
    } else {
        let id = manifest.text("id");
        if !is_valid_id(id) {
            say(format!("its id \"{id}\" is not valid, and servers do not install it"));
        }
        let version = manifest.text("version");
        if version.is_empty() {
            say("its manifest has no version, and a marketplace with it does not start".into());
        } else if Version::parse(version).is_err() {
            say(format!("its version \"{version}\" is not like 1.2.0, without a v"));
        }
    }
    for (field, allowed) in
        [("hosting", HOSTING), ("author_type", AUTHOR_TYPES), ("release_stage", RELEASE_STAGES)]
    {
        let value = entry.text(field);
        if !allowed.contains(&value) {
            say(format!("its {field} \"{value}\" is not one of those known"));
        }
    }
    let icon = entry.text("icon_data");
    if !icon.is_empty() && !icon.starts_with("data:image/") {
        say("its icon_data is no image".into());
    }
    if entry.text("updated_at").parse::<jiff::Timestamp>().is_err() {
        say("its updated_at is no time".into());
    }
    for (platform, url, signature) in downloads(entry) {
        let whose = platform.map_or_else(String::new, |platform| format!("{platform}: "));
        if platform.is_some_and(|platform| !PLATFORMS.contains(&platform)) {
            say(format!("{whose}the marketplace does not know this platform"));
        }
        if !is_web_address(url) {
            say(format!("{whose}its download_url \"{url}\" is no web address"));
        } else if !url.starts_with("https://") {
            say(format!("{whose}servers do not download from \"{url}\", which is not https"));
        }
        match decode_signature(signature) {
            _ if signature.is_empty() => {
                say(format!("{whose}it has no signature, and servers do not install it"));
            }
            None => say(format!("{whose}its signature is not base64")),
            Some(bytes) => {
                if let Some((what, consequence)) = shape(&bytes).problem() {
                    say(format!("{whose}{what}; {consequence}"));
                }
            }
        }
    }
}
