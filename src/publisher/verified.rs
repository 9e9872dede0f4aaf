//! What comes of verifying: a line about each artifact.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::json;

use super::claims::Claims;
use super::failure::{EXIT_COULD_NOT, EXIT_NO, Failure};
use super::outcome::{Outcome, as_path, as_path_if, as_paths};
use super::server_keys::KeysWord;
use super::show::shown_user_id;
use crate::disk;
use crate::disk::file::folder_of;
use crate::openpgp::times::show_time;
use crate::openpgp::verdict::{Bad, Reason};
use crate::openpgp::verify::Good;
use crate::text::Safe;

/// The verdict on each artifact.
#[derive(Serialize)]
pub struct Verified {
    /// The verdicts, in the artifacts' order.
    #[serde(rename = "artifacts")]
    pub lines: Vec<Line>,
    /// How many files of folders were passed over.
    pub passed_over: usize,
    /// Which ones.
    #[serde(serialize_with = "as_paths")]
    pub passed_over_files: Vec<PathBuf>,
    /// The time in the past that the verdicts are about.
    pub as_of: Option<String>,
}

/// The verdict on one artifact, or on one of its signatures.
#[derive(Serialize)]
pub struct Line {
    /// The artifact, or the signature if its artifact has a line for each of two.
    #[serde(rename = "path", serialize_with = "as_path")]
    pub about: Arc<Path>,
    /// The artifact.
    #[serde(skip)]
    pub path: Arc<Path>,
    /// The verdict.
    #[serde(flatten)]
    pub answer: Answer,
    /// The signed list of checksums that it is good by, if it has no signature of its own.
    #[serde(serialize_with = "as_path_if", skip_serializing_if = "Option::is_none")]
    pub list: Option<Arc<Path>>,
    /// What each key of the server says, up to the one that accepts, if a server with a
    /// configuration was asked.
    #[serde(skip_serializing_if = "<[KeysWord]>::is_empty")]
    pub server_keys: Box<[KeysWord]>,
    /// What the signature claims, and what the home knows of that key, if no accepted key made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Box<Claims>>,
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
        also: Box<[By]>,
    },
    /// It is not.
    Bad(Box<Bad>),
    /// It could not be looked at.
    Unknown {
        /// Why.
        error: Box<Failure>,
    },
}

/// Who made a good signature.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub enum By {
    /// Somebody whose signatures count.
    Signer(Good),
    /// A key that the server accepts, if only the server was asked.
    Server(Box<ServersSigner>),
}

/// A key that the server accepts.
#[derive(Clone, Serialize)]
pub struct ServersSigner {
    /// The key ID of the signer's primary key.
    pub key_id: String,
    /// The key of the server's configuration that accepts it, or its built-in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
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
    pub(super) fn new(path: &Arc<Path>, answer: impl Into<Answer>) -> Line {
        Line {
            about: path.clone(),
            path: path.clone(),
            answer: answer.into(),
            list: None,
            server_keys: Box::default(),
            claims: None,
        }
    }

    /// Adds to a missing signature that a list beside the file could not stand in for it.
    pub(super) fn tell_of_lists(&mut self, beside: &[Line]) {
        let Some(bad) = self.bad().filter(|it| it.reason() == Reason::MissingSignature) else {
            return;
        };
        let of_folder = |line: &&Line| folder_of(&line.path) == folder_of(&self.path);
        let list = beside.iter().filter(of_folder).find_map(|line| Some((line, line.bad()?)));
        if let Some((list, why)) = list {
            let name = Safe::path(&list.path);
            let detail = format!("{}; {name} is not good: {}", bad.detail(), why.reason());
            self.answer = Bad::new(Reason::MissingSignature, detail).into();
        }
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
        Answer::Bad(Box::new(bad))
    }
}

impl From<disk::Error> for Answer {
    fn from(error: disk::Error) -> Answer {
        Answer::Unknown { error: Box::new(error.into()) }
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
