//! The world as a command finds it: clock, environment, umask, home.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use plugsign::disk::gnupg::has_private_keys;
use plugsign::disk::home::Home;
use plugsign::disk::kept::Kept;
use plugsign::disk::token_server::TokenServer;
use plugsign::openpgp;
use plugsign::openpgp::bounds::Budget;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::validity::parse_time;
use plugsign::publisher::Publisher;
use plugsign::publisher::ask::Ask;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::tokens::Tokens;
use plugsign::publisher::watch::Watch;
use plugsign::text::quoted;

use super::progress;
use super::system::DATA;
use crate::edge::global::Global;
use crate::edge::terminal::Terminal;

pub struct World {
    home: Option<Home>,
    /// The time at the start.
    pub now: SystemTime,
    started: Instant,
    pub umask: u32,
    pub terminal: Terminal,
    /// What no output may replace.
    pub kept: Kept,
    /// What this command may spend on key files.
    pub budget: Budget,
    /// How tokens are reached, as the environment says.
    tokens: Tokens,
}

impl World {
    /// Reads the clock, the environment and the umask; from here on the umask is 077.
    pub fn read(global: &Global, terminal: Terminal) -> Result<World, Failure> {
        let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        // A mode has 16 bits on macOS.
        #[allow(clippy::useless_conversion)]
        let umask = u32::from(umask.as_raw_mode());
        let home = home_folder(global).map(Home::new);
        Ok(World {
            kept: Kept::new(home.as_ref()),
            home,
            now: SystemTime::now(),
            started: Instant::now(),
            umask,
            terminal,
            budget: Budget::new(),
            tokens: Tokens { server: token_server(None), ..Tokens::default() },
        })
    }

    /// Returns the time now. A prompt or another command's lock may have taken a while.
    pub fn now_at_last(&self) -> SystemTime {
        self.now + self.started.elapsed()
    }

    /// Returns what acts work with. Passphrases come from `ask`.
    pub fn publisher<'a>(&'a self, ask: &'a dyn Ask) -> Publisher<'a> {
        self.publisher_with(ask, &self.tokens)
    }

    /// Returns what acts work with, if tokens are reached in another way.
    pub fn publisher_with<'a>(&'a self, ask: &'a dyn Ask, tokens: &'a Tokens) -> Publisher<'a> {
        Publisher {
            home: self.home.as_ref(),
            now: self.now,
            umask: self.umask,
            kept: &self.kept,
            budget: &self.budget,
            tokens,
            ask,
            watch: self,
        }
    }

    /// Returns the home. Commands that need none run without.
    pub fn home(&self) -> Result<&Home, Failure> {
        self.home.as_ref().ok_or(Failure::NoHome)
    }

    pub fn policy(&self) -> Policy {
        Policy::new(self.now)
    }

    /// Returns whether this is a CI job, where nobody answers questions.
    pub fn is_ci(&self) -> bool {
        self.variable("CI").is_some_and(|value| value != "false" && value != "0")
    }

    /// Returns GnuPG's home: `GNUPGHOME`, else `~/.gnupg`.
    pub fn gnupg_home(&self) -> Option<PathBuf> {
        gnupg_home_or_default()
    }

    /// Returns how to take over the private keys that GnuPG has, if it has any.
    pub fn keys_of_gnupg(&self) -> Option<String> {
        let folder = self.gnupg_home().filter(|folder| has_private_keys(folder))?;
        Some(format!("to take gpg's keys over:\n  {}", taking_over(&folder)))
    }

    /// Adds to a failure for want of any key that GnuPG has some.
    pub fn advised(&self, failure: Failure) -> Failure {
        let is_want =
            matches!(&failure, Failure::OpenPgp(openpgp::Error::UnknownKey(key)) if key.is_empty());
        match (self.keys_of_gnupg().filter(|_| is_want), failure.hint()) {
            (Some(gnupg), Some(hint)) => {
                Failure::Advised(Box::new(failure), format!("{hint}\nOr, {gnupg}"))
            }
            _ => failure,
        }
    }

    /// Returns a variable of the environment, if it is set and not empty.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        variable(name)
    }

    /// Returns whether a variable is set but empty, as in a CI job without its secret.
    pub fn is_empty(&self, name: &str) -> bool {
        env::var_os(name).is_some_and(|value| value.is_empty())
    }

    /// Returns the time that `--time` or `SOURCE_DATE_EPOCH` fixes, else the clock's.
    pub fn time(&self, option: Option<&str>) -> Result<SystemTime, Failure> {
        if let Some(text) = option {
            return Ok(parse_time(text)?);
        }
        let Some(text) = variable("SOURCE_DATE_EPOCH") else { return Ok(self.now) };
        parse_time(&text.to_string_lossy()).map_err(|error| match error {
            openpgp::Error::Malformed(why) => Failure::Usage(format!("SOURCE_DATE_EPOCH: {why}")),
            other => other.into(),
        })
    }
}

