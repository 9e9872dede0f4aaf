//! Will signing work at the end of a long build? Each check looks at one thing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::Publisher;
use super::advice::UNREADABLE;
use super::check::{NO_SIGNATURE, look};
use super::failure::{EXIT_NO, Failure};
use super::keys::{Found, KeyText, Origin};
use super::outcome::Outcome;
use super::renewal::Renewal;
use super::show::first_user_id;
use super::signer::Form;
use crate::disk::Error;
use crate::disk::file::is_there;
use crate::disk::permissions::{check_writable, exposed, is_exposed};
use crate::judge::Judge;
use crate::mattermost::bundle::{Finding, Severity};
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

/// What is looked at.
pub struct Diagnosing<'a> {
    /// The KEY that would sign, if one is named.
    pub keys: &'a [String],
    /// The text with the key, or why there is none.
    pub text: Result<Option<KeyText>, Failure>,
    /// The file that the text is from.
    pub key_file: Option<&'a Path>,
    /// Where its passphrase would come from.
    pub passphrase: PassphraseFrom,
    /// How many days the key must still be valid.
    pub min_days: Option<u32>,
    /// Bundles that would be signed.
    pub bundles: &'a [PathBuf],
    /// The time that signatures would be dated with.
    pub created: Result<SystemTime, Failure>,
}

/// All checks.
#[derive(Serialize)]
pub struct Diagnosis {
    /// The key that would sign.
    pub fingerprint: Option<Fingerprint>,
    /// The checks, in their order.
    pub checks: Vec<Row>,
}

/// One check.
#[derive(Serialize)]
pub struct Row {
    /// Its name, a promise to scripts.
    pub name: &'static str,
    /// Whether all is well.
    pub state: Health,
    /// What was seen.
    pub detail: String,
    /// What mends it.
    pub mend: Option<String>,
}

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// All is well.
    Ok,
    /// Signing works, and something should be done.
    Warn,
    /// Signing does not work, or will not be good.
    Fail,
}

impl Row {
    fn ok(name: &'static str, detail: impl Into<String>) -> Row {
        Row { name, state: Health::Ok, detail: detail.into(), mend: None }
    }

