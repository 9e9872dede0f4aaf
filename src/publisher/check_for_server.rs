//! Would one server, with its settings and keys, install this bundle?

use serde::Serialize;

use super::server_keys::{KeysWord, ServerKeys, ServersAnswer};
use crate::disk;
use crate::disk::bundle::{Beside, BundleFile};
use crate::mattermost::built_in::{BuiltIn, CUSTOM_KEYS_FLAG};
use crate::mattermost::bundle::Findings;
use crate::mattermost::server::{Cause, Refusal, ServerVerdict};

/// What one server does with a bundle.
#[derive(Serialize)]
pub struct OnServer {
    /// The key that accepts the signature: its entry in the configuration, or what to call the
    /// built-in one.
    pub accepted_by: Option<String>,
    /// Why it cannot be uploaded, if it cannot.
    pub upload_refused: Option<String>,
    /// What each key says, up to the one that accepts.
    pub server_keys: Vec<KeysWord>,
}

/// The code of the finding that the signature beside the bundle is not good.
pub(super) const BAD_SIGNATURE: &str = "bad-signature";

/// Returns how many bytes these are, for people.
pub(super) fn size_words(bytes: u64) -> String {
    match bytes % (1 << 20) {
        0 => format!("{} MiB", bytes >> 20),
        _ => format!("{bytes} bytes"),
    }
}

/// Asks a server, and adds what speaks against the bundle there.
pub(super) fn ask(
    server: &ServerKeys,
    file: &mut BundleFile,
    findings: &mut Findings,
) -> disk::Result<OnServer> {
    let is_known = findings.errors().any(|error| error.code == BAD_SIGNATURE);
    let settings = server.config.settings();
    if !settings.enable {
        findings.error(
            "plugins-off",
            "this server runs no plugins",
            "set PluginSettings.Enable to true",
        );
    }
    let answer = match file.signature()? {
        Beside::Signature(signature) => Some(file.pass(|content| server.ask(&signature, content))?),
        Beside::OnlyArmored | Beside::Nothing => None,
    };
    let accepted_by = answer.as_ref().and_then(ServersAnswer::accepted_by);
    if accepted_by.is_none() {
        not_accepted(answer.as_ref(), settings.require_signature, is_known, findings);
    }
    let takes_signed = server.config.feature_flag(CUSTOM_KEYS_FLAG) == Some(true);
    let limit = settings.max_file_size;
    let upload_refused = if !settings.enable_uploads {
        Some("EnableUploads is false".to_string())
    } else if settings.require_signature && !(takes_signed && accepted_by.is_some()) {
        Some("RequirePluginSignature is true".to_string())
    } else if file.size() > limit {
        let what = format!("it has more than {} (FileSettings.MaxFileSize)", size_words(limit));
        findings.warning("upload-limit", what.as_str(), "this server refuses to upload it");
        Some(what)
    } else {
        None
    };
    let server_keys = answer.map(|answer| answer.words).unwrap_or_default();
    Ok(OnServer { accepted_by, upload_refused, server_keys })
}

/// Adds that no key accepts the signature. `is_known` is whether it was said what is wrong with it.
fn not_accepted(
    answer: Option<&ServersAnswer>,
    is_required: bool,
    is_known: bool,
    findings: &mut Findings,
) {
    const NO_KEY: &str = "no key of this server accepts its signature";
    let what = match answer.map(|answer| &answer.verdict) {
        Some(ServerVerdict::Refuses(_)) if is_known => NO_KEY.to_string(),
        Some(ServerVerdict::Refuses(Refusal { cause, words, .. })) => match cause {
            Cause::OtherContent | Cause::BadSignature => format!(
                "the bundle or its signature was changed, or they do not belong together: download both again. {NO_KEY}: {words}"
            ),
            _ => format!("{NO_KEY}: {words}"),
        },
        _ => "it has no signature that this server looks at".to_string(),
    };
    // Mattermost's own plugins name that key, and its numbers may not be here.
    let is_open =
        |word: &KeysWord| word.verdict == "unknown" && word.name == BuiltIn::Mattermost.name();
    match is_required && !answer.is_some_and(|answer| answer.words.iter().any(is_open)) {
        true => findings.error(
            "not-accepted",
            what,
            "this server does not install it (RequirePluginSignature is true)",
        ),
        false => findings.warning(
            "not-accepted",
            what,
            "from the marketplace, or as a prepackaged plugin, this server does not install it",
        ),
    }
}
