//! Making a key.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::Publisher;
use super::failure::{Failure, Result, one_line};
use super::outcome::{Outcome, as_path};
use super::sheet;
use super::show::CertificateView;
use super::store::{check, refused};
use crate::disk::Error;
use crate::disk::file::folder_of;
use crate::disk::permissions::check_writable;
use crate::disk::write::{Access, Existing};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::keygen::{KeyKind, KeyPlan, NewKey, generate};
use crate::openpgp::policy::Policy;
use crate::openpgp::secret_key::Passphrase;
use crate::text::path_text;

/// A key that was made.
#[derive(Serialize)]
pub struct Made {
    /// What JSON says of its certificate.
    pub key: CertificateView,
    /// Where the revocation certificate without reason is kept.
    #[serde(serialize_with = "as_path")]
    pub revocation: PathBuf,
    /// Where those for the usual reasons are kept. Only an organisation's key has them.
    pub revocations_for_reasons: Vec<String>,
    /// What to print for an organisation's safe.
    pub summary: Option<String>,
    /// What names the key in the token that has it, if one does.
    pub token: Option<String>,
    /// Its certificate.
    #[serde(skip)]
    pub certificate: Certificate,
    /// When it ends.
    #[serde(skip)]
    pub expires: Option<SystemTime>,
}

impl Outcome for Made {}

impl Publisher<'_> {
    /// Checks, before anybody is asked, that a key could be kept and its summary written: a key
    /// must not be there without its sheet. Fails for a home or a place that cannot be used.
    pub fn check_before_making(&self, summary: Option<&Path>) -> Result<()> {
        self.home()?.check()?;
        let Some(path) = summary else { return Ok(()) };
        if fs::symlink_metadata(path).is_ok() {
            let error = Error::Exists(path.to_owned());
            return Err(Failure::advised(error, "name another file for --summary"));
        }
        let advice = "no key was made: name a file in a folder that is there and can be written to";
        let written = check_writable(folder_of(path)).map_err(Error::io("write", path));
        written.map_err(|error| Failure::advised(error, advice))
    }

    /// Makes a key and stores it with its revocation certificates. A summary that cannot be written
    /// to `sheet` is a warning. Fails if OpenPGP cannot hold the plan, or if the home is not
    /// writable.
    pub fn make(
        &self,
        plan: &KeyPlan,
        passphrase: Option<&Passphrase>,
        sheet: Option<&Path>,
    ) -> Result<Made> {
        let home = self.home()?;
        home.check()?;
        self.watch.detail(&format!("making {} RSA bits", plan.bits.bits()));
        self.keep_new(plan, generate(plan, passphrase)?, sheet)
    }

    /// Stores a key that was made.
    pub(super) fn keep_new(
        &self,
        plan: &KeyPlan,
        key: NewKey,
        sheet: Option<&Path>,
    ) -> Result<Made> {
        let home = self.home()?;
        // What was made passes the same rules as what is imported.
        let certificate = key.secret.certificate().clone();
        match plan.kind {
            KeyKind::Certify => {
                certificate.check_primary().map_err(|weakness| refused(&certificate, weakness))?;
            }
            _ => check(&certificate, &Policy::new(plan.created))?,
        }
        let lock = self.lock()?;
        self.warn_of_namesakes(&plan.user_id)?;
        home.add_new_key(&lock, &key.secret, &key.revocations)?;
        let fingerprint = certificate.fingerprint();
        let path = |(reason, _): &(_, _)| home.revocation_path(&fingerprint, *reason);
        let revocations: Vec<PathBuf> = key.revocations.iter().map(path).collect();
        let description = certificate.describe(&self.policy());
        let is_org = matches!(plan.kind, KeyKind::Organisation { .. });
        let text =
            is_org.then(|| sheet::sheet(&certificate, &description, home.root(), &revocations));
        if let (Some(path), Some(text)) = (sheet, &text) {
            let access = Access::Public { umask: self.umask };
            if let Err(error) = self.kept.write_new(path, text.as_bytes(), access, Existing::Keep) {
                let why = one_line(&error);
                self.watch.warn(&format!(
                    "the key is made, and its summary is not written: {why}; it is the text below"
                ));
            }
        }
        let mut revocations = revocations.into_iter();
        Ok(Made {
            key: CertificateView::described(&certificate, description),
            revocation: revocations.next().unwrap_or_default(),
            revocations_for_reasons: revocations.map(|path| path_text(&path)).collect(),
            summary: text,
            token: None,
            certificate,
            expires: plan.validity.map(|validity| plan.created + validity),
        })
    }

    /// Says so if a key of the home has the user ID: neither is found by it any more.
    fn warn_of_namesakes(&self, user_id: &str) -> Result<()> {
        for key in self.home()?.keys()?.items {
            if key.certificate.standing_user_ids().iter().any(|id| id == user_id.as_bytes()) {
                let fingerprint = key.certificate.fingerprint();
                self.watch.warn(&format!(
                    "{fingerprint} has the same user ID: name each of the two by its fingerprint"
                ));
            }
        }
        Ok(())
    }
}
