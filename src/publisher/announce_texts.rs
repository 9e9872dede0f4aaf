//! What the documents about a key say.

use std::path::PathBuf;
use std::time::SystemTime;

use super::document::{fill, markdown, name_in, user_id};
use super::failure::Result;
use super::keys::KeyText;
use super::show::until;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::{Description, KeyDescription};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::openpgp::times::show_time;
use crate::openpgp::weakness::Weakness;
use crate::text::Safe;

const ANNOUNCEMENT: &str = include_str!("../../templates/announcement.md");
const NEW_SUBKEY: &str = include_str!("../../templates/announcement-subkey.md");
const VERIFY_AGAIN: &str = include_str!("../../templates/verify-again.md");

/// The archive in the examples, if none is named.
const EXAMPLE: &str = "com.example.plugin-1.2.0.tar.gz";

/// The name of the certificate's file in all documents.
pub const KEY_FILE: &str = "release-key.asc";

/// What is announced, and how.
pub struct Announcing {
    /// The key to announce. Further ones are listed in KEYS too.
    pub keys: Vec<String>,
    /// The folder for the documents, if they are written.
    pub out: Option<PathBuf>,
    /// Whether documents that are there are replaced.
    pub force: bool,
    /// The key whose place it takes. It signs a notice of that, unless it is revoked.
    pub replaces: Option<String>,
    /// Whose key it is, instead of the name in its user ID.
    pub organisation: Option<String>,
    /// Where else the fingerprint can be found.
    pub url: Option<String>,
    /// The name of a release archive, for the examples.
    pub artifact: Option<String>,
    /// The text with the former key in it, if there is one beside the home.
    pub text: Option<KeyText>,
    /// The date of the documents.
    pub created: SystemTime,
}

/// What stands in the places of a template.
pub(super) type Values = Vec<(&'static str, String)>;

pub(super) fn values(
    new: &Certificate,
    former: Option<&Certificate>,
    announcing: &Announcing,
) -> Values {
    let shown = user_id(new);
    let organisation = match &announcing.organisation {
        Some(name) => Safe::text(name).to_string(),
        None => name_in(&shown).to_string(),
    };
    let second_place = match &announcing.url {
        Some(url) => format!("<{url}>"),
        None => "a page of ours that you know already".into(),
    };
    let mut values = vec![
        ("DATE", date(announcing.created)),
        ("ORGANISATION", markdown(&organisation.replace("-----", "- - -"))),
        ("FINGERPRINT", new.fingerprint().to_string()),
        ("USER_ID", shown),
        ("KEY_FILE", KEY_FILE.into()),
        ("SECOND_PLACE", second_place),
        ("ARTIFACT", announcing.artifact.clone().unwrap_or_else(|| EXAMPLE.into())),
    ];
    if let Some(former) = former {
        values.push(("OLD_FINGERPRINT", former.fingerprint().to_string()));
        values.push(("OLD_USER_ID", user_id(former)));
        let revoked = former.revoked().map(|reason| on(former, &former.fingerprint(), &reason));
        values.push(("OLD_REVOKED", revoked.unwrap_or_default()));
    }
    values
}

/// Names the options without which something stands for what only the publisher knows.
pub(super) fn unfilled(announcing: &Announcing) -> Vec<&'static str> {
    let url = announcing.url.is_none().then_some("--url");
    let artifact = announcing.artifact.is_none().then_some("--artifact");
    url.into_iter().chain(artifact).collect()
}

