//! What a command has to say: one value for people, scripts and the exit code.

use std::io::{self, Write};
use std::path::Path;

use plugsign::publisher::failure::Failure;
use plugsign::publisher::outcome::Outcome;
use plugsign::text::Safe;
use serde_json::{Map, Value};

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

/// A command's result: an outcome, and the words for it.
pub trait Report: Words {
    /// Returns the same as fields of the JSON document.
    fn json(&self) -> Map<String, Value>;

    /// Returns the exit code.
    fn exit(&self) -> u8;
}

impl<T: Outcome + Words> Report for T {
    fn json(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
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
