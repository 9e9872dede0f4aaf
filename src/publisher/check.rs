//! Would a server install these plugin bundles, and could it start them?

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::json;

use super::Publisher;
use super::failure::{EXIT_COULD_NOT, EXIT_NO, Failure, Result};
use super::outcome::Outcome;
use super::show::shown_user_id;
use super::watch::Watch;
use crate::disk;
use crate::disk::bundle::{Beside, BundleFile, BundleVerdict};
use crate::disk::file::Links;
use crate::judge::Judge;
use crate::mattermost::bundle::Bundle;
use crate::mattermost::server;
use crate::mattermost::shape::shape;
use crate::openpgp::ids::{Fingerprint, KeyId};
use crate::openpgp::times::show_time;
use crate::openpgp::verdict::Reason;
use crate::text::{Safe, path_text};

/// What there is to say of each bundle.
#[derive(Serialize)]
pub struct Checked {
    /// The bundles, in their order.
    pub bundles: Vec<CheckedBundle>,
    /// Whether anybody's signatures count.
    #[serde(skip)]
    pub has_signers: bool,
}

/// What there is to say of one bundle.
pub struct CheckedBundle {
    /// The bundle.
    pub path: PathBuf,
    /// What was seen, if it could be looked at.
    pub result: Result<Seen>,
}

/// A bundle that was looked at, and the signature beside it.
pub struct Seen {
    /// The bundle.
    pub bundle: Bundle,
    /// The signature.
    pub signature: BundleSignature,
}

/// The signature beside a bundle.
#[derive(Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum BundleSignature {
    /// Both judges accept it.
    Good {
        /// The signer's certificate.
        certificate: Fingerprint,
        /// The user ID that names it, made safe.
        user_id: String,
        /// When it was made.
        created: String,
        /// What the server does with it: `accepts`.
        server: &'static str,
    },
    /// No key is known to check it with.
    NotVerified {
        /// The keys that it names.
        issuers: Vec<KeyId>,
    },
    /// One of the judges refuses it.
    Bad {
        /// The publisher's verdict.
        reason: Reason,
        /// What the server does with it, if that is known without the signer's key.
        server: Option<&'static str>,
        /// Its words for that.
        server_words: Option<String>,
    },
    /// There is none.
    Missing,
}

/// The code of the finding that there is no signature beside the bundle.
pub const NO_SIGNATURE: &str = "no-signature";

/// `FileSettings.MaxFileSize` as servers come.
const UPLOAD_LIMIT: u64 = 100 * 1024 * 1024;

impl Publisher<'_> {
    /// Looks at bundles, and at signatures as [`Publisher::verify`] does. If nobody's count, none
    /// is verified; `require_signature` makes that an error. A bundle's line says what is wrong
    /// with it. Fails if it is unclear whose signatures count.
    pub fn check(
        &self,
        bundles: Vec<PathBuf>,
        keys: &[String],
        require_signature: bool,
    ) -> Result<Checked> {
        let judge = match self.accepted(keys)?.judge(self.policy()) {
            Err(Failure::NobodyTrusted) => None,
            judge => Some(judge?),
        };
        let line = |path: PathBuf| {
            let mut result = look(&path, judge.as_ref());
            if let (Ok(seen), true) = (&mut result, require_signature) {
                seen.require_signature();
            }
            CheckedBundle { path, result: result.map_err(Failure::from) }
        };
        let bundles = bundles.into_iter().map(line).collect();
        Ok(Checked { bundles, has_signers: judge.is_some() })
    }
}

/// Looks at one bundle and its signature. Fails if one of them is unreadable, or changes meanwhile.
pub fn look(path: &Path, judge: Option<&Judge>) -> disk::Result<Seen> {
    let mut file = BundleFile::open(path, Links::Follow)?;
    let mut bundle = file.inspect()?;
    if file.size() > UPLOAD_LIMIT {
        bundle.findings.warning(
            "upload-limit",
            format!("it has more than {} MiB", UPLOAD_LIMIT >> 20),
            "servers refuse to upload it unless FileSettings.MaxFileSize is raised",
        );
    }
    let mut missing = |what, consequence| {
        bundle.findings.warning(NO_SIGNATURE, what, consequence);
        (BundleSignature::Missing, None)
    };
    let (signature, problem) = match (file.signature()?, judge) {
        (Beside::Nothing, _) => missing(
            "there is no .sig file beside it",
            "the marketplace and, since 10.11, prepackaged plugins need one",
        ),
        (Beside::OnlyArmored, _) => missing(
            "there is an .asc file beside it, but no .sig",
            "the server looks for .sig only: rename it",
        ),
        (Beside::Signature(bytes), Some(judge)) => judged(file.verify_and_ask(&bytes, judge)?),
        (Beside::Signature(bytes), None) => shaped(&bytes),
    };
    if let Some((what, consequence)) = problem {
        bundle.findings.error("bad-signature", what, consequence);
    }
    Ok(Seen { bundle, signature })
}

