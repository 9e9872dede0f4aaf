//! Looks at a signature file without a key.

use super::server::{Refusal, check_signature_file};
use crate::openpgp::ids::KeyId;
use crate::openpgp::signature::DetachedSignature;
use crate::openpgp::verdict::Bad;

/// What a signature file is, whoever made it and whatever it signs. There are two verdicts, because
/// the server accepts much that the publisher's policy refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which keys it claims to be made by, or why the publisher's policy refuses it from anybody.
    pub policy: Result<Vec<KeyId>, Bad>,
    /// Why every server refuses it.
    pub server: Result<(), Refusal>,
}

/// Looks at a signature file.
pub fn shape(signature_file: &[u8]) -> Shape {
    let policy = DetachedSignature::read(signature_file).and_then(|signature| {
        signature.content_hash()?;
        Ok(signature.claimed_issuers())
    });
    Shape { policy, server: check_signature_file(signature_file) }
}

impl Shape {
    /// Returns what is wrong with it, and what the server does.
    pub fn problem(&self) -> Option<(String, String)> {
        match (&self.policy, &self.server) {
            (Ok(_), Ok(())) => None,
            (Err(bad), Ok(())) => Some((
                refused_by_policy(bad),
                "a Mattermost server that has the signer's key may accept it all the same".into(),
            )),
            (policy, Err(Refusal { words, advice, .. })) => {
                let why = match policy {
                    Ok(_) => words.clone(),
                    Err(bad) => format!("{} ({words})", bad.detail()),
                };
                Some((
                    format!("the signature is refused by every server: {why}"),
                    format!("no server installs it. {}", advice.trim_end_matches('.')),
                ))
            }
        }
    }
}

/// Returns what the publisher's policy says about a signature that is not good.
pub fn refused_by_policy(bad: &Bad) -> String {
    format!("the publisher's policy refuses the signature: {}: {}", bad.reason(), bad.detail())
}
