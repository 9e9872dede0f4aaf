//! `plugsign gpg`: the command lines of gpg and gpgv that release scripts use, on plugsign's own
//! home. No agent, no socket, no pinentry, and no file of GnuPG's is touched.
//!
//! What these programs print is a language that other programs parse; this folder speaks it, and
//! leaves the work to the library and the commands beside it.

mod argv;
mod colons;
mod dates;
mod export;
mod import;
mod input;
mod keygen;
mod keyrings;
mod known;
mod listing;
mod log;
mod options;
mod output;
mod parameters;
pub mod personality;
mod print_digest;
mod secret;
mod session;
mod sign;
mod status;
mod table;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use plugsign::publisher::export::Part;
use plugsign::publisher::failure::{EXIT_USAGE, Failure};
use plugsign::text::Safe;

use self::keygen::Questions;
use self::known::Half;
use self::log::Log;
use self::options::Options;
use self::personality::Personality;
use self::session::Session;
use self::status::{Sink, Status};
use self::table::{Table, Task};
use crate::edge::asking::Given;
use crate::edge::global::Global;
use crate::edge::terminal::Terminal;
use crate::edge::world::{World, gnupg_home};

/// Do what a gpg command line says, on plugsign's own home
///
/// A link named gpg, gpg2 or gpgv to plugsign does the same. Signs, verifies, lists, exports,
/// imports and makes keys; refuses to encrypt, to sign cleartext and to use the network.
#[derive(Args)]
pub struct Arguments {
    /// gpg's options, commands and files
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
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
    let name = personality.name();
    let log = Log::new(Sink::Errors, name, false);
    if let Err(error) = secret::hide_passphrase(whole) {
        log.say(&format!("--passphrase cannot be taken: {error}"));
        return ExitCode::from(EXIT_USAGE);
    }
    let table = match personality {
        Personality::Gpg => table::GPG,
        Personality::Gpgv => table::GPGV,
    };
    let options = match argv::parse(table, arguments).and_then(Options::read) {
        Ok(options) => options,
        Err(why) => {
            log.say(&why);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let mut session = match open(options, name, global) {
        Ok(session) => session,
        Err(why) => {
            log.say(&why);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    warn(&mut session);
    let code = match dispatch(&mut session, personality) {
        Ok(code) => code,
        Err(failure) => {
            session.log.explain(&failure);
            EXIT_USAGE
        }
    };
    ExitCode::from(if session.status.lost.get() { code.max(EXIT_USAGE) } else { code })
}

fn open(options: Options, name: &'static str, global: &Global) -> Result<Session, String> {
    let status = match (&options.status_fd, &options.status_file) {
        (Some(number), _) => Sink::descriptor(number).map_err(|why| format!("status-fd: {why}"))?,
        (None, Some(path)) => Sink::file(path).map_err(|error| format!("status-file: {error}"))?,
        (None, None) => Sink::Nowhere,
    };
    let words = match (&options.logger_fd, &options.logger_file) {
        (Some(number), _) => Sink::descriptor(number).map_err(|why| format!("logger-fd: {why}"))?,
        (None, Some(path)) => Sink::file(path).map_err(|error| format!("logger-file: {error}"))?,
        (None, None) => Sink::Errors,
    };
    let inside = options.homedir.clone().or_else(gnupg_home).map(|home| home.join(INSIDE));
    let global = Global { home: global.home.clone().or(inside), ..global.clone() };
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

fn warn(session: &mut Session) {
    for option in std::mem::take(&mut session.options.passed_over) {
        session.log.remark(&format!("Note: --{option} has no effect here"));
    }
    for word in std::mem::take(&mut session.options.late) {
        let shown = Safe::bytes(word.as_encoded_bytes()).to_string();
        session.log.remark(&format!("Note: '{shown}' is not considered an option"));
    }
    if session.options.time.is_some() {
        let time = dates::day_and_time(session.world.now);
        session.log.say(&format!("WARNING: running with faked system time: {time}"));
    }
    if matches!(session.options.passphrase, Some(Given::CommandLine(_))) {
        session.log.remark(
            "WARNING: a passphrase on the command line can be seen by others; use --passphrase-file or --passphrase-fd",
        );
    }
}

fn dispatch(session: &mut Session, personality: Personality) -> Result<u8, Failure> {
    if personality == Personality::Gpgv {
        return match session.options.task {
            Some(Task::Version) => version(session, "gpgv"),
            Some(Task::DumpOptions) => dump_options(session, table::GPGV),
            Some(_) => help(session, GPGV_HELP),
            None => verify::run(session, personality),
        };
    }
    let Some(task) = session.options.task else {
        let why = "no command is given, and plugsign does not guess: --detach-sign, --verify, --import, --export or --list-keys?";
        return Err(Failure::Usage(why.into()));
    };
    // What has no output of its own must not seem to write one.
    if task == Task::Verify && session.options.output.is_some() {
        return Err(Failure::Usage("--output: a detached signature has nothing to write".into()));
    }
    let keyring = !session.options.keyrings.is_empty() || session.options.no_default_keyring;
    if keyring && task != Task::Verify {
        let why = "--keyring: keyrings are for --verify; plugsign keeps its keys in its home";
        return Err(Failure::Usage(why.into()));
    }
    match task {
        Task::DetachSign => sign::run(session),
        Task::Sign => Err(Failure::Usage(
            "plugsign makes detached signatures only, no signed messages; add --detach-sign".into(),
        )),
        Task::Verify => verify::run(session, personality),
        Task::ListKeys | Task::Fingerprint => listing::run(session, Half::Public),
        Task::ListSecretKeys => listing::run(session, Half::Secret),
        Task::ShowKeys => listing::show_files(session),
        Task::Export => export::run(session, Part::Certificate),
        Task::ExportSecretKeys => export::run(session, Part::SecretKey),
        Task::ExportSecretSubkeys => export::run(session, Part::SecretSubkeys),
        Task::Import => import::run(session),
        Task::GenerateKey => keygen::run(session, Questions::Few),
        Task::FullGenerateKey => keygen::run(session, Questions::All),
        Task::QuickGenerateKey => keygen::quick(session),
        Task::PrintDigest => print_digest::run(session),
        Task::Nothing => Ok(0),
        Task::ListConfig => list_config(session),
        Task::Version => version(session, "gpg"),
        Task::Help => help(session, GPG_HELP),
        Task::DumpOptions => dump_options(session, table::GPG),
    }
}

/// The version of gpg that these command lines are those of: scripts compare it, and take other
/// ways for much older ones.
const LIKE: &str = "2.2.40";

fn version(session: &Session, name: &str) -> Result<u8, Failure> {
    let text = format!(
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
    );
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}

/// What programs ask before they begin: all of it, or the items that are named. Like gpg, it says
/// nothing to people.
fn list_config(session: &Session) -> Result<u8, Failure> {
    const ITEMS: [(&str, &str); 5] = [
        ("version", LIKE),
        ("pubkey", "1"),
        ("pubkeyname", "RSA"),
        ("digest", "8;9;10"),
        ("digestname", "SHA256;SHA384;SHA512"),
    ];
    if !session.options.with_colons {
        return Ok(0);
    }
    let words = &session.options.words;
    let wanted = |item: &str| words.is_empty() || words.iter().any(|word| word == item);
    let mut text = String::new();
    for (item, value) in ITEMS.iter().filter(|(item, _)| wanted(item)) {
        text.push_str(&format!("cfg:{item}:{value}\n"));
    }
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}

/// What completions of shells ask for.
fn dump_options(session: &Session, table: Table) -> Result<u8, Failure> {
    let all = argv::specs(table).filter(|spec| !spec.long.starts_with("plugsign-"));
    let text: String = all.map(|spec| format!("--{}\n", spec.long)).collect();
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}

const GPG_HELP: &str = "plugsign in place of gpg:\n\
    \x20 -b, --detach-sign [FILE]           --verify FILE.sig [FILE]\n\
    \x20 -k, --list-keys                    -K, --list-secret-keys\n\
    \x20 --export, --export-secret-keys     --import\n\
    \x20 --full-generate-key, --quick-generate-key, --batch --generate-key\n\
    It does not encrypt, does not sign cleartext and never uses the network.\n";

const GPGV_HELP: &str = "plugsign in place of gpgv:\n\
    \x20 gpgv [OPTIONS] FILE.sig FILE       verify a detached signature\n\
    \x20 --keyring FILE                     whose signatures count; else those of: plugsign trust\n\
    \x20 --status-fd N, --logger-fd N       where status lines and words go\n\
    \x20 --weak-digest NAME, -q, -v\n\
    It makes nothing, and believes nobody who is in no keyring.\n";

fn help(session: &Session, text: &str) -> Result<u8, Failure> {
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}
