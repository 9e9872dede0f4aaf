//! `plugsign verify`

use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use clap::Args;
use plugsign::disk::artifact::{Artifact, Verified, Want, read_signature};
use plugsign::disk::checksums::{CHECKSUMS, Sha256};
use plugsign::disk::file::read_small;
use plugsign::disk::home::{HomeKey, Shelf, TrustedKey};
use plugsign::disk::release::Release;
use plugsign::error::Error;
use plugsign::judge::{Judge, ServerVerdict, content_hash};
use plugsign::openpgp::certificate::{Certificate, show_time};
use plugsign::openpgp::key_file::MAX_KEY_FILE;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::signature::DetachedSignature;
use plugsign::openpgp::validity::parse_time;
use plugsign::openpgp::verify::{Bad, Good, Reason, Verdict};
use plugsign::safe::Safe;
use serde_json::{Map, Value, json};

use super::import::read_certificates;
use super::verify_checksums;
use crate::failure::{EXIT_COULD_NOT, EXIT_NO, Failure, error_json, hint, one_line};
use crate::mistaken::{is_key_file, looks_like_file};
use crate::report::{Report, first_user_id, path_text, warn_of_archives};
use crate::terminal::{BAD, GOOD};
use crate::work;
use crate::world::World;

/// Verify files, signatures and folders
///
/// Good means: exactly one detached signature by a signer that counts, over exactly these bytes,
/// by a key that was valid then and is valid now, and the Mattermost server would accept it.
/// Exits with 0 if every artifact is good, with 1 if one is not.
#[derive(Args)]
pub struct Arguments {
    /// Artifacts, signatures, or folders
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Whose signatures count: a certificate file, or a key of the home. Else: trusted
    /// certificates and the home's own secret keys
    #[arg(long = "key", value_name = "FILE|KEY")]
    keys: Vec<String>,
    /// The signature of the one artifact
    #[arg(long, value_name = "SIG")]
    signature: Option<PathBuf>,
    /// Say only what the Mattermost server would, with exactly these key files in this order
    #[arg(long, requires = "keys")]
    as_server: bool,
    /// How many distinct certificates must have made a good signature: FILE.sig, and the
    /// FILE.KEYID.sig of others. Two keys of one certificate count once
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "as_server")]
    signers: NonZero<usize>,
    /// Judge as of this time in the past: was it good then?
    #[arg(long, value_name = "TIME", conflicts_with = "as_server")]
    at: Option<String>,
}

/// Returns the policy as of the time that is asked for. The future has revocations that nobody
/// knows of yet.
fn policy_at(at: Option<SystemTime>, world: &World) -> Result<Policy, Failure> {
    match at {
        Some(at) if at > world.now => {
            let words = format!("--at judges the past, and {} is yet to come", show_time(at));
            Err(Failure::Usage(words))
        }
        Some(at) => Ok(Policy::new(at)),
        None => Ok(world.policy()),
    }
}

const KEY_FILE: &str = "it is a key file, and no signature: --key takes it";

