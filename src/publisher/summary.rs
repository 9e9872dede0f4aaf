//! The sheet that goes into the safe with an organisation's key.

use std::path::{Path, PathBuf};

use super::show::first_user_id;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::Description;
use crate::openpgp::times::show_time;
use crate::text::Safe;

/// Returns the sheet: what the key is, and what to keep where.
pub(super) fn summary(
    certificate: &Certificate,
    description: &Description,
    home: &Path,
    revocations: &[PathBuf],
) -> String {
    let fingerprint = certificate.fingerprint();
    let mut text =
        format!("Signing key of {}\n\n  {}\n\n", first_user_id(certificate), fingerprint.grouped());
    for (place, key) in description.keys.iter().enumerate() {
        let what = if place == 0 { "primary key" } else { "signing subkey" };
        let end =
            key.expires.map_or("never expires".into(), |end| format!("expires {}", show_time(end)));
        text.push_str(&format!(
            "  {what}: {}, {}, made {}, {end}\n    {}\n",
            key.algorithm,
            key.usage.join("+"),
            show_time(key.created),
            key.fingerprint.grouped()
        ));
    }
    text.push_str(&format!(
        "\nKeep where\n\n\
         With this sheet, off-line, in two places: the primary key, which alone extends, rotates\n\
         and revokes. Take it off this machine:\n    \
             plugsign export --offline-primary DIR {fingerprint}\n\
         In another safe place: its passphrase.\n\
         In a third: the revocation certificates. Whoever has one can end the key.\n"
    ));
    for path in revocations {
        text.push_str(&format!("    {}\n", Safe::path(path)));
    }
    text.push_str(&format!(
        "On this machine, in {}: the signing subkey, for releases.\n\
         In the CI's secret store: a copy of that subkey under a passphrase of its own:\n    \
             plugsign export --ci {fingerprint} -o ci-secret\n\
         Everywhere: the certificate, which is public:\n    \
             plugsign export {fingerprint} -a -o release-key.asc\n",
        Safe::path(home)
    ));
    text
}
