//! `plugsign sopv`: the verification subset of the Stateless OpenPGP CLI (sopv 1.0 of
//! draft-dkg-openpgp-stateless-cli), for dpkg and others that call it.
//!
//! The `sop` crate brings anyhow, chrono and a second command line parser for what fits here. The
//! rules are those of `verify` and gpgv: of several signatures, all must be good.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use plugsign::disk::file::{is_there, read_bounded, read_small};
use plugsign::disk::write::{Access, Existing};
use plugsign::disk::{self, Error};
use plugsign::judge::Judge;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::cleartext::{Cleartext, MAX_CLEARTEXT};
use plugsign::openpgp::hash::Hasher;
use plugsign::openpgp::key_file::MAX_KEYRING;
use plugsign::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE, Texts};
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_time;
use plugsign::openpgp::verdict::{Bad, Reason};
use plugsign::openpgp::verify::{Good, Verdict};
use plugsign::publisher::accepted::OfHome;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::key_files::KeyFiles;
use plugsign::text::Safe;
use serde_json::json;
use zeroize::Zeroizing;

use crate::edge::asking::Asking;
use crate::edge::descriptor::inherited;
use crate::edge::global::Global;
use crate::edge::signals;
use crate::edge::streams;
use crate::edge::terminal::{Terminal, say};
use crate::edge::world::World;

/// Verify as the Stateless OpenPGP CLI does: version, verify, inline-verify
///
/// A link named sopv to plugsign does the same. Its options and exit codes are those of
/// draft-dkg-openpgp-stateless-cli.
#[derive(Args)]
pub struct Arguments {
    /// sopv's subcommand, options and files
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// Why something is not done, with the code of the specification's table.
#[derive(Clone, Copy)]
enum Code {
    Unspecified = 1,
    NoSignature = 3,
    MissingArgument = 19,
    UnsupportedOption = 37,
    BadData = 41,
    OutputExists = 59,
    MissingInput = 61,
    UnsupportedSubcommand = 69,
    UnsupportedPrefix = 71,
    AmbiguousInput = 73,
    IncompatibleOptions = 83,
}

struct Refused(Code, String);

type Result<T, E = Refused> = std::result::Result<T, E>;

impl Refused {
    fn of(code: Code, error: impl Into<Failure>) -> Refused {
        Refused(code, error.into().one_line())
    }
}

/// Runs a command line without the program's name.
pub fn run(global: &Global, arguments: Vec<OsString>) -> ExitCode {
    match dispatch(global, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Refused(code, why)) => {
            say(&format!("sopv: {why}"));
            ExitCode::from(code as u8)
        }
    }
}

fn dispatch(global: &Global, arguments: Vec<OsString>) -> Result<()> {
    let mut arguments = arguments.into_iter().skip_while(|it| it == "--debug");
    let Some(subcommand) = arguments.next() else {
        return Err(Refused(Code::UnsupportedSubcommand, NO_SUBCOMMAND.into()));
    };
    signals::install().map_err(|error| Refused(Code::Unspecified, error.to_string()))?;
    let world = World::read(global, Terminal::new(global));
    let world = world.map_err(|failure| Refused::of(Code::Unspecified, failure))?;
    match subcommand.to_str() {
        Some("version") => version(&world, arguments.collect()),
        Some("verify") => verify(&world, Request::parse(arguments, false)?),
        Some("inline-verify") => inline_verify(&world, Request::parse(arguments, true)?),
        _ => Err(Refused(Code::UnsupportedSubcommand, NO_SUBCOMMAND.into())),
    }
}

const NO_SUBCOMMAND: &str = "say version, verify or inline-verify";

fn version(world: &World, arguments: Vec<OsString>) -> Result<()> {
    const LINE: &str = concat!("plugsign ", env!("CARGO_PKG_VERSION"), "\n");
    let options: Vec<_> = arguments.iter().filter(|it| *it != "--debug").collect();
    let text = match options[..] {
        [] => LINE.into(),
        [option] if option == "--extended" => format!("{LINE}OpenPGP by sequoia-openpgp\n"),
        [option] if option == "--backend" => "sequoia-openpgp\n".into(),
        [option] if option == "--sop-spec" => "~draft-dkg-openpgp-stateless-cli-11\n".into(),
        [option] if option == "--sopv" => "1.0\n".into(),
        [_] => return Err(unsupported(options[0])),
        _ => {
            let why = "version takes one option at a time";
            return Err(Refused(Code::IncompatibleOptions, why.into()));
        }
    };
    put_out(world, text.as_bytes())
}

/// A command line of verify or inline-verify.
struct Request {
    not_before: Option<SystemTime>,
    not_after: Option<SystemTime>,
    verifications_out: Option<OsString>,
    operands: Vec<OsString>,
}

