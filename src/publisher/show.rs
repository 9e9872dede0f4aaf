//! How keys, paths and ends are shown, in words and in JSON.

use std::path::Path;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::watch::Watch;
use crate::disk::release::Release;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::{Description, KeyDescription};
use crate::openpgp::ids::{Fingerprint, KeyId};
use crate::openpgp::policy::Policy;
use crate::openpgp::times::show_time;
use crate::openpgp::weakness::Weakness;
use crate::text::{Safe, quoted};

/// Returns the user ID to show for a certificate, made safe.
pub fn first_user_id(certificate: &Certificate) -> String {
    shown_user_id(certificate.name().as_deref())
}

/// Returns the user ID that names a certificate as it is shown, made safe.
pub fn shown_user_id(name: Option<&[u8]>) -> String {
    name.map_or("(no user ID)".into(), |user_id| Safe::bytes(user_id).to_string())
}

pub(super) fn until(end: Option<SystemTime>) -> String {
    end.map_or("never expires".into(), |end| format!("expires {}", show_time(end)))
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
    let mend = mend();
    let gap = if mend.starts_with(' ') { "\n" } else { " " };
    Some(format!("expires on {}, in {left}:{gap}{mend}", show_time(end)))
}

/// What JSON says of a certificate everywhere: its primary key, its user IDs and its subkeys.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateView {
    /// The primary key. Its status and its problem are those of the certificate as a whole.
    #[serde(flatten)]
    pub primary: KeyView,
    /// The user IDs, first the one that names the certificate. Foreign text.
    #[serde(serialize_with = "as_texts")]
    pub user_ids: Vec<Vec<u8>>,
    /// The subkeys.
    pub subkeys: Vec<KeyView>,
    /// The user ID that names the certificate, made safe, for people.
    #[serde(skip)]
    pub name: String,
}

/// What JSON says of one key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyView {
    /// The key's fingerprint.
    pub fingerprint: Fingerprint,
    /// The key ID, as other programs name the key.
    pub key_id: KeyId,
    /// The algorithm and size, as "RSA-3072".
    pub algorithm: String,
    /// When it was made.
    pub created: String,
    /// When it ends, if ever.
    pub expires: Option<String>,
    /// What it may be used for.
    pub usage: Vec<&'static str>,
    /// Its state in one word.
    pub status: &'static str,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// Why it was revoked, if it was.
    pub revoked: Option<String>,
    /// Whether its secret part is here. Only the list of the home's keys tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<bool>,
}

impl CertificateView {
    /// Looks at a certificate as of the policy's time.
    pub fn new(certificate: &Certificate, policy: &Policy) -> CertificateView {
        CertificateView::described(certificate, certificate.describe(policy))
    }

    /// Takes a certificate as it is described.
    pub fn described(certificate: &Certificate, description: Description) -> CertificateView {
        let mut keys = description.keys.iter().map(KeyView::new).collect::<Vec<_>>();
        let mut primary = keys.remove(0);
        primary.status = word(description.weakness().as_ref());
        primary.problem = description.weakness().map(|it| it.to_string());
        let (name, user_ids) = (first_user_id(certificate), description.user_ids);
        CertificateView { primary, user_ids, subkeys: keys, name }
    }

    /// Returns the fingerprint and the user ID that name the certificate, for people.
    pub fn names(&self) -> (&Fingerprint, &str) {
        (&self.primary.fingerprint, &self.name)
    }
}

impl KeyView {
    fn new(key: &KeyDescription) -> KeyView {
        // That a key is for something else than signing is no fault.
        let is_fault = |weakness: &&Weakness| **weakness != Weakness::CannotSign;
        let problem = key.ended.as_ref().or(key.weakness.as_ref().filter(is_fault));
        KeyView {
            fingerprint: key.fingerprint.clone(),
            key_id: key.fingerprint.key_id(),
            algorithm: key.algorithm.clone(),
            created: show_time(key.created),
            expires: key.expires.map(show_time),
            usage: key.usage.clone(),
            status: word(problem),
            problem: problem.map(ToString::to_string),
            revoked: match &key.ended {
                Some(Weakness::Revoked(reason)) => Some(reason.clone()),
                _ => None,
            },
            secret: None,
        }
    }
}

fn word(weakness: Option<&Weakness>) -> &'static str {
    match weakness {
        None => "valid",
        Some(Weakness::Expired(_)) => "expired",
        Some(Weakness::Revoked(_) | Weakness::RevokedSubkey(..)) => "revoked",
        Some(Weakness::NotYetValid(_)) => "not-yet-valid",
        Some(_) => "refused",
    }
}

/// Serializes foreign texts. What is no UTF-8 in them is replaced.
pub(super) fn as_texts<S: Serializer>(texts: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().map(|text| String::from_utf8_lossy(text)))
}

/// What is to be warned of, said once of any number of files.
pub struct Warned<'a> {
    /// The words behind the name of one file.
    pub of_one: &'a str,
    /// The words behind the number of several.
    pub of_many: &'a str,
}

impl Warned<'_> {
    /// Warns of files, and names the first of them.
    pub fn tell<'a>(&self, files: impl IntoIterator<Item = &'a Path>, watch: &dyn Watch) {
        const MOST_NAMED: usize = 10;
        let files: Vec<&Path> = files.into_iter().collect();
        if let [file] = files[..] {
            return watch.warn(&format!("{} {}", Safe::path(file), self.of_one));
        }
        if files.is_empty() {
            return;
        }
        let mut words = format!("{} files {}:", files.len(), self.of_many);
        for file in files.iter().take(MOST_NAMED) {
            words = format!("{words}\n- {}", quoted(file));
        }
        if let Some(more @ 1..) = files.len().checked_sub(MOST_NAMED) {
            words = format!("{words}\nand {more} more");
        }
        watch.warn(&words);
    }
}

/// Warns of files that were passed over, though files of the same version beside them were taken.
pub(super) fn warn_of_neighbours<'a>(
    release: &Release,
    taken: impl Iterator<Item = &'a Path>,
    warned: &Warned<'_>,
    watch: &dyn Watch,
) {
    let found = release.neighbours_of(taken);
    warned.tell(found.iter().map(|file| -> &Path { file }), watch);
}

/// Names archives that are passed over, so that nobody takes them for signed or verified.
pub fn warn_of_archives(release: &Release, watch: &dyn Watch) {
    let archives = release.archives_passed_over.iter().map(|path| -> &Path { path });
    let (links, unpacked): (Vec<&Path>, Vec<&Path>) = archives.partition(|path| path.is_symlink());
    Warned {
        of_one: "is passed over: it is a link",
        of_many: "are passed over, because they are links",
    }
    .tell(links, watch);
    Warned {
        of_one: "is passed over: it is in an unpacked plugin",
        of_many: "are passed over, because they are in unpacked plugins",
    }
    .tell(unpacked, watch);
}
