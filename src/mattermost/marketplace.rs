//! `plugins.json`: what a plugin marketplace serves, and servers install from.
//!
//! Fields, their order and the order of entries are those of the marketplace's generator
//! (mattermost-marketplace, internal/model/plugin.go and cmd/generator). Entries are sorted by
//! identifier, then by version, the newest first. The generator does not verify signatures.

use std::cmp::Reverse;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use semver::Version;
use serde_json::{Map, Value, json};

use super::bundle::{MANIFEST, Manifest, Platform};
use super::go_type::{GoType, in_json};
use super::json::{self, check_values, text};
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

/// The type of a database, as the marketplace reads it.
const DATABASE: GoType = GoType::List(&GoType::Struct(&[
    ("homepage_url", GoType::Text),
    ("icon_data", GoType::Text),
    ("download_url", GoType::Text),
    ("release_notes_url", GoType::Text),
    (
        "labels",
        GoType::List(&GoType::Struct(&[
            ("name", GoType::Text),
            ("description", GoType::Text),
            ("url", GoType::Text),
            ("color", GoType::Text),
        ])),
    ),
    ("hosting", GoType::Text),
    ("author_type", GoType::Text),
    ("release_stage", GoType::Text),
    ("enterprise", GoType::Bool),
    ("signature", GoType::Text),
    ("repo_name", GoType::Text),
    ("manifest", MANIFEST),
    (
        "platforms",
        GoType::Struct(&[
            (PLATFORMS[0], DOWNLOAD),
            (PLATFORMS[1], DOWNLOAD),
            (PLATFORMS[2], DOWNLOAD),
            (PLATFORMS[3], DOWNLOAD),
            (PLATFORMS[4], DOWNLOAD),
        ]),
    ),
    ("updated_at", GoType::Text),
]));

const DOWNLOAD: GoType =
    GoType::Struct(&[("download_url", GoType::Text), ("signature", GoType::Text)]);

/// Where a plugin may run, if not everywhere.
pub const HOSTING: [&str; 2] = ["on-prem", "cloud"];

/// Who makes a plugin.
pub const AUTHOR_TYPES: [&str; 3] = ["mattermost", "partner", "community"];

/// How mature a plugin is.
pub const RELEASE_STAGES: [&str; 3] = ["production", "beta", "experimental"];

/// A bundle that is offered for download, with its signature.
#[derive(Clone, Debug)]
pub struct Download {
    /// Its address.
    pub url: String,
    /// The bytes of its signature file.
    pub signature: Vec<u8>,
}

/// What the publisher says about a plugin, beside its manifest.
#[derive(Clone, Debug)]
pub struct EntryDetails {
    /// The plugin's home page, instead of the manifest's.
    pub homepage_url: Option<String>,
    /// What is new, instead of the manifest's.
    pub release_notes_url: Option<String>,
    /// Names of labels.
    pub labels: Vec<String>,
    /// Where it may run: one of [`HOSTING`], or "" for everywhere.
    pub hosting: String,
    /// Who makes it: one of [`AUTHOR_TYPES`].
    pub author_type: String,
    /// How mature it is: one of [`RELEASE_STAGES`].
    pub release_stage: String,
    /// Whether it needs a licence.
    pub enterprise: bool,
    /// When it was added.
    pub updated_at: SystemTime,
}