impl Request {
    fn parse(mut arguments: impl Iterator<Item = OsString>, is_inline: bool) -> Result<Request> {
        let (not_before, not_after, verifications_out) = (None, None, None);
        let mut line = Request { not_before, not_after, verifications_out, operands: Vec::new() };
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                line.operands.extend(arguments);
                break;
            }
            if !argument.as_bytes().starts_with(b"--") || argument.len() == 2 {
                line.operands.push(argument);
                continue;
            }
            if argument == "--debug" {
                continue;
            }
            let bytes = argument.as_bytes();
            let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
                Some(at) => (&bytes[..at], Some(OsStr::from_bytes(&bytes[at + 1..]).to_owned())),
                None => (bytes, None),
            };
            let is_known = matches!(name, b"--not-before" | b"--not-after")
                || is_inline && name == b"--verifications-out";
            if !is_known {
                return Err(unsupported(&argument));
            }
            let value = value.or_else(|| arguments.next()).ok_or_else(|| {
                let why = format!("{} takes a value", Safe::bytes(name));
                Refused(Code::MissingArgument, why)
            })?;
            match name {
                b"--not-before" => line.not_before = date(&value)?,
                b"--not-after" => line.not_after = date(&value)?,
                _ => line.verifications_out = Some(value),
            }
        }
        Ok(line)
    }

    /// Returns whether a good signature counts.
    fn is_in_time(&self, good: &Good) -> bool {
        self.not_before.is_none_or(|time| good.created() >= time)
            && self.not_after.is_none_or(|time| good.created() <= time)
    }
}

fn unsupported(option: &OsStr) -> Refused {
    let why = format!("unsupported option {}", Safe::bytes(option.as_bytes()));
    Refused(Code::UnsupportedOption, why)
}

/// Reads a DATE. `-` is none, `now` is none as well: nothing from the future is good.
fn date(value: &OsStr) -> Result<Option<SystemTime>> {
    match value.to_str() {
        Some("-" | "now") => Ok(None),
        Some(text) => match parse_time(text) {
            Ok(time) => Ok(Some(time)),
            Err(error) => Err(Refused::of(Code::UnsupportedOption, error)),
        },
        None => Err(unsupported(value)),
    }
}

/// Whose signatures count, each with the names of the files that have it.
struct AcceptedSigners {
    judge: Judge,
    named: Vec<(Certificate, String)>,
}

impl AcceptedSigners {
    fn read(world: &World, files: &[OsString]) -> Result<AcceptedSigners> {
        if files.is_empty() {
            return Err(Refused(Code::MissingArgument, "name the signers' certificates".into()));
        }
        let asking = Asking::new(world);
        let publisher = world.publisher(&asking);
        let bad = |failure: Failure| Refused::of(Code::BadData, failure);
        let mut read = KeyFiles::default();
        for file in files {
            let bytes = indirect(world, file, "a key file", MAX_KEYRING)?;
            read.read(&bytes, Path::new(file), &publisher).map_err(bad)?;
        }
        let read = read.finish(&publisher).map_err(bad)?;
        let named = read.into_iter().zip(files).flat_map(|(certificates, file)| {
            let name = file.to_string_lossy().into_owned();
            certificates.into_iter().map(move |it| (it, name.clone()))
        });
        let named: Vec<(Certificate, String)> = named.collect();
        let all = named.iter().map(|(certificate, _)| certificate.clone()).collect();
        let judge = publisher
            .signers(all, &[], &OfHome::Nobody)
            .and_then(|accepted| Ok(Judge::new(accepted.certificates, publisher.policy())?));
        match judge {
            Ok(judge) => Ok(AcceptedSigners { judge, named }),
            Err(failure) => Err(Refused::of(Code::Unspecified, failure)),
        }
    }

    /// Returns a line of the verifications.
    fn line(&self, good: &Good, mode: &str) -> String {
        let signer = good.signer();
        let by = self.named.iter().filter(|(it, _)| it.fingerprint() == signer.certificate);
        let names: Vec<&String> = by.map(|(_, name)| name).collect();
        format!(
            "{} {} {} mode:{mode} {}\n",
            show_time(good.created()),
            signer.key,
            signer.certificate,
            json!({ "signers": names }),
        )
    }
}

fn verify(world: &World, line: Request) -> Result<()> {
    let Some((signature, certificates)) = line.operands.split_first() else {
        return Err(Refused(Code::MissingArgument, "verify SIGNATURES CERTS... < DATA".into()));
    };
    let signers = AcceptedSigners::read(world, certificates)?;
    let bytes = indirect(world, signature, "a signature", MAX_SIGNATURE_FILE)?;
    let signatures = DetachedSignature::read_each(&bytes, Texts::Taken).map_err(bad_data)?;
    let signatures: Vec<_> =
        signatures.into_iter().collect::<Result<_, Bad>>().map_err(bad_data)?;
    let ways = signatures.iter().filter_map(|signature| signature.content_hash().ok());
    let input = streams::input_file().and_then(|file| Hasher::new(ways).read(file));
    let content = input.map_err(unreadable_input)?;
    let mut lines = String::new();
    for signature in &signatures {
        let mode = if signature.is_over_text() { "text" } else { "binary" };
        let good = counted(signers.judge.judge_by_policy(signature, &content), &line)?;
        lines.push_str(&signers.line(&good, mode));
    }
    at_least_one(&lines)?;
    put_out(world, lines.as_bytes())
}

