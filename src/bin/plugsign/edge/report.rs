//! What a command has to say: one value for people, scripts and the exit code.

use std::io::{self, Write};

use plugsign::publisher::outcome::Outcome;
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
