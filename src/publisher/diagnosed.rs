//! What comes of a diagnosis: a row for each check.

use serde::{Serialize, Serializer};

use super::advice::on_one_line;
use super::failure::{EXIT_NO, Failure};
use super::outcome::Outcome;
use crate::openpgp::ids::Fingerprint;

/// All checks.
#[derive(Serialize)]
pub struct Diagnosis {
    /// The key that would sign.
    pub fingerprint: Option<Fingerprint>,
    /// The checks, in their order.
    pub checks: Vec<Row>,
}

/// One check.
#[derive(Serialize)]
pub struct Row {
    /// Its name, a promise to scripts.
    pub name: &'static str,
    /// What it found.
    #[serde(flatten)]
    pub found: Observation,
}

/// What a check found.
#[derive(Serialize)]
pub struct Observation {
    /// Whether all is well.
    pub state: Health,
    /// What was seen.
    pub detail: String,
    /// What mends it, in steps: see [`on_one_line`].
    #[serde(serialize_with = "as_one_line")]
    pub mend: Option<String>,
}

/// Whether all is well.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All is well.
    Ok,
    /// Signing works, and something should be done.
    Warn,
    /// Signing does not work, or will not be good.
    Fail,
}

impl Outcome for Diagnosis {
    fn exit(&self) -> u8 {
        if self.checks.iter().any(|row| row.found.state == Health::Fail) { EXIT_NO } else { 0 }
    }
}

fn as_one_line<S: Serializer>(mend: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    mend.as_deref().map(on_one_line).serialize(serializer)
}

pub(super) fn ok(detail: impl Into<String>) -> Observation {
    Observation { state: Health::Ok, detail: detail.into(), mend: None }
}

pub(super) fn warn(detail: impl Into<String>, mend: impl Into<String>) -> Observation {
    Observation { state: Health::Warn, detail: detail.into(), mend: Some(mend.into()) }
}

pub(super) fn fail(detail: impl Into<String>, mend: impl Into<String>) -> Observation {
    Observation { state: Health::Fail, ..warn(detail, mend) }
}

impl<E: Into<Failure>> From<Result<Observation, E>> for Observation {
    fn from(result: Result<Observation, E>) -> Observation {
        result.unwrap_or_else(|error| {
            let failure = error.into();
            Observation { state: Health::Fail, detail: failure.one_line(), mend: failure.hint() }
        })
    }
}

impl Row {
    pub(super) fn new(name: &'static str, found: impl Into<Observation>) -> Row {
        Row { name, found: found.into() }
    }
}

impl Observation {
    /// Says what mends it, if nothing was said yet.
    pub(super) fn or_mend(mut self, mend: impl Into<String>) -> Observation {
        self.mend = self.mend.or_else(|| Some(mend.into()));
        self
    }
}
