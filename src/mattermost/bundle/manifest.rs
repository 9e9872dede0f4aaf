//! The manifest: `plugin.yml`, `plugin.yaml` or `plugin.json`.

use serde_json::{Map, Value, json};

use super::yaml;
use crate::mattermost::go_type::{GoType, in_json, in_yaml};
use crate::mattermost::json::{self, NotRead};

/// The names of the manifest, in the order that the server tries them.
pub const MANIFEST_NAMES: [&str; 3] = ["plugin.yml", "plugin.yaml", "plugin.json"];

/// The most bytes that are read of a manifest. The largest in Mattermost's marketplace has 60 KiB.
pub const MAX_MANIFEST: u64 = 512 * 1024;

/// The fields, in the order of the server's own type (server/public/model/manifest.go).
const FIELDS: [&str; 14] = [
    "id",
    "name",
    "description",
    "homepage_url",
    "support_url",
    "release_notes_url",
    "icon_path",
    "version",
    "min_server_version",
    "server",
    "webapp",
    "settings_schema",
    "props",
    "required_configuration",
];

/// The server's own type, with the fields that newer servers know and those that older ones did.
pub(in crate::mattermost) const MANIFEST: GoType = GoType::Struct(&[
    ("id", GoType::Text),
    ("name", GoType::Text),
    ("description", GoType::Text),
    ("homepage_url", GoType::Text),
    ("support_url", GoType::Text),
    ("release_notes_url", GoType::Text),
    ("icon_path", GoType::Text),
    ("version", GoType::Text),
    ("min_server_version", GoType::Text),
    (
        "server",
        GoType::Struct(&[
            ("executables", GoType::Map(&GoType::Text)),
            ("executable", GoType::Text),
        ]),
    ),
    ("webapp", GoType::Struct(&[("bundle_path", GoType::Text)])),
    (
        "settings_schema",
        GoType::Struct(&[
            ("header", GoType::Text),
            ("footer", GoType::Text),
            ("settings", SETTINGS),
            ("sections", GoType::List(&SECTION)),
        ]),
    ),
    ("props", GoType::Map(&GoType::Any)),
    ("required_configuration", GoType::Map(&GoType::Any)),
]);

const SETTINGS: GoType = GoType::List(&GoType::Struct(&[
    ("key", GoType::Text),
    ("display_name", GoType::Text),
    ("type", GoType::Text),
    ("help_text", GoType::Text),
    ("regenerate_help_text", GoType::Text),
    ("placeholder", GoType::Text),
    ("default", GoType::Any),
    (
        "options",
        GoType::List(&GoType::Struct(&[("display_name", GoType::Text), ("value", GoType::Text)])),
    ),
    ("hosting", GoType::Text),
    ("secret", GoType::Bool),
]));

const SECTION: GoType = GoType::Struct(&[
    ("key", GoType::Text),
    ("title", GoType::Text),
    ("subtitle", GoType::Text),
    ("settings", SETTINGS),
    ("header", GoType::Text),
    ("footer", GoType::Text),
    ("custom", GoType::Bool),
    ("fallback", GoType::Bool),
]);

/// The most executables that are read.
const MOST_EXECUTABLES: usize = 100;

/// What a plugin says about itself. All of it is foreign text.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The name of its file.
    pub file: &'static str,
    /// The identifier, in lower case as the server makes it.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The oldest server that it runs on, or "".
    pub min_server_version: String,
    /// Its home page, or "".
    pub homepage_url: String,
    /// Where users get help, or "".
    pub support_url: String,
    /// What is new, or "".
    pub release_notes_url: String,
    /// The path of its picture, relative to the manifest, or "".
    pub icon_path: String,
    /// Its part for the server, if it has one.
    pub server: Option<ServerPart>,
    /// The path of its part for the web app, if it has one.
    pub webapp: Option<String>,
    /// The types of its settings.
    pub setting_types: Vec<String>,
    json: Value,
}

