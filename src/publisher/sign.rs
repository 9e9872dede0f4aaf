//! Signing files, and the release archives of folders.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Publisher;
use super::check::warn_of_bundles;
use super::failure::{Failure, Result};
use super::keys::{Found, KeyText};
use super::outcome::Unread;
use super::parallel::{each, for_each, threads_that_write};
use super::show::{Warned, expiry_notice, first_user_id, warn_of_archives, warn_of_neighbours};
use super::sign_lists::{Sorted, warn_of_lists};
use super::signed::{Brief, Signed, SignedBy, SignedFile, State};
use super::signer::{Form, UnlockedSigner};
pub use super::signing::Destination;
use super::signing::Signing;
use crate::disk::Error;
use crate::disk::artifact::Artifact;
use crate::disk::checksums::DigestKind;
use crate::disk::file::{folder_of, identity_of, with_ending};
use crate::disk::names::{is_signature, lists_in};
use crate::disk::release::Release;
use crate::disk::selection::Selection;
use crate::disk::write::{Existing, sync_folder};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::hash::ContentHash;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::times::show_time;
use crate::text::{Safe, quoted};

/// What to sign, with which keys, and how.
pub struct SignRequest<'a> {
    /// The keys, as KEY arguments. None is the only key there is.
    pub keys: &'a [String],
    /// A text with a key in it.
    pub key_text: Option<KeyText>,
    /// What is signed.
    pub what: What<'a>,
    /// Whether signatures are armored.
    pub armored: bool,
    /// Whether texts are signed so that each carries its signature: `FILE.asc` has both.
    pub cleartext: bool,
    /// Where signatures go.
    pub output: Destination<'a>,
    /// Whether other files in the signatures' places are replaced, and old lists too.
    pub force: bool,
    /// How many files are signed at once. None is as many as keep the machine busy.
    pub jobs: Option<NonZero<usize>>,
    /// The time of every signature.
    pub created: SystemTime,
    /// Whether every folder gets a signed list of checksums, and which.
    pub checksums: Option<ListRequest>,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// A list of checksums that is written and signed.
pub struct ListRequest {
    /// Its name in each folder.
    pub name: OsString,
    /// What it has.
    pub kind: DigestKind,
    /// Whether the list alone is signed: one signature for all files.
    pub is_alone: bool,
}

/// What is signed.
pub enum What<'a> {
    /// These files, and what is taken from these folders.
    Paths(&'a [PathBuf], Selection),
    /// Standard input.
    Stream(File),
}