pub fn run(arguments: Arguments, world: &World) -> Result<Checked, Failure> {
    let at = arguments.at.as_deref().map(parse_time).transpose()?;
    let policy = policy_at(at, world)?;
    let release = match &arguments.signature {
        Some(_) if arguments.paths.len() == 1 && !arguments.paths[0].is_dir() => {
            Release::of_one(&arguments.paths[0])
        }
        Some(_) => {
            return Err(Failure::Usage("--signature goes with exactly one artifact".into()));
        }
        None => Release::to_verify(&arguments.paths)?,
    };
    warn_of_archives(&release, world);
    let signature = arguments.signature.as_deref();
    let mut lines = if arguments.as_server {
        let keys = read_key_files(&arguments.keys)?;
        work::for_each(&release.artifacts, work::cores(), &world.terminal, |artifact, read| {
            let verdict = artifact.ask_server(signature, &keys, read);
            Line::new(&artifact.path, verdict.map(Shown::server))
        })?
    } else {
        let accepted = match signers(&arguments.keys, world) {
            Err(Failure::NoHome) if arguments.keys.is_empty() => Vec::new(),
            other => other?,
        };
        if accepted.is_empty() {
            return Err(Failure::NobodyTrusted);
        }
        let accepted = match at {
            Some(at) => accepted.iter().map(|certificate| certificate.as_of(at)).collect(),
            None => accepted,
        };
        let judge = Judge::new(accepted, policy)?;
        let signers = arguments.signers.get();
        let want = Want { digest: !release.folders.is_empty(), further: signers > 1 };
        let judged = |artifact: &Artifact, read: &AtomicU64| {
            let verified = artifact.verify(signature, &judge, want, read);
            let sha256 = verified.as_ref().ok().and_then(|verified| verified.sha256);
            let result = verified.map(|verified| Shown::policy(&enough(verified, signers)));
            let signature = artifact.signature.clone().filter(|_| artifact.root.is_some());
            Line { sha256, signature, ..Line::new(&artifact.path, result) }
        };
        let mut lines = work::for_each(&release.artifacts, work::cores(), &world.terminal, judged)?;
        // The server knows of no lists, and reads one signature.
        verify_checksums::run(&release.folders, &mut lines);
        let further = |file: &Artifact, read: &AtomicU64| judge_further(file, &judge, read);
        let further = work::for_each(&release.further, work::cores(), &world.terminal, further)?;
        lines.extend(further.into_iter().flatten());
        verify_checksums::warn_of_unsigned(&release.folders, &lines, world);
        lines
    };
    for path in release.orphans {
        let why = match is_key_file(&path) {
            true => KEY_FILE,
            false => "there is no file that it could be of",
        };
        let bad = Bad::new(Reason::OrphanSignature, why);
        lines.push(Line::new(&path, Ok(Shown::bad(bad))));
    }
    // `verify release-key.asc` beside a folder of that name: the folder is not what was meant.
    for line in lines.iter_mut().filter(|line| line.path.is_dir()) {
        let is_named = |path: &&PathBuf| path.with_extension("") == line.path && is_key_file(path);
        if let Some(path) = arguments.paths.iter().find(is_named) {
            let bad = Bad::new(Reason::OrphanSignature, KEY_FILE);
            *line = Line::new(path, Ok(Shown::bad(bad)));
        }
    }
    lines.extend(release.unreadable.into_iter().map(|(path, error)| Line::new(&path, Err(error))));
    Ok(Checked { lines, passed_over: release.passed_over, at })
}

/// Turns a good verdict into a bad one if too few signers agree.
fn enough(verified: Verified, signers: usize) -> Verified {
    let Verdict::Good(good) = &verified.verdict else { return verified };
    let count = 1 + verified.also.len();
    if count >= signers {
        return verified;
    }
    let good = std::iter::once(&**good).chain(&verified.also);
    let names: Vec<String> = good.map(|it| it.certificate().fingerprint().to_string()).collect();
    let detail = format!("{signers} are needed, and {count} signed: {}", names.join(", "));
    Verified { verdict: Verdict::Bad(Bad::new(Reason::TooFewSigners, detail)), ..verified }
}

/// Says so if a further signer's signature is none at all, or if its signer counts and it is not
/// good. Whether others count is another question.
fn judge_further(file: &Artifact, judge: &Judge, read: &AtomicU64) -> Option<Line> {
    let path = file.signature.as_deref()?;
    let result = match read_signature(path).map(|bytes| bytes.and_then(|it| claims(&it, judge))) {
        Ok(Ok(false)) => return None,
        Ok(Ok(true)) => {
            match file.verify(None, judge, Want::default(), read).map(|it| it.verdict) {
                Ok(Verdict::Good(_)) => return None,
                Ok(Verdict::Bad(bad)) => Ok(Shown::bad(bad)),
                Err(error) => Err(error),
            }
        }
        Ok(Err(bad)) => Ok(Shown::bad(bad)),
        Err(error) => Err(error),
    };
    Some(Line::new(path, result))
}

