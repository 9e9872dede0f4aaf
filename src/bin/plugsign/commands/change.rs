//! What the commands that change a key have in common.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::file::read_small;
use plugsign::disk::home::{Home, Lock};
use plugsign::disk::shelf::HomeKey;
use plugsign::mattermost::public_key::check_readable;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::change::{Maker, revocation};
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::key_file::{MAX_KEY_FILE, read_keys};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::primary_key::PrimaryKey;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::revocation_reason::RevocationReason;
use plugsign::openpgp::secret_key::{Passphrase, SecretKey};
use plugsign::openpgp::weakness::Weakness;
use serde_json::{Map, Value};

use crate::edge::asking::{Asking, LentPrimary, PassphraseSource};
use crate::edge::report::Report;
use crate::edge::world::World;
use plugsign::publisher::change::{of_home, settle, whole_seconds};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::keys::one_secret;
use plugsign::publisher::show::{certificate_json, first_user_id};

/// Where the primary key and the passphrases come from.
#[derive(Args)]
pub struct Means {
    #[command(flatten)]
    lent: LentPrimary,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// A key of the home that is about to change.
pub struct Opened {
    pub fingerprint: Fingerprint,
    pub primary: PrimaryKey,
    /// Of the home's secret key; of a lent one there is no trace any more.
    pub passphrase: Option<Arc<Passphrase>>,
    /// Whether the primary key is not the home's.
    pub is_lent: bool,
    /// The time of the change, once it is made: newer than anything that the key said of itself.
    pub now: SystemTime,
}

/// Which secret parts a change needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The primary key's.
    Primary,
    /// The subkeys' too, with their passphrase.
    Subkeys,
}

impl Means {
    /// Finds the key that changes and unlocks its primary key. Whatever speaks against that is
    /// said before a passphrase is asked for.
    pub fn open(
        &self,
        key: &str,
        needs: Needs,
        revoked: bool,
        world: &World,
    ) -> Result<Opened, Failure> {
        let asking = Asking::new(world).key(&self.passphrase).lent(&self.lent);
        let publisher = world.publisher(&asking);
        let query = KeyQuery::parse(key)?;
        let shelf = world.home()?.keys()?;
        let lent = self.lent.primary.is_some();
        let key = match needs == Needs::Subkeys || !lent {
            true => shelf.find_secret_whole(&query)?,
            false => shelf.find_whole(&query)?,
        };
        let certificate = &key.certificate;
        let fingerprint = certificate.fingerprint();
        check(certificate, revoked, world)?;
        let (primary, passphrase) = match (self.read_lent(&fingerprint)?, &key.secret) {
            (Some(lent), home) => {
                let passphrase = publisher.passphrase_of_lent(&lent)?;
                let primary = lent.unlock_primary(passphrase.as_deref())?;
                let passphrase = match home {
                    Some(home) if needs == Needs::Subkeys => {
                        publisher.proven_passphrase(home, certificate)?
                    }
                    _ => None,
                };
                (primary, passphrase)
            }
            (None, Some(home)) if home.has_primary() => publisher.until_right(|| {
                let passphrase = publisher.passphrase_of(home, certificate)?;
                Ok((home.unlock_primary(passphrase.as_deref())?, passphrase))
            })?,
            (None, _) => return Err(openpgp::Error::PrimaryElsewhere(fingerprint).into()),
        };
        let now = whole_seconds(world.now);
        Ok(Opened { fingerprint, primary, passphrase, is_lent: lent, now })
    }

    fn read_lent(&self, wanted: &Fingerprint) -> Result<Option<SecretKey>, Failure> {
        let Some(path) = &self.lent.primary else { return Ok(None) };
        let keys = read_keys(&read_small(path, "a key file", MAX_KEY_FILE)?)?;
        let lent = one_secret(keys, None)?;
        match lent.fingerprint() == *wanted {
            true => Ok(Some(lent)),
            false => {
                Err(openpgp::Error::OtherKey { wanted: wanted.clone(), found: lent.fingerprint() }
                    .into())
            }
        }
    }
}

fn check(certificate: &Certificate, revoked: bool, world: &World) -> Result<(), Failure> {
    let refused = |weakness| {
        Err(openpgp::Error::Refused { key: certificate.fingerprint().to_string(), weakness }.into())
    };
    if let (false, Some(reason)) = (revoked, certificate.revoked()) {
        return refused(Weakness::Revoked(reason));
    }
    match certificate.describe(&world.policy()).keys.first() {
        Some(primary) if primary.created > world.now => {
            refused(Weakness::NotYetValid(primary.created))
        }
        _ => Ok(()),
    }
}

