//! What is said to people: lines that begin with the program's name, as gpg's do.

use std::path::Path;

use plugsign::disk::Error;
use plugsign::openpgp::Error as OpenPgp;
use plugsign::publisher::advice::on_one_line;
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use super::status::Sink;

/// Talks, on standard error or where `--logger-fd` and `--logger-file` say.
pub struct Log {
    sink: Sink,
    name: &'static str,
    quiet: bool,
    /// The home as words on a command line, if plugsign by its own name has another.
    home: Option<String>,
}

impl Log {
    pub fn new(sink: Sink, name: &'static str, quiet: bool) -> Log {
        Log { sink, name, quiet, home: None }
    }

    /// Names this home in the commands of hints from now on.
    pub fn at_home(&mut self, home: &Path) {
        self.home = Some(Safe::path(home).to_string());
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
        if let Some(hint) = hint(failure) {
            self.say(&format!("hint: {}", self.here(&on_one_line(&hint))));
        }
    }

    /// Puts the home into the commands in a text. They stand behind a colon or a bracket.
    fn here(&self, text: &str) -> String {
        let Some(home) = &self.home else { return text.to_string() };
        [": ", "("].iter().fold(text.to_string(), |text, before| {
            let command = format!("{before}plugsign ");
            text.replace(&command, &format!("{command}--home {home} "))
        })
    }
}

/// What to try next, with the options of gpg's command lines.
fn hint(failure: &Failure) -> Option<String> {
    match failure {
        Failure::Disk(Error::Exists(_)) => {
            Some("write to another file, or replace this one with --yes".into())
        }
        Failure::OpenPgp(OpenPgp::UnknownKey(name)) if name.is_empty() => Some(
            "make a key with: gpg --full-generate-key; or import one with: gpg --import FILE"
                .into(),
        ),
        Failure::OpenPgp(OpenPgp::UnknownKey(_) | OpenPgp::NoSecret(_)) => {
            Some("see which keys there are: gpg --list-secret-keys".into())
        }
        _ => failure.hint(),
    }
}
