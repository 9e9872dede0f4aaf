//! What comes of a change.

use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::publisher::outcome::Outcome;
use crate::publisher::show::certificate_json;

/// A key that was changed, or did not need to be.
#[derive(Serialize)]
pub struct Changed<T> {
    /// What JSON says of its certificate.
    pub key: Map<String, Value>,
    /// Whether anything is different now.
    pub changed: bool,
    /// The subkeys that the change is about.
    #[serde(serialize_with = "as_texts")]
    pub subkeys: Vec<Fingerprint>,
    /// The commands that write what has to be published again.
    pub publish: Vec<String>,
    /// The command that writes a CI's secret again, if that lacks the change.
    #[serde(skip)]
    pub for_ci: Option<String>,
    /// The command that writes a copy that is kept off-line again, if that lacks the change.
    #[serde(skip)]
    pub off_line: Option<String>,
    /// Its certificate, as it is now.
    #[serde(skip)]
    pub certificate: Certificate,
    /// How it was changed.
    #[serde(skip)]
    pub how: T,
}

impl<T> Outcome for Changed<T> {}

fn as_texts<S: Serializer>(keys: &[Fingerprint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(ToString::to_string))
}

impl<T> Changed<T> {
    /// A change of the certificate, made at this time. Whoever has the certificate lacks it.
    pub(super) fn new(certificate: Certificate, now: SystemTime, how: T) -> Changed<T> {
        let key = certificate.fingerprint();
        Changed {
            key: certificate_json(&certificate, &certificate.describe(&Policy::new(now))),
            changed: true,
            subkeys: Vec::new(),
            publish: vec![format!("plugsign export {key} -a -o release-key.asc --force")],
            for_ci: None,
            off_line: None,
            certificate,
            how,
        }
    }

    /// Everything is as it was.
    pub(super) fn unchanged(self) -> Changed<T> {
        Changed { changed: false, publish: Vec::new(), for_ci: None, off_line: None, ..self }
    }

    /// A CI signs with what was before, if the key has subkeys.
    pub(super) fn older_in_ci(mut self) -> Changed<T> {
        let key = self.certificate.fingerprint();
        let has_subkeys = self.certificate.fingerprints().len() > 1;
        self.for_ci =
            has_subkeys.then(|| format!("plugsign export --ci {key} -o ci-secret --force"));
        self
    }

    /// A copy that is kept off-line is what was before: the one that was lent, if one was.
    pub(super) fn older_off_line(mut self, is_lent: bool) -> Changed<T> {
        let key = self.certificate.fingerprint();
        self.off_line = Some(match is_lent {
            true => format!("plugsign import FILE && plugsign export --offline-primary DIR {key}"),
            false => format!("plugsign export --secret {key} -a -o {key}.secret.asc --force"),
        });
        self
    }
}