/// Writes the announcement: of a new key, or of a new subkey of a key that is known.
pub(super) fn announcement(new: &Certificate, values: &Values, policy: &Policy) -> String {
    let description = new.describe(policy);
    let signing = description.keys.iter().filter(|key| key.usage.contains(&"sign"));
    let (usable, ended): (Vec<_>, Vec<_>) = signing.partition(|key| key.weakness.is_none());
    let Some(signer) = usable.iter().max_by_key(|key| key.created) else {
        return fill(ANNOUNCEMENT, values);
    };
    let older = usable.iter().filter(|key| key.fingerprint != signer.fingerprint);
    let former: Vec<&KeyDescription> = ended.iter().chain(older).copied().collect();
    if former.is_empty() {
        return fill(ANNOUNCEMENT, values);
    }
    let is_revoked = former.iter().any(|key| matches!(key.ended, Some(Weakness::Revoked(_))));
    let states: Vec<String> = former.iter().map(|key| state(new, key, policy.now())).collect();
    let mut values = values.clone();
    values.push(("SUBKEY", signer.fingerprint.to_string()));
    values.push(("SUBKEY_DATE", date(signer.created)));
    values.push(("FORMER", states.join("\n")));
    let again = if is_revoked { fill(VERIFY_AGAIN, &values) } else { String::new() };
    values.push(("AGAIN", again));
    fill(NEW_SUBKEY, &values)
}

/// Returns a former signing key and what became of it, as lines of a code block.
fn state(certificate: &Certificate, key: &KeyDescription, now: SystemTime) -> String {
    let state = match (&key.ended, key.expires) {
        (Some(Weakness::Revoked(reason)), _) => {
            format!("revoked on {}", on(certificate, &key.fingerprint, reason))
        }
        (_, Some(end)) if end <= now => format!("expired on {}", date(end)),
        (_, Some(end)) => format!("its signatures stay good until {}", date(end)),
        (_, None) => "its signatures stay good".into(),
    };
    format!("    {}\n    {state}", key.fingerprint)
}

/// Returns the day on which a key was revoked, and why. Nothing in it passes for armor.
fn on(certificate: &Certificate, key: &Fingerprint, reason: &str) -> String {
    let day = certificate.revoked_since(key).map_or("an unknown day".into(), date);
    format!("{day} ({})", reason.replace("-----", "- - -"))
}

fn date(time: SystemTime) -> String {
    show_time(time).split('T').next().unwrap_or_default().to_string()
}

/// Writes a KEYS file as Apache's releases have it: text, and a block for each certificate.
pub(super) fn keys_file(
    certificates: &[Certificate],
    values: &Values,
    policy: &Policy,
) -> Result<String> {
    const HEAD: &str = "These keys sign releases, but those that are marked as revoked. Use them with one of:\n\n    COMMAND\n    gpg --import KEYS\n\nCompare the fingerprints with those on {{SECOND_PLACE}}.\n";
    // Servers read the first block of a file alone, and so it is refused as one to trust.
    let command = match certificates.len() {
        1 => "plugsign trust add KEYS",
        _ => "plugsign verify --key KEYS {{ARTIFACT}}",
    };
    let mut text = fill(&HEAD.replace("COMMAND", command), values);
    for certificate in certificates {
        let description = certificate.describe(policy);
        text.push('\n');
        text.push_str(&keys_of(certificate, &description));
        text.push_str(&format!("uid   {}\n\n", user_id(certificate)));
        text.push_str(&String::from_utf8_lossy(&certificate.to_armored()?));
    }
    Ok(text)
}

/// Lists the primary key and the signing subkeys, and which of them are revoked.
fn keys_of(certificate: &Certificate, description: &Description) -> String {
    let mut text = String::new();
    for (place, key) in description.keys.iter().enumerate() {
        if place > 0 && !key.usage.contains(&"sign") {
            continue;
        }
        let word = if place == 0 { "pub" } else { "sub" };
        let (made, end) = (show_time(key.created), until(key.expires));
        text.push_str(&format!("{word}   {}, made {made}, {end}\n", key.algorithm));
        text.push_str(&format!("      {}\n", key.fingerprint.grouped()));
        if let Some(Weakness::Revoked(reason)) = &key.ended {
            let revoked = match certificate.revoked_since(&key.fingerprint) {
                Some(_) => on(certificate, &key.fingerprint, reason),
                // With the key as a whole.
                None => on(certificate, &certificate.fingerprint(), reason),
            };
            text.push_str(&format!("      REVOKED on {revoked}\n"));
        }
    }
    text
}
