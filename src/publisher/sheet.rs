//! The sheet for the safe with an organisation's key, for paper: 80 columns.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::show::{first_user_id, until};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::Description;
use crate::openpgp::policy::Policy;
use crate::openpgp::times::show_time;
use crate::text::Safe;

const WIDTH: usize = 80;

/// Returns the sheet: what the key is, when to renew it, what to keep where, and who made it.
pub(super) fn sheet(
    certificate: &Certificate,
    description: &Description,
    home: &Path,
    revocations: &[PathBuf],
) -> String {
    let fingerprint = certificate.fingerprint();
    let title = format!("Signing key of {}", first_user_id(certificate));
    let mut text = format!("{}\n\n  {}\n\n", wrapped(&title), fingerprint.grouped());
    for (place, key) in description.keys.iter().enumerate() {
        let what = if place == 0 { "primary key" } else { "signing subkey" };
        text.push_str(&format!(
            "  {what}: {}, {}\n    {}\n    made {}, {}\n",
            key.algorithm,
            key.usage.join("+"),
            key.fingerprint.grouped(),
            show_time(key.created),
            until(key.expires)
        ));
    }
    text.push_str("\nRenew\n\n");
    let mut is_for_ever = true;
    for (place, key) in description.keys.iter().enumerate() {
        let Some(end) = key.expires else { continue };
        is_for_ever = false;
        let by = day(end - Policy::EXPIRY_NOTICE);
        let line = match place {
            0 => format!("The key by {by}:\n  plugsign extend {fingerprint} --expires 1y\n"),
            _ => format!("The signing subkey by {by}:\n  plugsign rotate {fingerprint}\n"),
        };
        text.push_str(&line);
    }
    if is_for_ever {
        text.push_str("Nothing in it expires.\n");
    }
    text.push_str(&format!(
        "\nKeep where\n\n\
         With this sheet, off-line, in two places: the primary key. It alone extends,\n\
         rotates and revokes. Take it off this machine:\n  \
             plugsign export --offline-primary DIR {fingerprint}\n\
         In another safe place: its passphrase.\n\
         In a third: the revocation certificates. Whoever has one can end the key.\n"
    ));
    if let Some(folder) = revocations.first().and_then(|path| path.parent()) {
        text.push_str(&format!("They are in\n  {}\n", Safe::path(folder)));
    }
    for name in revocations.iter().filter_map(|path| path.file_name()) {
        text.push_str(&format!("    {}\n", Safe::path(Path::new(name))));
    }
    text.push_str(&format!(
        "On this machine: the signing subkey, for releases. It is in\n  {}\n\
         In the CI's secret store: a copy of that subkey under a passphrase of its own:\n  \
             plugsign export --ci {fingerprint} -o ci-secret\n\
         Everywhere: the certificate, which is public:\n  \
             plugsign export {fingerprint} -a -o release-key.asc\n",
        Safe::path(home)
    ));
    text.push_str(SIGNED);
    text
}

/// Where those who were there sign.
const SIGNED: &str = "
Made

On ______________________  at ________________________________________________

By ______________________________________  ___________________________________
   name                                    signature

By ______________________________________  ___________________________________
   name                                    signature
";

fn day(time: SystemTime) -> String {
    show_time(time).split('T').next().unwrap_or_default().to_string()
}

/// Breaks a line at blanks.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n")
}
