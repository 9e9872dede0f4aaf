//! `plugsign sign`

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::artifact::Artifact;
use plugsign::disk::file::folder_of;
use plugsign::disk::release::{Release, Selection, is_signature};
use plugsign::disk::signing::{Signing, State};
use plugsign::disk::write::{Existing, sync_folder};
use plugsign::judge::Judge;
use plugsign::openpgp::secret_key::SigningKey;
use plugsign::publisher::check::warn_of_bundles;
use plugsign::publisher::parallel::{each, for_each, threads_that_write};
use plugsign::text::Safe;

use super::sign_checksums::{self, Sorted};
use super::signed::{Described, Done, File};
use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::keys::KeySource;
use crate::edge::streams;
use crate::edge::streams::is_dash;
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::{expiry_notice, first_user_id, warn_of_archives};

/// Sign files, or the release archives of folders
///
/// Writes FILE.sig for every FILE. A folder is walked without following links, and its release
/// archives are taken: *.tar, *.tar.*, *.tgz, *.tbz2, *.txz, *.tzst, *.zip. Unpacked plugins and
/// hidden folders in it are passed over. A signature that is good already is left alone, also one
/// by an older subkey of the same key. Prints each signature that was written.
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
    /// Sign as of this time, instead of $SOURCE_DATE_EPOCH or now. ISO 8601, in UTC unless it
    /// names a zone, or seconds since 1970
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
            any_key: !signer.is_exact,
            umask: world.umask,
            dry_run: arguments.dry_run,
        })
        .collect();
    let jobs = arguments.jobs.unwrap_or_else(threads_that_write);
    let mut files = match is_stream {
        true => vec![sign_stream(&signings[0], &arguments, world)?],
        false => {
            let files = for_each(&release.artifacts, jobs, world, |file, read| {
                sign_file(&signings, &arguments, file, read, world)
            });
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
    let sorted = Sorted::new(&files);
    if arguments.checksums {
        let lists = each(&release.folders, jobs, |folder| {
            sign_checksums::run(&signings, folder, &sorted, &release.unreadable)
        });
        files.extend(lists.into_iter().flatten());
    } else {
        sign_checksums::warn_of_lists(&release.folders, &sorted, world);
    }
    if !arguments.dry_run {
        make_durable(&mut files, jobs);
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
    /// Whether this very key was asked for, and not the certificate's newest.
    is_exact: bool,
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
    let asking = Asking::new(world).key(&arguments.passphrase);
    let keys = world.publisher(&asking).unlock_all(&found)?;
    for (key, found) in keys.into_iter().zip(&found) {
        world.terminal.whisper(&format!("signing with {}", key.fingerprint()));
        let judge = Judge::new(vec![key.certificate().clone()], world.policy())?;
        let signer = Signer { key, judge, is_exact: found.exactly.is_some() };
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
fn make_durable(files: &mut [File], jobs: NonZero<usize>) {
    let signatures = files.iter().filter(|file| file.result.is_ok());
    let folders = signatures.filter_map(|file| file.signature.as_deref().map(folder_of));
    let folders: BTreeSet<PathBuf> = folders.map(Path::to_owned).collect();
    let folders: Vec<PathBuf> = folders.into_iter().collect();
    let synced = each(&folders, jobs, |folder| sync_folder(folder));
    let failed: BTreeMap<&Path, Error> = folders
        .iter()
        .zip(synced)
        .filter_map(|(folder, synced)| Some((folder.as_path(), synced.err()?)))
        .collect();
    for file in files.iter_mut().filter(|file| file.result.is_ok()) {
        let Some(folder) = file.signature.as_deref().map(folder_of) else { continue };
        if let Some(Error::Io { source, .. }) = failed.get(folder) {
            // The system reports a failure once.
            let again = source.raw_os_error().map(io::Error::from_raw_os_error);
            let again = again.unwrap_or_else(|| source.kind().into());
            file.result = Err(Error::io("sync", folder)(again));
        }
    }
}

fn sign_stream(
    signing: &Signing<'_>,
    arguments: &Arguments,
    world: &World,
) -> Result<File, Failure> {
    let name = "standard input";
    let mut content = streams::input_file().map_err(Error::io("read", Path::new(name)))?;
    let output = arguments.output.as_ref().filter(|output| !is_dash(output));
    let state = match output {
        Some(output) => signing.sign_stream(&mut content, name, output)?.state,
        None => {
            let bytes = signing.sign_stream_to_bytes(&mut content, name)?;
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
