//! What comes of an act: one value for people, scripts and the exit code.

use serde::{Serialize, Serializer};

/// The result of an act. Serialized, it is the fields of the command's JSON document.
pub trait Outcome: Serialize {
    /// Returns the exit code that says the same.
    fn exit(&self) -> u8 {
        0
    }
}

/// Serializes what has a text of its own by that.
///
/// # Errors
///
/// Those of the serializer.
pub fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}
