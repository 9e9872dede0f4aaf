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

/// Serializes a path, as [`path_text`] does.
pub(super) fn as_path<S: Serializer>(
    path: &impl AsRef<Path>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path_text(path.as_ref()).serialize(serializer)
}

/// Serializes a path that may not be there, as [`path_text`] does.
pub(super) fn as_path_if<S: Serializer>(
    path: &Option<impl AsRef<Path>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path_text(path.as_ref())).serialize(serializer)
}

/// Serializes paths, as [`path_text`] does.
pub(super) fn as_paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path_text(path)))
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