    fn warn(name: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Row {
        Row { name, state: Health::Warn, detail: detail.into(), mend: Some(mend.into()) }
    }

    fn fail(name: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Row {
        Row { state: Health::Fail, ..Row::warn(name, detail, mend) }
    }

    fn error(name: &'static str, error: impl Into<Failure>) -> Row {
        let failure = error.into();
        Row { name, state: Health::Fail, detail: failure.one_line(), mend: failure.hint() }
    }

    /// Says what mends it, if nothing was said yet.
    fn or_mend(mut self, mend: impl Into<String>) -> Row {
        self.mend = self.mend.or_else(|| Some(mend.into()));
        self
    }

    /// Says something more of what was seen.
    fn remark(mut self, words: &str) -> Row {
        self.detail = format!("{}; {words}", self.detail);
        self
    }

    fn weakness(name: &'static str, certificate: &Certificate, weakness: Weakness) -> Row {
        let key = certificate.fingerprint().to_string();
        Row::error(name, openpgp::Error::Refused { key, weakness })
    }
}

impl Outcome for Diagnosis {
    fn exit(&self) -> u8 {
        if self.checks.iter().any(|row| row.state == Health::Fail) { EXIT_NO } else { 0 }
    }
}

impl Publisher<'_> {
    /// Looks at everything that signing needs. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] alone. What else is wrong is said in the checks.
    pub fn diagnose(&self, mut diagnosing: Diagnosing<'_>) -> Result<Diagnosis, Failure> {
        let mut checks = Vec::new();
        let text = std::mem::replace(&mut diagnosing.text, Ok(None));
        let found = text.and_then(|text| self.find_keys(diagnosing.keys, text.as_ref()));
        let found = match found {
            Ok(mut found) => found.pop(),
            Err(failure @ Failure::Usage(_)) => return Err(failure),
            Err(failure) => {
                checks.push(Row::error("key", failure));
                None
            }
        };
        checks.insert(0, clock(found.as_ref(), &diagnosing.created, self));
        checks.insert(1, home(found.as_ref().map(|found| found.origin), self));
        let bundles = diagnosing.bundles;
        if let Some(found) = &found {
            checks.extend(look_at_key(found, diagnosing, self));
        }
        let certificate = found.as_ref().map(|found| found.secret.certificate());
        for path in bundles {
            checks.push(bundle(path, certificate, self));
        }
        Ok(Diagnosis { fingerprint: certificate.map(Certificate::fingerprint), checks })
    }
}

/// What there is to say of a key, each thing in a row of its own.
fn look_at_key(found: &Found, diagnosing: Diagnosing<'_>, publisher: &Publisher<'_>) -> Vec<Row> {
    let certificate = found.secret.certificate();
    let policy = publisher.policy();
    let description = certificate.describe(&policy);
    let can_sign = found.secret.check_can_sign(found.exactly.as_ref(), &policy);
    let renewal = found.renewal(can_sign.as_ref().ok(), diagnosing.min_days);
    let mut rows = vec![
        key(found, certificate, diagnosing.key_file),
        strength(certificate, &description, publisher),
        revocation(certificate, &description, can_sign.as_ref().err(), found),
        validity(&description, &can_sign, &renewal, diagnosing.min_days, &policy),
        server(certificate),
        passphrase(found, &diagnosing.passphrase),
    ];
    if found.origin == Origin::Home {
        rows.push(revocation_certificate(certificate, publisher));
    }
    let is_hopeless = rows.iter().any(|row| row.name == "passphrase" && row.state == Health::Fail);
    if is_hopeless {
        return rows;
    }
    match publisher.unlock(found) {
        Ok(key) => {
            rows.push(Row::ok("unlock", format!("{} is unlocked and whole", key.fingerprint())));
            rows.push(trial(key, diagnosing.created, publisher));
        }
        Err(failure) => {
            let mend = "name what can be read: --passphrase-file FILE, --passphrase-fd N or PLUGSIGN_PASSPHRASE";
            let mend = match failure {
                Failure::Disk(Error::Io { .. }) | Failure::Stream(..) => mend.to_string(),
                _ => format!("see the key: plugsign list {}", certificate.fingerprint()),
            };
            rows.push(Row::error("unlock", failure).or_mend(mend));
        }
    }
    rows
}

/// 1 November 2026: no clock that is right shows an earlier time to this program.
const EARLIEST: Duration = Duration::from_secs(1_793_491_200);

fn clock(
    found: Option<&Found>,
    created: &Result<SystemTime, Failure>,
    publisher: &Publisher<'_>,
) -> Row {
    const NAME: &str = "clock";
    const MEND: &str = "set the clock, for example with: timedatectl set-ntp true";
    const VARIABLE: &str = "unset SOURCE_DATE_EPOCH, or set the clock";
    let now = show_time(publisher.now);
    if publisher.now < SystemTime::UNIX_EPOCH + EARLIEST {
        return Row::fail(NAME, format!("it shows {now}, which is past"), MEND);
    }
    let time = match created {
        Err(failure) => return Row::fail(NAME, failure.message(), "unset SOURCE_DATE_EPOCH"),
        Ok(time) => *time,
    };
    let dated = show_time(time);
    let born = found.map(|found| (birth(found, publisher), found.secret.fingerprint()));
    match born {
        Some((born, key)) if born > publisher.now => Row::fail(
            NAME,
            format!("it shows {now}, and {key} was made on {}", show_time(born)),
            MEND,
        ),
        Some((born, key)) if born > time => Row::fail(
            NAME,
            format!("SOURCE_DATE_EPOCH is {dated}, and {key} was made on {}", show_time(born)),
            VARIABLE,
        ),
        _ if time > publisher.now + Policy::CLOCK_DIFFERENCE => Row::fail(
            NAME,
            format!("SOURCE_DATE_EPOCH is {dated}, and the clock shows {now}"),
            VARIABLE,
        ),
        _ if time != publisher.now => Row::ok(NAME, format!("{now}; signatures are dated {dated}")),
        _ => Row::ok(NAME, now),
    }
}

/// Returns when the key that signs was made, else the primary key.
fn birth(found: &Found, publisher: &Publisher<'_>) -> SystemTime {
    let policy = publisher.policy();
    let signer = found.secret.check_can_sign(found.exactly.as_ref(), &policy).ok();
    let keys = found.secret.certificate().describe(&policy).keys;
    let signer = keys.iter().find(|key| Some(&key.fingerprint) == signer.as_ref());
    signer.or(keys.first()).map_or(SystemTime::UNIX_EPOCH, |key| key.created)
}

const WITHOUT_MODES: &str =
    "if chmod changes nothing, the file system keeps no permissions: move the home to another one";

const ANOTHER_HOME: &str = "name another folder with --home DIR or PLUGSIGN_HOME";

fn home(origin: Option<Origin>, publisher: &Publisher<'_>) -> Row {
    let home = match publisher.home() {
        Ok(home) => home,
        Err(_) if matches!(origin, Some(Origin::File | Origin::Environment)) => {
            return Row::ok("home", "none, and none is needed");
        }
        Err(failure) => return Row::error("home", failure),
    };
    let root = Safe::path(home.root()).to_string();
    if let Err(error) = home.check() {
        let is_at_risk = matches!(error, Error::UnsafeHome { .. });
        let row = Row::error("home", error).or_mend(ANOTHER_HOME);
        return if is_at_risk { row.remark(WITHOUT_MODES) } else { row };
    }
    match exposed(home.root()) {
        Err(error) => Row::error("home", error).or_mend(ANOTHER_HOME),
        Ok(paths) => match paths.first() {
            Some(path) => Row::fail(
                "home",
                format!("others can read {} ({} such)", Safe::path(path), paths.len()),
                format!("chmod -R go= {}", quoted(home.root())),
            )
            .remark(WITHOUT_MODES),
            None if matches!(home.root().try_exists(), Ok(false)) => to_be_made(home.root()),
            None => Row::ok("home", format!("{root} is the owner's alone")),
        },
    }
}

/// Says whether a home that is not there could be made.
fn to_be_made(root: &Path) -> Row {
    let there = root.ancestors().skip(1).find(|folder| fs::symlink_metadata(folder).is_ok());
    let there = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (shown, above) = (Safe::path(root), Safe::path(there));
    match check_writable(there).is_ok() {
        true => Row::ok("home", format!("{shown} is not there yet")),
        false => Row::fail(
            "home",
            format!("{shown} is not there and cannot be made in {above}"),
            ANOTHER_HOME,
        ),
    }
}

fn key(found: &Found, certificate: &Certificate, file: Option<&Path>) -> Row {
    if let Some(path) = file.filter(|path| is_exposed(path)) {
        let mend = format!("chmod 600 {}", quoted(path));
        return Row::warn("key", format!("others can read {}", Safe::path(path)), mend);
    }
    let origin = match found.origin {
        Origin::File => "--key-file",
        Origin::Environment => "PLUGSIGN_KEY",
        Origin::Home => "the home",
    };
    let (fingerprint, user_id) = (certificate.fingerprint(), first_user_id(certificate));
    Row::ok("key", format!("{fingerprint} ({user_id}), from {origin}"))
}

fn strength(
    certificate: &Certificate,
    description: &Description,
    publisher: &Publisher<'_>,
) -> Row {
    const NAME: &str = "strength";
    if let Err(weakness) = certificate.check_signer(&publisher.policy()) {
        return Row::weakness(NAME, certificate, weakness);
    }
    // Other checks say what is wrong with the home.
    let shelf = publisher.home().ok().and_then(|home| home.keys().ok());
    if let Some(Err(error)) = shelf.map(|shelf| shelf.check_primes(certificate)) {
        return Row::error(NAME, error);
    }
    let algorithm = description.keys.first().map(|key| key.algorithm.clone());
    Row::ok(NAME, algorithm.unwrap_or_default())
}

fn revocation(
    certificate: &Certificate,
    description: &Description,
    cannot_sign: Option<&openpgp::Error>,
    found: &Found,
) -> Row {
    const NAME: &str = "revocation";
    const NEW: &str = "make a new key with: plugsign keygen; and tell the publisher of it with: plugsign announce";
    if let Some(reason) = certificate.revoked() {
        return Row::fail(NAME, Weakness::Revoked(reason).to_string(), NEW);
    }
    let weakness = match cannot_sign {
        Some(openpgp::Error::Refused { weakness, .. }) => Some(weakness),
        _ => description.weakness(),
    };
    match weakness {
        Some(weakness @ Weakness::Revoked(_)) => {
            let detail = format!("the subkey that signs: {weakness}");
            let mend = match description.can_sign() {
                true => "sign with another subkey: leave out -u, or name that one".into(),
                false => found.renewal(None, None).rotation(),
            };
            Row::fail(NAME, detail, mend)
        }
        _ => Row::ok(NAME, "not revoked"),
    }
}

fn validity(
    description: &Description,
    can_sign: &openpgp::Result<Fingerprint>,
    renewal: &Renewal<'_>,
    min_days: Option<u32>,
    policy: &Policy,
) -> Row {
    const NAME: &str = "validity";
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let signer = match can_sign {
        Ok(signer) => Some(signer),
        Err(openpgp::Error::Refused { weakness: weakness @ Weakness::Expired(_), .. }) => {
            return Row::fail(NAME, weakness.to_string(), renewal.words(policy));
        }
        Err(openpgp::Error::Refused { key, weakness: weakness @ Weakness::NotYetValid(_) }) => {
            let (key, weakness) = (key.clone(), weakness.clone());
            return Row::error(NAME, openpgp::Error::Refused { key, weakness });
        }
        Err(_) => None,
    };
    // A key that cannot sign for another reason has its own end.
    let own_end = description.keys.first().and_then(|primary| primary.expires);
    let end = signer.map_or(own_end, |signer| description.key_signs_until(signer));
    let Some(end) = end else { return Row::ok(NAME, "never expires") };
    let left = end.duration_since(policy.now()).unwrap_or_default();
    let detail =
        format!("expires on {}, in {} days", show_time(end), left.as_secs() / DAY.as_secs());
    match min_days {
        Some(days) if left < DAY * days => Row::fail(NAME, detail, renewal.words(policy)),
        None if policy.ends_soon(Some(end)) => Row::warn(NAME, detail, renewal.words(policy)),
        _ => Row::ok(NAME, detail),
    }
}

fn server(certificate: &Certificate) -> Row {
    let fingerprint = certificate.fingerprint();
    match ServerCopy::of(certificate) {
        Err(refusal) => Row::fail(
            "server",
            format!("the Mattermost server cannot read the certificate: {refusal}"),
            UNREADABLE,
        ),
        Ok(copy) if copy.left_out.is_empty() => {
            Row::ok("server", "the Mattermost server reads the certificate")
        }
        Ok(_) => Row::warn(
            "server",
            "the Mattermost server reads the certificate in part only",
            format!("give servers this: plugsign export --for-server {fingerprint}"),
        ),
    }
}

fn passphrase(found: &Found, source: &PassphraseFrom) -> Row {
    const NAME: &str = "passphrase";
    if found.secret.protection() == Protection::None {
        let fingerprint = found.secret.fingerprint();
        let mend = match found.origin {
            Origin::Home => format!("plugsign passwd {fingerprint}"),
            _ => format!("give it one where it was exported: plugsign passwd {fingerprint}"),
        };
        return Row::warn(NAME, "the key has none: whoever has the file has the key", mend);
    }
    let give = "set PLUGSIGN_PASSPHRASE, or say --passphrase-file FILE or --passphrase-fd N";
    match source {
        PassphraseFrom::Descriptor(number) => Row::ok(NAME, format!("from descriptor {number}")),
        PassphraseFrom::File(path) if is_exposed(path) => {
            let mend = format!("chmod 600 {}", quoted(path));
            Row::warn(NAME, format!("others can read {}", Safe::path(path)), mend)
        }
        PassphraseFrom::File(path) => Row::ok(NAME, format!("from {}", Safe::path(path))),
        PassphraseFrom::Environment => Row::ok(NAME, "from PLUGSIGN_PASSPHRASE"),
        PassphraseFrom::Terminal => Row::ok(NAME, "asked for on the terminal"),
        PassphraseFrom::NobodyInCi => {
            Row::fail(NAME, "none is given, and in CI there is nobody to ask", give)
        }
        PassphraseFrom::Nobody => Row::fail(NAME, "none is given, and there is no terminal", give),
    }
}

fn revocation_certificate(certificate: &Certificate, publisher: &Publisher<'_>) -> Row {
    const NAME: &str = "revocation-certificate";
    let fingerprint: Fingerprint = certificate.fingerprint();
    let home = match publisher.home() {
        Ok(home) => home,
        Err(failure) => return Row::error(NAME, failure),
    };
    let paths = [RevocationReason::Unspecified, RevocationReason::Compromised]
        .map(|reason| home.revocation_path(&fingerprint, reason));
    if let Some(error) = paths.iter().find_map(|path| is_there(path).err()) {
        return Row::error(NAME, error);
    }
    match paths.iter().find(|path| path.exists()) {
        Some(path) => Row::ok(NAME, format!("{}; keep a copy elsewhere", Safe::path(path))),
        None => Row::warn(
            NAME,
            "the home has none, for the day that the key is lost",
            format!(
                "keep a copy of the secret key off this machine, which can revoke it: plugsign export --secret {fingerprint} -a -o {fingerprint}.secret.asc"
            ),
        ),
    }
}

/// Signs a few bytes in memory as `sign` does, with both judges looking at them.
fn trial(key: SigningKey, created: Result<SystemTime, Failure>, publisher: &Publisher<'_>) -> Row {
    const NAME: &str = "trial";
    let attempt = || -> Result<Fingerprint, Failure> {
        let form = Form { way: ContentHash::SHA256, created: created?, armored: false };
        let signer = publisher.signer_with(key, true, form)?;
        signer.sign(&signer.hash(b"plugsign doctor"))?;
        Ok(signer.key.fingerprint())
    };
    match attempt() {
        Ok(key) => Row::ok(NAME, format!("signed and verified, by {key}")),
        Err(failure) => Row::error(NAME, failure),
    }
}

fn bundle(path: &Path, own: Option<&Certificate>, publisher: &Publisher<'_>) -> Row {
    const NAME: &str = "bundle";
    let shown = Safe::path(path).to_string();
    let mut accepted = publisher.accepted(&[]).unwrap_or_default();
    accepted.certificates.extend(own.cloned());
    let judge = match accepted.certificates.is_empty() {
        true => Ok(None),
        false => accepted.judge(publisher.policy()).map(Some),
    };
    let look = |judge: Option<Judge>| Ok(look(path, judge.as_ref())?);
    let seen = match judge.and_then(look) {
        Ok(seen) => seen,
        Err(failure) => {
            return Row::error(NAME, failure)
                .or_mend("name the bundle that was built: --bundle FILE");
        }
    };
    let findings: Vec<&Finding> =
        seen.bundle.findings.iter().filter(|finding| finding.code != NO_SIGNATURE).collect();
    let worst = findings.iter().find(|finding| finding.severity == Severity::Error);
    let Some(worst) = worst.or(findings.first()) else {
        return Row::ok(NAME, shown);
    };
    let more = match findings.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let detail = format!("{shown}: {}; {}{more}", Safe::text(&worst.what), worst.consequence);
    let mend = format!("see all of it: plugsign check {}", quoted(path));
    match worst.severity {
        Severity::Error => Row::fail(NAME, detail, mend),
        Severity::Warning => Row::warn(NAME, detail, mend),
    }
}
