//! Verifies files, signatures and folders.

use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use super::Publisher;
use super::as_server::AskedServer;
use super::failure::{Failure, Result};
use super::mistaken::is_key_file;
use super::parallel::{cores, for_each};
use super::show::{Warned, warn_of_archives, warn_of_neighbours};
use super::verified::{Answer, By, Line, Verified};
use super::verify_lists::{Entry, SignedList, SignedLists, warn_of_unsigned};
use crate::disk;
use crate::disk::artifact::{Artifact, SignatureFile, read_signature};
use crate::disk::checksums::{Checksums, MAX_CHECKSUMS};
use crate::disk::file::{folder_of, is_there};
use crate::disk::release::Release;
use crate::judge::Judge;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::cleartext::Cleartext;
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
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
    /// The server that alone is asked.
    pub as_server: Option<AskedServer<'a>>,
    /// How many distinct certificates must have made a good signature.
    pub signers: NonZero<usize>,
    /// The time in the past that the verdicts are about.
    pub at: Option<SystemTime>,
    /// Whether files that are on a list and not here are left out.
    pub ignore_missing: bool,
    /// How many files at once; `None` is as many as can be computed at once.
    pub jobs: Option<NonZero<usize>>,
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
            Some(server) => self.ask_server(server, request.keys, &release, request.threads())?,
            None => self.judge(request, &release)?,
        };
        let good = lines.iter().filter(|line| line.is_good()).map(|line| &*line.path);
        let left = Warned {
            of_one: "has no signature, and seems to be of the same release",
            of_many: "have no signature, and seem to be of the same release",
        };
        warn_of_neighbours(&release, good, &left, self.watch);
        for path in release.orphans {
            let why = match is_key_file(&path) {
                true => KEY_FILE,
                false => "there is no file that it could be of",
            };
            lines.push(Line::new(&path.into(), Bad::new(Reason::OrphanSignature, why)));
        }
        // `verify release-key.asc` beside a folder of that name does not mean the folder.
        for path in request.paths {
            let folder = path.with_extension("");
            if folder != *path && folder.is_dir() && is_key_file(path) {
                let is_key = Bad::new(Reason::OrphanSignature, KEY_FILE);
                if let Some(line) = lines.iter_mut().find(|line| *line.path == *folder) {
                    *line = Line::new(&path.as_path().into(), is_key);
                }
            }
        }
        let unreadable = release.unreadable.into_iter();
        lines.extend(unreadable.map(|(path, error)| Line::new(&path.into(), error)));
        Ok(Verified {
            lines,
            passed_over: release.passed_over.len(),
            passed_over_files: release.passed_over,
            as_of: request.at.map(show_time),
        })
    }

    fn judge(&self, request: &Verify<'_>, release: &Release) -> Result<Vec<Line>> {
        let judge = self.judge_of(request).inspect_err(|failure| {
            if matches!(failure, Failure::NobodyTrusted) {
                self.tell_of_claims(release);
            }
        })?;
        // Lists come first, because files are compared with them.
        let mut lists = SignedLists::default();
        let mut keep = |(line, list): (Line, Option<SignedList>)| {
            list.into_iter().for_each(|list| lists.push(list));
            line
        };
        let named = release.artifacts.iter().filter(|artifact| artifact.is_list());
        let named: Vec<Artifact> = named.cloned().collect();
        let judged = for_each(&named, request.threads(), self.watch, |artifact, _| {
            request.line_of_list(artifact, &judge, true)
        });
        let named: Vec<Line> = judged.into_iter().map(&mut keep).collect();
        let mut named = named.into_iter();
        let beside = release.lists_beside.iter();
        let beside: Vec<Line> =
            beside.map(|list| keep(request.line_of_list(list, &judge, false))).collect();
        let judged =
            for_each(&release.artifacts, request.threads(), self.watch, |artifact, read| {
                (!artifact.is_list()).then(|| request.line(artifact, &judge, &lists, read))
            });
        let in_order = judged.into_iter().filter_map(|line| line.or_else(|| named.next()));
        let mut lines: Vec<Line> = in_order.collect();
        self.tell_of_unknown(&mut lines, &release.artifacts);
        for line in &mut lines {
            line.tell_of_lists(&beside);
        }
        // The server knows of no lists, and reads one signature.
        let listed = lists.further(release.artifacts.iter().map(|it| &*it.path));
        let listed =
            for_each(&listed, request.threads(), self.watch, |artifact, read| {
                match request.look(artifact, &judge, &lists, read) {
                    Ok(line) => Some(line),
                    Err(error) if error.is_not_found() && request.ignore_missing => None,
                    Err(error) if error.is_not_found() => {
                        Some(Line::new(&artifact.path, lists.not_here(&artifact.path)))
                    }
                    Err(error) => Some(Line::new(&artifact.path, error)),
                }
            });
        lines.extend(listed.into_iter().flatten());
        let further = for_each(&release.further, request.threads(), self.watch, |file, read| {
            further(file, &judge, read)
        });
        lines.extend(further.into_iter().flatten());
        // Nobody knows what a list says that is signed and cannot be read: its neighbours are not good.
        let is_unread = |list: &Line| {
            let mut good = lines.iter().filter(|line| line.is_good());
            matches!(list.answer, Answer::Unknown { .. })
                && good.any(|line| folder_of(&line.path) == folder_of(&list.path))
        };
        let unread: Vec<Line> = beside.into_iter().filter(is_unread).collect();
        lines.extend(unread);
        warn_of_unsigned(&release.folders, &lines, self.watch);
        Ok(lines)
    }

    /// Returns the judge of whose signatures count, as of the time that is asked about.
    fn judge_of(&self, request: &Verify<'_>) -> Result<Judge> {
        let accepted = self.accepted(request.keys)?;
        match request.at {
            Some(at) => accepted.as_of(at).judge(Policy::new(at)),
            None => accepted.judge(self.policy()),
        }
    }

    /// Judges what comes from a stream by a signature file. Fails as [`Publisher::verify`] does.
    pub fn verify_stream(
        &self,
        request: &Verify<'_>,
        stream: File,
        signature: &Path,
    ) -> Result<Verified> {
        let judge = self.judge_of(request)?;
        let path = Path::new("-");
        let answer = match read_signature(signature)? {
            SignatureFile::Bad(bad) => bad.into(),
            SignatureFile::Read(bytes) => {
                match judge.verify(&bytes, stream).map_err(disk::Error::io("read", path))? {
                    Verdict::Good(good) => request.enough(*good, None),
                    Verdict::Bad(bad) => bad.into(),
                }
            }
        };
        let as_of = request.at.map(show_time);
        let (mut lines, passed_over_files) = (vec![Line::new(&path.into(), answer)], Vec::new());
        let signature = Some(signature.into());
        self.tell_of_unknown(&mut lines, &[Artifact { signature, ..Artifact::named(path) }]);
        Ok(Verified { lines, passed_over: 0, passed_over_files, as_of })
    }
}

