//! What is said to people: lines that begin with the program's name, as gpg's do.

use plugsign::safe::Safe;

use super::status::Sink;
use crate::failure::Failure;

/// Talks, on standard error or where `--logger-fd` and `--logger-file` say.
pub struct Log {
    sink: Sink,
    name: &'static str,
    quiet: bool,
}

impl Log {
    pub fn new(sink: Sink, name: &'static str, quiet: bool) -> Log {
        Log { sink, name, quiet }
    }

    /// Says a line. Foreign text in it must be safe already.
    pub fn say(&mut self, words: &str) {
        let line = format!("{}: {words}", self.name);
        let _ = self.sink.line(&line);
    }

    /// Says a line that `--quiet` is there to suppress.
    pub fn remark(&mut self, words: &str) {
        if !self.quiet {
            self.say(words);
        }
    }

    /// Says what went wrong, why, and what to try next.
    pub fn explain(&mut self, failure: &Failure) {
        let mut line = failure.message();
        for cause in failure.causes() {
            line.push_str(": ");
            line.push_str(&Safe::text(&cause).to_string());
        }
        self.say(&line);
        if let Some(hint) = failure.hint() {
            self.say(&format!("hint: {hint}"));
        }
    }
}