/// Returns whether a signature says that an accepted key made it.
fn claims(signature: &[u8], judge: &Judge) -> Result<bool, Bad> {
    content_hash(signature)?;
    let issuers = DetachedSignature::read(signature)?.claimed_issuers();
    let mut keys = judge.accepted().iter().flat_map(Certificate::fingerprints);
    Ok(keys.any(|key| issuers.contains(&key.key_id())))
}

fn read_key_files(names: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    names
        .iter()
        .map(|name| match read_small(Path::new(name), "a key file", MAX_KEY_FILE) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(Failure::NoKeyFile(name.clone()))
            }
            other => Ok(other?.to_vec()),
        })
        .collect()
}

/// Returns the certificates whose signatures count, each with everything that the home knows of
/// it: a revocation counts whichever copy of a certificate was named or trusted.
pub fn signers(keys: &[String], world: &World) -> Result<Vec<Certificate>, Failure> {
    // Key files alone need no home.
    let names_home = keys.is_empty() || keys.iter().any(|key| !Path::new(key).exists());
    let known = match world.home().and_then(|home| Ok((home.keys()?, home.trusted()?))) {
        Ok((own, trusted)) => Known { own, trusted },
        Err(failure) if names_home => return Err(failure),
        Err(Failure::NoHome) => Known::default(),
        Err(failure) => {
            let why = failure.message();
            world.terminal.warn(&format!("the home was not asked about these keys: {why}"));
            Known::default()
        }
    };
    let mut certificates = Vec::new();
    for key in keys {
        let path = Path::new(key);
        if path.exists() {
            let read = read_certificates(path)?;
            known.warn_of_shadow(key, &read, world);
            certificates.extend(read);
        } else {
            certificates.push(known.find(key)?);
        }
    }
    if keys.is_empty() {
        let own = known.own.items.iter().filter(|key| key.secret.is_some());
        certificates.extend(own.map(|key| key.certificate.clone()));
        certificates.extend(known.trusted.items.iter().map(|key| key.certificate.clone()));
    }
    let certificates = certificates.iter().map(|certificate| known.complete(certificate));
    let certificates = certificates.collect::<Result<_, Failure>>()?;
    if names_home {
        world.readable(known.own);
        world.readable(known.trusted);
    }
    Ok(certificates)
}

/// The certificates of the home.
struct Known {
    own: Shelf<HomeKey>,
    trusted: Shelf<TrustedKey>,
}

impl Default for Known {
    fn default() -> Known {
        Known {
            own: Shelf { items: Vec::new(), unreadable: Vec::new() },
            trusted: Shelf { items: Vec::new(), unreadable: Vec::new() },
        }
    }
}