fn inline_verify(world: &World, line: Request) -> Result<()> {
    let signers = AcceptedSigners::read(world, &line.operands)?;
    if let Some(out) = &line.verifications_out
        && !out.as_bytes().starts_with(b"@")
        && is_there(Path::new(out)).map_err(|error| Refused::of(Code::Unspecified, error))?
    {
        let why = format!("{} exists already", Safe::bytes(out.as_bytes()));
        return Err(Refused(Code::OutputExists, why));
    }
    let input = streams::input_file().map_err(unreadable_input)?;
    let bytes = read_bounded(input, "standard input", "a signed text", MAX_CLEARTEXT);
    let bytes = bytes.map_err(|error| Refused::of(Code::BadData, error))?;
    let cleartext = Cleartext::read(&bytes).map_err(bad_data)?;
    let mut lines = String::new();
    for verdict in signers.judge.judge_cleartext(&cleartext) {
        lines.push_str(&signers.line(&counted(verdict, &line)?, "text"));
    }
    at_least_one(&lines)?;
    if let Some(out) = &line.verifications_out {
        write_verifications(world, out, lines.as_bytes())?;
    }
    put_out(world, cleartext.text())
}

/// Returns a good signature that was made in time.
fn counted(verdict: Verdict, line: &Request) -> Result<Good> {
    match verdict {
        Verdict::Good(good) if line.is_in_time(&good) => Ok(*good),
        Verdict::Good(_) => Err(Refused(Code::NoSignature, "made too early or too late".into())),
        Verdict::Bad(bad) => {
            Err(Refused(Code::NoSignature, format!("{}: {}", bad.reason(), bad.detail())))
        }
    }
}

fn at_least_one(lines: &str) -> Result<()> {
    match lines.is_empty() {
        true => Err(Refused(Code::NoSignature, "there is no signature".into())),
        false => Ok(()),
    }
}

fn bad_data(bad: Bad) -> Refused {
    let code = match bad.reason() {
        Reason::WeakHash => Code::NoSignature,
        _ => Code::BadData,
    };
    Refused(code, format!("{}: {}", bad.reason(), bad.detail()))
}

fn unreadable_input(error: std::io::Error) -> Refused {
    Refused::of(Code::MissingInput, Error::io("read", Path::new("standard input"))(error))
}

/// Reads a file, a descriptor (`@FD:3`) or a variable (`@ENV:NAME`).
fn indirect(
    world: &World,
    word: &OsStr,
    what: &'static str,
    limit: u64,
) -> Result<Zeroizing<Vec<u8>>> {
    let missing = |error: disk::Error| match error {
        disk::Error::TooLarge { .. } => Refused::of(Code::BadData, error),
        error => Refused::of(Code::MissingInput, error),
    };
    let path = Path::new(word);
    let Some(special) = word.as_bytes().strip_prefix(b"@") else {
        return read_small(path, what, limit).map_err(missing);
    };
    if fs::symlink_metadata(path).is_ok() {
        let why = format!("{} is a file, too: say ./ before it", Safe::path(path));
        return Err(Refused(Code::AmbiguousInput, why));
    }
    if let Some(name) = special.strip_prefix(b"ENV:") {
        let value = std::str::from_utf8(name).ok().and_then(|name| world.variable(name));
        let value = value.ok_or_else(|| {
            Refused(Code::MissingInput, format!("the variable {} is not set", Safe::bytes(name)))
        })?;
        return read_bounded(value.as_bytes(), "a variable", what, limit).map_err(missing);
    }
    let file = descriptor(special, File::options().read(true))?;
    read_bounded(file, "a descriptor", what, limit).map_err(missing)
}

fn descriptor(special: &[u8], way: &fs::OpenOptions) -> Result<File> {
    let number = special.strip_prefix(b"FD:").and_then(|it| std::str::from_utf8(it).ok());
    let Some(number) = number else {
        return Err(Refused(Code::UnsupportedPrefix, "only @FD: and @ENV: are known".into()));
    };
    let number = number.parse().map_err(|_| {
        Refused(Code::MissingInput, format!("@FD:{} is no descriptor", Safe::text(number)))
    })?;
    inherited(number, way).map_err(|error| Refused(Code::MissingInput, error.to_string()))
}

fn write_verifications(world: &World, out: &OsStr, lines: &[u8]) -> Result<()> {
    let failed = |error: Error| Refused::of(Code::Unspecified, error);
    let path = Path::new(out);
    match out.as_bytes().strip_prefix(b"@") {
        Some(special) => descriptor(special, File::options().write(true))?
            .write_all(lines)
            .map_err(|error| failed(Error::io("write", path)(error))),
        None => {
            let access = Access::Public { umask: world.umask };
            world.kept.write_new(path, lines, access, Existing::Keep).map_err(failed)
        }
    }
}

fn put_out(world: &World, bytes: &[u8]) -> Result<()> {
    let written = world.terminal.write_bytes(bytes);
    written.map_err(|failure| Refused::of(Code::Unspecified, failure))
}
