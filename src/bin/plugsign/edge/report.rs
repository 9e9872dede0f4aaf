//! What a command has to say: one value for people, scripts and the exit code.

use std::io::{self, Write};
use std::path::Path;

use plugsign::publisher::failure::Failure;
use plugsign::publisher::outcome::Outcome;
use plugsign::text::Safe;
use serde::Serialize;

use super::output::write_json;

/// The words for an outcome.
pub trait Words {
    /// Writes the result itself, for standard output.
    fn results(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what a person also wants to know, for standard error. Not shown with `--quiet`.
    fn remarks(&self, _talk: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes what went wrong with parts of the work, for standard error.
    fn problems(&self, _talk: &mut dyn Write) -> io::Result<()> {
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

/// Says what could not be done with a file, why, and what to try next.
pub fn cannot(talk: &mut dyn Write, what: &str, path: &Path, why: &Failure) -> io::Result<()> {
    writeln!(talk, "{what} {}: {}", Safe::path(path), why.one_line())?;
    why.hint().map_or(Ok(()), |hint| writeln!(talk, "  hint: {hint}"))
}
