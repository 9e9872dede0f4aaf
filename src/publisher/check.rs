//! Would a server install these plugin bundles, and could it start them?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::json;

use super::Publisher;
use super::check_for_server::{self, BAD_SIGNATURE, OnServer, size_words};
use super::failure::{EXIT_COULD_NOT, EXIT_NO, Failure, Result};
use super::outcome::{Outcome, as_paths};
use super::server_keys::{ServerFile, ServerKeys};
use super::show::{Warned, shown_user_id, warn_of_archives};
use super::watch::Watch;
use crate::disk;
use crate::disk::artifact::Artifact;
use crate::disk::bundle::{Beside, BundleFile, BundleVerdict};
use crate::disk::file::Links;
use crate::disk::release::Release;
use crate::disk::selection::Selection;
use crate::judge::Judge;
use crate::mattermost::bundle::{Bundle, MACOS_FILES, NO_MANIFEST};
use crate::mattermost::config::DEFAULT_MAX_FILE_SIZE;
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
    /// The archives of folders that are no plugins.
    #[serde(serialize_with = "as_paths")]
    pub passed_over: Vec<PathBuf>,
}

/// What is to be checked, and how.
pub struct Check<'a> {
    /// Bundles, and folders with bundles.
    pub paths: &'a [PathBuf],
    /// Whose signatures count: key files, and keys of the home.
    pub keys: &'a [String],
    /// Whether it is an error that no signature was verified.
    pub require_signature: bool,
    /// The server that is asked about.
    pub server: Option<ServerFile<'a>>,
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
    /// What the server does that was asked about.
    pub on_server: Option<OnServer>,
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

impl Publisher<'_> {
    /// Looks at bundles, and at signatures as [`Publisher::verify`] does. If nobody's count, none
    /// is verified; `require_signature` makes that an error. Of folders, those archives are taken
    /// that are plugins. A bundle's line says what is wrong with it. Fails if it is unclear whose
    /// signatures count, or if the server's configuration cannot be read.
    pub fn check(&self, check: &Check<'_>) -> Result<Checked> {
        let judge = match self.accepted(check.keys)?.judge(self.policy()) {
            Err(Failure::NobodyTrusted) => None,
            judge => Some(judge?),
        };
        let server = check.server.map(|server| self.server_keys(server, &[])).transpose()?;
        // Who names keys wants those, and no others.
        let of_server = match (&server, check.keys) {
            (Some(server), []) => self.judge_of_server(server)?,
            _ => None,
        };
        let release = Release::to_sign(check.paths, &Selection::new(&["*.tar.gz".into()], &[])?);
        warn_of_archives(&release, self.watch);
        let (mut bundles, mut passed_over) = (Vec::new(), Vec::new());
        for Artifact { path, root, .. } in release.artifacts {
            let judges = Judges { own: judge.as_ref(), of_server: of_server.as_ref() };
            let mut result = look(&path, judges, server.as_ref());
            if let (Ok(seen), true) = (&mut result, check.require_signature) {
                seen.require_signature();
            }
            match result {
                Ok(seen) if root.is_some() && seen.is_something_else() => {
                    passed_over.push(path.to_path_buf());
                }
                result => {
                    let result = result.map_err(Failure::from);
                    bundles.push(CheckedBundle { path: path.to_path_buf(), result });
                }
            }
        }
        let unreadable = release.unreadable.into_iter();
        bundles.extend(
            unreadable.map(|(path, error)| CheckedBundle { path, result: Err(error.into()) }),
        );
        Ok(Checked { bundles, has_signers: judge.is_some(), passed_over })
    }
}

/// Who judges a signature.
#[derive(Clone, Copy)]
pub(super) struct Judges<'a> {
    /// The one that knows whose signatures count here.
    own: Option<&'a Judge>,
    /// The one that knows the own key files of the server that is asked about.
    of_server: Option<&'a Judge>,
}

