//! `plugsign sign`

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::num::NonZero;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use plugsign::disk::artifact::Artifact;
use plugsign::disk::checksums::Sha256;
use plugsign::disk::file::folder_of;
use plugsign::disk::release::{Release, Selection, is_signature};
use plugsign::disk::signing::{Signed, Signing, State};
use plugsign::disk::write::{Existing, sync_folder};
use plugsign::error::Error;
use plugsign::judge::Judge;
use plugsign::openpgp::certificate::{Fingerprint, show_time};
use plugsign::openpgp::secret_key::SigningKey;
use plugsign::safe::Safe;
use serde_json::{Map, Value, json};

use super::check::warn_of_bundles;
use super::sign_checksums;
use crate::failure::{
    EXIT_COULD_NOT, EXIT_REFUSED, Failure, error_json, exit_of, files_json, hint, one_line,
};
use crate::passphrase::PassphraseSource;
use crate::report::{Report, expiry_notice, first_user_id, path_text, warn_of_archives};
use crate::signer::KeySource;
use crate::work;
use crate::world::{World, is_dash};

/// Sign files, or the release archives of folders
///
/// Writes FILE.sig for every FILE. A folder is walked without following links, and its release
/// archives are taken: *.tar, *.tar.*, *.tgz, *.tbz2, *.txz, *.tzst, *.zip. Unpacked plugins and
/// hidden folders in it are passed over. A signature that is good already is left alone. Prints
/// each signature that was written.
///
/// With several keys (-u A -u B), the first one signs FILE.sig, which is what servers read, and
/// each other one FILE.KEYID.sig, by the key ID of its certificate. A passphrase that is given
/// must be that of all of them.
#[derive(Args)]
pub struct Arguments {
    /// Files and folders; - is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    key: KeySource,
    /// Write ASCII armor, to FILE.asc
    #[arg(short, long)]
    armor: bool,
    /// Write the one signature to this file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace other files in the signatures' places; with --checksums also an old list, and then
    /// all of its signatures
    #[arg(long)]
    force: bool,
    /// Take files of this name from folders, instead of release archives
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave files of this name out
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Sign so many files at once, up to 64
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Sign as of this time, instead of $SOURCE_DATE_EPOCH or now
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Also write and sign SHA256SUMS in every folder, so that names are covered too
    #[arg(long)]
    checksums: bool,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Done, Failure> {
    check_arguments(&arguments, world)?;
    let created = world.time(arguments.time.as_deref())?;
    let selection = Selection::new(&arguments.include, &arguments.exclude)?;
    let is_stream = is_dash(&arguments.paths[0]);
    let release = match is_stream {
        true => Release::default(),
        false => Release::to_sign(&arguments.paths, &selection),
    };
    if let Some(output) = &arguments.output
        && !is_stream
    {
        check_single(&release, output)?;
    }
    warn_of_signatures(&release.artifacts, world);
    warn_of_archives(&release, world);
    let signers = unlock(&arguments, world)?;
    let signings: Vec<Signing> = signers
        .iter()
        .map(|signer| Signing {
            key: &signer.key,
            judge: &signer.judge,
            created,
            armored: arguments.armor,
            existing: if arguments.force { Existing::Replace } else { Existing::Keep },
            umask: world.umask,
            dry_run: arguments.dry_run,
        })
        .collect();
    let mut files = match is_stream {
        true => vec![sign_stream(&signings[0], &arguments, world)?],
        false => {
            let jobs = arguments.jobs.unwrap_or_else(work::threads_that_write);
            let files = work::for_each(&release.artifacts, jobs, &world.terminal, |file, read| {
                sign_file(&signings, &arguments, file, read, world)
            })?;
            files.into_iter().flatten().collect()
        }
    };
    let new: BTreeSet<&Path> =
        files.iter().filter(|file| file.is_new()).map(|file| file.path.as_path()).collect();
    warn_of_bundles(new.into_iter(), world);
    for stale in files.iter().filter_map(|file| file.stale.as_deref()) {
        let stale = Safe::path(stale);
        world.terminal.warn(&format!("{stale} is an older signature, no good any more: remove it"));
    }
    if arguments.checksums {
        let list = |folder| sign_checksums::run(&signings, folder, &files, &release.unreadable);
        let lists: Vec<File> = release.folders.iter().flat_map(|it| list(it)).collect();
        files.extend(lists);
    } else {
        sign_checksums::warn_of_lists(&release.folders, &files, world);
    }
    if !arguments.dry_run {
        make_durable(&mut files);
    }
    Ok(Done {
        signers: signers.iter().map(|signer| signer.describe(world)).collect(),
        created,
        dry_run: arguments.dry_run,
        files,
        passed_over: release.passed_over,
        unreadable: release.unreadable,
    })
}

fn check_arguments(arguments: &Arguments, world: &World) -> Result<(), Failure> {
    let usage = |message: &str| Err(Failure::Usage(message.into()));
    let stdin_users = arguments.paths.iter().filter(|path| is_dash(path)).count()
        + usize::from(arguments.key.uses_stdin())
        + usize::from(arguments.passphrase.uses_stdin());
    if stdin_users > 1 {
        return usage("standard input can be one thing only: a file, the key or the passphrase");
    }
    let stream = arguments.paths.iter().any(|path| is_dash(path));
    if arguments.checksums && stream {
        return usage("--checksums goes with folders, not with standard input");
    }
    let is_no_folder = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| !it.is_dir());
    if arguments.checksums && arguments.paths.iter().any(is_no_folder) {
        return usage("--checksums goes with folders: SHA256SUMS lists all of one");
    }
    if arguments.key.keys.len() > 1 && (stream || arguments.output.is_some()) {
        return usage("several keys sign files where they are, without -o and standard input");
    }
    if stream && arguments.paths.len() > 1 {
        return usage("standard input is signed alone, without other files");
    }
    let to_stdout = match &arguments.output {
        Some(output) => is_dash(output),
        None => stream,
    };
    if to_stdout && world.terminal.json() {
        return usage("--json speaks on standard output, so the signature needs a file: -o FILE");
    }
    if to_stdout && !arguments.armor && world.terminal.out_is_terminal() {
        return Err(Failure::BinaryToTerminal);
    }
    Ok(())
}