impl Publisher<'_> {
    /// Signs files, or standard input. One file that fails stops none of the others: the outcome
    /// says why. Fails if no key was found or unlocked, or if the request makes no sense.
    pub fn sign(&self, request: SignRequest<'_>) -> Result<Signed> {
        let SignRequest { output, dry_run, .. } = request;
        let release = match &request.what {
            What::Paths(paths, selection) => Release::to_sign(paths, selection),
            What::Stream(_) => Release::default(),
        };
        check_output(&request, &release)?;
        self.warn_of_signatures(&release);
        self.warn_of_matching_lists(&request, &release);
        warn_of_archives(&release, self.watch);
        for file in &release.passed_over {
            self.watch.detail(&format!("passed over: {}", Safe::path(file)));
        }
        let found = self.find_keys(request.keys, request.key_text.as_ref())?;
        let absent = self.absent(&release);
        let is_file = |what: &What<'_>| matches!(what, What::Paths(..));
        if !absent.is_empty() && absent.len() == release.artifacts.len() && is_file(&request.what) {
            return self.nothing_there(&request, release, absent, &found);
        }
        let (signers, by) = self.unlock_signers(&found, &request)?;
        let is_alone = request.checksums.as_ref().is_some_and(|list| list.is_alone);
        if !is_alone && release.artifacts.len() > 1 {
            self.warn_of_askers(&signers);
        }
        let existing = if request.force { Existing::Replace } else { Existing::Keep };
        let (umask, kept) = (self.umask, self.kept);
        let kind = request.checksums.as_ref().map_or(DigestKind::Sha256, |list| list.kind);
        // Lists that are there are compared with what is signed.
        let are_listed = request.checksums.is_some()
            || release.roots.iter().any(|root| !lists_in(root.path()).is_empty());
        let signing = Signing { signers, output, existing, kept, umask, dry_run, kind, are_listed };
        let mut listed = Vec::new();
        let jobs = request.jobs.unwrap_or_else(threads_that_write);
        let mut files = match request.what {
            What::Paths(..) if is_alone => {
                let list = |artifact: &_, read: &_| Brief::of_listed(signing.list(artifact, read));
                let briefs = for_each(&release.artifacts, jobs, self.watch, list);
                listed = whole(&release, briefs, |_| None);
                Vec::new()
            }
            What::Paths(..) => {
                let sign = |artifact: &_, read: &_| match request.cleartext {
                    true => Brief::of(signing.sign_text(artifact)),
                    false => Brief::of(signing.sign(artifact, read)),
                };
                let signed = for_each(&release.artifacts, jobs, self.watch, sign);
                whole(&release, signed, |artifact| signing.outputs(Some(artifact)).pop().flatten())
            }
            What::Stream(stream) if request.cleartext => signing.sign_text_stream(stream)?,
            What::Stream(stream) => signing.sign_stream(stream)?,
        };
        let mut new: Vec<&Path> =
            files.iter().filter(|file| file.is_new()).map(|file| &*file.path).collect();
        // By several signers.
        new.dedup();
        warn_of_bundles(new.into_iter(), self.watch);
        Warned {
            of_one: "is an older signature, no good any more: remove it",
            of_many: "are older signatures, no good any more: remove them",
        }
        .tell(files.iter().filter_map(|file| file.stale.as_deref()), self.watch);
        let all = || files.iter().chain(&listed);
        let sorted = Sorted::new(all());
        let taken = all().filter(|file| file.error.is_none()).map(|file| &*file.path);
        let left = Warned {
            of_one: "was not signed, and seems to be of the same release",
            of_many: "were not signed, and seem to be of the same release",
        };
        warn_of_neighbours(&release, taken, &left, self.watch);
        match &request.checksums {
            Some(list) => {
                let lists = each(&release.roots, jobs, |root| {
                    signing.sign_list(root, &list.name, &sorted, &release.unreadable)
                });
                files.extend(lists.into_iter().flatten());
            }
            None => warn_of_lists(&release.roots, &sorted, kind, self.watch),
        }
        files.extend(listed.extract_if(.., |file| file.error.is_some()));
        if !dry_run {
            make_durable(&mut files, jobs);
        }
        Ok(Signed {
            first: by.first().cloned(),
            signers: by,
            created: show_time(request.created),
            dry_run,
            files,
            passed_over: release.passed_over.len(),
            passed_over_files: release.passed_over,
            listed: listed.len(),
            unreadable: Unread::all(release.unreadable),
        })
    }

    /// Returns the named files that cannot be opened, and says so before somebody is asked for a
    /// passphrase in vain.
    fn absent(&self, release: &Release) -> Vec<SignedFile> {
        let named = release.artifacts.iter().filter(|it| it.root.is_none());
        let failed = named.filter_map(|artifact| Some((artifact, artifact.open().err()?)));
        let absent = failed.map(|(it, error)| SignedFile::new(&it.path, None, Err(error)));
        let absent: Vec<SignedFile> = absent.collect();
        if absent.len() < release.artifacts.len() {
            self.warn_of_absent(absent.iter().map(|file| &*file.path));
        }
        absent
    }

    /// Returns what comes of signing files of which none is there: no key is unlocked for it.
    fn nothing_there(
        &self,
        request: &SignRequest<'_>,
        release: Release,
        files: Vec<SignedFile>,
        found: &[Found],
    ) -> Result<Signed> {
        let signer = |found: &Found| {
            let key = found.secret.check_can_sign(found.exactly.as_ref(), &self.policy())?;
            Ok(self.signed_by(&key, found.secret.certificate()))
        };
        let signers = found.iter().map(signer).collect::<Result<Vec<_>>>()?;
        Ok(Signed {
            first: signers.first().cloned(),
            signers,
            created: show_time(request.created),
            dry_run: request.dry_run,
            files,
            passed_over: release.passed_over.len(),
            passed_over_files: release.passed_over,
            listed: 0,
            unreadable: Unread::all(release.unreadable),
        })
    }

    fn signed_by(&self, key: &Fingerprint, certificate: &Certificate) -> SignedBy {
        let policy = self.policy();
        let end = certificate.describe(&policy).key_signs_until(key);
        SignedBy {
            certificate: certificate.fingerprint(),
            user_id: first_user_id(certificate),
            expires: end.map(show_time),
            expires_soon: policy.ends_soon(end),
            key: key.clone(),
        }
    }

    /// Unlocks each key once, and says which of them expire soon.
    fn unlock_signers(
        &self,
        found: &[Found],
        request: &SignRequest<'_>,
    ) -> Result<(Vec<UnlockedSigner>, Vec<SignedBy>)> {
        let SignRequest { created, armored, cleartext, .. } = *request;
        let armored = armored || cleartext;
        let form = Form { way: ContentHash::SHA256, created, armored };
        let mut signers = Vec::new();
        let mut by = Vec::new();
        for found in found {
            let signer = self.signer(found, form)?;
            let policy = self.policy();
            let (key, certificate) = (signer.key.fingerprint(), signer.key.certificate());
            self.watch.detail(&format!("signing with {key}"));
            let end = certificate.describe(&policy).key_signs_until(&key);
            let renewal = found.renewal(Some(&key), None);
            if let Some(notice) = expiry_notice(end, &policy, || renewal.words(&policy)) {
                self.watch.warn(&format!("{key} {notice}"));
            }
            by.push(self.signed_by(&key, certificate));
            signers.push(signer);
        }
        Ok((signers, by))
    }

    /// Says that a person may be asked for every file, and how once is enough.
    fn warn_of_askers(&self, signers: &[UnlockedSigner]) {
        for key in signers.iter().map(|signer| &signer.key).filter(|key| key.asks_each_time()) {
            self.watch.warn(&format!(
                "the token of {} wants its PIN, and perhaps a touch, for every signature. For one signature a folder, say --checksums --list-only",
                key.fingerprint()
            ));
        }
    }

    /// Names lists of checksums that patterns match: they are signed only if they are named.
    fn warn_of_matching_lists(&self, request: &SignRequest<'_>, release: &Release) {
        let What::Paths(_, selection) = &request.what else { return };
        let is_written = |path: &Path| {
            let written = request.checksums.as_ref().map(|list| list.name.as_os_str());
            path.file_name() == written
        };
        let is_signed =
            |path: &Path| [".sig", ".asc"].iter().any(|ending| with_ending(path, ending).exists());
        for path in release.passed_over.iter().filter(|path| selection.leaves_out_list(path)) {
            if !is_written(path) && !is_signed(path) {
                self.watch.warn(&format!(
                    "{} is a list of checksums, which is signed only if it is named. To sign it:\n  plugsign sign {}",
                    Safe::path(path),
                    quoted(path)
                ));
            }
        }
    }

    fn warn_of_signatures(&self, release: &Release) {
        let named = release.artifacts.iter().filter(|it| it.root.is_none());
        let named = named.map(|it| &*it.path).filter(|path| is_signature(path));
        Warned { of_one: "is a signature itself", of_many: "are signatures themselves" }
            .tell(named, self.watch);
    }
}

