//! How keys, paths and ends are shown, in words and in JSON.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::watch::Watch;
use crate::disk::release::Release;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::{Description, KeyDescription};
use crate::openpgp::policy::Policy;
use crate::openpgp::times::show_time;
use crate::openpgp::weakness::Weakness;
use crate::text::Safe;
pub use crate::text::path_text;

/// Returns the user ID to show for a certificate, made safe.
pub fn first_user_id(certificate: &Certificate) -> String {
    match certificate.name() {
        Some(user_id) => Safe::bytes(&user_id).to_string(),
        None => "(no user ID)".into(),
    }
}

/// Says so if a key can sign for 30 more days at the most, and what to do about it.
pub fn expiry_notice(
    end: Option<SystemTime>,
    policy: &Policy,
    mend: impl FnOnce() -> String,
) -> Option<String> {
    let end = end.filter(|end| policy.ends_soon(Some(*end)))?;
    let left = end.duration_since(policy.now()).unwrap_or_default().as_secs() / (24 * 60 * 60);
    let left = match left {
        0 => "less than a day".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    };
    Some(format!("expires on {}, in {left}: {}", show_time(end), mend()))
}

/// Returns a certificate's state in one word.
pub fn status(description: &Description) -> &'static str {
    word(description.weakness())
}

/// Says what is wrong with one of its keys: that it has ended, or that nothing good can be said of
/// it. That it is for something else than signing is no fault.
pub fn problem(key: &KeyDescription) -> Option<&Weakness> {
    let is_fault = |weakness: &&Weakness| **weakness != Weakness::CannotSign;
    key.ended.as_ref().or(key.weakness.as_ref().filter(is_fault))
}

fn word(weakness: Option<&Weakness>) -> &'static str {
    match weakness {
        None => "valid",
        Some(Weakness::Expired(_)) => "expired",
        Some(Weakness::Revoked(_)) => "revoked",
        Some(Weakness::NotYetValid(_)) => "not-yet-valid",
        Some(_) => "refused",
    }
}

/// Returns what JSON says of a certificate everywhere.
pub fn certificate_json(
    certificate: &Certificate,
    description: &Description,
) -> Map<String, Value> {
    let keys: Vec<Value> = description
        .keys
        .iter()
        .map(|key| {
            json!({
                "fingerprint": key.fingerprint.to_string(),
                "key_id": key.fingerprint.key_id().to_string(),
                "algorithm": key.algorithm,
                "created": show_time(key.created),
                "expires": key.expires.map(show_time),
                "usage": key.usage,
                "status": word(problem(key)),
                "problem": problem(key).map(ToString::to_string),
                "revoked": match &key.ended {
                    Some(Weakness::Revoked(reason)) => Some(reason),
                    _ => None,
                },
            })
        })
        .collect();
    let mut map = Map::new();
    if let Some(Value::Object(primary)) = keys.first() {
        map.extend(primary.clone());
    }
    map.insert("fingerprint".into(), certificate.fingerprint().to_string().into());
    map.insert("status".into(), status(description).into());
    let weakness = description.weakness().map(ToString::to_string);
    map.insert("problem".into(), weakness.into());
    let user_ids: Vec<String> =
        description.user_ids.iter().map(|id| String::from_utf8_lossy(id).into_owned()).collect();
    map.insert("user_ids".into(), user_ids.into());
    map.insert("subkeys".into(), keys.into_iter().skip(1).collect());
    map
}

/// Names archives that are passed over, so that nobody takes them for signed or verified.
pub fn warn_of_archives(release: &Release, watch: &dyn Watch) {
    const MOST_NAMED: usize = 5;
    let archives = &release.archives_passed_over;
    for archive in archives.iter().take(MOST_NAMED) {
        let why = match archive.is_symlink() {
            true => "it is a link",
            false => "it is in an unpacked plugin",
        };
        watch.warn(&format!("{} is passed over: {why}", Safe::path(archive)));
    }
    if let Some(more @ 1..) = archives.len().checked_sub(MOST_NAMED) {
        watch.warn(&format!("{more} archives more are passed over in the same way"));
    }
}