fn check_single(release: &Release, output: &Path) -> Result<(), Failure> {
    if let ([artifact], true) = (&release.artifacts[..], release.unreadable.is_empty()) {
        if is_same_file(output, &artifact.path) {
            return Err(Failure::Usage("-o names the very file that is to be signed".into()));
        }
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "-o names one signature, and there are {} files to sign",
        release.artifacts.len()
    )))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (fs::symlink_metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

/// A key that signs, and the judge of what it signs.
struct Signer {
    key: SigningKey,
    judge: Judge,
}

impl Signer {
    fn describe(&self, world: &World) -> Described {
        let (certificate, policy) = (self.key.certificate(), world.policy());
        let expires = certificate.describe(&policy).key_signs_until(&self.key.fingerprint());
        Described {
            key: self.key.fingerprint(),
            certificate: certificate.fingerprint(),
            user_id: first_user_id(certificate),
            expires,
            expires_soon: policy.ends_soon(expires),
        }
    }
}

/// Finds the keys, unlocks each once, and says which of them expire soon.
fn unlock(arguments: &Arguments, world: &World) -> Result<Vec<Signer>, Failure> {
    let found = arguments.key.find(world)?;
    let mut signers = Vec::new();
    let policy = world.policy();
    for (key, found) in arguments.passphrase.unlock_all(world, &found)?.into_iter().zip(&found) {
        world.terminal.whisper(&format!("signing with {}", key.fingerprint()));
        let judge = Judge::new(vec![key.certificate().clone()], world.policy())?;
        let signer = Signer { key, judge };
        let end = signer.describe(world).expires;
        let fingerprint = signer.key.fingerprint();
        let renewal = found.renewal(Some(&fingerprint), None);
        if let Some(notice) = expiry_notice(end, &policy, || renewal.words(&policy)) {
            world.terminal.warn(&format!("{fingerprint} {notice}"));
        }
        signers.push(signer);
    }
    Ok(signers)
}

/// Returns where each signer's signature of an artifact goes: the first one's is what servers
/// read.
pub(super) fn outputs(signings: &[Signing<'_>], artifact: &Artifact) -> Vec<PathBuf> {
    let output = |(place, signing): (usize, &Signing<'_>)| match place {
        0 => artifact.signature_path(signing.armored),
        _ => {
            let signer = signing.key.certificate().fingerprint();
            artifact.further_signature_path(&signer, signing.armored)
        }
    };
    signings.iter().enumerate().map(output).collect()
}

fn sign_file(
    signings: &[Signing<'_>],
    arguments: &Arguments,
    artifact: &Artifact,
    read: &std::sync::atomic::AtomicU64,
    world: &World,
) -> Vec<File> {
    let signing = &signings[0];
    let path = artifact.path.clone();
    match &arguments.output {
        Some(output) if is_dash(output) => {
            let signed = signing.sign_to_bytes(artifact, read).and_then(|bytes| {
                if arguments.dry_run {
                    return Ok(());
                }
                world.terminal.write_bytes(&bytes).map_err(|failure| match failure {
                    Failure::Stream(_, error) => {
                        Error::io("write", Path::new("standard output"))(error)
                    }
                    _ => {
                        Error::io("write", Path::new("standard output"))(io::Error::other("closed"))
                    }
                })
            });
            let result = signed.map(|()| State::Written);
            vec![File { path, signature: None, result, sha256: None, stale: None }]
        }
        output => {
            let outputs = match output {
                Some(output) => vec![output.clone()],
                None => outputs(signings, artifact),
            };
            match Signing::sign_by_all(signings, artifact, &outputs, read) {
                Ok(signed) => outputs
                    .into_iter()
                    .zip(signed)
                    .map(|(signature, signed)| File::new(&path, signature, signed))
                    .collect(),
                Err(error) => {
                    let signature = outputs.into_iter().next();
                    vec![File { path, signature, result: Err(error), sha256: None, stale: None }]
                }
            }
        }
    }
}

/// Warns of signatures that are named outright and signed as any other file.
fn warn_of_signatures(artifacts: &[Artifact], world: &World) {
    for artifact in artifacts.iter().filter(|it| it.root.is_none() && is_signature(&it.path)) {
        world.terminal.warn(&format!("{} is a signature itself", Safe::path(&artifact.path)));
    }
}

/// Makes the names of signatures last, folder by folder, also of those that were there: a run that
/// was killed may have left them. Where that fails, they are no success.
fn make_durable(files: &mut [File]) {
    // The system reports a failure once.
    let mut synced: BTreeMap<PathBuf, Option<io::ErrorKind>> = BTreeMap::new();
    for file in files.iter_mut().filter(|file| file.result.is_ok()) {
        let Some(folder) = file.signature.as_deref().map(folder_of) else { continue };
        match synced.get(folder) {
            Some(None) => {}
            Some(Some(kind)) => file.result = Err(Error::io("sync", folder)((*kind).into())),
            None => {
                let outcome = sync_folder(folder);
                let kind = match &outcome {
                    Err(Error::Io { source, .. }) => Some(source.kind()),
                    _ => None,
                };
                synced.insert(folder.to_owned(), kind);
                if let Err(error) = outcome {
                    file.result = Err(error);
                }
            }
        }
    }
}

fn sign_stream(
    signing: &Signing<'_>,
    arguments: &Arguments,
    world: &World,
) -> Result<File, Failure> {
    let (content, name) = (io::stdin().lock(), "standard input");
    let output = arguments.output.as_ref().filter(|output| !is_dash(output));
    let state = match output {
        Some(output) => signing.sign_stream(content, name, output)?.state,
        None => {
            let bytes = signing.sign_stream_to_bytes(content, name)?;
            if !arguments.dry_run {
                world.terminal.write_bytes(&bytes)?;
            }
            State::Written
        }
    };
    Ok(File {
        path: PathBuf::from("-"),
        signature: output.cloned(),
        result: Ok(state),
        sha256: None,
        stale: None,
    })
}

/// What became of each file.
pub struct Done {
    /// The first one's signatures are what servers read.
    signers: Vec<Described>,
    created: SystemTime,
    dry_run: bool,
    files: Vec<File>,
    passed_over: usize,
    unreadable: Vec<(PathBuf, Error)>,
}

struct Described {
    key: Fingerprint,
    certificate: Fingerprint,
    user_id: String,
    expires: Option<SystemTime>,
    expires_soon: bool,
}

impl Described {
    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("key".into(), self.key.to_string().into());
        map.insert("certificate".into(), self.certificate.to_string().into());
        map.insert("expires".into(), self.expires.map(show_time).into());
        map.insert("expires_soon".into(), self.expires_soon.into());
        map
    }
}

pub(super) struct File {
    pub(super) path: PathBuf,
    /// Where the signature is, unless it went to standard output.
    pub(super) signature: Option<PathBuf>,
    pub(super) result: Result<State, Error>,
    /// The file's digest, if it was signed where it is.
    pub(super) sha256: Option<Sha256>,
    /// An older signature beside the new one that is no good any more.
    pub(super) stale: Option<PathBuf>,
}

impl File {
    fn is_new(&self) -> bool {
        matches!(self.result, Ok(State::Written))
    }

    fn new(path: &Path, signature: PathBuf, signed: Result<Signed, Error>) -> File {
        File {
            path: path.to_owned(),
            signature: Some(signature),
            sha256: signed.as_ref().ok().map(|signed| signed.sha256),
            stale: signed.as_ref().ok().and_then(|signed| signed.stale.clone()),
            result: signed.map(|signed| signed.state),
        }
    }
}

impl Done {
    fn count(&self, is: impl Fn(&Result<State, Error>) -> bool) -> usize {
        self.files.iter().filter(|file| is(&file.result)).count()
    }

    fn errors(&self) -> impl Iterator<Item = (&Path, &Error)> {
        let of_files = self
            .files
            .iter()
            .filter_map(|file| Some((file.path.as_path(), file.result.as_ref().err()?)));
        of_files.chain(self.unreadable.iter().map(|(path, error)| (path.as_path(), error)))
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unreadable.is_empty()
    }
}

impl Report for Done {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            if let (Ok(State::Written), Some(signature)) = (&file.result, &file.signature) {
                writeln!(out, "{}", Safe::path(signature))?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if self.files.len() == 1 && self.signature_on_stdout() {
            return Ok(());
        }
        let verb = if self.dry_run { "would be signed" } else { "signed" };
        let written = self.count(|result| matches!(result, Ok(State::Written)));
        let current = self.count(|result| matches!(result, Ok(State::UpToDate)));
        let failed = self.errors().count();
        write!(talk, "{written} {verb}, {current} up to date")?;
        if failed > 0 {
            write!(talk, ", {failed} failed")?;
        }
        if self.passed_over > 0 {
            write!(talk, ", {} passed over", self.passed_over)?;
        }
        let signers: Vec<String> =
            self.signers.iter().map(|it| format!("{} ({})", it.key, it.user_id)).collect();
        writeln!(talk, "; by {}", signers.join(" and "))
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for (path, error) in self.errors() {
            writeln!(talk, "failed: {}: {}", Safe::path(path), one_line(error))?;
            if let Some(hint) = hint(error) {
                writeln!(talk, "  hint: {hint}")?;
            }
        }
        if self.is_empty() {
            writeln!(
                talk,
                "there is nothing to sign: no release archives here; --include GLOB takes others"
            )?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|file| {
                let state = match &file.result {
                    Ok(State::Written) if self.dry_run => "would-sign",
                    Ok(State::Written) => "signed",
                    Ok(State::UpToDate) => "up-to-date",
                    Err(_) => "failed",
                };
                json!({
                    "path": path_text(&file.path),
                    "signature": file.signature.as_ref().map(|path| path_text(path)),
                    "state": state,
                    "error": file.result.as_ref().err().map(error_json),
                })
            })
            .collect();
        let mut map = self.signers.first().map(Described::json).unwrap_or_default();
        let signers: Vec<Value> = self.signers.iter().map(|it| it.json().into()).collect();
        map.insert("signers".into(), signers.into());
        map.insert("created".into(), show_time(self.created).into());
        map.insert("files".into(), files.into());
        map.insert("unreadable".into(), files_json(&self.unreadable));
        map.insert("passed_over".into(), self.passed_over.into());
        map
    }

    fn exit(&self) -> u8 {
        let codes = self.errors().map(|(_, error)| exit_of(error));
        match codes.max() {
            Some(EXIT_REFUSED) if self.errors().all(|(_, e)| exit_of(e) == EXIT_REFUSED) => {
                EXIT_REFUSED
            }
            Some(_) => EXIT_COULD_NOT,
            None if self.is_empty() => EXIT_COULD_NOT,
            None => 0,
        }
    }
}

impl Done {
    fn signature_on_stdout(&self) -> bool {
        self.files.iter().all(|file| file.signature.is_none())
    }
}