/// Returns what became of each artifact. `output` is where its only signature goes.
fn whole(
    release: &Release,
    briefs: Vec<Brief>,
    output: impl Fn(&Artifact) -> Option<PathBuf>,
) -> Vec<SignedFile> {
    let mut files = Vec::with_capacity(briefs.len());
    for (artifact, brief) in release.artifacts.iter().zip(briefs) {
        files.extend(brief.whole(&artifact.path, || output(artifact)));
    }
    files
}

/// Makes sure that there is one signature where only one can go.
fn check_output(request: &SignRequest<'_>, release: &Release) -> Result<()> {
    let usage = |message: &str| Err(Failure::Usage(message.into()));
    let is_stream = matches!(request.what, What::Stream(_));
    if request.cleartext && request.keys.len() > 1 {
        return usage("one key signs a text with --cleartext");
    }
    if request.cleartext && !release.roots.is_empty() {
        return usage("--cleartext signs the text files that you name, and no folders");
    }
    if request.keys.len() > 1 && (is_stream || request.output != Destination::Beside) {
        return usage("several keys sign files where they are, without -o and standard input");
    }
    match (request.output, &release.artifacts[..], release.unreadable.is_empty()) {
        _ if is_stream || request.output == Destination::Beside => Ok(()),
        (Destination::At(output), [artifact], true) if is_same_file(output, &artifact.path) => {
            usage("-o names the very file that is to be signed")
        }
        (_, [_], true) => Ok(()),
        (_, artifacts, _) => {
            let count = artifacts.len();
            usage(&format!("-o names one signature, and there are {count} files to sign"))
        }
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::symlink_metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => identity_of(&one) == identity_of(&other),
        _ => false,
    }
}

/// Makes the names of signatures last, folder by folder, also of those that were there: a run that
/// was killed may have left them. Where that fails, they are no success.
fn make_durable(files: &mut [SignedFile], jobs: NonZero<usize>) {
    let signatures = files.iter().filter(|file| file.error.is_none());
    let folders = signatures.filter_map(|file| file.signature.as_deref().map(folder_of));
    let folders: BTreeSet<PathBuf> = folders.map(Path::to_owned).collect();
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    let synced = each(&folders, jobs, |folder| sync_folder(folder));
    for (folder, synced) in folders.iter().zip(synced) {
        let Err(error) = synced else { continue };
        let is_in = |path: &Path| folder_of(path) == folder;
        for file in files.iter_mut().filter(|file| file.signature.as_deref().is_some_and(is_in)) {
            // The system reports a failure once.
            let again = match &error {
                Error::Io { source, .. } => match source.raw_os_error() {
                    Some(number) => io::Error::from_raw_os_error(number),
                    None => source.kind().into(),
                },
                other => io::Error::other(other.to_string()),
            };
            file.state = State::Failed;
            file.error.get_or_insert_with(|| Box::new(Error::io("sync", folder)(again).into()));
        }
    }
}
