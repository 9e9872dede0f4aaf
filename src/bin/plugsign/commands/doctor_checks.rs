//! The checks of `plugsign doctor`: each looks at one thing and says so in a row.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use plugsign::disk::Error;
use plugsign::disk::file::is_there;
use plugsign::disk::permissions::{check_writable, exposed, is_exposed};
use plugsign::judge::Judge;
use plugsign::mattermost::bundle::{Finding, Severity};
use plugsign::mattermost::server_copy::ServerCopy;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::certificate::description::Description;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::revocation_reason::RevocationReason;
use plugsign::openpgp::secret_key::{Protection, SigningKey};
use plugsign::openpgp::sign::sign;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::verify::Verdict;
use plugsign::openpgp::weakness::Weakness;
use plugsign::text::Safe;

use super::accepted::signers;
use super::check::{NO_SIGNATURE, look};
use super::doctor::{Arguments, Row, State};
use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::keys::KEY_VARIABLE;
use crate::edge::terminal::Conversation;
use crate::edge::world::World;
use plugsign::publisher::advice::UNREADABLE;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::keys::{Found, Origin};
use plugsign::publisher::renewal::Renewal;
use plugsign::publisher::show::first_user_id;
use plugsign::text::quoted;

/// What there is to say of a key, each thing in a row of its own.
pub fn look_at_key(found: &Found, arguments: &Arguments, world: &World) -> Vec<Row> {
    let certificate = found.secret.certificate();
    let policy = world.policy();
    let description = certificate.describe(&policy);
    let can_sign = found.secret.check_can_sign(found.exactly.as_ref(), &policy);
    let renewal = found.renewal(can_sign.as_ref().ok(), arguments.min_days);
    let mut rows = vec![
        key(found, certificate, arguments.key.key_file.as_deref()),
        strength(certificate, &description, world),
        revocation(certificate, &description, can_sign.as_ref().err(), found),
        validity(&description, &can_sign, &renewal, arguments.min_days, &policy),
        server(certificate),
        passphrase(found, &arguments.passphrase, world),
    ];
    if found.origin == Origin::Home {
        rows.push(revocation_certificate(certificate, world));
    }
    let is_hopeless = rows.iter().any(|row| row.name == "passphrase" && row.state == State::Fail);
    if is_hopeless {
        return rows;
    }
    match world
        .publisher(&Asking::new(world).key(&arguments.passphrase))
        .unlock(&found.secret, found.exactly.as_ref())
    {
        Ok(key) => {
            rows.push(Row::ok("unlock", format!("{} is unlocked and whole", key.fingerprint())));
            rows.push(trial(&key, world));
        }
        Err(failure) => {
            let mend = "name what can be read: --passphrase-file FILE, --passphrase-fd N or PLUGSIGN_PASSPHRASE";
            let mend = match failure {
                Failure::Disk(Error::Io { .. }) | Failure::Stream(..) => mend.to_string(),
                _ => format!("see the key: plugsign list {}", certificate.fingerprint()),
            };
            rows.push(Row::failure("unlock", &failure).or_mend(mend));
        }
    }
    rows
}

/// 1 November 2026: no clock that is right shows an earlier time to this program.
const EARLIEST: Duration = Duration::from_secs(1_793_491_200);

pub fn clock(found: Option<&Found>, world: &World) -> Row {
    const NAME: &str = "clock";
    const MEND: &str = "set the clock, for example with: timedatectl set-ntp true";
    const VARIABLE: &str = "unset SOURCE_DATE_EPOCH, or set the clock";
    let now = show_time(world.now);
    if world.now < SystemTime::UNIX_EPOCH + EARLIEST {
        return Row::fail(NAME, format!("it shows {now}, which is past"), MEND);
    }
    let time = match world.time(None) {
        Err(failure) => return Row::fail(NAME, failure.message(), "unset SOURCE_DATE_EPOCH"),
        Ok(time) => time,
    };
    let dated = show_time(time);
    let born = found.map(|found| (birth(found, world), found.secret.fingerprint()));
    match born {
        Some((born, key)) if born > world.now => Row::fail(
            NAME,
            format!("it shows {now}, and {key} was made on {}", show_time(born)),
            MEND,
        ),
        Some((born, key)) if born > time => Row::fail(
            NAME,
            format!("SOURCE_DATE_EPOCH is {dated}, and {key} was made on {}", show_time(born)),
            VARIABLE,
        ),
        _ if time > world.now + Policy::CLOCK_DIFFERENCE => Row::fail(
            NAME,
            format!("SOURCE_DATE_EPOCH is {dated}, and the clock shows {now}"),
            VARIABLE,
        ),
        _ if time != world.now => Row::ok(NAME, format!("{now}; signatures are dated {dated}")),
        _ => Row::ok(NAME, now),
    }
}

/// Returns when the key that signs was made, else the primary key.
fn birth(found: &Found, world: &World) -> SystemTime {
    let policy = world.policy();
    let signer = found.secret.check_can_sign(found.exactly.as_ref(), &policy).ok();
    let keys = found.secret.certificate().describe(&policy).keys;
    let signer = keys.iter().find(|key| Some(&key.fingerprint) == signer.as_ref());
    signer.or(keys.first()).map_or(SystemTime::UNIX_EPOCH, |key| key.created)
}

const WITHOUT_MODES: &str =
    "if chmod changes nothing, the file system keeps no permissions: move the home to another one";

const ANOTHER_HOME: &str = "name another folder with --home DIR or PLUGSIGN_HOME";

