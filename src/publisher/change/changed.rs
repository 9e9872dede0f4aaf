//! What comes of a change.

use std::time::SystemTime;

use serde::Serialize;

use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::publisher::outcome::Outcome;
use crate::publisher::show::CertificateView;

/// A key that was changed, or did not need to be.
#[derive(Serialize)]
pub struct Changed<T> {
    /// What JSON says of its certificate.
    pub key: CertificateView,
    /// Whether anything is different now.
    pub changed: bool,
    /// The subkeys that the change is about.
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

impl<T> Changed<T> {
    /// A change of the certificate, made at this time. Whoever has the certificate lacks it.
    pub(super) fn new(certificate: Certificate, now: SystemTime, how: T) -> Changed<T> {
        let key = certificate.fingerprint();
        Changed {
            key: CertificateView::new(&certificate, &Policy::new(now)),
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
        let key = &self.key.primary.fingerprint;
        let has_subkeys = !self.key.subkeys.is_empty();
        self.for_ci =
            has_subkeys.then(|| format!("plugsign export --ci {key} -o ci-secret --force"));
        self
    }

    /// A copy that is kept off-line is what was before: the one that was lent, if one was.
    pub(super) fn older_off_line(mut self, is_lent: bool) -> Changed<T> {
        let key = &self.key.primary.fingerprint;
        self.off_line = Some(match is_lent {
            true => format!("plugsign import FILE && plugsign export --offline-primary DIR {key}"),
            false => format!("plugsign export --secret {key} -a -o {key}.secret.asc --force"),
        });
        self
    }
}