/// Where a plugin's executables are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerPart {
    /// For each platform as Go names it (`linux-amd64`).
    pub executables: Vec<(String, String)>,
    /// For all other platforms, or "".
    pub executable: String,
}

impl Manifest {
    /// Reads a manifest as the server does, or says why the server cannot, or why what it reads is
    /// not what others read.
    pub(super) fn read(file: &'static str, bytes: &[u8]) -> Result<Manifest, NotRead> {
        let json = match file.ends_with(".json") {
            true => MANIFEST.read(json::first(bytes)?, in_json)?,
            false => MANIFEST.read(yaml::read(bytes)?, in_yaml)?,
        };
        if !json.is_object() {
            return Err(NotRead::Wrong(format!("it is {}, not an object", json::kind(&json))));
        }
        let text = |name| json::text(&json, name).to_string();
        let server = match given(&json, "server") {
            Some(server) => Some(ServerPart {
                executables: executables(server)?,
                executable: json::text(server, "executable").into(),
            }),
            None => None,
        };
        let webapp = given(&json, "webapp");
        let webapp = webapp.map(|webapp| json::text(webapp, "bundle_path").to_string());
        Ok(Manifest {
            file,
            id: text("id").to_lowercase(),
            name: text("name"),
            version: text("version"),
            min_server_version: text("min_server_version"),
            homepage_url: text("homepage_url"),
            support_url: text("support_url"),
            release_notes_url: text("release_notes_url"),
            icon_path: text("icon_path"),
            server,
            webapp,
            setting_types: setting_types(&json),
            json,
        })
    }

    /// Returns it as the marketplace has it. The fields stand in the order of the server's type.
    /// Fields that the server does not know are left out.
    pub fn json(&self) -> Value {
        let mut members = Map::new();
        for field in FIELDS {
            let value = match (field, self.json.get(field)) {
                ("id", _) => json!(self.id),
                ("name", _) => json!(self.name),
                ("version", _) => json!(self.version),
                (_, None | Some(Value::Null)) => continue,
                (_, Some(Value::String(text))) if text.is_empty() => continue,
                ("server", _) => match &self.server {
                    Some(server) => server.json(),
                    None => continue,
                },
                ("webapp", _) => match &self.webapp {
                    Some(path) => json!({"bundle_path": path}),
                    None => continue,
                },
                (_, Some(value)) => value.clone(),
            };
            members.insert(field.into(), value);
        }
        Value::Object(members)
    }
}

impl ServerPart {
    fn json(&self) -> Value {
        if self.executables.is_empty() {
            return json!({"executable": self.executable});
        }
        let mut sorted = self.executables.clone();
        sorted.sort();
        let executables: Map<_, _> =
            sorted.into_iter().map(|(name, path)| (name, path.into())).collect();
        json!({"executables": executables, "executable": self.executable})
    }
}

/// Returns a member that is not null.
fn given<'a>(json: &'a Value, name: &str) -> Option<&'a Value> {
    json.get(name).filter(|value| !value.is_null())
}

fn executables(server: &Value) -> Result<Vec<(String, String)>, NotRead> {
    let Some(Value::Object(executables)) = server.get("executables") else { return Ok(Vec::new()) };
    if executables.len() > MOST_EXECUTABLES {
        let why = format!("it has more than {MOST_EXECUTABLES} executables");
        return Err(NotRead::Unclear(why));
    }
    let path = |path: &Value| path.as_str().unwrap_or_default().to_string();
    Ok(executables.iter().map(|(name, value)| (name.clone(), path(value))).collect())
}

fn setting_types(json: &Value) -> Vec<String> {
    let settings = json.get("settings_schema").and_then(|schema| schema.get("settings"));
    let settings = settings.and_then(Value::as_array).into_iter().flatten();
    settings.map(|setting| json::text(setting, "type").to_string()).collect()
}
