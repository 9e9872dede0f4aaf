//! `plugsign sign`

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plugsign::disk::Error;
use plugsign::disk::checksums::{DigestKind, is_list, is_of_one_file};
use plugsign::disk::selection::Selection;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::sign::{Destination, ListRequest, SignRequest, What};
use plugsign::publisher::signed::{Signed, State};
use plugsign::text::Safe;

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::keys::KeySource;
use crate::edge::page::Page;
use crate::edge::report::{Words, usage};
use crate::edge::streams::{input_file, is_dash};
use crate::edge::world::World;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Digest {
    Sha256,
    Sha512,
}

/// Sign files, or the release artifacts of folders
///
/// Writes FILE.sig for every FILE. In a folder, signs the release artifacts: archives, packages,
/// installers, disk images and SBOMs, by the endings of their names, which docs/ci.md lists. With -v,
/// names what it passed over. Follows no links there, and passes over unpacked plugins and hidden
/// folders. Leaves a good signature alone, even if an older
/// subkey of the same key made it. Prints each signature that it writes.
///
/// With several keys (-u A -u B), the first one signs FILE.sig, which servers read. Each other one
/// signs FILE.KEYID.sig, named by the key ID of its certificate. If you give a passphrase, it must
/// unlock all of them.
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
    /// Sign text files so that text and signature are one file, FILE.asc
    #[arg(long, conflicts_with_all = ["armor", "checksums", "list_only"])]
    cleartext: bool,
    /// Write the one signature to this file; - is standard output. It is armored if the name ends
    /// in .asc
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace other files that have the signatures' names. With --checksums, also replace an old
    /// list with all its signatures
    #[arg(long)]
    force: bool,
    /// In folders, sign every file. Signatures, lists of checksums, hidden and temporary files
    /// are left out
    #[arg(long, conflicts_with = "include")]
    all: bool,
    /// In folders, sign files with these names instead of release artifacts
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Leave out files with these names
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Sign this many files at once, up to 64
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Date the signatures with this time, instead of $SOURCE_DATE_EPOCH or now: ISO 8601, in UTC
    /// unless it names a zone, or seconds since 1970
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Also write and sign a list of checksums in every folder, so that it covers the names:
    /// SHA256SUMS, or NAME
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    checksums: Option<OsString>,
    /// Which checksums the list has
    #[arg(long, value_name = "HASH")]
    digest: Option<Digest>,
    /// Sign only the list of checksums: one signature for any number of files
    #[arg(long)]
    list_only: bool,
    /// Do everything except writing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Signed, Failure> {
    check_arguments(&arguments, world)?;
    let stdin = Path::new("standard input");
    let request = SignRequest {
        keys: &arguments.key.keys,
        key_text: arguments.key.text(world)?,
        what: match is_stream(&arguments) {
            true => What::Stream(input_file().map_err(Error::io("read", stdin))?),
            false => {
                let selection = match arguments.all {
                    true => Selection::all(&arguments.exclude),
                    false => Selection::new(&arguments.include, &arguments.exclude),
                };
                What::Paths(&arguments.paths, selection?)
            }
        },
        armored: arguments.armor || arguments.output.as_deref().is_some_and(is_armor_name),
        cleartext: arguments.cleartext,
        output: match arguments.output.as_deref() {
            Some(path) if is_dash(path) => Destination::Returned,
            Some(path) => Destination::At(path),
            None => Destination::Beside,
        },
        force: arguments.force,
        jobs: arguments.jobs,
        created: world.time(arguments.time.as_deref())?,
        checksums: list(&arguments)?,
        dry_run: arguments.dry_run,
    };
    let asking = Asking::new(world).key(&arguments.passphrase);
    let tokens = arguments.key.tokens(arguments.jobs)?;
    let signed = world.publisher_with(&asking, &tokens).sign(request)?;
    for bytes in signed.files.iter().filter_map(|file| file.bytes.as_ref()) {
        if !arguments.dry_run {
            world.terminal.write_bytes(bytes)?;
        }
    }
    Ok(signed)
}

