//! Verifies files, signatures and folders.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use super::Publisher;
use super::failure::{Failure, Result};
use super::mistaken::is_key_file;
use super::parallel::{cores, for_each};
use super::show::warn_of_archives;
use super::verified::{Answer, By, Line, Verified};
use super::verify_lists::{check_lists, warn_of_unsigned};
use crate::disk;
use crate::disk::artifact::{Artifact, SignatureFile, read_signature, sha256};
use crate::disk::checksums::Sha256;
use crate::disk::file::{is_there, read_small};
use crate::disk::release::Release;
use crate::disk::still::Counted;
use crate::judge::{Judge, ask_server, refused};
use crate::mattermost::server;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::cleartext::Cleartext;
use crate::openpgp::hash::ContentHash;
use crate::openpgp::key_file::MAX_KEY_FILE;
use crate::openpgp::policy::Policy;
use crate::openpgp::signature::DetachedSignature;
use crate::openpgp::times::show_time;
use crate::openpgp::verdict::{Bad, Reason};
use crate::openpgp::verify::{Good, Verdict, distinct_signers};
use crate::text::Safe;

/// What is to be verified, and how.
pub struct Verify<'a> {
    /// Artifacts, signatures and folders.
    pub paths: &'a [PathBuf],
    /// Whose signatures count: key files, and keys of the home. See [`Publisher::accepted`].
    pub keys: &'a [String],
    /// The signature of the one artifact, if it is not beside it.
    pub signature: Option<&'a Path>,
    /// Whether the server alone is asked, with exactly these key files.
    pub as_server: bool,
    /// How many distinct certificates must have made a good signature.
    pub signers: NonZero<usize>,
    /// The time in the past that the verdicts are about.
    pub at: Option<SystemTime>,
}

const KEY_FILE: &str = "it is a key file, and no signature: --key takes it";

impl Publisher<'_> {
    /// Verifies what is named, each artifact on some thread. The line of an artifact says what is
    /// wrong with it. Fails if nobody's signatures count, or if it is unclear whose.
    pub fn verify(&self, request: &Verify<'_>) -> Result<Verified> {
        let release = match (request.signature, request.paths) {
            (Some(signature), [one]) => Release::of_one(one, signature),
            _ => Release::to_verify(request.paths)?,
        };
        warn_of_archives(&release, self.watch);
        let mut lines = match request.as_server {
            true => self.ask_server(request, &release)?,
            false => self.judge(request, &release)?,
        };
        for path in release.orphans {
            let why = match is_key_file(&path) {
                true => KEY_FILE,
                false => "there is no file that it could be of",
            };
            lines.push(Line::new(&path, Bad::new(Reason::OrphanSignature, why)));
        }
        // `verify release-key.asc` beside a folder of that name does not mean the folder.
        for line in lines.iter_mut().filter(|line| line.path.is_dir()) {
            let is_named =
                |path: &&PathBuf| path.with_extension("") == line.path && is_key_file(path);
            if let Some(path) = request.paths.iter().find(is_named) {
                *line = Line::new(path, Bad::new(Reason::OrphanSignature, KEY_FILE));
            }
        }
        let unreadable = release.unreadable.into_iter();
        lines.extend(unreadable.map(|(path, error)| Line::new(&path, error)));
        Ok(Verified { lines, passed_over: release.passed_over, as_of: request.at.map(show_time) })
    }

    fn judge(&self, request: &Verify<'_>, release: &Release) -> Result<Vec<Line>> {
        let accepted = self.accepted(request.keys)?;
        let judge = match request.at {
            Some(at) => accepted.as_of(at).judge(Policy::new(at))?,
            None => accepted.judge(self.policy())?,
        };
        let digest = (!release.folders.is_empty()).then_some(ContentHash::SHA256);
        let mut lines = for_each(&release.artifacts, cores(), self.watch, |artifact, read| {
            request.line(artifact, &judge, digest, read)
        });
        if release.folders.is_empty() {
            return Ok(lines);
        }
        // The server knows of no lists, and reads one signature.
        check_lists(&release.folders, &mut lines);
        let further = for_each(&release.further, cores(), self.watch, |file, read| {
            further(file, &judge, read)
        });
        lines.extend(further.into_iter().flatten());
        warn_of_unsigned(&release.folders, &lines, self.watch);
        Ok(lines)
    }

    fn ask_server(&self, request: &Verify<'_>, release: &Release) -> Result<Vec<Line>> {
        let read = |name: &String| match read_small(Path::new(name), "a key file", MAX_KEY_FILE) {
            Err(error) if error.is_not_found() => Err(Failure::NoKeyFile(name.clone())),
            other => Ok(other?.to_vec()),
        };
        let keys = request.keys.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(for_each(&release.artifacts, cores(), self.watch, |artifact, read| {
            let answer = servers_answer(artifact, &keys, read);
            Line::new(&artifact.path, answer.unwrap_or_else(Answer::from))
        }))
    }
}

fn servers_answer(artifact: &Artifact, keys: &[Vec<u8>], read: &AtomicU64) -> disk::Result<Answer> {
    let verdict = match artifact.read_signature()? {
        SignatureFile::Read(signature) => artifact.read_once(|file| {
            ask_server(keys, &signature, Counted { reader: file, count: read })
        })?,
        SignatureFile::Bad(bad) => {
            artifact.open()?;
            let words = format!("{}: {}", bad.reason(), bad.detail());
            return Ok(Bad::new(Reason::ServerRefuses, words).into());
        }
    };
    Ok(match verdict {
        server::ServerVerdict::Accepts { key_id } => {
            let key_id = format!("{key_id:016X}");
            Answer::Good { signer: By::Server { key_id }, also: Vec::new() }
        }
        server::ServerVerdict::Refuses(refusal) => refused(&refusal).into(),
    })
}