impl Watch for World {
    fn warn(&self, words: &str) {
        self.terminal.warn(words);
    }

    fn detail(&self, words: &str) {
        self.terminal.whisper(words);
    }

    fn now(&self) -> SystemTime {
        self.now_at_last()
    }

    fn begin(&self, files: usize, bytes: u64) -> bool {
        let is_drawn = self.terminal.draws_progress() && bytes > 0;
        if is_drawn {
            progress::draw(files, bytes);
        }
        is_drawn
    }

    fn advance(&self, files: usize, bytes: u64) {
        progress::advance(files, bytes);
    }

    fn end(&self) {
        progress::clear();
    }
}

/// Returns where a token's server is: behind this command, else where the environment says.
pub fn token_server(command: Option<&str>) -> TokenServer {
    let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
    TokenServer {
        command: command.map(str::to_owned).or_else(|| text("PLUGSIGN_TOKEN_COMMAND")),
        address: text("P11_KIT_SERVER_ADDRESS"),
        secret_variables: &[
            "PLUGSIGN_KEY",
            "PLUGSIGN_PASSPHRASE",
            "PLUGSIGN_NEW_PASSPHRASE",
            "PLUGSIGN_PRIMARY_PASSPHRASE",
        ],
        ..TokenServer::default()
    }
}

/// Returns the folder that `GNUPGHOME` names.
pub fn gnupg_home() -> Option<PathBuf> {
    variable("GNUPGHOME").map(PathBuf::from)
}

/// Returns GnuPG's home: `GNUPGHOME`, else `~/.gnupg`.
pub fn gnupg_home_or_default() -> Option<PathBuf> {
    let default = || variable("HOME").map(|home| PathBuf::from(home).join(".gnupg"));
    gnupg_home().or_else(default)
}

/// Returns the command that takes over the keys of a GnuPG home.
pub fn taking_over(gnupg: &Path) -> String {
    format!("plugsign import --from-gnupg {}", quoted(gnupg))
}

/// Returns the folder that a program was called from: the one in its path, else the first on the
/// PATH that has the program.
pub fn program_folder(called: &OsStr, name: &str) -> Option<PathBuf> {
    let path = Path::new(called);
    if path.components().count() > 1 {
        return std::path::absolute(path).ok()?.parent().map(Path::to_owned);
    }
    env::split_paths(&variable("PATH")?).find(|folder| folder.join(name).is_file())
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// Returns what no output may replace, before the world is read.
pub fn kept(global: &Global) -> Kept {
    Kept::new(home_folder(global).map(Home::new).as_ref())
}

fn home_folder(global: &Global) -> Option<PathBuf> {
    if let Some(home) = global.home.clone().or_else(|| variable("PLUGSIGN_HOME").map(PathBuf::from))
    {
        return Some(home);
    }
    // The XDG specification: a relative path is to be ignored.
    let data = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let data = data.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(DATA)));
    data.map(|data| data.join("plugsign"))
}