/// Returns which list is written, if one is.
fn list(arguments: &Arguments) -> Result<Option<ListRequest>, Failure> {
    let is_alone = arguments.list_only;
    if arguments.checksums.is_none() && !is_alone && arguments.digest.is_none() {
        return Ok(None);
    }
    if arguments.digest.is_some() && arguments.checksums.is_none() && !is_alone {
        return usage("--digest goes with --checksums or --list-only");
    }
    let name = arguments.checksums.clone().unwrap_or_default();
    let says_512 = name.to_string_lossy().to_ascii_lowercase().contains("512");
    let kind = match arguments.digest {
        Some(Digest::Sha256) => DigestKind::Sha256,
        Some(Digest::Sha512) => DigestKind::Sha512,
        None if says_512 => DigestKind::Sha512,
        None => DigestKind::Sha256,
    };
    let name = if name.is_empty() { kind.list_name().into() } else { name };
    let path = Path::new(&name);
    if path.components().count() != 1 || !is_list(path) || is_of_one_file(path) {
        return usage(format!(
            "--checksums={}: a list is known by its name, such as app_1.0_SHA256SUMS or checksums.txt",
            Safe::path(path)
        ));
    }
    Ok(Some(ListRequest { name, kind, is_alone }))
}

/// Returns whether a name promises armor, by which readers go.
fn is_armor_name(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "asc")
}

fn is_stream(arguments: &Arguments) -> bool {
    arguments.paths.iter().any(|path| is_dash(path))
}

fn check_arguments(arguments: &Arguments, world: &World) -> Result<(), Failure> {
    let stdin_users = arguments.paths.iter().filter(|path| is_dash(path)).count()
        + usize::from(arguments.key.uses_stdin())
        + usize::from(arguments.passphrase.uses_stdin());
    if stdin_users > 1 {
        return usage("standard input can be only one of these: a file, the key or the passphrase");
    }
    let stream = is_stream(arguments);
    let has_list = arguments.checksums.is_some() || arguments.list_only;
    if has_list && stream {
        return usage("--checksums goes with folders, not with standard input");
    }
    let is_no_folder = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| !it.is_dir());
    if has_list && arguments.paths.iter().any(is_no_folder) {
        return usage("--checksums goes with folders: SHA256SUMS lists a whole folder");
    }
    if stream && arguments.paths.len() > 1 {
        return usage("standard input can only be signed alone, without other files");
    }
    let to_stdout = arguments.output.as_deref().map_or(stream, is_dash);
    if to_stdout && world.terminal.json() {
        return usage("--json writes to standard output, so the signature needs a file: -o FILE");
    }
    let is_text = arguments.armor || arguments.cleartext;
    if to_stdout && !is_text && world.terminal.out_is_terminal() {
        return Err(Failure::BinaryToTerminal);
    }
    Ok(())
}

impl Words for Signed {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for file in self.files.iter().filter(|file| file.is_new()) {
            if let Some(signature) = &file.signature {
                writeln!(out, "{}", Safe::path(signature))?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        if matches!(&self.files[..], [file] if file.signature.is_none()) {
            return Ok(());
        }
        let verb = if self.dry_run { "would be signed" } else { "signed" };
        let new = self.files.iter().filter(|file| file.is_new()).count();
        let current = self.files.iter().filter(|file| file.state == State::UpToDate).count();
        let failed = self.failures().count();
        write!(talk, "{new} {verb}, {current} up to date")?;
        if self.listed > 0 {
            write!(talk, ", {} listed", self.listed)?;
        }
        if failed > 0 {
            write!(talk, ", {failed} failed")?;
        }
        if self.passed_over > 0 {
            write!(talk, ", {} passed over", self.passed_over)?;
        }
        if talk.is_screen() {
            writeln!(talk)?;
            for signer in &self.signers {
                talk.entry("by ", &signer.user_id);
                talk.entry("   ", &talk.fingerprint(&signer.key));
            }
            return Ok(());
        }
        let signers: Vec<String> =
            self.signers.iter().map(|it| format!("{} ({})", it.key, it.user_id)).collect();
        writeln!(talk, "; by {}", signers.join(" and "))
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        let failures = self.failures();
        talk.failures(failures.map(|(path, why)| (format!("failed: {}", Safe::path(path)), why)));
        if self.is_empty() {
            writeln!(talk, "there is nothing to sign: no release artifacts here")?;
            talk.hint(0, "to sign other files, add --include GLOB, or --all");
        }
        Ok(())
    }
}
