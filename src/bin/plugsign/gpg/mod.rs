//! `plugsign gpg`: the command lines of gpg and gpgv that release scripts use, on plugsign's own
//! home. No agent, no socket, no pinentry, and no file of GnuPG's is touched.
//!
//! Other programs parse what gpg and gpgv print. This folder speaks that language and leaves the
//! work to the library.

mod argv;
mod armoring;
mod change;
mod colons;
mod dates;
mod delete;
mod export;
mod gpgconf;
mod import;
mod input;
mod keygen;
mod keyrings;
mod known;
mod list_packets;
mod listing;
mod log;
mod options;
mod output;
mod ownertrust;
mod parameters;
mod print_digest;
mod secret;
mod session;
mod sign;
mod status;
mod table;
mod telling;
mod verify;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use plugsign::disk::gnupg::has_private_keys;
use plugsign::disk::kept::Kept;
use plugsign::publisher::export::Part;
use plugsign::publisher::failure::{EXIT_USAGE, Failure, one_line};
use plugsign::text::Safe;

use self::armoring::Way;
use self::delete::Halves;
use self::keygen::Questions;
use self::known::Half;
use self::log::Log;
use self::options::Options;
use self::session::Session;
use self::status::{Sink, Status};
use self::table::{LIKE, Table, Task};
use crate::edge::asking::Given;
use crate::edge::global::Global;
use crate::edge::report::usage;
use crate::edge::terminal::Terminal;
use crate::edge::world::{World, gnupg_home, kept};

/// Run a gpg command line on plugsign's own home
///
/// A link named gpg, gpg2, gpgv or gpgconf to plugsign does the same. Signs, verifies, and lists, exports,
/// imports and makes keys. Refuses to encrypt and to use the network.
#[derive(Args)]
pub struct Arguments {
    /// gpg's options, commands and files
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// Which of GnuPG's programs plugsign stands in for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Personality {
    Gpg,
    Gpgv,
    Gpgconf,
}

impl Personality {
    /// Returns the program of this name.
    pub fn of(name: &OsStr) -> Option<Personality> {
        match name.to_str()? {
            "gpg" | "gpg2" => Some(Personality::Gpg),
            "gpgv" | "gpgv2" => Some(Personality::Gpgv),
            "gpgconf" => Some(Personality::Gpgconf),
            _ => None,
        }
    }
}

/// The folder of a GnuPG home that plugsign keeps its own home in: nothing else is touched.
const INSIDE: &str = "plugsign";