impl Verify<'_> {
    fn threads(&self) -> NonZero<usize> {
        self.jobs.unwrap_or_else(cores)
    }

    fn line(
        &self,
        artifact: &Artifact,
        judge: &Judge,
        lists: &SignedLists,
        read: &AtomicU64,
    ) -> Line {
        let line = self.look(artifact, judge, lists, read);
        let line = line.unwrap_or_else(|error| Line::new(&artifact.path, error));
        match artifact.signature.as_ref().filter(|_| artifact.root.is_some()) {
            Some(signature) => Line { about: signature.clone(), ..line },
            None => line,
        }
    }

    /// Judges an artifact by its own signature and by the signed lists. It is read once.
    fn look(
        &self,
        artifact: &Artifact,
        judge: &Judge,
        lists: &SignedLists,
        read: &AtomicU64,
    ) -> disk::Result<Line> {
        let path = &artifact.path;
        if artifact.is_cleartext {
            return Ok(Line::new(path, self.answer_of_text(artifact, judge)?.0));
        }
        let of_lists = lists.ways(path);
        let hash = |mut ways: Vec<ContentHash>| {
            ways.extend(&of_lists);
            artifact.hash(ways, read)
        };
        let (answer, content) = self.answer(artifact, judge, !of_lists.is_empty(), hash)?;
        let is_missing =
            matches!(&answer, Answer::Bad(bad) if bad.reason() == Reason::MissingSignature);
        let listing = content.map_or(Entry::Unlisted, |content| lists.find(path, &content));
        Ok(match (listing, &answer) {
            (Entry::Listed(list), _) if is_missing => list.line(path),
            (Entry::Other(bad), _) if is_missing => Line::new(path, bad),
            (Entry::Missing(bad), Answer::Bad(missing)) if is_missing => {
                let both = format!("{}, and {}", missing.detail(), bad.detail());
                Line::new(path, Bad::new(Reason::MissingSignature, both))
            }
            (Entry::Other(bad) | Entry::Missing(bad), Answer::Good { .. }) => Line::new(path, bad),
            _ => Line::new(path, answer),
        })
    }

    /// Judges a list of checksums. Returns it if it is good.
    fn line_of_list(
        &self,
        artifact: &Artifact,
        judge: &Judge,
        is_whole: bool,
    ) -> (Line, Option<SignedList>) {
        let path = &artifact.path;
        let judged = || -> disk::Result<(Answer, Vec<u8>)> {
            if artifact.is_cleartext {
                return self.answer_of_text(artifact, judge);
            }
            let text = artifact.read_within("a list of checksums", MAX_CHECKSUMS)?;
            let hash = |ways| {
                let mut hasher = Hasher::new(ways);
                hasher.update(&text);
                Ok(hasher.finish())
            };
            Ok((self.answer(artifact, judge, false, hash)?.0, text))
        };
        let (signer, also, text) = match judged() {
            Ok((Answer::Good { signer, also }, text)) => (signer, also, text),
            Ok((answer, _)) => return (Line::new(path, answer), None),
            Err(error) => return (Line::new(path, error), None),
        };
        let list =
            if artifact.is_cleartext { path.with_extension("").into() } else { path.clone() };
        let checksums = match Checksums::read(&text, &list) {
            Ok(checksums) => checksums,
            Err(error) => return (Line::new(path, error), None),
        };
        match SignedList::new(&list, checksums, (signer.clone(), also.clone()), is_whole) {
            Ok(list) => (Line::new(path, Answer::Good { signer, also }), Some(list)),
            Err(bad) => (Line::new(path, bad), None),
        }
    }

    /// Judges an artifact by its signature. `hash` hashes it once for all its signatures; without
    /// a signature, only if that `is_asked` for all the same.
    fn answer(
        &self,
        artifact: &Artifact,
        judge: &Judge,
        is_asked: bool,
        hash: impl FnOnce(Vec<ContentHash>) -> disk::Result<Hashed>,
    ) -> disk::Result<(Answer, Option<Hashed>)> {
        let file = artifact.read_signature()?;
        let first = match file.parse() {
            Ok(parsed) => parsed,
            Err(bad) if is_asked => return Ok((bad.into(), Some(hash(Vec::new())?))),
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
        let content = hash(ways.collect())?;
        let verdict = |(bytes, signature): &(&[u8], DetachedSignature)| {
            judge.judge(signature, bytes, &content)
        };
        let answer = match verdict(&first) {
            Verdict::Bad(bad) => bad.into(),
            Verdict::Good(good) => {
                let further = further.iter().map(verdict).filter_map(|verdict| match verdict {
                    Verdict::Good(good) => Some(*good),
                    Verdict::Bad(_) => None,
                });
                self.enough(*good, further)
            }
        };
        Ok((answer, Some(content)))
    }

    /// Judges a text that carries its signatures. If a file lies beside it under the name without
    /// `.asc`, that has to be the same text.
    fn answer_of_text(
        &self,
        artifact: &Artifact,
        judge: &Judge,
    ) -> disk::Result<(Answer, Vec<u8>)> {
        let judged = Cleartext::read(&artifact.read_text()?)
            .and_then(|cleartext| Ok((judge.all_good(&cleartext)?, cleartext)));
        let (all, cleartext) = match judged {
            Ok(good) => good,
            Err(bad) => return Ok((bad.into(), Vec::new())),
        };
        let path = artifact.path.with_extension("");
        let beside = Artifact { path: path.into(), is_cleartext: false, ..artifact.clone() };
        let is_other = match is_there(&beside.path)? {
            false => false,
            true => !beside.read_text().is_ok_and(|text| cleartext.is_of(&text)),
        };
        let mut all = all.into_iter();
        let answer = match (is_other, all.next()) {
            (false, Some(first)) => self.enough(first, all),
            (false, None) => Bad::new(Reason::MissingSignature, "it has no signature").into(),
            (true, _) => {
                let beside = Safe::path(&beside.path);
                let why = format!("it is a signed text, and {beside} beside it is another one");
                Bad::new(Reason::NotDetached, why).into()
            }
        };
        Ok((answer, cleartext.text().to_vec()))
    }

    /// Returns a good answer if enough signers agree.
    fn enough(&self, first: Good, further: impl IntoIterator<Item = Good>) -> Answer {
        if self.signers.get() == 1 {
            return Answer::Good { signer: By::Signer(first), also: Box::default() };
        }
        let all: Vec<Good> = std::iter::once(first.clone()).chain(further).collect();
        let distinct = distinct_signers(&all).into_iter();
        let also: Vec<Good> = distinct.filter(|it| !it.is_by_key_of(&first)).cloned().collect();
        let (count, needed) = (1 + also.len(), self.signers.get());
        if count >= needed {
            let also = also.into_iter().map(By::Signer).collect();
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
    let path = artifact.signature.as_ref()?;
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