impl Known {
    fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        let own = self.own.items.iter().map(|key| &key.certificate);
        own.chain(self.trusted.items.iter().map(|key| &key.certificate))
    }

    /// Warns if a file stands before a trusted certificate of its name: whoever made the folder that
    /// is to be verified may have put it there.
    fn warn_of_shadow(&self, name: &str, file: &[Certificate], world: &World) {
        let is_it = |certificate: &Certificate| {
            file.iter().any(|other| other.fingerprint() == certificate.fingerprint())
        };
        let trusted = self.trusted.items.iter().find(|trusted| trusted.name == name);
        if let Some(trusted) = trusted.filter(|trusted| !is_it(&trusted.certificate)) {
            world.terminal.warn(&format!(
                "--key {} is the file here, and not the trusted certificate of that name, which is {}",
                Safe::text(name),
                trusted.certificate.fingerprint()
            ));
        }
    }

    /// Finds a trusted certificate by its name, or any by a KEY.
    fn find(&self, key: &str) -> Result<Certificate, Failure> {
        if let Some(named) = self.trusted.items.iter().find(|trusted| trusted.name == key) {
            return Ok(named.certificate.clone());
        }
        let query = KeyQuery::parse(key)?;
        let mut found: Vec<&Certificate> = Vec::new();
        for certificate in self.certificates().filter(|certificate| query.matches(certificate)) {
            if found.iter().all(|other| other.fingerprint() != certificate.fingerprint()) {
                found.push(certificate);
            }
        }
        match found[..] {
            [only] => Ok(only.clone()),
            [] if looks_like_file(key) => Err(Failure::NeitherFileNorKey(key.to_string())),
            [] => Err(Error::UnknownKey(key.to_string()).into()),
            _ => {
                let candidates = found.iter().map(|it| (it.fingerprint(), it.first_user_id()));
                let candidates = candidates.collect();
                Err(Error::AmbiguousKey { query: key.to_string(), candidates }.into())
            }
        }
    }

    /// Adds to a certificate what the home's copies of it have.
    fn complete(&self, certificate: &Certificate) -> Result<Certificate, Failure> {
        let fingerprint = certificate.fingerprint();
        self.own.check_complete(&fingerprint)?;
        self.trusted.check_complete(&fingerprint)?;
        let mut whole = certificate.clone();
        for copy in self.certificates().filter(|copy| copy.fingerprint() == fingerprint) {
            whole = whole.merge(copy)?;
        }
        Ok(whole)
    }
}

/// The verdict on each artifact.
pub struct Checked {
    lines: Vec<Line>,
    passed_over: usize,
    /// The time in the past that it is about.
    at: Option<SystemTime>,
}

pub(super) struct Line {
    pub(super) path: PathBuf,
    /// The signature, where the artifact has a line for each of two.
    signature: Option<PathBuf>,
    pub(super) result: Result<Shown, Error>,
    pub(super) sha256: Option<Sha256>,
}

impl Line {
    pub(super) fn new(path: &Path, result: Result<Shown, Error>) -> Line {
        Line { path: path.to_owned(), signature: None, result, sha256: None }
    }

    /// Returns what the line is about.
    fn shown(&self) -> &Path {
        self.signature.as_deref().unwrap_or(&self.path)
    }

    pub(super) fn is_list(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == CHECKSUMS)
    }

    pub(super) fn is_good(&self) -> bool {
        matches!(self.result, Ok(Shown::Good { .. }))
    }

    fn is_bad(&self, because: Reason) -> bool {
        let word = because.to_string();
        matches!(&self.result, Ok(Shown::Bad { reason, .. }) if *reason == word)
    }

    fn was_made_while_valid(&self) -> bool {
        matches!(self.result, Ok(Shown::Bad { made_while_valid: true, .. }))
    }
}

/// A verdict as it is shown, whoever's it is.
pub(super) enum Shown {
    Good { words: String, json: Value, also: Vec<Value> },
    Bad { reason: String, detail: String, made_while_valid: bool },
}

fn signer_words(good: &Good) -> String {
    let user_id = first_user_id(good.certificate());
    format!("{}  {user_id}  {}", good.certificate().fingerprint(), show_time(good.created()))
}

fn signer_json(good: &Good) -> Value {
    json!({
        "certificate": good.certificate().fingerprint().to_string(),
        "key": good.key().to_string(),
        "user_id": first_user_id(good.certificate()),
        "created": show_time(good.created()),
    })
}

impl Shown {
    fn policy(verified: &Verified) -> Shown {
        match &verified.verdict {
            Verdict::Good(good) => Shown::Good {
                words: std::iter::once(&**good)
                    .chain(&verified.also)
                    .map(signer_words)
                    .collect::<Vec<_>>()
                    .join("  and  "),
                json: signer_json(good),
                also: verified.also.iter().map(signer_json).collect(),
            },
            Verdict::Bad(bad) => Shown::bad(bad.clone()),
        }
    }

