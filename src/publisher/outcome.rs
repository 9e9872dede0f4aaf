//! What comes of an act: one value for people, scripts and the exit code.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::failure::Failure;
use crate::text::path_text;

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

/// Serializes a path, or a path that may not be there, as [`path_text`] does.
///
/// # Errors
///
/// Those of the serializer.
pub fn as_path<'a, S: Serializer>(
    path: impl Into<MaybePath<'a>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path.into().0 {
        Some(path) => serializer.serialize_str(&path_text(path)),
        None => serializer.serialize_none(),
    }
}

/// A path that may not be there.
pub struct MaybePath<'a>(Option<&'a Path>);

impl<'a> From<&'a PathBuf> for MaybePath<'a> {
    fn from(path: &'a PathBuf) -> MaybePath<'a> {
        MaybePath(Some(path))
    }
}

impl<'a> From<&'a Option<PathBuf>> for MaybePath<'a> {
    fn from(path: &'a Option<PathBuf>) -> MaybePath<'a> {
        MaybePath(path.as_deref())
    }
}

/// A file that could not be read, and why.
#[derive(Serialize)]
pub struct Unread {
    /// The file.
    #[serde(serialize_with = "as_path")]
    pub path: PathBuf,
    /// Why.
    pub error: Failure,
}

impl Unread {
    /// Returns files and their errors as values.
    pub fn all<E: Into<Failure>>(files: Vec<(PathBuf, E)>) -> Vec<Unread> {
        files.into_iter().map(|(path, error)| Unread { path, error: error.into() }).collect()
    }
}
