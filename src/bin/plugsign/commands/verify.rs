//! `plugsign verify`

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use clap::Args;
use plugsign::disk::artifact::{Artifact, SignatureFile, Verified, Want, read_signature};
use plugsign::disk::file::read_small;
use plugsign::disk::release::Release;
use plugsign::judge::Judge;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::key_file::MAX_KEY_FILE;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::signature::DetachedSignature;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_time;
use plugsign::openpgp::verdict::{Bad, Reason};
use plugsign::openpgp::verify::Verdict;
use plugsign::publisher::parallel::{cores, for_each};

use super::accepted::{Accepted, signers};
use super::checked::{Checked, Line, Shown};
use super::verify_checksums;
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::mistaken::is_key_file;
use plugsign::publisher::show::warn_of_archives;

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
    /// Judge as of this time in the past: was it good then? ISO 8601, in UTC unless it names a
    /// zone, or seconds since 1970
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
        for_each(&release.artifacts, cores(), world, |artifact, read| {
            let verdict = artifact.ask_server(signature, &keys, read);
            Line::new(&artifact.path, verdict.map(Shown::server))
        })
    } else {
        let mut accepted = match signers(&arguments.keys, world) {
            Err(Failure::NoHome) if arguments.keys.is_empty() => Accepted::default(),
            other => other?,
        };
        if let Some(at) = at {
            accepted.certificates.iter_mut().for_each(|it| *it = it.as_of(at));
            // The server does not look back.
            accepted.files.clear();
        }
        let judge = accepted.judge(policy)?;
        let signers = arguments.signers.get();
        let want = Want { digest: !release.folders.is_empty(), further: signers > 1 };
        let judged = |artifact: &Artifact, read: &AtomicU64| {
            let verified = artifact.verify(signature, &judge, want, read);
            let sha256 = verified.as_ref().ok().and_then(|verified| verified.sha256);
            let result = verified.map(|verified| Shown::policy(&enough(verified, signers)));
            let signature = artifact.signature.clone().filter(|_| artifact.root.is_some());
            Line { sha256, signature, ..Line::new(&artifact.path, result) }
        };
        let mut lines = for_each(&release.artifacts, cores(), world, judged);
        // The server knows of no lists, and reads one signature.
        verify_checksums::run(&release.folders, &mut lines);
        let further = |file: &Artifact, read: &AtomicU64| judge_further(file, &judge, read);
        let further = for_each(&release.further, cores(), world, further);
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
    let claims = read_signature(path).map(|file| match file {
        SignatureFile::Read(bytes) => claims(&bytes, judge),
        SignatureFile::Bad(bad) => Err(bad),
    });
    let result = match claims {
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
    let signature = DetachedSignature::read(signature)?;
    signature.content_hash()?;
    let issuers = signature.claimed_issuers();
    let mut keys = judge.accepted().iter().flat_map(Certificate::fingerprints);
    Ok(keys.any(|key| issuers.contains(&key.key_id())))
}

fn read_key_files(names: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    names
        .iter()
        .map(|name| match read_small(Path::new(name), "a key file", MAX_KEY_FILE) {
            Err(error) if error.is_not_found() => Err(Failure::NoKeyFile(name.clone())),
            other => Ok(other?.to_vec()),
        })
        .collect()
}
