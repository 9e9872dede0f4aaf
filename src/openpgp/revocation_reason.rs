//! Why a key ends.

use std::fmt;

use sequoia_openpgp::types::ReasonForRevocation;

/// Why a key ends (RFC 9580, section 5.2.3.31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationReason {
    /// No reason given. It counts like `Compromised`: nothing that the key ever signed is good.
    Unspecified,
    /// Somebody else may have the key. Nothing that it ever signed is good.
    Compromised,
    /// Another key replaces it.
    Superseded,
    /// It is not used any more.
    Retired,
}

impl RevocationReason {
    /// The usual reasons, for which revocation certificates are made with a key.
    pub const USUAL: [RevocationReason; 3] =
        [RevocationReason::Compromised, RevocationReason::Superseded, RevocationReason::Retired];

    /// Returns whether the revocation also ends signatures from before it.
    pub fn is_hard(self) -> bool {
        matches!(self, RevocationReason::Unspecified | RevocationReason::Compromised)
    }

    pub(super) fn code(self) -> ReasonForRevocation {
        match self {
            RevocationReason::Unspecified => ReasonForRevocation::Unspecified,
            RevocationReason::Compromised => ReasonForRevocation::KeyCompromised,
            RevocationReason::Superseded => ReasonForRevocation::KeySuperseded,
            RevocationReason::Retired => ReasonForRevocation::KeyRetired,
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RevocationReason::Unspecified => "unspecified",
            RevocationReason::Compromised => "compromised",
            RevocationReason::Superseded => "superseded",
            RevocationReason::Retired => "retired",
        })
    }
}