/// What is wrong with a signature, and what comes of it.
type Problem = Option<(String, String)>;

fn judged(judged: BundleVerdict) -> (BundleSignature, Problem) {
    let problem = judged.problem();
    let signature = match judged {
        BundleVerdict::Good(good) => BundleSignature::Good {
            certificate: good.signer().certificate.clone(),
            user_id: shown_user_id(good.user_id()),
            created: show_time(good.created()),
            server: "accepts",
        },
        BundleVerdict::Bad { policy, server } => bad(policy.reason(), Some(server)),
    };
    (signature, problem)
}

fn shaped(bytes: &[u8]) -> (BundleSignature, Problem) {
    let shape = shape(bytes);
    let problem = shape.problem();
    let signature = match (shape.policy, shape.server) {
        (Ok(issuers), Ok(())) => BundleSignature::NotVerified { issuers },
        (policy, server) => {
            let reason = policy.err().map_or(Reason::ServerRefuses, |bad| bad.reason());
            bad(reason, server.err().map(server::ServerVerdict::Refuses))
        }
    };
    (signature, problem)
}

fn bad(reason: Reason, server: Option<server::ServerVerdict>) -> BundleSignature {
    let (server, server_words) = match server {
        Some(server::ServerVerdict::Accepts { .. }) => (Some("accepts"), None),
        Some(server::ServerVerdict::Refuses(refusal)) => (Some("refuses"), Some(refusal.words)),
        None => (None, None),
    };
    BundleSignature::Bad { reason, server, server_words }
}

impl Seen {
    /// Returns the verdict in one word.
    pub fn verdict(&self) -> &'static str {
        match (self.bundle.findings.errors().next(), &self.signature) {
            (Some(_), _) | (None, BundleSignature::Bad { .. }) => "bad",
            (None, BundleSignature::Good { .. }) => "good",
            (None, BundleSignature::NotVerified { .. }) => "unverified",
            (None, BundleSignature::Missing) => "unsigned",
        }
    }

    /// Makes it an error that no signature was verified.
    fn require_signature(&mut self) {
        let what = match self.signature {
            BundleSignature::Missing => "it is not signed",
            BundleSignature::NotVerified { .. } => {
                "its signature was not verified: its signer is not known here"
            }
            BundleSignature::Good { .. } | BundleSignature::Bad { .. } => return,
        };
        self.bundle.findings.error("signature-required", what, "--require-signature asks for one");
    }
}

impl Outcome for Checked {
    fn exit(&self) -> u8 {
        let is_bad = |seen: &Seen| seen.bundle.findings.errors().next().is_some();
        if self.bundles.iter().any(|line| line.result.is_err()) {
            EXIT_COULD_NOT
        } else if self.bundles.iter().flat_map(|line| &line.result).any(is_bad) {
            EXIT_NO
        } else {
            0
        }
    }
}

impl Serialize for CheckedBundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let path = path_text(&self.path);
        let fields = match &self.result {
            Ok(seen @ Seen { bundle, signature }) => json!({
                "path": path,
                "verdict": seen.verdict(),
                "manifest": bundle.manifest.as_ref().map(|manifest| json!({
                    "file": manifest.file,
                    "id": manifest.id,
                    "version": manifest.version,
                    "min_server_version": manifest.min_server_version,
                })),
                "signature": signature,
                "findings": bundle.findings.iter().collect::<Vec<_>>(),
                "left_out": bundle.findings.left_out(),
            }),
            Err(error) => json!({"path": path, "verdict": "unknown", "error": error}),
        };
        fields.serialize(serializer)
    }
}

/// The largest bundle that is looked at while signing, and the time for all of them.
const QUICK_SIZE: u64 = 32 * 1024 * 1024;
const QUICK_TIME: Duration = Duration::from_secs(2);

/// Warns of plugins that the server would not install, unless looking at them takes too long.
pub fn warn_of_bundles<'a>(paths: impl Iterator<Item = &'a Path>, watch: &dyn Watch) {
    let start = watch.now();
    for path in paths.filter(|path| path.as_os_str().as_encoded_bytes().ends_with(b".tar.gz")) {
        if watch.now().duration_since(start).is_ok_and(|passed| passed > QUICK_TIME) {
            return;
        }
        let Ok(mut file) = BundleFile::open(path, Links::Follow) else { continue };
        if file.size() > QUICK_SIZE {
            continue;
        }
        let Ok(bundle) = file.inspect() else { continue };
        let mut errors = bundle.findings.errors();
        if let (true, Some(first)) = (bundle.is_plugin, errors.next()) {
            let more = match errors.count() {
                0 => String::new(),
                more => format!(" (and {more} more: plugsign check)"),
            };
            let (path, what) = (Safe::path(path), Safe::text(&first.what));
            watch.warn(&format!("{path}: {what}; {}{more}", first.consequence));
        }
    }
}
