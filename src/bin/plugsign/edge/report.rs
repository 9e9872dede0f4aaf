//! What a command has to say: one value for people, scripts and the exit code.

use std::io::{self, Write};

use plugsign::publisher::outcome::Outcome;
use serde::Serialize;
use serde_json::{Map, Value};

/// The words for an outcome.
pub trait Words {
    /// Writes the result itself, for standard output.
    fn results(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what a person wants to know beside it, for standard error. Not shown with
    /// `--quiet`.
    fn remarks(&self, _talk: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes what went wrong with parts of the work, for standard error.
    fn problems(&self, _talk: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// A command's result.
pub trait Report {
    /// Writes the result itself, for standard output.
    fn results(&self, out: &mut dyn Write) -> io::Result<()>;

    /// Writes what a person wants to know beside it, for standard error. Not shown with
    /// `--quiet`.
    fn remarks(&self, _talk: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes what went wrong with parts of the work, for standard error.
    fn problems(&self, _talk: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    /// Returns the same as fields of the JSON document.
    fn json(&self) -> Map<String, Value>;

    /// Returns the exit code.
    fn exit(&self) -> u8 {
        0
    }
}

impl<T: Outcome + Words> Report for T {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        Words::results(self, out)
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        Words::remarks(self, talk)
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        Words::problems(self, talk)
    }

    fn json(&self) -> Map<String, Value> {
        fields(self)
    }

    fn exit(&self) -> u8 {
        Outcome::exit(self)
    }
}

/// Returns the fields of a value.
pub fn fields(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