    pub(super) fn bad(bad: Bad) -> Shown {
        Shown::Bad {
            reason: bad.reason().to_string(),
            detail: bad.detail().to_string(),
            made_while_valid: bad.made_while_valid(),
        }
    }

    fn server(verdict: ServerVerdict) -> Shown {
        match verdict {
            ServerVerdict::Accepts { key_id } => {
                let key_id = format!("{key_id:016X}");
                Shown::Good {
                    words: format!("the server accepts it, by {key_id}"),
                    json: json!({ "key_id": key_id }),
                    also: Vec::new(),
                }
            }
            ServerVerdict::Refuses { words, advice } => Shown::Bad {
                reason: Reason::ServerRefuses.to_string(),
                detail: format!("{words}: {advice}"),
                made_while_valid: false,
            },
        }
    }
}

impl Checked {
    fn count(&self, good: bool) -> usize {
        self.lines
            .iter()
            .filter(|line| match &line.result {
                Ok(Shown::Good { .. }) => good,
                Ok(Shown::Bad { .. }) => !good,
                Err(_) => false,
            })
            .count()
    }
}

impl Report for Checked {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            let path = Safe::path(line.shown());
            match &line.result {
                Ok(Shown::Good { words, .. }) => {
                    writeln!(out, "{GOOD}good{GOOD:#}  {path}  {words}")?;
                }
                Ok(Shown::Bad { reason, detail, .. }) => {
                    writeln!(out, "{BAD}BAD{BAD:#}   {path}  {reason}: {detail}")?;
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if self.lines.len() + self.passed_over > 1 {
            write!(talk, "{} good, {} bad", self.count(true), self.count(false))?;
            if self.passed_over > 0 {
                write!(talk, ", {} passed over", self.passed_over)?;
            }
            writeln!(talk)?;
        }
        if let [one, other] = &self.lines[..]
            && one.is_bad(Reason::MissingSignature)
            && other.is_bad(Reason::OrphanSignature)
        {
            let (artifact, signature) = (Safe::path(&one.path), Safe::path(&other.path));
            writeln!(
                talk,
                "hint: if one is the other's signature: --signature {signature} {artifact}"
            )?;
        }
        if self.lines.iter().any(Line::was_made_while_valid) {
            writeln!(
                talk,
                "hint: ask the signer for a renewed certificate; --at TIME judges as of then, if you know by other means that the signature is from then"
            )?;
        }
        if let Some(at) = self.at {
            writeln!(talk, "judged as of {}, not as of now", show_time(at))?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            if let Err(error) = &line.result {
                writeln!(talk, "cannot verify {}: {}", Safe::path(line.shown()), one_line(error))?;
                if let Some(hint) = hint(error) {
                    writeln!(talk, "  hint: {hint}")?;
                }
            }
        }
        if self.lines.is_empty() {
            writeln!(talk, "there is nothing to verify: no release archives and no signatures")?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let artifacts: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let path = path_text(line.shown());
                match &line.result {
                    Ok(Shown::Good { json, also, .. }) => {
                        json!({"path": path, "verdict": "good", "signer": json, "also": also})
                    }
                    Ok(Shown::Bad { reason, detail, made_while_valid }) => json!({
                        "path": path, "verdict": "bad", "reason": reason, "detail": detail,
                        "made_while_valid": made_while_valid,
                    }),
                    Err(error) => {
                        json!({"path": path, "verdict": "unknown", "error": error_json(error)})
                    }
                }
            })
            .collect();
        let mut map = Map::new();
        map.insert("artifacts".into(), artifacts.into());
        map.insert("passed_over".into(), self.passed_over.into());
        map.insert("as_of".into(), self.at.map(show_time).into());
        map
    }

    /// Zero artifacts never pass.
    fn exit(&self) -> u8 {
        if self.lines.is_empty() || self.lines.iter().any(|line| line.result.is_err()) {
            EXIT_COULD_NOT
        } else if self.count(false) > 0 {
            EXIT_NO
        } else {
            0
        }
    }
}
