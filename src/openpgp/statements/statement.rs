//! One statement of a key about itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::raw::{CERTIFICATION_REVOCATION, KEY_REVOCATION, SUBKEY_REVOCATION, Says};

/// What a statement is about. Keys are public key packets' bodies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::openpgp) enum Subject {
    /// The primary key.
    Key,
    /// A subkey.
    Subkey(Arc<[u8]>),
    /// A user ID.
    UserId(Arc<[u8]>),
    /// A user attribute.
    Attribute(Arc<[u8]>),
}

/// A signature whose numbers verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::openpgp) struct Statement {
    /// What it is about.
    pub(in crate::openpgp) subject: Subject,
    /// The packet's body.
    pub(super) body: Arc<[u8]>,
    pub(super) typ: u8,
    pub(super) says: Says,
}

impl Statement {
    /// Returns whether it revokes what it is about.
    pub(in crate::openpgp) fn is_revocation(&self) -> bool {
        matches!(self.typ, KEY_REVOCATION | SUBKEY_REVOCATION | CERTIFICATION_REVOCATION)
    }

    /// Returns its claimed creation time.
    pub(in crate::openpgp) fn created(&self) -> SystemTime {
        let seconds = u64::from(self.says.created.unwrap_or(0));
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Returns the code and the words of the reason for revocation.
    pub(in crate::openpgp) fn reason(&self) -> Option<(u8, &[u8])> {
        self.says.reason.as_ref().map(|(code, words)| (*code, words.as_slice()))
    }

    /// Returns whether it also ends signatures from before it: for all reasons except "superseded"
    /// and "retired" (RFC 9580, section 5.2.3.31).
    pub(in crate::openpgp) fn is_hard(&self) -> bool {
        !matches!(self.says.reason, Some((1 | 3, _)))
    }
}
