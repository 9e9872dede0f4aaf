//! The manifest: `plugin.yml`, `plugin.yaml` or `plugin.json`.

use crate::mattermost::json::Json;

use super::yaml;

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

/// What a plugin says of itself. Foreign text all over.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The name of its file.
    pub file: &'static str,
    /// The plugin, in lower case as the server makes it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The oldest server that it runs on, or nothing.
    pub min_server_version: String,
    /// Where it lives, or nothing.
    pub homepage_url: String,
    /// Where help is, or nothing.
    pub support_url: String,
    /// What is new, or nothing.
    pub release_notes_url: String,
    /// Its picture, relative to the manifest, or nothing.
    pub icon_path: String,
    /// Its part for the server, if it has one.
    pub server: Option<Server>,
    /// The path of its part for the web app, if it has one.
    pub webapp: Option<String>,
    /// The types of its settings.
    pub setting_types: Vec<String>,
    json: Json,
}

/// Where a plugin's executables are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// For each platform as Go names it (`linux-amd64`).
    pub executables: Vec<(String, String)>,
    /// For all others, or nothing.
    pub executable: String,
}

impl Manifest {
    /// Reads a manifest as the server does.
    ///
    /// # Errors
    ///
    /// Why the server cannot read it.
    pub fn read(file: &'static str, bytes: &[u8]) -> Result<Manifest, String> {
        let json = match file.ends_with(".json") {
            true => fold_keys(Json::first(bytes).map_err(|error| error.to_string())?),
            false => yaml::read(bytes)?,
        };
        if !matches!(json, Json::Object(_)) {
            return Err(format!("it is {}, not an object", json.kind()));
        }
        let text = |name| string(&json, name);
        let server = match object(&json, "server")? {
            Some(server) => Some(Server {
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

    /// Returns it as the marketplace has it: JSON, the fields in the order of the server's type,
    /// those that the server does not know left out.
    pub fn json(&self) -> Json {
        let mut members = Vec::new();
        for field in FIELDS {
            let value = match (field, self.json.get(field)) {
                ("id", _) => Some(Json::string(&self.id)),
                ("name", _) => Some(Json::string(&self.name)),
                ("version", _) => Some(Json::string(&self.version)),
                (_, None | Some(Json::Null)) => None,
                (_, Some(Json::String(text))) if text.is_empty() => None,
                ("server", _) => self.server.as_ref().map(Server::json),
                ("webapp", _) => self
                    .webapp
                    .as_ref()
                    .map(|path| Json::object([("bundle_path", Json::string(path))])),
                (_, Some(value)) => Some(value.clone()),
            };
            members.extend(value.map(|value| (field.to_string(), value)));
        }
        Json::Object(members)
    }
}

impl Server {
    fn json(&self) -> Json {
        let mut members = Vec::new();
        if !self.executables.is_empty() {
            let mut sorted = self.executables.clone();
            sorted.sort();
            let executables =
                sorted.into_iter().map(|(name, path)| (name, Json::string(path))).collect();
            members.push(("executables".to_string(), Json::Object(executables)));
        }
        members.push(("executable".to_string(), Json::string(&self.executable)));
        Json::Object(members)
    }
}

/// Go matches the names of JSON's fields without regard to case; of YAML's it does not.
fn fold_keys(json: Json) -> Json {
    const INNER: [&str; 5] = ["executables", "executable", "bundle_path", "settings", "type"];
    let Json::Object(members) = json else { return json };
    let folded = members.into_iter().map(|(key, value)| {
        let lower = key.to_ascii_lowercase();
        let known = FIELDS.contains(&lower.as_str()) || INNER.contains(&lower.as_str());
        let value = match lower.as_str() {
            "server" | "webapp" | "settings_schema" => fold_keys(value),
            _ => value,
        };
        (if known { lower } else { key }, value)
    });
    Json::Object(folded.collect())
}

fn string(json: &Json, name: &str) -> Result<String, String> {
    match json.get(name) {
        None | Some(Json::Null) => Ok(String::new()),
        Some(Json::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("{name} is {}, not a string", other.kind())),
    }
}

fn object<'a>(json: &'a Json, name: &str) -> Result<Option<&'a Json>, String> {
    match json.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(object @ Json::Object(_)) => Ok(Some(object)),
        Some(other) => Err(format!("{name} is {}, not an object", other.kind())),
    }
}

fn executables(server: &Json) -> Result<Vec<(String, String)>, String> {
    let Some(executables) = object(server, "executables")? else { return Ok(Vec::new()) };
    let mut paths: Vec<(String, String)> = Vec::new();
    for (platform, _) in executables.members() {
        if paths.iter().all(|(known, _)| known != platform) {
            paths.push((platform.clone(), string(executables, platform)?));
        }
        if paths.len() > 100 {
            return Err("it has more than 100 executables".into());
        }
    }
    Ok(paths)
}

fn setting_types(json: &Json) -> Result<Vec<String>, String> {
    let Some(schema) = object(json, "settings_schema")? else { return Ok(Vec::new()) };
    match schema.get("settings") {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(settings)) => {
            settings.iter().map(|setting| string(setting, "type")).collect()
        }
        Some(other) => Err(format!("settings is {}, not a list", other.kind())),
    }
}