pub fn home(origin: Option<Origin>, world: &World) -> Row {
    let home = match world.home() {
        Ok(home) => home,
        Err(_) if matches!(origin, Some(Origin::File | Origin::Environment)) => {
            return Row::ok("home", "none, and none is needed");
        }
        Err(failure) => return Row::failure("home", &failure),
    };
    let root = Safe::path(home.root()).to_string();
    if let Err(error) = home.check() {
        let row = Row::error("home", &error).or_mend(ANOTHER_HOME);
        return match error {
            Error::UnsafeHome { .. } => row.remark(WITHOUT_MODES),
            _ => row,
        };
    }
    match exposed(home.root()) {
        Err(error) => Row::error("home", &error).or_mend(ANOTHER_HOME),
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
        Origin::Environment => KEY_VARIABLE,
        Origin::Home => "the home",
    };
    let (fingerprint, user_id) = (certificate.fingerprint(), first_user_id(certificate));
    Row::ok("key", format!("{fingerprint} ({user_id}), from {origin}"))
}

fn strength(certificate: &Certificate, description: &Description, world: &World) -> Row {
    const NAME: &str = "strength";
    if let Err(weakness) = certificate.check_signer(&world.policy()) {
        return Row::weakness(NAME, certificate, weakness);
    }
    // Other checks say what is wrong with the home.
    let shelf = world.home().ok().and_then(|home| home.keys().ok());
    if let Some(Err(error)) = shelf.map(|shelf| shelf.check_primes(certificate)) {
        return Row::error(NAME, &error);
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
    const NEW: &str =
        "make a new key with: plugsign keygen; and tell the world of it with: plugsign announce";
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
            return Row::error(NAME, &openpgp::Error::Refused { key, weakness }.into());
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

fn passphrase(found: &Found, source: &PassphraseSource, world: &World) -> Row {
    const NAME: &str = "passphrase";
    if found.secret.protection() == Protection::None {
        let fingerprint = found.secret.fingerprint();
        let mend = match found.origin {
            Origin::Home => format!("plugsign passwd {fingerprint}"),
            _ => format!("give it one where it was exported: plugsign passwd {fingerprint}"),
        };
        return Row::warn(NAME, "the key has none: whoever has the file has the key", mend);
    }
    if let Some(number) = source.passphrase_fd {
        return Row::ok(NAME, format!("from descriptor {number}"));
    }
    if let Some(path) = &source.passphrase_file {
        let shown = Safe::path(path).to_string();
        return match is_exposed(path) {
            true => {
                let mend = format!("chmod 600 {}", quoted(path));
                Row::warn(NAME, format!("others can read {shown}"), mend)
            }
            false => Row::ok(NAME, format!("from {shown}")),
        };
    }
    if world.variable("PLUGSIGN_PASSPHRASE").is_some() {
        return Row::ok(NAME, "from PLUGSIGN_PASSPHRASE");
    }
    let give = "set PLUGSIGN_PASSPHRASE, or say --passphrase-file FILE or --passphrase-fd N";
    match (world.is_ci(), Conversation::open().is_some()) {
        (true, _) => Row::fail(NAME, "none is given, and in CI there is nobody to ask", give),
        (false, true) => Row::ok(NAME, "asked for on the terminal"),
        (false, false) => Row::fail(NAME, "none is given, and there is no terminal", give),
    }
}

fn revocation_certificate(certificate: &Certificate, world: &World) -> Row {
    const NAME: &str = "revocation-certificate";
    let fingerprint: Fingerprint = certificate.fingerprint();
    let home = match world.home() {
        Ok(home) => home,
        Err(failure) => return Row::failure(NAME, &failure),
    };
    let paths = [RevocationReason::Unspecified, RevocationReason::Compromised]
        .map(|reason| home.revocation_path(&fingerprint, reason));
    if let Some(error) = paths.iter().find_map(|path| is_there(path).err()) {
        return Row::error(NAME, &error);
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

/// Signs a few bytes in memory, and has both judges look at them.
fn trial(key: &SigningKey, world: &World) -> Row {
    const NAME: &str = "trial";
    let attempt = || -> Result<Verdict, Failure> {
        let created = world.time(None)?;
        let judge = Judge::new(vec![key.certificate().clone()], world.policy())?;
        let artifact = b"plugsign doctor";
        let signature = sign(&artifact[..], key, created)?.to_bytes()?;
        let read = |error| Failure::Stream("read memory", error);
        judge.verify(&signature, &artifact[..]).map_err(read)
    };
    match attempt() {
        Ok(Verdict::Good(good)) => Row::ok(NAME, format!("signed and verified, by {}", good.key())),
        Ok(Verdict::Bad(bad)) => Row::error(NAME, &Error::OpenPgp(openpgp::Error::NotGood(bad))),
        Err(failure) => Row::failure(NAME, &failure),
    }
}

pub fn bundle(path: &Path, own: Option<&Certificate>, world: &World) -> Row {
    const NAME: &str = "bundle";
    let shown = Safe::path(path).to_string();
    let mut accepted = signers(&[], world).unwrap_or_default();
    accepted.certificates.extend(own.cloned());
    let judge = match accepted.certificates.is_empty() {
        true => Ok(None),
        false => accepted.judge(world.policy()).map(Some),
    };
    let look = |judge: Option<Judge>| Ok(look(path, judge.as_ref())?);
    let seen = match judge.and_then(look) {
        Ok(seen) => seen,
        Err(failure) => {
            return Row::failure(NAME, &failure)
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
