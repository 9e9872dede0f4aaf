//! What is wrong with a bundle, and what the server does about it.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The server does not install it, or cannot start it.
    Error,
    /// The server installs it, but somebody will be surprised.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name, for scripts.
    pub code: &'static str,
    /// What is wrong, with what. Foreign text.
    pub what: String,
    /// What the server does about it.
    pub consequence: String,
}

/// Everything that is wrong, in the order in which it was found. Long lists are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    list: Vec<Finding>,
    left_out: usize,
}

/// How many findings of one kind are listed.
const MOST: usize = 10;

impl Findings {
    /// Adds something that keeps the plugin from being installed or started.
    pub fn error(
        &mut self,
        code: &'static str,
        what: impl Into<String>,
        consequence: impl Into<String>,
    ) {
        self.add(Severity::Error, code, what.into(), consequence.into());
    }

    /// Adds something that does not.
    pub fn warning(
        &mut self,
        code: &'static str,
        what: impl Into<String>,
        consequence: impl Into<String>,
    ) {
        self.add(Severity::Warning, code, what.into(), consequence.into());
    }

    fn add(&mut self, severity: Severity, code: &'static str, what: String, consequence: String) {
        if self.list.iter().filter(|finding| finding.code == code).count() >= MOST {
            self.left_out += 1;
            return;
        }
        self.list.push(Finding { severity, code, what, consequence });
    }

    /// Returns the findings that are listed.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter()
    }

    /// Returns the errors among them.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.list.iter().filter(|finding| finding.severity == Severity::Error)
    }

    /// Returns how many more of the listed kinds there are.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}
