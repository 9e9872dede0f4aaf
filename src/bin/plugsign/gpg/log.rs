//! What is said to people: lines that begin with the program's name, as gpg's do.

use std::path::{Path, PathBuf};

use plugsign::disk::Error;
use plugsign::openpgp::Error as OpenPgp;
use plugsign::publisher::advice::on_one_line;
use plugsign::publisher::failure::Failure;
use plugsign::text::quoted;

use super::status::Sink;
use crate::edge::world::taking_over;

/// The commands that hints name.
const COMMANDS: [&str; 21] = [
    "adduid",
    "announce",
    "check",
    "delete",
    "doctor",
    "export",
    "extend",
    "gpg",
    "import",
    "inspect",
    "keygen",
    "list",
    "marketplace",
    "passwd",
    "refresh",
    "revoke",
    "revoke-uid",
    "rotate",
    "sign",
    "trust",
    "verify",
];

/// Talks, on standard error or where `--logger-fd` and `--logger-file` say.
pub struct Log {
    sink: Sink,
    name: &'static str,
    quiet: bool,
    /// What people call gpg here.
    called: &'static str,
    /// The home as words on a command line, if plugsign by its own name has another.
    home: Option<String>,
    /// GnuPG's own home, if it has private keys.
    gnupg: Option<PathBuf>,
}

impl Log {
    pub fn new(sink: Sink, name: &'static str, quiet: bool) -> Log {
        Log { sink, name, quiet, called: name, home: None, gnupg: None }
    }

    /// Calls gpg so in hints from now on.
    pub fn called(&mut self, called: &'static str) {
        self.called = called;
    }

    /// Says in hints from now on that this GnuPG home has private keys.
    pub fn beside_gnupg(&mut self, gnupg: PathBuf) {
        self.gnupg = Some(gnupg);
    }

    /// Names this home in the commands of hints from now on.
    pub fn at_home(&mut self, home: &Path) {
        self.home = Some(quoted(home).to_string());
    }

    /// Says a line. Foreign text in it must be safe already.
    pub fn say(&self, words: &str) {
        let line = format!("{}: {words}", self.name);
        let _ = self.sink.line(&line);
    }

    /// Says a line, unless `--quiet` is given.
    pub fn remark(&self, words: &str) {
        if !self.quiet {
            self.say(words);
        }
    }

    /// Says what went wrong, why, and what to try next.
    pub fn explain(&self, failure: &Failure) {
        self.say(&self.here(&failure.one_line()));
        if let Some(hint) = self.hint(failure) {
            self.say(&format!("hint: {}", self.here(&on_one_line(&hint))));
        }
    }

    /// Puts the home into the commands in a text, and into no sentence about plugsign.
    fn here(&self, text: &str) -> String {
        let Some(home) = &self.home else { return text.to_string() };
        let mut parts = text.split("plugsign ");
        let mut here = parts.next().unwrap_or_default().to_string();
        for part in parts {
            let word = part.split(|end: char| !end.is_ascii_lowercase() && end != '-').next();
            here.push_str("plugsign ");
            if word.is_some_and(|word| COMMANDS.contains(&word)) {
                here.push_str(&format!("--home {home} "));
            }
            here.push_str(part);
        }
        here
    }

    /// What to try next, with the options of gpg's command lines.
    fn hint(&self, failure: &Failure) -> Option<String> {
        let gpg = self.called;
        match failure {
            Failure::Disk(Error::Exists(_)) => {
                Some("write to another file, or replace this one with --yes".into())
            }
            Failure::OpenPgp(OpenPgp::UnknownKey(name)) if name.is_empty() => {
                let taking = |gnupg| format!("; or take gpg's keys over: {}", taking_over(gnupg));
                let taking = self.gnupg.as_deref().map(taking).unwrap_or_default();
                Some(format!(
                    "make a key with: {gpg} --full-generate-key; or import one with: {gpg} --import FILE{taking}"
                ))
            }
            Failure::OpenPgp(OpenPgp::UnknownKey(_) | OpenPgp::NoSecret(_)) => {
                Some(format!("see which keys there are: {gpg} --list-secret-keys"))
            }
            _ => failure.hint(),
        }
    }
}
