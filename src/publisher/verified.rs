//! What comes of verifying: a line about each artifact.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::json;

use super::failure::{EXIT_COULD_NOT, EXIT_NO, Failure};
use super::outcome::{Outcome, as_path};
use super::show::shown_user_id;
use crate::disk;
use crate::disk::checksums::{CHECKSUMS, Sha256};
use crate::openpgp::times::show_time;
use crate::openpgp::verdict::Bad;
use crate::openpgp::verify::Good;

/// The verdict on each artifact.
#[derive(Serialize)]
pub struct Verified {
    /// The verdicts, in the artifacts' order.
    #[serde(rename = "artifacts")]
    pub lines: Vec<Line>,
    /// How many files of folders were passed over.
    pub passed_over: usize,
    /// The time in the past that the verdicts are about.
    pub as_of: Option<String>,
}

/// The verdict on one artifact, or on one of its signatures.
#[derive(Serialize)]
pub struct Line {
    /// The artifact, or the signature if its artifact has a line for each of two.
    #[serde(rename = "path", serialize_with = "as_path")]
    pub about: PathBuf,
    /// The artifact.
    #[serde(skip)]
    pub path: PathBuf,
    /// The verdict.
    #[serde(flatten)]
    pub answer: Answer,
    /// The artifact's digest, if it was asked for and the artifact was read.
    #[serde(skip)]
    pub sha256: Option<Sha256>,
}

/// A verdict of either judge.
#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Answer {
    /// The signature is good.
    Good {
        /// Who made it.
        signer: By,
        /// Good signatures by other keys, each of its own certificate, if they were asked for.
        also: Vec<Good>,
    },
    /// It is not.
    Bad(Bad),
    /// It could not be looked at.
    Unknown {
        /// Why.
        error: Failure,
    },
}

/// Who made a good signature.
#[derive(Serialize)]
#[serde(untagged)]
pub enum By {
    /// Somebody whose signatures count.
    Signer(Good),
    /// A key that the server accepts, if only the server was asked.
    Server {
        /// The key ID of the signer's primary key.
        key_id: String,
    },
}

impl Outcome for Verified {
    /// Zero artifacts never pass.
    fn exit(&self) -> u8 {
        let is_unknown = |line: &Line| matches!(line.answer, Answer::Unknown { .. });
        if self.lines.is_empty() || self.lines.iter().any(is_unknown) {
            EXIT_COULD_NOT
        } else if self.lines.iter().all(Line::is_good) {
            0
        } else {
            EXIT_NO
        }
    }
}

impl Line {
    pub(super) fn new(path: &Path, answer: impl Into<Answer>) -> Line {
        Line { about: path.into(), path: path.into(), answer: answer.into(), sha256: None }
    }

    pub(super) fn is_list(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == CHECKSUMS)
    }

    /// Returns whether the verdict is a good one.
    pub fn is_good(&self) -> bool {
        matches!(self.answer, Answer::Good { .. })
    }

    /// Returns why it is not good, if it is not.
    pub fn bad(&self) -> Option<&Bad> {
        match &self.answer {
            Answer::Bad(bad) => Some(bad),
            _ => None,
        }
    }
}

impl From<Bad> for Answer {
    fn from(bad: Bad) -> Answer {
        Answer::Bad(bad)
    }
}

impl From<disk::Error> for Answer {
    fn from(error: disk::Error) -> Answer {
        Answer::Unknown { error: error.into() }
    }
}

impl Serialize for Good {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = json!({
            "certificate": self.signer().certificate,
            "key": self.signer().key,
            "user_id": shown_user_id(self.user_id()),
            "created": show_time(self.created()),
        });
        fields.serialize(serializer)
    }
}
