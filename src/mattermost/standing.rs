//! What a key file is worth today: to the publisher's policy, and to the server.

use super::server::{Cause, KeyRing, Refusal};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::policy::Policy;
use crate::openpgp::weakness::Weakness;

/// Two verdicts on all signatures by a key file's certificate.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Why the publisher's policy refuses them all today.
    pub policy: Result<(), Weakness>,
    /// Why the server refuses them all. It knows no expiry and no minimum size.
    pub server: Result<(), Refusal>,
}

impl Standing {
    /// Judges a key file and the certificate in it.
    pub fn of(file: &[u8], certificate: &Certificate, policy: &Policy) -> Standing {
        Standing {
            policy: certificate.describe(policy).weakness().map_or(Ok(()), Err),
            server: KeyRing::read(file).and_then(|ring| ring.check_signers()),
        }
    }

    /// Adds a revocation that only another copy of the certificate has. The server reads this copy
    /// alone.
    pub fn narrowed_by(mut self, copy: &Certificate) -> Standing {
        if let (true, Some(reason)) = (self.policy.is_ok(), copy.revoked()) {
            let reason = format!("{reason}, as another copy of it says");
            self.policy = Err(Weakness::Revoked(reason));
        }
        self
    }

    /// Returns one word for it: `good`, `revoked`, `expired`, `not-yet-valid`, or `unusable`.
    pub fn word(&self) -> &'static str {
        match (&self.policy, &self.server) {
            (Ok(()), Ok(())) => "good",
            (Err(Weakness::Revoked(_) | Weakness::RevokedSubkey(..)), _) => "revoked",
            (Err(Weakness::Expired(_)), _) => "expired",
            (Err(Weakness::NotYetValid(_)), _) => "not-yet-valid",
            _ => "unusable",
        }
    }

    /// Returns what is wrong with it, and what the server does.
    pub fn problem(&self) -> Option<String> {
        let server = self.server_words();
        match (&self.policy, &self.server) {
            (Ok(()), Ok(())) => None,
            (Ok(()), Err(refusal)) => {
                Some(format!("{server}: {}: {}", refusal.words, refusal.advice))
            }
            (Err(weakness), _) => Some(format!("{weakness}; {server}")),
        }
    }

    fn server_words(&self) -> &'static str {
        match (&self.server, &self.policy) {
            (Ok(()), Err(Weakness::Expired(_))) => {
                "the server knows no expiry, and accepts its signatures all the same"
            }
            (Ok(()), _) => "the server accepts its signatures all the same",
            (Err(refusal), _) if refusal.cause == Cause::Undecided => {
                "the server may refuse its signatures, and may accept them: it depends on chance"
            }
            (Err(_), Ok(())) => "the server accepts no signature by it",
            (Err(_), Err(_)) => "the server refuses its signatures too",
        }
    }
}