/// Makes an entry of the database.
pub fn entry(
    details: &EntryDetails,
    manifest: &Manifest,
    icon: Option<&[u8]>,
    main: &Download,
    platforms: &[(Platform, Download)],
) -> Value {
    let or_own = |given: &Option<String>, own: &str| given.as_deref().unwrap_or(own).to_string();
    let icon_data = icon.map_or_else(String::new, |icon| {
        format!("data:image/svg+xml;base64,{}", STANDARD.encode(icon))
    });
    let label = |name: &String| json!({"name": name, "description": "", "url": "", "color": ""});
    let platform = |name: &str| match platforms.iter().find(|(it, _)| it.name == name) {
        Some((_, Download { url, signature })) => {
            json!({"download_url": url, "signature": STANDARD.encode(signature)})
        }
        None => json!({}),
    };
    let platforms: Map<_, _> =
        PLATFORMS.map(|name| (name.to_string(), platform(name))).into_iter().collect();
    let mut entry = json!({
        "homepage_url": or_own(&details.homepage_url, &manifest.homepage_url),
        "icon_data": icon_data,
        "download_url": main.url,
        "release_notes_url": or_own(&details.release_notes_url, &manifest.release_notes_url),
        "labels": details.labels.iter().map(label).collect::<Vec<_>>(),
        "hosting": details.hosting,
        "author_type": details.author_type,
        "release_stage": details.release_stage,
        "enterprise": details.enterprise,
        "signature": STANDARD.encode(&main.signature),
        "repo_name": "",
        "manifest": manifest.json(),
        "platforms": platforms,
        "updated_at": show_time(details.updated_at),
    });
    if let (true, Some(entry)) = (details.labels.is_empty(), entry.as_object_mut()) {
        entry.shift_remove("labels");
    }
    entry
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

/// Returns the name of the file at an address, if a file can have that name.
pub fn file_of_url(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let encoded = path.rsplit_once('/')?.1;
    let mut name = Vec::new();
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    let name = String::from_utf8(name).ok()?;
    let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    is_name.then_some(name)
}

/// A marketplace's database.
#[derive(Clone, Debug, Default)]
pub struct Database {
    entries: Vec<Value>,
}

impl Database {
    /// Reads a database, or says what is wrong with it. Something after the list is wrong too: when
    /// a file shrinks, the generator leaves the end of the older one behind it.
    pub fn read(bytes: &[u8]) -> Result<Database, String> {
        check_values(bytes, MOST_VALUES)?;
        let value = json::whole(bytes)?;
        if value.as_array().is_some_and(|entries| entries.len() > MOST_ENTRIES) {
            let most = format!("{MOST_ENTRIES} entries, the most that plugsign reads");
            return Err(format!("it has more than {most}"));
        }
        match DATABASE.read(value, in_json)? {
            Value::Array(entries) => Ok(Database { entries }),
            other => Err(format!("it is {}, not a list", json::kind(&other))),
        }
    }

    /// Returns the entries.
    pub fn entries(&self) -> &[Value] {
        &self.entries
    }

    /// Returns whether there is an entry that differs only in when it was added.
    pub fn has_same(&self, entry: &Value) -> bool {
        fn undated(entry: &Value) -> impl Iterator<Item = (&String, &Value)> {
            members(entry).filter(|(name, _)| *name != "updated_at")
        }
        self.entries.iter().any(|known| undated(known).eq(undated(entry)))
    }

    /// Takes a version of a plugin out, and returns its entries.
    pub fn remove(&mut self, id: &str, version: &str) -> Vec<Value> {
        let wanted = (id.to_lowercase(), version.to_string());
        self.entries.extract_if(.., |entry| identity(entry) == wanted).collect()
    }

    /// Adds an entry. One for the same plugin and version is replaced if `replace` is true, and
    /// left as it is otherwise. Returns whether there was one.
    pub fn put(&mut self, entry: Value, replace: bool) -> bool {
        let new = identity(&entry);
        let known = self.entries.iter_mut().find(|known| identity(known) == new);
        let is_known = known.is_some();
        match known {
            Some(known) if replace => *known = entry,
            Some(_) => {}
            None => self.entries.push(entry),
        }
        is_known
    }

    /// Returns the file's text, sorted as the generator sorts it.
    pub fn into_text(mut self) -> serde_json::Result<String> {
        self.entries.sort_by_cached_key(order);
        json::pretty(&Value::Array(self.entries))
    }

    /// Says what is wrong with each entry, by its place in the list.
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

/// Returns an entry's identifier and version. The identifier is in lower case, as servers have it.
pub fn identity(entry: &Value) -> (String, String) {
    let manifest = entry.get("manifest").unwrap_or(&Value::Null);
    (text(manifest, "id").to_lowercase(), text(manifest, "version").to_string())
}

/// Sorts by identifier, then by version, the newest first. What is no version comes last.
fn order(entry: &Value) -> (String, Reverse<Option<Version>>) {
    let (id, version) = identity(entry);
    (id, Reverse(Version::parse(&version).ok()))
}

/// Returns the members of an object, or none.
fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Returns every download of an entry: its platform, its address, and its signature in base64.
pub fn downloads(entry: &Value) -> Vec<(Option<&str>, &str, &str)> {
    let download = |name, of| (name, text(of, "download_url"), text(of, "signature"));
    let platforms = members(entry.get("platforms").unwrap_or(&Value::Null));
    let filled = platforms.filter(|(_, platform)| members(platform).next().is_some());
    let filled = filled.map(|(name, platform)| download(Some(name.as_str()), platform));
    std::iter::once(download(None, entry)).chain(filled).collect()
}

/// Decodes a signature as servers do.
pub fn decode_signature(text: &str) -> Option<Vec<u8>> {
    // Go's decoder skips line ends.
    let compact: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    STANDARD.decode(compact).ok()
}

/// Returns whether Go reads this as a time: by RFC 3339, and nothing around it.
fn is_time(text: &str) -> bool {
    let shape = text.replace(|letter: char| letter.is_ascii_digit(), "0");
    let rest = shape.strip_prefix("0000-00-00T00:00:00").unwrap_or_default();
    let zone = match rest.strip_prefix(".0") {
        Some(fraction) => fraction.trim_start_matches('0'),
        None => rest,
    };
    // Go knows no leap seconds.
    let is_shaped = matches!(zone, "Z" | "+00:00" | "-00:00") && !text.contains(":60");
    is_shaped && text.parse::<jiff::Timestamp>().is_ok()
}

fn check_entry(entry: &Value, mut say: impl FnMut(String)) {
    let manifest = entry.get("manifest").unwrap_or(&Value::Null);
    if members(manifest).next().is_none() {
        say("it has no manifest, and a marketplace with it does not start".into());
    } else {
        let id = text(manifest, "id");
        if !is_valid_id(id) {
            say(format!("its id \"{id}\" is not valid, and servers do not install it"));
        }
        let version = text(manifest, "version");
        if version.is_empty() {
            say("its manifest has no version, and a marketplace with it does not start".into());
        } else if Version::parse(version).is_err() {
            say(format!("its version \"{version}\" is not like 1.2.0, without a v"));
        }
    }
    for (field, allowed) in [
        ("hosting", &["", HOSTING[0], HOSTING[1]]),
        ("author_type", &AUTHOR_TYPES),
        ("release_stage", &RELEASE_STAGES),
    ] {
        let value = text(entry, field);
        if !allowed.contains(&value) {
            say(format!("its {field} \"{value}\" is not one of those known"));
        }
    }
    let icon = text(entry, "icon_data");
    if !icon.is_empty() && !icon.starts_with("data:image/") {
        say("its icon_data is no image".into());
    }
    if !is_time(text(entry, "updated_at")) {
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
        match decode_signature(signature).map(|bytes| shape(&bytes).problem()) {
            _ if signature.is_empty() => {
                say(format!("{whose}it has no signature, and servers do not install it"));
            }
            None => say(format!("{whose}its signature is not base64")),
            Some(Some((what, consequence))) => say(format!("{whose}{what}; {consequence}")),
            Some(None) => {}
        }
    }
}
