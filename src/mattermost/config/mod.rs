//! `config.json`: which key files a server trusts, and what else decides about plugins.
//!
//! The file is the administrator's. It is edited as text: only the list of key files changes. The
//! order of the keys, the numbers, escapes and line ends stay as they are.

mod edit;
mod list;

use serde_json::Value;

use self::list::{KEY, List, SECTION};
use super::built_in::{CUSTOM_KEYS_FLAG, MFI_FLAG};
use super::go_type::{GoType, in_json};
use super::json::{self, check_values};

/// The most bytes that are read of a `config.json`. A server's own has some 30 KiB.
pub const MAX_CONFIG: u64 = 4 * 1024 * 1024;

/// The most values of a configuration. A server's own has some 800.
const MOST_VALUES: usize = 100_000;

/// The most key files that a configuration may list.
const MOST_KEY_FILES: usize = 1_000;

/// What is read of the server's own type (server/public/model/config.go).
const CONFIG: GoType = GoType::Struct(&[
    (
        SECTION,
        GoType::Struct(&[
            ("Enable", GoType::Bool),
            ("EnableUploads", GoType::Bool),
            ("AllowInsecureDownloadURL", GoType::Bool),
            ("EnableHealthCheck", GoType::Bool),
            ("Directory", GoType::Text),
            ("ClientDirectory", GoType::Text),
            ("Plugins", GoType::Map(&GoType::Map(&GoType::Any))),
            ("PluginStates", GoType::Map(&GoType::Struct(&[("Enable", GoType::Bool)]))),
            ("EnableMarketplace", GoType::Bool),
            ("EnableRemoteMarketplace", GoType::Bool),
            ("AutomaticPrepackagedPlugins", GoType::Bool),
            ("RequirePluginSignature", GoType::Bool),
            ("MarketplaceURL", GoType::Text),
            (KEY, GoType::List(&GoType::Text)),
            ("ChimeraOAuthProxyURL", GoType::Text),
        ]),
    ),
    ("FileSettings", GoType::Struct(&[("MaxFileSize", GoType::Whole)])),
    (
        "SamlSettings",
        GoType::Struct(&[
            ("IdpCertificateFile", GoType::Text),
            ("PublicCertificateFile", GoType::Text),
            ("PrivateKeyFile", GoType::Text),
        ]),
    ),
    ("FeatureFlags", GoType::Struct(&[(MFI_FLAG, GoType::Bool), (CUSTOM_KEYS_FLAG, GoType::Bool)])),
]);

/// A server's configuration: its text, and what it says.
#[derive(Clone, Debug)]
pub struct Config {
    text: String,
    value: Value,
    list: List,
}

/// What decides about plugins and their signatures. The server's default stands for what the file
/// does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `PluginSettings.Enable`.
    pub enable: bool,
    /// `PluginSettings.RequirePluginSignature`.
    pub require_signature: bool,
    /// `PluginSettings.EnableUploads`.
    pub enable_uploads: bool,
    /// `PluginSettings.EnableMarketplace`.
    pub enable_marketplace: bool,
    /// `PluginSettings.EnableRemoteMarketplace`.
    pub enable_remote_marketplace: bool,
    /// `PluginSettings.MarketplaceURL`.
    pub marketplace_url: String,
    /// `PluginSettings.AutomaticPrepackagedPlugins`.
    pub automatic_prepackaged: bool,
    /// `FileSettings.MaxFileSize`, in bytes.
    pub max_file_size: u64,
}

/// The marketplace that servers ask by default.
pub const DEFAULT_MARKETPLACE: &str = "https://api.integrations.mattermost.com";

/// `FileSettings.MaxFileSize` as servers come.
pub const DEFAULT_MAX_FILE_SIZE: u64 = 100 * 1024 * 1024;