impl Verify<'_> {
    fn line(
        &self,
        artifact: &Artifact,
        judge: &Judge,
        digest: Option<ContentHash>,
        read: &AtomicU64,
    ) -> Line {
        let answer = self.answer(artifact, judge, digest, read);
        let (answer, sha256) = answer.unwrap_or_else(|error| (error.into(), None));
        let signature = artifact.signature.as_ref().filter(|_| artifact.root.is_some());
        let about = signature.unwrap_or(&artifact.path).clone();
        Line { about, sha256, ..Line::new(&artifact.path, answer) }
    }

    /// Judges an artifact by its signature. The artifact is read once for all its signatures.
    fn answer(
        &self,
        artifact: &Artifact,
        judge: &Judge,
        digest: Option<ContentHash>,
        read: &AtomicU64,
    ) -> disk::Result<(Answer, Option<Sha256>)> {
        if artifact.is_cleartext {
            return Ok((self.answer_of_text(artifact, judge)?, None));
        }
        let file = artifact.read_signature()?;
        let first = match file.parse() {
            Ok(parsed) => parsed,
            Err(bad) => {
                artifact.open()?;
                return Ok((bad.into(), None));
            }
        };
        let further = match self.signers.get() {
            1 => Vec::new(),
            _ => artifact.read_further(judge.accepted()),
        };
        let further: Vec<_> = further.iter().filter_map(|file| file.parse().ok()).collect();
        let signatures = std::iter::once(&first).chain(&further);
        let ways = signatures.filter_map(|(_, signature)| signature.content_hash().ok());
        let content = artifact.hash(ways.chain(digest), read)?;
        let verdict = |(bytes, signature): &(&[u8], DetachedSignature)| {
            judge.judge(signature, bytes, &content)
        };
        let answer = match verdict(&first) {
            Verdict::Bad(bad) => bad.into(),
            Verdict::Good(good) if self.signers.get() == 1 => {
                Answer::Good { signer: By::Signer(*good), also: Vec::new() }
            }
            Verdict::Good(good) => {
                let further = further.iter().map(verdict).filter_map(|verdict| match verdict {
                    Verdict::Good(good) => Some(*good),
                    Verdict::Bad(_) => None,
                });
                self.enough(*good, further)
            }
        };
        Ok((answer, digest.and_then(|_| sha256(&content))))
    }

    /// Judges a text that carries its signatures. If a file lies beside it under the name without
    /// `.asc`, that has to be the same text.
    fn answer_of_text(&self, artifact: &Artifact, judge: &Judge) -> disk::Result<Answer> {
        let judged = Cleartext::read(&artifact.read_text()?)
            .and_then(|cleartext| Ok((judge.all_good(&cleartext)?, cleartext)));
        let (all, cleartext) = match judged {
            Ok(good) => good,
            Err(bad) => return Ok(bad.into()),
        };
        let path = artifact.path.with_extension("");
        let beside = Artifact { path, is_cleartext: false, ..artifact.clone() };
        let is_other = match is_there(&beside.path)? {
            false => false,
            true => !beside.read_text().is_ok_and(|text| cleartext.is_of(&text)),
        };
        if is_other {
            let beside = Safe::path(&beside.path);
            let why = format!("it is a signed text, and {beside} beside it is another one");
            return Ok(Bad::new(Reason::NotDetached, why).into());
        }
        let mut all = all.into_iter();
        Ok(match all.next() {
            Some(first) => self.enough(first, all),
            None => Bad::new(Reason::MissingSignature, "it has no signature").into(),
        })
    }

    fn enough(&self, first: Good, further: impl IntoIterator<Item = Good>) -> Answer {
        let all: Vec<Good> = std::iter::once(first.clone()).chain(further).collect();
        let distinct = distinct_signers(&all).into_iter();
        let also: Vec<Good> = distinct.filter(|it| !it.is_by_key_of(&first)).cloned().collect();
        let (count, needed) = (1 + also.len(), self.signers.get());
        if count >= needed {
            return Answer::Good { signer: By::Signer(first), also };
        }
        let good = std::iter::once(&first).chain(&also);
        let names: Vec<String> = good.map(|it| it.signer().certificate.to_string()).collect();
        let detail = format!("{needed} are needed, and {count} signed: {}", names.join(", "));
        Bad::new(Reason::TooFewSigners, detail).into()
    }
}

/// Returns a line if a further signer's file is no signature, or if its signer counts and it is not
/// good. Signatures by anybody else are left alone.
fn further(artifact: &Artifact, judge: &Judge, read: &AtomicU64) -> Option<Line> {
    let path = artifact.signature.as_deref()?;
    let verdict = || -> disk::Result<Option<Bad>> {
        let file = read_signature(path)?;
        let (bytes, signature) = match file.parse() {
            Ok(parsed) => parsed,
            Err(bad) => return Ok(Some(bad)),
        };
        let issuers = signature.claimed_issuers();
        let mut keys = judge.accepted().iter().flat_map(Certificate::fingerprints);
        if !keys.any(|key| issuers.contains(&key.key_id())) {
            return Ok(None);
        }
        let content = artifact.hash(signature.content_hash().ok(), read)?;
        Ok(match judge.judge(&signature, bytes, &content) {
            Verdict::Good(_) => None,
            Verdict::Bad(bad) => Some(bad),
        })
    };
    let answer: Answer = match verdict() {
        Ok(Some(bad)) => bad.into(),
        Ok(None) => return None,
        Err(error) => error.into(),
    };
    Some(Line::new(path, answer))
}
