//! Will signing work at the end of a long build? Each check looks at one thing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Publisher;
use super::check::{Judges, NO_SIGNATURE, look};
pub use super::diagnose_key::PassphraseFrom;
use super::diagnose_key::Subject;
use super::diagnosed::{Diagnosis, Observation, Row, fail, ok, warn};
use super::failure::{Failure, Result};
use super::keys::{KeyText, Origin};
use crate::disk::Error;
use crate::disk::permissions::{check_writable, exposed};
use crate::mattermost::bundle::{Finding, Severity};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::policy::Policy;
use crate::openpgp::times::show_time;
use crate::text::{Safe, quoted};

/// What is looked at.
pub struct Diagnosing<'a> {
    /// The KEY that would sign, if one is named.
    pub keys: &'a [String],
    /// The text with the key, or why there is none.
    pub text: Result<Option<KeyText>>,
    /// The file that the text is from.
    pub key_file: Option<&'a Path>,
    /// Where its passphrase would come from.
    pub passphrase: PassphraseFrom,
    /// How many days the key must still be valid.
    pub min_days: Option<u32>,
    /// Bundles that would be signed.
    pub bundles: &'a [PathBuf],
    /// The time that signatures would be dated with.
    pub created: Result<SystemTime>,
}

impl Publisher<'_> {
    /// Looks at everything that signing needs. Writes nothing. Fails with [`Failure::Usage`] alone:
    /// what else is wrong is said in the checks.
    pub fn diagnose(&self, diagnosing: Diagnosing<'_>) -> Result<Diagnosis> {
        let Diagnosing { keys, text, key_file, passphrase, min_days, bundles, created } =
            diagnosing;
        let found = text.and_then(|text| self.find_keys(keys, text.as_ref()));
        let (found, no_key) = match found {
            Ok(mut found) => (found.pop(), None),
            Err(failure @ Failure::Usage(_)) => return Err(failure),
            Err(failure) => (None, Some(Row::new("key", Observation::from(Err(failure))))),
        };
        let subject = found.as_ref().map(|found| Subject::new(found, self));
        let mut checks = vec![
            Row::new("clock", clock(subject.as_ref(), &created, self)),
            Row::new("home", home(found.as_ref().map(|found| found.origin), self)),
        ];
        checks.extend(no_key);
        if let Some(subject) = &subject {
            checks.extend(subject.rows(key_file, &passphrase, min_days, created));
        }
        let certificate = found.as_ref().map(|found| found.secret.certificate());
        checks.extend(bundles.iter().map(|it| Row::new("bundle", bundle(it, certificate, self))));
        Ok(Diagnosis { fingerprint: certificate.map(Certificate::fingerprint), checks })
    }
}

/// 1 November 2026: no clock that is right shows an earlier time to this program.
const EARLIEST: Duration = Duration::from_secs(1_793_491_200);

fn clock(
    subject: Option<&Subject<'_>>,
    created: &Result<SystemTime>,
    publisher: &Publisher<'_>,
) -> Observation {
    const MEND: &str = "set the clock, for example:\n  timedatectl set-ntp true";
    const VARIABLE: &str = "unset SOURCE_DATE_EPOCH, or set the clock";
    let now = show_time(publisher.now);
    if publisher.now < SystemTime::UNIX_EPOCH + EARLIEST {
        return fail(format!("it shows {now}, which is past"), MEND);
    }
    let time = match created {
        Err(failure) => return fail(failure.message(), "unset SOURCE_DATE_EPOCH"),
        Ok(time) => *time,
    };
    let dated = show_time(time);
    let made = |subject: &Subject<'_>| {
        let key = subject.found.secret.fingerprint();
        format!("{key} was made on {}", show_time(subject.birth()))
    };
    match subject {
        Some(subject) if subject.birth() > publisher.now => {
            fail(format!("it shows {now}, and {}", made(subject)), MEND)
        }
        Some(subject) if subject.birth() > time => {
            fail(format!("SOURCE_DATE_EPOCH is {dated}, and {}", made(subject)), VARIABLE)
        }
        _ if time > publisher.now + Policy::CLOCK_DIFFERENCE => {
            fail(format!("SOURCE_DATE_EPOCH is {dated}, and the clock shows {now}"), VARIABLE)
        }
        _ if time != publisher.now => ok(format!("{now}; signatures are dated {dated}")),
        _ => ok(now),
    }
}

const WITHOUT_MODES: &str =
    "if chmod changes nothing, the file system keeps no permissions: move the home to another one";
const ANOTHER_HOME: &str = "name another folder with --home DIR or PLUGSIGN_HOME";

fn home(origin: Option<Origin>, publisher: &Publisher<'_>) -> Observation {
    let home = match publisher.home() {
        Ok(home) => home,
        Err(_) if matches!(origin, Some(Origin::File | Origin::Environment)) => {
            return ok("none, and none is needed");
        }
        Err(failure) => return Err(failure).into(),
    };
    let root = home.root();
    let mut seen = match home.check().and_then(|()| exposed(root)) {
        Err(error @ Error::UnsafeHome { .. }) => Observation::from(Err(error)),
        Err(error) => return Observation::from(Err(error)).or_mend(ANOTHER_HOME),
        Ok(paths) => match paths.first() {
            Some(path) => {
                let words = format!("others can read {} ({} such)", Safe::path(path), paths.len());
                fail(words, format!("  chmod -R go= {}", quoted(root)))
            }
            None if matches!(root.try_exists(), Ok(false)) => return to_be_made(root),
            None => return ok(format!("{} is the owner's alone", Safe::path(root))),
        },
    };
    seen.detail = format!("{}; {WITHOUT_MODES}", seen.detail);
    seen
}

/// Says whether a home that is not there could be made.
fn to_be_made(root: &Path) -> Observation {
    let there = root.ancestors().skip(1).find(|folder| fs::symlink_metadata(folder).is_ok());
    let there = there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (shown, above) = (Safe::path(root), Safe::path(there));
    match check_writable(there).is_ok() {
        true => ok(format!("{shown} is not there yet")),
        false => fail(format!("{shown} is not there and cannot be made in {above}"), ANOTHER_HOME),
    }
}

fn bundle(path: &Path, own: Option<&Certificate>, publisher: &Publisher<'_>) -> Observation {
    let mut accepted = match publisher.accepted(&[]) {
        Ok(accepted) => accepted,
        Err(failure) => return Observation::from(Err(failure)).or_mend(ANOTHER_HOME),
    };
    accepted.certificates.extend(own.cloned());
    let judge = match accepted.certificates.is_empty() {
        true => Ok(None),
        false => accepted.judge(publisher.policy()).map(Some),
    };
    let seen = match judge.and_then(|judge| Ok(look(path, Judges::own(judge.as_ref()), None)?)) {
        Ok(seen) => seen,
        Err(failure) => {
            let mend = "name the bundle that was built: --bundle FILE";
            return Observation::from(Err(failure)).or_mend(mend);
        }
    };
    let findings = seen.bundle.findings.iter().filter(|finding| finding.code != NO_SIGNATURE);
    let findings: Vec<&Finding> = findings.collect();
    let shown = Safe::path(path).to_string();
    let worst = findings.iter().find(|finding| finding.severity == Severity::Error);
    let Some(worst) = worst.or(findings.first()) else { return ok(shown) };
    let more = match findings.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let detail = format!("{shown}: {}; {}{more}", Safe::text(&worst.what), worst.consequence);
    let mend = format!("see all of it:\n  plugsign check {}", quoted(path));
    match worst.severity {
        Severity::Error => fail(detail, mend),
        Severity::Warning => warn(detail, mend),
    }
}
