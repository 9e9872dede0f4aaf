//! The manifest: `plugin.yml`, `plugin.yaml` or `plugin.json`.

use serde_json::{Map, Value, json};

use super::yaml;
use crate::mattermost::json;

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
    /// Reads a manifest as the server does, or says why the server cannot.
    pub fn read(file: &'static str, bytes: &[u8]) -> Result<Manifest, String> {
        let json = match file.ends_with(".json") {
            true => fold_keys(json::first(bytes).map_err(|error| error.to_string())?),
            false => yaml::read(bytes)?,
        };
        if !json.is_object() {
            return Err(format!("it is {}, not an object", json::kind(&json)));
        }
        let text = |name| string(&json, name);
        let server = match object(&json, "server")? {
            Some(server) => Some(ServerPart {
                executables: executables(server)?,
                executable: string(server, "executable")?,
            }),
            None => None,
        };
        let webapp = match object(&json, "webapp")? {
            Some(webapp) => Some(string(webapp, "bundle_path")?),
            None => None,
        };
        Ok(Manifest {
            file,
            id: text("id")?.to_lowercase(),
            name: text("name")?,
            version: text("version")?,
            min_server_version: text("min_server_version")?,
            homepage_url: text("homepage_url")?,
            support_url: text("support_url")?,
            release_notes_url: text("release_notes_url")?,
            icon_path: text("icon_path")?,
            server,
            webapp,
            setting_types: setting_types(&json)?,
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

/// Go matches the names of fields without regard to case in JSON, but not in YAML.
fn fold_keys(json: Value) -> Value {
    const INNER: [&str; 5] = ["executables", "executable", "bundle_path", "settings", "type"];
    let Value::Object(members) = json else { return json };
    let folded = members.into_iter().map(|(key, value)| {
        let lower = key.to_ascii_lowercase();
        let known = FIELDS.contains(&lower.as_str()) || INNER.contains(&lower.as_str());
        let value = match lower.as_str() {
            "server" | "webapp" | "settings_schema" => fold_keys(value),
            _ => value,
        };
        (if known { lower } else { key }, value)
    });
    Value::Object(folded.collect())
}

fn string(json: &Value, name: &str) -> Result<String, String> {
    match json.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("{name} is {}, not a string", json::kind(other))),
    }
}

fn object<'a>(json: &'a Value, name: &str) -> Result<Option<&'a Value>, String> {
    match json.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(object @ Value::Object(_)) => Ok(Some(object)),
        Some(other) => Err(format!("{name} is {}, not an object", json::kind(other))),
    }
}

fn executables(server: &Value) -> Result<Vec<(String, String)>, String> {
    let Some(executables) = object(server, "executables")? else { return Ok(Vec::new()) };
    let platforms = executables.as_object().into_iter().flat_map(Map::keys);
    let paths = platforms.map(|name| Ok((name.clone(), string(executables, name)?)));
    let paths = paths.take(MOST_EXECUTABLES + 1).collect::<Result<Vec<_>, String>>()?;
    match paths.len() > MOST_EXECUTABLES {
        true => Err(format!("it has more than {MOST_EXECUTABLES} executables")),
        false => Ok(paths),
    }
}

fn setting_types(json: &Value) -> Result<Vec<String>, String> {
    let Some(schema) = object(json, "settings_schema")? else { return Ok(Vec::new()) };
    match schema.get("settings") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(settings)) => {
            settings.iter().map(|setting| string(setting, "type")).collect()
        }
        Some(other) => Err(format!("settings is {}, not a list", json::kind(other))),
    }
}
