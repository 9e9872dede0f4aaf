//! The settings of a server that go with its key files, and what they mean together.

use serde_json::Value;

use crate::mattermost::built_in::{CUSTOM_KEYS_FLAG, MFI_FLAG};
use crate::mattermost::config::{Config, DEFAULT_MARKETPLACE, Settings};

/// A setting, and whether it is the server's default.
pub struct Setting {
    /// Its name in `PluginSettings`.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
    /// Whether it is the server's default.
    pub is_default: bool,
}

pub(super) fn table(config: &Config, settings: &Settings) -> Vec<Setting> {
    let row = |name, value| Setting { name, value, is_default: config.is_default(name) };
    vec![
        row("RequirePluginSignature", settings.require_signature.into()),
        row("EnableUploads", settings.enable_uploads.into()),
        row("MarketplaceURL", settings.marketplace_url.clone().into()),
        row("EnableRemoteMarketplace", settings.enable_remote_marketplace.into()),
        row("SignaturePublicKeyFiles", config.key_files().into()),
    ]
}

/// Says what the settings mean together. `accepted` counts the key files that the server accepts,
/// `good` those that may be trusted.
pub(super) fn meaning_of(settings: &Settings, accepted: usize, good: usize) -> Vec<String> {
    let mut lines: Vec<&str> = Vec::new();
    if !settings.enable {
        lines.push("Plugins are switched off (Enable is false): none of this counts.");
    }
    match (settings.require_signature, settings.enable_uploads) {
        (true, true) => lines.push(
            "Signatures are required, so uploads, install-url and mmctl plugin add are refused \
             (501) although EnableUploads is true.",
        ),
        (true, false) => lines.push(
            "Signatures are required, and uploads, install-url and mmctl plugin add are refused.",
        ),
        (false, true) => lines.push(
            "Signatures are not required: administrators can upload plugins that nobody signed.",
        ),
        (false, false) => lines.push(
            "Signatures are not required in the file store; uploads are refused (EnableUploads).",
        ),
    }
    lines.push(
        "From the marketplace, and as prepackaged plugins since 10.11, only signed ones install.",
    );
    let is_custom = settings.marketplace_url != DEFAULT_MARKETPLACE;
    if !settings.enable_marketplace {
        lines.push("The marketplace is switched off (EnableMarketplace is false).");
    } else if !settings.enable_remote_marketplace {
        lines.push(
            "MarketplaceURL is not asked (EnableRemoteMarketplace is false): only prepackaged \
             and installed plugins are shown.",
        );
    } else if is_custom && accepted == 0 {
        lines.push(
            "The marketplace is your own, and no key but Mattermost's is trusted: what you sign \
             does not install.",
        );
    } else if is_custom {
        lines.push("The marketplace is your own.");
    }
    lines.push(match (accepted, good) {
        (0, _) => "Only Mattermost's own signatures are accepted.",
        (_, 0) => "Signatures by Mattermost are accepted.",
        _ => "Signatures by Mattermost and by the usable keys above are accepted.",
    });
    if !settings.automatic_prepackaged {
        lines.push("Prepackaged plugins are not installed (AutomaticPrepackagedPlugins is false).");
    }
    lines.push("Variables MM_PLUGINSETTINGS_... of the server's environment override the file.");
    lines.into_iter().map(str::to_string).collect()
}

/// Says what the feature flags in the file mean, which decide about keys.
pub(super) fn meaning_of_flags(config: &Config, settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(is_on) = config.feature_flag(MFI_FLAG) {
        let what = if is_on { "also has the MFI key" } else { "does not have the MFI key" };
        lines.push(format!("The server {what} ({MFI_FLAG} is {is_on})."));
    }
    match config.feature_flag(CUSTOM_KEYS_FLAG) {
        Some(true) => {
            let upload = match settings.require_signature {
                true => "An upload may bring its signature, although signatures are required.",
                false => "An upload may bring its signature.",
            };
            lines.push(format!(
                "Administrators can add and remove keys while the server runs \
                 ({CUSTOM_KEYS_FLAG} is true, if this server knows it). {upload}"
            ));
        }
        Some(false) => lines.push(format!(
            "Keys come from this file alone, and uploads bring no signature ({CUSTOM_KEYS_FLAG} is \
             false)."
        )),
        None => {}
    }
    lines
}
