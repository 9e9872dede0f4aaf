//! What a diagnosis looks at in the key that would sign.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Publisher;
use super::advice::UNREADABLE;
use super::diagnosed::{Health, Observation, Row, fail, ok, warn};
use super::failure::{Failure, Result};
use super::keys::{Found, Origin};
use super::show::first_user_id;
use super::signer::Form;
use super::store::check;
use crate::disk::Error;
use crate::disk::file::is_there;
use crate::disk::permissions::is_exposed;
use crate::mattermost::server_copy::ServerCopy;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::Description;
use crate::openpgp::hash::ContentHash;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::openpgp::revocation_reason::RevocationReason;
use crate::openpgp::secret_key::{Protection, SigningKey};
use crate::openpgp::times::show_time;
use crate::openpgp::weakness::Weakness;
use crate::text::{Safe, quoted};

/// Where a passphrase would come from.
pub enum PassphraseFrom {
    /// A descriptor.
    Descriptor(u32),
    /// A file.
    File(PathBuf),
    /// The environment.
    Environment,
    /// A person at the terminal.
    Terminal,
    /// Nobody: it is a CI that runs.
    NobodyInCi,
    /// Nobody: there is no terminal.
    Nobody,
}

/// The key that would sign, and what there is to know of it.
pub(super) struct Subject<'a> {
    pub publisher: &'a Publisher<'a>,
    pub found: &'a Found,
    certificate: &'a Certificate,
    policy: Policy,
    description: Description,
    can_sign: openpgp::Result<Fingerprint>,
}

