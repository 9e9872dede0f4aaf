//! What a command has to say: one value for people, scripts and the exit code.

use std::io;

use plugsign::publisher::failure::Failure;
use plugsign::publisher::outcome::Outcome;
use serde::Serialize;

use super::output::write_json;
use super::page::Page;

/// The words for an outcome.
pub trait Words {
    /// Writes the result itself, for standard output. A screen may get another form than a pipe,
    /// whose lines are a promise. With `--quiet`, leaves out that all is well.
    fn results(&self, out: &mut Page) -> io::Result<()>;

    /// Writes what a person also wants to know, for standard error. Not shown with `--quiet`.
    fn remarks(&self, _talk: &mut Page) -> io::Result<()> {
        Ok(())
    }

    /// Writes what went wrong with parts of the work, for standard error.
    fn problems(&self, _talk: &mut Page) -> io::Result<()> {
        Ok(())
    }
}

/// A command's JSON document.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: u8,
    command: &'a str,
    ok: bool,
    exit: u8,
    #[serde(flatten)]
    outcome: &'a T,
}

/// A command's result: an outcome, and the words for it.
pub trait Report: Words {
    /// Writes the same as a JSON document to standard output.
    fn write_json(&self, command: &str) -> io::Result<()>;

    /// Returns the exit code.
    fn exit(&self) -> u8;
}

impl<T: Outcome + Words> Report for T {
    fn write_json(&self, command: &str) -> io::Result<()> {
        let exit = Outcome::exit(self);
        write_json(&Document { schema: 1, command, ok: exit == 0, exit, outcome: self })
    }

    fn exit(&self) -> u8 {
        Outcome::exit(self)
    }
}

/// Fails because the command line makes no sense.
pub fn usage<T>(why: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(why.into()))
}
