//! How one artifact, one list or one signed text is judged.

use std::sync::atomic::AtomicU64;

use super::verified::{Answer, By, Line};
use super::verify::Verify;
use super::verify_lists::{Entry, SignedList, SignedLists};
use crate::disk;
use crate::disk::artifact::Artifact;
use crate::disk::checksums::{Checksums, MAX_CHECKSUMS};
use crate::disk::file::is_there;
use crate::judge::Judge;
use crate::openpgp::cleartext::Cleartext;
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
use crate::openpgp::signature::DetachedSignature;
use crate::openpgp::verdict::{Bad, Reason};
use crate::openpgp::verify::{Good, Verdict, distinct_signers};
use crate::text::Safe;

impl Verify<'_> {
    /// Judges an artifact by its own signature and by the signed lists. It is read once.
    pub(super) fn look(
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
    pub(super) fn line_of_list(
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
    pub(super) fn enough(&self, first: Good, further: impl IntoIterator<Item = Good>) -> Answer {
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