impl Config {
    /// Reads a configuration, or says what is wrong with it: it is no JSON object, or something in
    /// it has the wrong type or two spellings. With most of these the server cannot start either.
    pub fn read(bytes: &[u8]) -> Result<Config, String> {
        check_values(bytes, MOST_VALUES)?;
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let value = CONFIG.read(json::whole(bytes)?, in_json)?;
        let list = List::find(text)?;
        if list.entries.len() > MOST_KEY_FILES {
            let most = format!("{MOST_KEY_FILES} names, the most that plugsign reads");
            return Err(format!("{SECTION}.{KEY} has more than {most}"));
        }
        Ok(Config { text: text.to_owned(), value, list })
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the names of the key files, in the order that the server tries them.
    pub fn key_files(&self) -> Vec<&str> {
        self.list.names()
    }

    /// Returns the names of SAML's files, which the server refuses as key files.
    pub fn saml_files(&self) -> Vec<&str> {
        ["IdpCertificateFile", "PublicCertificateFile", "PrivateKeyFile"]
            .into_iter()
            .filter_map(|key| self.setting("SamlSettings", key)?.as_str())
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// Returns what decides about plugins.
    pub fn settings(&self) -> Settings {
        let is =
            |key, default| self.setting(SECTION, key).and_then(Value::as_bool).unwrap_or(default);
        let url = self.setting(SECTION, "MarketplaceURL").and_then(Value::as_str);
        let url = url.filter(|url| !url.is_empty()).unwrap_or(DEFAULT_MARKETPLACE);
        Settings {
            enable: is("Enable", true),
            require_signature: is("RequirePluginSignature", false),
            enable_uploads: is("EnableUploads", false),
            enable_marketplace: is("EnableMarketplace", true),
            enable_remote_marketplace: is("EnableRemoteMarketplace", true),
            marketplace_url: url.into(),
            automatic_prepackaged: is("AutomaticPrepackagedPlugins", true),
            max_file_size: self
                .setting("FileSettings", "MaxFileSize")
                .and_then(Value::as_u64)
                .unwrap_or(DEFAULT_MAX_FILE_SIZE),
        }
    }

    /// Returns a feature flag, if the file sets it.
    pub fn feature_flag(&self, name: &str) -> Option<bool> {
        self.setting("FeatureFlags", name)?.as_bool()
    }

    /// Returns whether the file leaves a plugin setting to the server's default.
    pub fn is_default(&self, key: &str) -> bool {
        self.setting(SECTION, key).is_none_or(Value::is_null)
    }

    fn setting(&self, section: &str, key: &str) -> Option<&Value> {
        self.value.get(section)?.get(key)
    }

    /// Returns the configuration with a key file added at the end of the list, if it is not in it.
    /// Fails if anything but the list would change.
    pub fn with_key_file(&self, name: &str) -> Result<Config, String> {
        if self.key_files().contains(&name) {
            return Ok(self.clone());
        }
        let mut names = self.key_files();
        names.push(name);
        self.checked(edit::with(&self.text, &self.list, name), &names)
    }

    /// Returns the configuration without a name, however often it is in the list. Fails as
    /// [`Config::with_key_file`] does.
    pub fn without_key_file(&self, name: &str) -> Result<Config, String> {
        let mut names = self.key_files();
        names.retain(|listed| *listed != name);
        if names.len() == self.list.entries.len() {
            return Ok(self.clone());
        }
        self.checked(edit::without(&self.text, &self.list, name), &names)
    }

    /// Reads an edited text, and makes sure that nothing but the list differs.
    fn checked(&self, text: Option<String>, names: &[&str]) -> Result<Config, String> {
        let failed = || "its text cannot be edited safely".to_string();
        let edited = Config::read(text.ok_or_else(failed)?.as_bytes())?;
        let without_list = |config: &Config| {
            let mut value = config.value.clone();
            value.as_object_mut()?.retain(|key, section| {
                let Some(section) = section.as_object_mut().filter(|_| key == SECTION) else {
                    return true;
                };
                section.retain(|key, _| key != KEY);
                !section.is_empty()
            });
            Some(value)
        };
        if edited.key_files() != names || without_list(&edited) != without_list(self) {
            return Err(failed());
        }
        Ok(edited)
    }
}