impl Opened {
    /// Changes the certificate, under the home's lock, from what it is then and at a time that is
    /// after it.
    pub fn change(
        &mut self,
        world: &World,
        make: impl FnOnce(&Certificate, &Maker<'_>, SystemTime) -> openpgp::Result<Certificate>,
    ) -> Result<Certificate, Failure> {
        self.in_home(world, |home, lock, key, maker, now| {
            let certificate = make(&key.certificate, maker, now)?;
            if certificate.same_as(&key.certificate) {
                return Ok(certificate);
            }
            check_still_readable(&key.certificate, &certificate)?;
            if certificate.revoked().is_none() {
                renew_revocations(home, lock, &certificate, maker, now)?;
            }
            home.put_certificate(lock, &certificate)?;
            Ok(certificate)
        })
    }

    /// Does something with the key as it is under the home's lock.
    pub fn in_home<T>(
        &mut self,
        world: &World,
        make: impl FnOnce(&Home, &Lock, &HomeKey, &Maker<'_>, SystemTime) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let home = world.home()?;
        let lock = world.lock()?;
        let key = of_home(home, &self.fingerprint)?;
        self.now = settle(&key.certificate, &world.publisher(&Asking::new(world)));
        let nobody;
        let secret = match &key.secret {
            Some(secret) => secret,
            None => {
                nobody = key.certificate.without_secrets();
                &nobody
            }
        };
        let passphrase = self.passphrase.as_deref();
        let maker = Maker { primary: &self.primary, secret, passphrase };
        Ok(make(home, &lock, &key, &maker, self.now)?)
    }
}

/// Makes the stored revocation certificates anew that would not count any more: those for keys
/// that are merely superseded or retired are void once the key has said something of itself after
/// them. They come before the change: newer than the key's word they count, older they do not.
fn renew_revocations(
    home: &Home,
    lock: &Lock,
    certificate: &Certificate,
    maker: &Maker<'_>,
    now: SystemTime,
) -> Result<(), Error> {
    let fingerprint = certificate.fingerprint();
    for reason in RevocationReason::USUAL.into_iter().filter(|reason| !reason.is_hard()) {
        if home.revocation(&fingerprint, reason)?.is_some() {
            let bytes = revocation(maker.primary, &certificate.first_user_id(), reason, now)?;
            home.put_revocation(lock, &fingerprint, reason, &bytes)?;
        }
    }
    Ok(())
}

/// What the server can read it can read afterwards.
fn check_still_readable(old: &Certificate, new: &Certificate) -> Result<(), Error> {
    let Err(unfit) = check_readable(&new.to_bytes()?) else { return Ok(()) };
    match check_readable(&old.to_bytes()?) {
        Ok(_) => Err(Error::Malformed(format!(
            "nothing was changed, for the server could not read the certificate then: {unfit}"
        ))),
        Err(_) => Ok(()),
    }
}

/// A key that was changed, or did not need to be.
pub struct Changed {
    certificate: Certificate,
    json: Map<String, Value>,
    /// What the change is about: a new subkey, else the key.
    subject: Fingerprint,
    subkeys: Vec<Fingerprint>,
    changed: bool,
    publish: bool,
    /// Whether a CI's copy of the signing subkey lacks the change.
    is_older_in_ci: bool,
    /// How a copy that is kept off-line, which lacks the change, gets it.
    off_line: Option<String>,
    words: Vec<String>,
}

impl Changed {
    pub fn new(certificate: Certificate, policy: &Policy) -> Changed {
        Changed {
            json: certificate_json(&certificate, &certificate.describe(policy)),
            subject: certificate.fingerprint(),
            certificate,
            subkeys: Vec::new(),
            changed: true,
            publish: true,
            is_older_in_ci: false,
            off_line: None,
            words: Vec::new(),
        }
    }

    /// Says something about the change.
    pub fn say(mut self, words: impl Into<String>) -> Changed {
        self.words.push(words.into());
        self
    }

    /// Names the subkeys that the change is about.
    pub fn subkeys(mut self, subkeys: Vec<Fingerprint>) -> Changed {
        self.subkeys = subkeys;
        self
    }

    /// Names the new subkey, which is the result.
    pub fn made(mut self, subkey: Fingerprint) -> Changed {
        self.subject = subkey.clone();
        self.subkeys = vec![subkey];
        self
    }

    /// There is nothing new in the certificate.
    pub fn private(mut self) -> Changed {
        self.publish = false;
        self
    }

    /// A CI signs with what was before.
    pub fn older_in_ci(mut self) -> Changed {
        self.is_older_in_ci = self.certificate.fingerprints().len() > 1;
        self
    }

    /// A copy that is kept off-line is what was before.
    pub fn older_off_line(mut self, opened: &Opened) -> Changed {
        let key = &opened.fingerprint;
        self.off_line = Some(match opened.is_lent {
            true => format!("plugsign import FILE && plugsign export --offline-primary DIR {key}"),
            false => format!("plugsign export --secret {key} -a -o {key}.secret.asc --force"),
        });
        self
    }

    /// Everything is as it was.
    pub fn unchanged(mut self) -> Changed {
        self.changed = false;
        self.private()
    }

    fn publish(&self) -> Vec<String> {
        let fingerprint = self.certificate.fingerprint();
        match self.publish {
            false => Vec::new(),
            true => vec![format!("plugsign export {fingerprint} -a -o release-key.asc --force")],
        }
    }
}

impl Report for Changed {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.subject)
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        for words in &self.words {
            writeln!(talk, "{words}")?;
        }
        let user_id = first_user_id(&self.certificate);
        for command in self.publish() {
            writeln!(talk, "Publish the certificate of {user_id} again, wherever it is:")?;
            writeln!(talk, "  {command}")?;
        }
        if self.is_older_in_ci {
            let key = self.certificate.fingerprint();
            writeln!(talk, "If a CI has the signing subkey, export its secret again:")?;
            writeln!(talk, "  plugsign export --ci {key} -o ci-secret --force")?;
        }
        if let Some(command) = &self.off_line {
            writeln!(
                talk,
                "A copy of the key that is kept off-line lacks this. To write a new one:"
            )?;
            writeln!(talk, "  {command}")?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("key".into(), Value::Object(self.json.clone()));
        map.insert("changed".into(), self.changed.into());
        let subkeys: Vec<Value> = self.subkeys.iter().map(|it| it.to_string().into()).collect();
        map.insert("subkeys".into(), subkeys.into());
        map.insert("publish".into(), self.publish().into());
        map
    }
}
