//! What is said of signers whose signatures do not count.

use std::collections::BTreeMap;
use std::path::Path;

use super::Publisher;
use super::claims::claimed;
use super::show::Warned;
use super::verified::{Answer, Line};
use crate::disk::artifact::Artifact;
use crate::disk::release::Release;
use crate::openpgp::verdict::{Bad, Reason};
use crate::text::Safe;

impl Publisher<'_> {
    /// Says whom the signatures name, where nobody's count.
    pub(super) fn tell_of_claims(&self, release: &Release) {
        const MOST_READ: usize = 100;
        let known = self.or_unasked(self.known());
        let mut said: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
        for artifact in release.artifacts.iter().take(MOST_READ) {
            let Some(claims) = claimed(artifact, &known) else { continue };
            let Some(signer) = claims.signer() else { continue };
            let words = format!("by {signer}; {}", claims.standing());
            said.entry(words).or_default().push(&artifact.path);
        }
        for (by, paths) in said {
            match paths[..] {
                [path] => {
                    let path = Safe::path(path);
                    self.watch.warn(&format!("the signature of {path} claims to be {by}"));
                }
                _ => {
                    let of_many = format!("have signatures that claim to be {by}");
                    Warned { of_one: "", of_many: &of_many }.tell(paths, self.watch);
                }
            }
        }
    }

    /// Adds to the verdicts on unknown signers what the home knows of them. The lines are the
    /// artifacts', in their order.
    pub(super) fn tell_of_unknown(&self, lines: &mut [Line], artifacts: &[Artifact]) {
        let mut known = None;
        for (line, artifact) in lines.iter_mut().zip(artifacts) {
            let Some(bad) = line.bad().filter(|bad| bad.reason() == Reason::UnknownSigner) else {
                continue;
            };
            let known = known.get_or_insert_with(|| self.or_unasked(self.known()));
            let Some(claims) = claimed(artifact, known) else { continue };
            if claims.signer().is_some() {
                let detail = format!("{}; {}", bad.detail(), claims.standing());
                line.answer = Answer::from(Bad::new(Reason::UnknownSigner, detail));
            }
            line.claims = Some(Box::new(claims));
        }
    }
}
