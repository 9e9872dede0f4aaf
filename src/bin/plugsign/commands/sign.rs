//! `plugsign sign`

use std::fs;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::release::Selection;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::sign::{Destination, SignRequest, What};
use plugsign::publisher::signed::{Signed, State};
use plugsign::text::Safe;

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::keys::KeySource;
use crate::edge::report::{Words, cannot, usage};
use crate::edge::streams::{input_file, is_dash};
use crate::edge::world::World;

/// Sign files, or the release archives of folders
///
/// Writes FILE.sig for every FILE. In a folder, signs the release archives: *.tar, *.tar.*, *.tgz,
/// *.tbz2, *.txz, *.tzst, *.zip. Follows no links there, and passes over unpacked plugins and
/// hidden folders. Leaves a good signature alone, even if an older subkey of the same key made it.
/// Prints each signature that it writes.
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
    #[arg(long, conflicts_with_all = ["armor", "checksums"])]
    cleartext: bool,
    /// Write the one signature to this file; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace other files that have the signatures' names. With --checksums, also replace an old
    /// list with all its signatures
    #[arg(long)]
    force: bool,
    /// In folders, sign files with these names instead of release archives
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
    /// Also write and sign SHA256SUMS in every folder, which protects the file names
    #[arg(long)]
    checksums: bool,
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
                let selection = Selection::new(&arguments.include, &arguments.exclude)?;
                What::Paths(&arguments.paths, selection)
            }
        },
        armored: arguments.armor,
        cleartext: arguments.cleartext,
        output: match arguments.output.as_deref() {
            Some(path) if is_dash(path) => Destination::Returned,
            Some(path) => Destination::At(path),
            None => Destination::Beside,
        },
        force: arguments.force,
        jobs: arguments.jobs,
        created: world.time(arguments.time.as_deref())?,
        checksums: arguments.checksums,
        dry_run: arguments.dry_run,
    };
    let asking = Asking::new(world).key(&arguments.passphrase);
    let signed = world.publisher(&asking).sign(request)?;
    for bytes in signed.files.iter().filter_map(|file| file.bytes.as_ref()) {
        if !arguments.dry_run {
            world.terminal.write_bytes(bytes)?;
        }
    }
    Ok(signed)
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
    if arguments.checksums && stream {
        return usage("--checksums goes with folders, not with standard input");
    }
    let is_no_folder = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| !it.is_dir());
    if arguments.checksums && arguments.paths.iter().any(is_no_folder) {
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
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in self.files.iter().filter(|file| file.is_new()) {
            if let Some(signature) = &file.signature {
                writeln!(out, "{}", Safe::path(signature))?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if matches!(&self.files[..], [file] if file.signature.is_none()) {
            return Ok(());
        }
        let verb = if self.dry_run { "would be signed" } else { "signed" };
        let new = self.files.iter().filter(|file| file.is_new()).count();
        let current = self.files.iter().filter(|file| file.state == State::UpToDate).count();
        let failed = self.failures().count();
        write!(talk, "{new} {verb}, {current} up to date")?;
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
        for (path, failure) in self.failures() {
            cannot(talk, "failed:", path, failure)?;
        }
        if self.is_empty() {
            writeln!(
                talk,
                "there is nothing to sign: no release archives here. To sign other files: --include GLOB"
            )?;
        }
        Ok(())
    }
}
