//! `plugsign check`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::bundle::{Beside, BundleFile, BundleVerdict};
use plugsign::disk::file::Links;
use plugsign::judge::{Judge, ServerVerdict};
use plugsign::mattermost::bundle::{Bundle, Finding, Severity};
use plugsign::mattermost::server::Refusal;
use plugsign::mattermost::shape::shape;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::verdict::Reason;
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use super::accepted::{Accepted, signers};
use crate::edge::report::Report;
use crate::edge::streams::is_dash;
use crate::edge::terminal::{BAD, GOOD};
use crate::edge::world::World;
use plugsign::publisher::failure::{EXIT_COULD_NOT, EXIT_NO, Failure, error_json, hint, one_line};
use plugsign::publisher::show::{first_user_id, path_text};

/// Tell whether the Mattermost server would install these plugins, and could start them
///
/// Looks at the shape of the archive, the manifest, the files that it names, the bundle's own
/// name and the signature beside it. Whose signatures count is as in verify; without any signers,
/// only the signature's shape is looked at. Says `good` of a bundle with a good signature alone:
/// else `unsigned`, `unverified` or `BAD`. Of a signature that is not good it says two things: why
/// the publisher's policy refuses it, and what the server does with it, which takes more. Exits with
/// 0 if nothing keeps a plugin from being installed and the policy refuses nothing, with 1 otherwise;
/// with --require-signature, with 0 for `good` alone.
#[derive(Args)]
pub struct Arguments {
    /// Plugin bundles: *.tar.gz
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
    /// Whose signatures count: a certificate file, or a key of the home. Else: trusted
    /// certificates and the home's own secret keys
    #[arg(long = "key", value_name = "FILE|KEY")]
    keys: Vec<String>,
    /// Say no to a bundle whose signature is missing, or cannot be verified for want of its signer
    #[arg(long)]
    require_signature: bool,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Checked, Failure> {
    if arguments.bundles.iter().any(|path| is_dash(path)) {
        let words = "check takes files, not standard input: a bundle's name counts too";
        return Err(Failure::Usage(words.into()));
    }
    let accepted = match signers(&arguments.keys, world) {
        Err(Failure::NoHome) if arguments.keys.is_empty() => Accepted::default(),
        other => other?,
    };
    let judge = match accepted.certificates.is_empty() {
        true => None,
        false => Some(accepted.judge(world.policy())?),
    };
    let bundles = arguments
        .bundles
        .into_iter()
        .map(|path| {
            let mut result = look(&path, judge.as_ref());
            if let (Ok(seen), true) = (&mut result, arguments.require_signature) {
                seen.require_signature();
            }
            Line { path, result }
        })
        .collect();
    Ok(Checked { bundles, has_signers: judge.is_some() })
}

/// The code of the finding that there is no signature beside the bundle.
pub const NO_SIGNATURE: &str = "no-signature";

/// Looks at one bundle and the signature beside it.
pub fn look(path: &Path, judge: Option<&Judge>) -> Result<Seen, Error> {
    let mut file = BundleFile::open(path, Links::Follow)?;
    let mut bundle = file.inspect()?;
    if file.size() > UPLOAD_LIMIT {
        bundle.findings.warning(
            "upload-limit",
            format!("it has more than {} MiB", UPLOAD_LIMIT >> 20),
            "servers refuse to upload it unless FileSettings.MaxFileSize is raised",
        );
    }
    let signature = match file.signature()? {
        Beside::Nothing => {
            bundle.findings.warning(
                NO_SIGNATURE,
                "there is no .sig file beside it",
                "the marketplace and, since 10.11, prepackaged plugins need one",
            );
            Signature::None
        }
        Beside::OnlyArmored => {
            bundle.findings.warning(
                NO_SIGNATURE,
                "there is an .asc file beside it, but no .sig",
                "the server looks for .sig only: rename it",
            );
            Signature::None
        }
        Beside::Signature(bytes) => match judge {
            Some(judge) => judged(&file.verify_and_ask(&bytes, judge)?, &mut bundle),
            None => shaped(&bytes, &mut bundle),
        },
    };
    Ok(Seen { bundle, signature })
}

/// `FileSettings.MaxFileSize` as servers come.
const UPLOAD_LIMIT: u64 = 100 * 1024 * 1024;

fn judged(judged: &BundleVerdict, bundle: &mut Bundle) -> Signature {
    if let Some((what, consequence)) = judged.problem() {
        bundle.findings.error("bad-signature", what, consequence);
    }
    match judged {
        BundleVerdict::Good(good) => Signature::Good {
            certificate: good.certificate().fingerprint().to_string(),
            user_id: first_user_id(good.certificate()),
            created: show_time(good.created()),
        },
        BundleVerdict::Bad { policy, server } => {
            Signature::Bad { reason: policy.reason().to_string(), server: Some(server.clone()) }
        }
    }
}

fn shaped(bytes: &[u8], bundle: &mut Bundle) -> Signature {
    let shape = shape(bytes);
    if let Some((what, consequence)) = shape.problem() {
        bundle.findings.error("bad-signature", what, consequence);
    }
    match (shape.policy, shape.server) {
        (Ok(issuers), Ok(())) => {
            Signature::Unjudged(issuers.iter().map(ToString::to_string).collect())
        }
        (policy, server) => {
            let reason = policy.err().map_or(Reason::ServerRefuses, |bad| bad.reason());
            let refuses = |refusal: Refusal| ServerVerdict::Refuses {
                words: refusal.words,
                advice: refusal.advice.into(),
            };
            Signature::Bad { reason: reason.to_string(), server: server.err().map(refuses) }
        }
    }
}

/// What there is to say of each bundle.
pub struct Checked {
    bundles: Vec<Line>,
    has_signers: bool,
}

struct Line {
    path: PathBuf,
    result: Result<Seen, Error>,
}

pub struct Seen {
    pub bundle: Bundle,
    signature: Signature,
}

enum Signature {
    Good {
        certificate: String,
        user_id: String,
        created: String,
    },
    /// By whom it says to be, without anybody's key to check it with.
    Unjudged(Vec<String>),
    Bad {
        /// The publisher's verdict.
        reason: String,
        /// What the server does with it, if that is known without the signer's key.
        server: Option<ServerVerdict>,
    },
    None,
}

impl Signature {
    fn words(&self) -> String {
        match self {
            Signature::Good { certificate, user_id, created } => {
                format!("signed by {certificate}  {user_id}  {created}")
            }
            Signature::Unjudged(issuers) => {
                format!("has a signature by {}, not verified", issuers.join(", "))
            }
            Signature::Bad { .. } => "signature not good".into(),
            Signature::None => "not signed".into(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Signature::Good { certificate, user_id, created } => json!({
                "state": "good", "certificate": certificate, "user_id": user_id,
                "created": created, "server": "accepts",
            }),
            Signature::Unjudged(issuers) => json!({"state": "not-verified", "issuers": issuers}),
            Signature::Bad { reason, server } => {
                let (server, words) = match server {
                    Some(ServerVerdict::Accepts { .. }) => (Some("accepts"), None),
                    Some(ServerVerdict::Refuses { words, .. }) => (Some("refuses"), Some(words)),
                    None => (None, None),
                };
                json!({
                    "state": "bad", "reason": reason, "server": server, "server_words": words,
                })
            }
            Signature::None => json!({"state": "missing"}),
        }
    }
}

fn level(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

impl Report for Checked {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.bundles {
            let Ok(seen) = &line.result else { continue };
            let findings = &seen.bundle.findings;
            match seen.verdict() {
                "bad" => write!(out, "{BAD}BAD{BAD:#} ")?,
                "good" => write!(out, "{GOOD}good{GOOD:#}")?,
                // Nothing keeps it from being installed, but nobody answers for it either.
                other => write!(out, "{other}")?,
            }
            write!(out, "  {}", Safe::path(&line.path))?;
            if let Some(manifest) = &seen.bundle.manifest {
                let (id, version) = (Safe::text(&manifest.id), Safe::text(&manifest.version));
                write!(out, "  {id} {version}")?;
            }
            writeln!(out, "  {}", seen.signature.words())?;
            for finding in findings.iter() {
                let (what, consequence) =
                    (Safe::text(&finding.what), Safe::text(&finding.consequence));
                writeln!(out, "  {}: {what}; {consequence}", level(finding))?;
            }
            if findings.left_out() > 0 {
                writeln!(out, "  and {} more of these", findings.left_out())?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let is_unjudged = |line: &Line| {
            line.result.as_ref().is_ok_and(|seen| matches!(seen.signature, Signature::Unjudged(_)))
        };
        if !self.has_signers && self.bundles.iter().any(is_unjudged) {
            writeln!(talk, "nobody is trusted, so signatures were not verified: --key FILE")?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for line in &self.bundles {
            if let Err(error) = &line.result {
                writeln!(talk, "cannot check {}: {}", Safe::path(&line.path), one_line(error))?;
                if let Some(hint) = hint(error) {
                    writeln!(talk, "  hint: {hint}")?;
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let bundles: Vec<Value> = self
            .bundles
            .iter()
            .map(|line| {
                let path = path_text(&line.path);
                match &line.result {
                    Ok(seen) => seen.json(&path),
                    Err(error) => {
                        json!({"path": path, "verdict": "unknown", "error": error_json(error)})
                    }
                }
            })
            .collect();
        let mut map = Map::new();
        map.insert("bundles".into(), bundles.into());
        map
    }

    fn exit(&self) -> u8 {
        let is_bad = |line: &Line| {
            line.result.as_ref().is_ok_and(|seen| seen.bundle.findings.errors().next().is_some())
        };
        if self.bundles.iter().any(|line| line.result.is_err()) {
            EXIT_COULD_NOT
        } else if self.bundles.iter().any(is_bad) {
            EXIT_NO
        } else {
            0
        }
    }
}

impl Seen {
    fn verdict(&self) -> &'static str {
        match (self.bundle.findings.errors().next(), &self.signature) {
            (Some(_), _) | (None, Signature::Bad { .. }) => "bad",
            (None, Signature::Good { .. }) => "good",
            (None, Signature::Unjudged(_)) => "unverified",
            (None, Signature::None) => "unsigned",
        }
    }

    /// Makes it an error that no signature was verified.
    fn require_signature(&mut self) {
        let what = match self.signature {
            Signature::None => "it is not signed",
            Signature::Unjudged(_) => {
                "its signature was not verified: its signer is not known here"
            }
            Signature::Good { .. } | Signature::Bad { .. } => return,
        };
        self.bundle.findings.error("signature-required", what, "--require-signature asks for one");
    }

    fn json(&self, path: &str) -> Value {
        let findings: Vec<Value> = self
            .bundle
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "severity": level(finding),
                    "code": finding.code,
                    "what": finding.what,
                    "consequence": finding.consequence,
                })
            })
            .collect();
        json!({
            "path": path,
            "verdict": self.verdict(),
            "manifest": self.bundle.manifest.as_ref().map(|manifest| json!({
                "file": manifest.file,
                "id": manifest.id,
                "version": manifest.version,
                "min_server_version": manifest.min_server_version,
            })),
            "signature": self.signature.json(),
            "findings": findings,
            "left_out": self.bundle.findings.left_out(),
        })
    }
}

/// The largest bundle that is looked at beside signing it, and how long all of them may take.
const QUICK_SIZE: u64 = 32 * 1024 * 1024;
const QUICK_TIME: Duration = Duration::from_secs(2);

/// Warns of plugin bundles among these files that the server would not install. It changes
/// nothing, and what cannot be looked at quickly is left alone.
pub fn warn_of_bundles<'a>(paths: impl Iterator<Item = &'a Path>, world: &World) {
    let start = Instant::now();
    for path in paths.filter(|path| path.as_os_str().as_encoded_bytes().ends_with(b".tar.gz")) {
        if start.elapsed() > QUICK_TIME {
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
            world.terminal.warn(&format!("{path}: {what}; {}{more}", first.consequence));
        }
    }
}