impl<'a> Subject<'a> {
    pub fn new(found: &'a Found, publisher: &'a Publisher<'a>) -> Subject<'a> {
        let (certificate, policy) = (found.secret.certificate(), publisher.policy());
        let description = certificate.describe(&policy);
        let can_sign = found.secret.check_can_sign(found.exactly.as_ref(), &policy);
        Subject { publisher, found, certificate, policy, description, can_sign }
    }

    /// Returns what there is to say of the key, each thing in a row of its own.
    pub fn rows(
        &self,
        file: Option<&Path>,
        passphrase: &PassphraseFrom,
        min_days: Option<u32>,
        created: Result<SystemTime>,
    ) -> Vec<Row> {
        let passphrase = self.passphrase(passphrase);
        let is_hopeless = passphrase.state == Health::Fail;
        let mut rows = vec![
            Row::new("key", self.key(file)),
            Row::new("strength", self.strength()),
            Row::new("revocation", self.revocation()),
            Row::new("validity", self.validity(min_days)),
            Row::new("server", self.server()),
            Row::new("passphrase", passphrase),
        ];
        if self.found.origin == Origin::Home {
            rows.push(Row::new("revocation-certificate", self.revocation_certificate()));
        }
        if is_hopeless {
            return rows;
        }
        match self.publisher.unlock(self.found) {
            Ok(key) => {
                let words = format!("{} is unlocked and whole", key.fingerprint());
                rows.push(Row::new("unlock", ok(words)));
                rows.push(Row::new("trial", self.trial(key, created)));
            }
            Err(failure) => {
                let mend = match failure {
                    Failure::Disk(Error::Io { .. }) | Failure::Stream(..) => {
                        "name what can be read: --passphrase-file FILE, --passphrase-fd N or PLUGSIGN_PASSPHRASE".into()
                    }
                    _ => format!("see the key:\n  plugsign list {}", self.certificate.fingerprint()),
                };
                rows.push(Row::new("unlock", Observation::from(Err(failure)).or_mend(mend)));
            }
        }
        rows
    }

    /// Returns when the key that signs was made, else the primary key.
    pub fn birth(&self) -> SystemTime {
        let keys = &self.description.keys;
        let signer = keys.iter().find(|key| Some(&key.fingerprint) == self.can_sign.as_ref().ok());
        signer.or(keys.first()).map_or(SystemTime::UNIX_EPOCH, |key| key.created)
    }

    fn key(&self, file: Option<&Path>) -> Observation {
        if let Some(path) = file.filter(|path| is_exposed(path)) {
            return exposed(path);
        }
        let origin = match self.found.origin {
            Origin::File => "--key-file",
            Origin::Environment => "PLUGSIGN_KEY",
            Origin::Home => "the home",
            Origin::Token => "the token",
        };
        let (key, user_id) = (self.certificate.fingerprint(), first_user_id(self.certificate));
        ok(format!("{key} ({user_id}), from {origin}"))
    }

    fn strength(&self) -> Result<Observation> {
        check(self.certificate, &self.policy)?;
        // Other checks say what is wrong with the home.
        if let Some(shelf) = self.publisher.home().ok().and_then(|home| home.keys().ok()) {
            shelf.check_primes(self.certificate)?;
        }
        let algorithm = self.description.keys.first().map(|key| key.algorithm.clone());
        Ok(ok(algorithm.unwrap_or_default()))
    }

    fn revocation(&self) -> Observation {
        const NEW: &str = "make a new key:\n  plugsign keygen\nThen tell the world of it:\n  plugsign announce KEY";
        if let Some(reason) = self.certificate.revoked() {
            return fail(Weakness::Revoked(reason).to_string(), NEW);
        }
        let weakness = match &self.can_sign {
            Err(openpgp::Error::Refused { weakness, .. }) => Some(weakness.clone()),
            _ => self.description.weakness(),
        };
        let words = match weakness {
            Some(weakness @ Weakness::Revoked(_)) => format!("the subkey that signs: {weakness}"),
            Some(weakness @ Weakness::RevokedSubkey(..)) => {
                format!("{weakness}; the key itself is not")
            }
            _ => return ok("not revoked"),
        };
        let mend = match self.description.can_sign() {
            true => "sign with another subkey: leave out -u, or name that one".into(),
            false => self.found.renewal(None, None).rotation(self.policy.now()),
        };
        fail(words, mend)
    }

    fn validity(&self, min_days: Option<u32>) -> Observation {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let signer = self.can_sign.as_ref().ok();
        let renewal = || self.found.renewal(signer, min_days).words(&self.policy);
        match &self.can_sign {
            Err(openpgp::Error::Refused { weakness: weakness @ Weakness::Expired(_), .. }) => {
                return fail(weakness.to_string(), renewal());
            }
            Err(openpgp::Error::Refused { key, weakness: weakness @ Weakness::NotYetValid(_) }) => {
                let (key, weakness) = (key.clone(), weakness.clone());
                return Err(openpgp::Error::Refused { key, weakness }).into();
            }
            _ => {}
        }
        // A key that cannot sign for another reason has its own end.
        let own_end = self.description.keys.first().and_then(|primary| primary.expires);
        let end = signer.map_or(own_end, |signer| self.description.key_signs_until(signer));
        let Some(end) = end else { return ok("never expires") };
        let left = end.duration_since(self.policy.now()).unwrap_or_default();
        let days = left.as_secs() / DAY.as_secs();
        let detail = format!("expires on {}, in {days} days", show_time(end));
        match min_days {
            Some(days) if left < DAY * days => fail(detail, renewal()),
            None if self.policy.ends_soon(Some(end)) => warn(detail, renewal()),
            _ => ok(detail),
        }
    }

    fn server(&self) -> Observation {
        match ServerCopy::of(self.certificate) {
            Err(refusal) => {
                let words = "the Mattermost server cannot read the certificate";
                fail(format!("{words}: {refusal}"), UNREADABLE)
            }
            Ok(copy) if copy.left_out.is_empty() => {
                ok("the Mattermost server reads the certificate")
            }
            Ok(_) => {
                let export = "give servers this:\n  plugsign export --for-server";
                let mend = format!("{export} {}", self.certificate.fingerprint());
                warn("the Mattermost server reads the certificate in part only", mend)
            }
        }
    }

    fn passphrase(&self, source: &PassphraseFrom) -> Observation {
        const GIVE: &str =
            "set PLUGSIGN_PASSPHRASE, or say --passphrase-file FILE or --passphrase-fd N";
        if self.found.origin == Origin::Token {
            return ok("the token is open: its PIN, if it wants one, was right");
        }
        if self.found.secret.protection() == Protection::None {
            let passwd = format!("plugsign passwd {}", self.found.secret.fingerprint());
            let mend = match self.found.origin {
                Origin::Home => format!("  {passwd}"),
                _ => format!("give it one where it was exported:\n  {passwd}"),
            };
            return warn("the key has none: whoever has the file has the key", mend);
        }
        match source {
            PassphraseFrom::Descriptor(number) => ok(format!("from descriptor {number}")),
            PassphraseFrom::File(path) if is_exposed(path) => exposed(path),
            PassphraseFrom::File(path) => ok(format!("from {}", Safe::path(path))),
            PassphraseFrom::Environment => ok("from PLUGSIGN_PASSPHRASE"),
            PassphraseFrom::Terminal => ok("asked for on the terminal"),
            PassphraseFrom::NobodyInCi => {
                fail("none is given, and in CI there is nobody to ask", GIVE)
            }
            PassphraseFrom::Nobody => fail("none is given, and there is no terminal", GIVE),
        }
    }

    fn revocation_certificate(&self) -> Result<Observation> {
        let (home, key) = (self.publisher.home()?, self.certificate.fingerprint());
        for reason in [RevocationReason::Unspecified, RevocationReason::Compromised] {
            let path = home.revocation_path(&key, reason);
            if is_there(&path)? && path.exists() {
                let path = path.strip_prefix(home.root()).unwrap_or(&path);
                return Ok(ok(format!("{} in the home; keep a copy elsewhere", Safe::path(path))));
            }
        }
        Ok(warn(
            "the home has none, for the day that the key is lost",
            format!(
                "keep a copy of the secret key off this machine, which can revoke it:\n  plugsign export --secret {key} -a -o {key}.secret.asc"
            ),
        ))
    }

    /// Signs a few bytes in memory as `sign` does, with both judges looking at them.
    fn trial(&self, key: SigningKey, created: Result<SystemTime>) -> Result<Observation> {
        let form = Form { way: ContentHash::SHA256, created: created?, armored: false };
        let signer = self.publisher.signer_with(key, true, form)?;
        signer.sign(&signer.hash(b"plugsign doctor"))?;
        Ok(ok(format!("signed and verified, by {}", signer.key.fingerprint())))
    }
}

fn exposed(path: &Path) -> Observation {
    warn(format!("others can read {}", Safe::path(path)), format!("  chmod 600 {}", quoted(path)))
}
