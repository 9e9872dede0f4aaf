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
use super::verified::{Answer, Line, Verified};
use super::verify_lists::{SignedList, SignedLists, warn_of_unsigned};
use crate::disk;
use crate::disk::artifact::{Artifact, SignatureFile, read_signature};
use crate::disk::file::folder_of;
use crate::disk::release::Release;
use crate::judge::Judge;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::policy::Policy;
use crate::openpgp::times::show_time;
use crate::openpgp::verdict::{Bad, Reason};
use crate::openpgp::verify::Verdict;

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
            let why = match is_key_file(&path, self.budget) {
                true => KEY_FILE,
                false => "there is no file that it could be of",
            };
            lines.push(Line::new(&path.into(), Bad::new(Reason::OrphanSignature, why)));
        }
        // `verify release-key.asc` beside a folder of that name does not mean the folder.
        for path in request.paths {
            let folder = path.with_extension("");
            if folder != *path && folder.is_dir() && is_key_file(path, self.budget) {
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
        warn_of_unsigned(&release.roots, &lines, self.watch);
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