impl<'a> Judges<'a> {
    /// No server is asked about.
    pub(super) fn own(own: Option<&'a Judge>) -> Judges<'a> {
        Judges { own, of_server: None }
    }

    fn judge(
        self,
        bytes: &[u8],
        file: &mut BundleFile,
    ) -> disk::Result<(BundleSignature, Problem)> {
        let own = self.own.map(|judge| file.verify_and_ask(bytes, judge)).transpose()?;
        let is_open = own.as_ref().is_none_or(|own| is_bad_for(own, Reason::UnknownSigner));
        let of_server = match self.of_server.filter(|_| is_open) {
            Some(judge) => Some(file.verify_and_ask(bytes, judge)?),
            None => None,
        };
        // The server accepts more than the policy. So its keys say no only to what was changed.
        let of_server = of_server.filter(|verdict| {
            matches!(verdict, BundleVerdict::Good(_)) || is_bad_for(verdict, Reason::BadSignature)
        });
        Ok(of_server.or(own).map_or_else(|| shaped(bytes), judged))
    }
}

fn is_bad_for(verdict: &BundleVerdict, reason: Reason) -> bool {
    matches!(verdict, BundleVerdict::Bad { policy, .. } if policy.reason() == reason)
}

/// Looks at one bundle and its signature. Fails if one of them is unreadable, or changes meanwhile.
pub(super) fn look(
    path: &Path,
    judges: Judges<'_>,
    server: Option<&ServerKeys>,
) -> disk::Result<Seen> {
    let mut file = BundleFile::open(path, Links::Follow)?;
    let mut bundle = file.inspect()?;
    if file.size() > DEFAULT_MAX_FILE_SIZE && server.is_none() {
        bundle.findings.warning(
            "upload-limit",
            format!("it has more than {}", size_words(DEFAULT_MAX_FILE_SIZE)),
            "servers refuse to upload it unless FileSettings.MaxFileSize is raised",
        );
    }
    let mut missing = |what, consequence| {
        bundle.findings.warning(NO_SIGNATURE, what, consequence);
        (BundleSignature::Missing, None)
    };
    let (signature, problem) = match file.signature()? {
        Beside::Nothing => missing(
            "there is no .sig file beside it",
            "the marketplace and, since 10.11, prepackaged plugins need one",
        ),
        Beside::OnlyArmored => missing(
            "there is an .asc file beside it, but no .sig",
            "the server looks for .sig only: rename it",
        ),
        Beside::Signature(bytes) => judges.judge(&bytes, &mut file)?,
    };
    if let Some((what, consequence)) = problem {
        bundle.findings.error(BAD_SIGNATURE, what, consequence);
    }
    let ask = |server| check_for_server::ask(server, &mut file, &mut bundle.findings);
    let on_server = server.map(ask).transpose()?;
    Ok(Seen { bundle, signature, on_server })
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

    /// Returns whether it is an archive that was read to its end, and holds no plugin.
    fn is_something_else(&self) -> bool {
        let mut errors = self.bundle.findings.errors();
        !self.bundle.holds_manifest && errors.all(|error| error.code == NO_MANIFEST)
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
        if self.bundles.is_empty() || self.bundles.iter().any(|line| line.result.is_err()) {
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
            Ok(seen @ Seen { bundle, signature, on_server }) => json!({
                "path": path,
                "verdict": seen.verdict(),
                "manifest": bundle.manifest.as_ref().map(|manifest| json!({
                    "file": manifest.file,
                    "id": manifest.id,
                    "version": manifest.version,
                    "min_server_version": manifest.min_server_version,
                })),
                "signature": signature,
                "on_server": on_server,
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

/// Warns of plugins that the server would not install, and of what is no gzip tar, unless looking
/// at them takes too long.
pub fn warn_of_bundles<'a>(paths: impl Iterator<Item = &'a Path>, watch: &dyn Watch) {
    let start = watch.now();
    let mut found: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
    for path in paths.filter(|path| path.as_os_str().as_encoded_bytes().ends_with(b".tar.gz")) {
        if watch.now().duration_since(start).is_ok_and(|passed| passed > QUICK_TIME) {
            break;
        }
        let Ok(mut file) = BundleFile::open(path, Links::Follow) else { continue };
        if file.size() > QUICK_SIZE {
            continue;
        }
        let Ok(bundle) = file.inspect() else { continue };
        let from_macos = bundle.findings.iter().find(|finding| finding.code == MACOS_FILES);
        let mut errors = bundle.findings.errors();
        let first = errors.next().or(from_macos);
        let is_told = bundle.is_plugin || bundle.other_kind.is_some();
        if let (true, Some(first)) = (is_told, first) {
            let more = match errors.count() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            let words = format!("{}; {}{more}", Safe::text(&first.what), first.consequence);
            found.entry(words).or_default().push(path);
        }
    }
    for (words, paths) in found {
        match paths[..] {
            [path] => watch.warn(&format!("{}: {words}", Safe::path(path))),
            _ => {
                let of_many = format!("have this fault: {words}");
                Warned { of_one: "", of_many: &of_many }.tell(paths, watch);
            }
        }
    }
}