/// Runs a command line, given with the name that the program was called by.
pub fn run(
    personality: Personality,
    global: &Global,
    whole: &[OsString],
    arguments: Vec<OsString>,
) -> ExitCode {
    let (name, table) = match (personality, whole.first()) {
        (Personality::Gpgconf, Some(program)) => return gpgconf::run(program, global, &arguments),
        (Personality::Gpgv, _) => ("gpgv", table::GPGV),
        _ => ("gpg", table::GPG),
    };
    let session = secret::hide_passphrase(whole)
        .map_err(|error| format!("--passphrase cannot be used: {error}"))
        .and_then(|()| argv::parse(table, arguments))
        .and_then(Options::read)
        .and_then(|options| open(options, name, global));
    let own = |program: &OsString| Path::new(program).file_name().and_then(Personality::of);
    let session = match session {
        Ok(mut session) => {
            if name == "gpg" && whole.first().and_then(own).is_none() {
                session.log.called("plugsign gpg");
            }
            if let Some(gnupg) = session.gnupg_home().filter(|folder| has_private_keys(folder)) {
                session.log.beside_gnupg(gnupg);
            }
            session
        }
        Err(why) => {
            Log::new(Sink::Errors, name, false).say(&why);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    warn(&session);
    let done = match personality {
        Personality::Gpgv => gpgv(&session),
        _ => gpg(&session),
    };
    let code = done.unwrap_or_else(|failure| {
        session.log.explain(&failure);
        EXIT_USAGE
    });
    ExitCode::from(if session.status.lost.get() { code.max(EXIT_USAGE) } else { code })
}

fn open(options: Options, name: &'static str, global: &Global) -> Result<Session, String> {
    let inside = options.homedir.clone().or_else(gnupg_home).map(|home| home.join(INSIDE));
    let global = Global { home: global.home.clone().or(inside), ..global.clone() };
    // Opened before the umask is the program's own.
    let kept = kept(&global);
    if let Some(Given::File(passphrase)) = &options.passphrase {
        kept.input(passphrase);
    }
    let status = sink("status", (&options.status_fd, &options.status_file), Sink::Nowhere, &kept)?;
    let words = sink("logger", (&options.logger_fd, &options.logger_file), Sink::Errors, &kept)?;
    let terminal = Terminal::new(&global);
    crate::edge::signals::install().map_err(|error| format!("cannot handle signals: {error}"))?;
    let mut world = World::read(&global, terminal).map_err(|failure| failure.message())?;
    if let Some(time) = options.time {
        world.now = time;
    }
    let mut log = Log::new(words, name, options.quiet);
    if let Some(home) = &global.home {
        log.at_home(home);
    }
    Ok(Session { options, world, status: Status::new(status), log })
}

/// Opens what `--status-fd` and `--logger-fd` name, else `--status-file` and `--logger-file`.
fn sink(
    what: &str,
    (descriptor, file): (&Option<String>, &Option<PathBuf>),
    otherwise: Sink,
    kept: &Kept,
) -> Result<Sink, String> {
    match (descriptor, file) {
        (Some(number), _) => Sink::descriptor(number).map_err(|why| format!("{what}-fd: {why}")),
        (None, Some(path)) => {
            Sink::file(path, kept).map_err(|error| format!("{what}-file: {}", one_line(&error)))
        }
        (None, None) => Ok(otherwise),
    }
}

fn warn(session: &Session) {
    let Session { options, log, world, .. } = session;
    for option in &options.passed_over {
        // debsign gives it for each signature, and it is about listings.
        if *option == "list-options" && !options.verbose {
            continue;
        }
        log.remark(&format!("Note: --{option} has no effect here"));
    }
    for word in &options.late {
        let shown = Safe::bytes(word.as_encoded_bytes());
        log.remark(&format!("Note: '{shown}' is not considered an option"));
    }
    if options.time.is_some() {
        let time = dates::day_and_time(world.now);
        log.say(&format!("WARNING: running with faked system time: {time}"));
    }
    if matches!(options.passphrase, Some(Given::CommandLine(_))) {
        log.remark(
            "WARNING: other users can see a passphrase on the command line; use --passphrase-file or --passphrase-fd",
        );
    }
}

fn gpgv(session: &Session) -> Result<u8, Failure> {
    match session.options.task {
        Some(Task::Version) => say(session, &version(session, "gpgv")),
        Some(Task::DumpOptions) => say(session, &dump_options(table::GPGV)),
        Some(_) => say(session, GPGV_HELP),
        None => verify::run(session, true),
    }
}

fn gpg(session: &Session) -> Result<u8, Failure> {
    let options = &session.options;
    let Some(task) = options.task else { return verify::guess(session) };
    if !options.keyrings.is_empty() || options.no_default_keyring {
        check_keyring(task)?;
    }
    if options.dry_run {
        check_dry_run(task)?;
    }
    match task {
        Task::DetachSign | Task::ClearSign => sign::run(session),
        Task::Sign => usage(
            "plugsign makes no signed messages; add --detach-sign, or say --clear-sign for a text",
        ),
        Task::Decrypt => verify::give_out(session),
        Task::Verify => verify::run(session, false),
        Task::ListKeys | Task::ListSigs | Task::CheckSigs | Task::Fingerprint => {
            listing::run(session, Half::Public)
        }
        Task::ListSecretKeys => listing::run(session, Half::Secret),
        Task::ShowKeys => listing::show_files(session),
        Task::Export => export::run(session, Part::Certificate),
        Task::ExportSecretKeys => export::run(session, Part::SecretKey),
        Task::ExportSecretSubkeys => export::run(session, Part::SecretSubkeys),
        Task::Import => import::run(session),
        Task::GenerateKey => keygen::run(session, Questions::Few),
        Task::FullGenerateKey => keygen::run(session, Questions::All),
        Task::QuickGenerateKey => keygen::quick(session),
        Task::QuickAddKey => change::add_key(session),
        Task::QuickSetExpire => change::set_expire(session),
        Task::QuickAddUserId => change::add_user_id(session),
        Task::QuickRevokeUserId => change::revoke_user_id(session),
        Task::ChangePassphrase => change::passphrase(session),
        Task::GenerateRevocation => change::generate_revocation(session),
        Task::EditKey => change::edit_key(session),
        Task::DeleteKeys => delete::run(session, Halves::Public),
        Task::DeleteSecretKeys => delete::run(session, Halves::Secret),
        Task::DeleteSecretAndPublicKeys => delete::run(session, Halves::Both),
        Task::ImportOwnerTrust => ownertrust::import(session),
        Task::ExportOwnerTrust => ownertrust::export(session),
        Task::Dearmor => armoring::run(session, Way::ToBytes),
        Task::Enarmor => armoring::run(session, Way::ToArmor),
        Task::ListPackets => list_packets::run(session),
        Task::PrintDigest => print_digest::run(session),
        Task::Nothing => Ok(0),
        Task::ListConfig => say(session, &list_config(session)),
        Task::Version => say(session, &version(session, "gpg")),
        Task::Help => say(session, GPG_HELP),
        Task::DumpOptions => say(session, &dump_options(table::GPG)),
    }
}

/// Returns whether a command changes nothing in the home.
fn only_reads(task: Task) -> bool {
    use Task::*;
    match task {
        Sign | DetachSign | ClearSign | Verify | Decrypt | Fingerprint | ShowKeys => true,
        ListKeys | ListSigs | CheckSigs | ListSecretKeys | ListPackets | ListConfig => true,
        Export | ExportSecretKeys | ExportSecretSubkeys | Dearmor | Enarmor | PrintDigest => true,
        ImportOwnerTrust | ExportOwnerTrust | GenerateRevocation => true,
        _ => matches!(task, Nothing | Version | Help | DumpOptions),
    }
}

/// Keyrings are read, and certificates imported into them. What signs takes the home's keys.
fn check_keyring(task: Task) -> Result<(), Failure> {
    let signs =
        matches!(task, Task::Sign | Task::DetachSign | Task::ClearSign | Task::GenerateRevocation);
    match task {
        Task::Import => Ok(()),
        task if only_reads(task) && !signs => Ok(()),
        _ => usage(
            "--keyring: this command takes its keys from plugsign's home; keyrings are for verifying, listing, exporting and --import",
        ),
    }
}

/// What writes files heeds the option where it writes.
fn check_dry_run(task: Task) -> Result<(), Failure> {
    match task {
        Task::Import | Task::GenerateKey | Task::FullGenerateKey | Task::QuickGenerateKey => Ok(()),
        Task::DeleteKeys | Task::DeleteSecretKeys | Task::DeleteSecretAndPublicKeys => Ok(()),
        task if only_reads(task) => Ok(()),
        _ => usage("--dry-run: this command changes the home, and cannot be tried first"),
    }
}

fn say(session: &Session, text: &str) -> Result<u8, Failure> {
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}

fn version(session: &Session, name: &str) -> String {
    format!(
        "{name} (GnuPG) {LIKE}\n\
         plugsign {}, in place of GnuPG\n\n\
         Home: {}\n\
         Supported algorithms:\n\
         Pubkey: RSA\n\
         Cipher: AES256\n\
         Hash: SHA256, SHA384, SHA512\n\
         Compression: Uncompressed\n",
        env!("CARGO_PKG_VERSION"),
        session.world.home().map(|home| Safe::path(home.root()).to_string()).unwrap_or_default(),
    )
}

/// What programs ask before they begin: all items, or the named ones. Without `--with-colons`, it
/// is empty as with gpg.
fn list_config(session: &Session) -> String {
    const ITEMS: [(&str, &str); 5] = [
        ("version", LIKE),
        ("pubkey", "1"),
        ("pubkeyname", "RSA"),
        ("digest", "8;9;10"),
        ("digestname", "SHA256;SHA384;SHA512"),
    ];
    let Options { with_colons, words, .. } = &session.options;
    let is_wanted = |item: &str| words.is_empty() || words.iter().any(|word| word == item);
    let wanted = ITEMS.iter().filter(|(item, _)| *with_colons && is_wanted(item));
    wanted.map(|(item, value)| format!("cfg:{item}:{value}\n")).collect()
}

/// Returns the names that completions of shells ask for.
fn dump_options(table: Table) -> String {
    let all = argv::specs(table).filter(|spec| !spec.long.starts_with("plugsign-"));
    all.map(|spec| format!("--{}\n", spec.long)).collect()
}

const GPG_HELP: &str = "plugsign in place of gpg:\n\
    \x20 -b, --detach-sign [FILE]           --verify FILE.sig [FILE]\n\
    \x20 --clear-sign [FILE]                -d, --decrypt FILE.asc (a signed text)\n\
    \x20 -k, --list-keys                    -K, --list-secret-keys\n\
    \x20 --export, --export-secret-keys     --import\n\
    \x20 --dearmor, --enarmor, --list-packets, --show-keys FILE; -n writes nothing\n\
    \x20 --full-generate-key, --quick-generate-key, --batch --generate-key\n\
    It does not encrypt and never uses the network.\n";

const GPGV_HELP: &str = "plugsign in place of gpgv:\n\
    \x20 gpgv [OPTIONS] FILE.sig FILE       verify a detached signature\n\
    \x20 gpgv [OPTIONS] [-o OUT] FILE.asc   verify a signed text, and write the text\n\
    \x20 --keyring FILE                     whose signatures count; without it, plugsign trust's\n\
    \x20 --status-fd N, --logger-fd N       where status lines and words go\n\
    \x20 --weak-digest NAME, -q, -v\n\
    It writes nothing and accepts only signers in a keyring.\n";
