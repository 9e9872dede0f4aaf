//! `plugsign doctor`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use plugsign::disk::permissions::{exposed, is_exposed};
use plugsign::error::Error;
use plugsign::judge::Judge;
use plugsign::mattermost::bundle::{Finding, Severity};
use plugsign::mattermost::server_copy::ServerCopy;
use plugsign::openpgp::certificate::{Certificate, Description, Fingerprint, show_time};
use plugsign::openpgp::change::Reason;
use plugsign::openpgp::policy::{Policy, Weakness};
use plugsign::openpgp::secret_key::{Protection, SigningKey};
use plugsign::openpgp::sign::sign;
use plugsign::openpgp::verify::Verdict;
use plugsign::safe::Safe;
use serde_json::{Map, Value, json};

use super::check::{NO_SIGNATURE, look};
use super::verify::signers;
use crate::failure::{EXIT_NO, Failure, UNREADABLE, hint, one_line};
use crate::passphrase::PassphraseSource;
use crate::report::{Report, first_user_id};
use crate::signer::{Found, KEY_VARIABLE, KeySource, Origin};
use crate::terminal::{BAD, Conversation, GOOD};
use crate::world::World;

/// Tell, before a long build, whether signing will work at its end
///
/// Looks at the clock, the home, the key, the passphrase and where it comes from, what the
/// Mattermost server reads, and signs and verifies a few bytes in memory. Takes the same options
/// and variables as sign, writes nothing, and exits with 1 if a check failed.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    key: KeySource,
    /// Fail if the key is valid for fewer days; without this, fewer than 30 are a warning
    #[arg(long, value_name = "N")]
    min_days: Option<u32>,
    /// Also check this plugin bundle, as `plugsign check` does; that it has no signature yet is fine
    #[arg(long = "bundle", value_name = "FILE")]
    bundles: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Findings, Failure> {
    if arguments.key.keys.len() > 1 {
        return Err(Failure::Usage("doctor looks at one key at a time".into()));
    }
    if arguments.key.uses_stdin() && arguments.passphrase.uses_stdin() {
        let words = "standard input cannot be both the key and the passphrase";
        return Err(Failure::Usage(words.into()));
    }
    let mut rows = vec![clock(world)];
    let found = match arguments.key.find(world) {
        Ok(mut found) => found.pop(),
        Err(failure @ Failure::Usage(_)) => return Err(failure),
        Err(failure) => {
            rows.push(Row::failure("key", &failure));
            None
        }
    };
    rows.push(home(found.as_ref().map(|found| found.origin), world));
    let mut certificate = None;
    if let Some(found) = &found {
        certificate = Some(found.secret.certificate());
        rows.extend(look_at_key(found, &arguments, world));
    }
    for path in &arguments.bundles {
        rows.push(bundle(path, certificate.as_ref(), world));
    }
    Ok(Findings { fingerprint: certificate.map(|it| it.fingerprint()), rows })
}

/// What there is to say of a key, each thing in a row of its own.
fn look_at_key(found: &Found, arguments: &Arguments, world: &World) -> Vec<Row> {
    let certificate = found.secret.certificate();
    let policy = world.policy();
    let description = certificate.describe(&policy);
    let mut rows = vec![
        key(found, &certificate),
        strength(&certificate, &description, &policy),
        revocation(&description),
        validity(&certificate, &description, arguments.min_days, &policy),
        server(&certificate),
        passphrase(found, &arguments.passphrase, world),
    ];
    if found.origin == Origin::Home {
        rows.push(revocation_certificate(&certificate, world));
    }
    let is_hopeless = rows.iter().any(|row| row.name == "passphrase" && row.state == State::Fail);
    if is_hopeless {
        return rows;
    }
    match arguments.passphrase.unlock(world, &found.secret, found.exactly.as_ref()) {
        Ok(key) => {
            rows.push(Row::ok("unlock", format!("{} is unlocked and whole", key.fingerprint())));
            rows.push(trial(&key, world));
        }
        Err(failure) => rows.push(Row::failure("unlock", &failure)),
    }
    rows
}

/// 1 November 2026: no clock that is right shows an earlier time to this program.
const EARLIEST: Duration = Duration::from_secs(1_793_491_200);

fn clock(world: &World) -> Row {
    const MEND: &str = "set the clock, for example with: timedatectl set-ntp true";
    let now = show_time(world.now);
    if world.now < SystemTime::UNIX_EPOCH + EARLIEST {
        return Row::fail("clock", format!("it shows {now}, which is past"), MEND);
    }
    match world.time(None) {
        Err(failure) => Row::fail("clock", failure.message(), "unset SOURCE_DATE_EPOCH"),
        Ok(time) if time > world.now + Policy::CLOCK_DIFFERENCE => Row::fail(
            "clock",
            format!("SOURCE_DATE_EPOCH is {}, and the clock shows {now}", show_time(time)),
            "unset SOURCE_DATE_EPOCH, or set the clock",
        ),
        Ok(time) if time != world.now => {
            Row::ok("clock", format!("{now}; signatures are dated {}", show_time(time)))
        }
        Ok(_) => Row::ok("clock", now),
    }
}

fn home(origin: Option<Origin>, world: &World) -> Row {
    let home = match world.home() {
        Ok(home) => home,
        Err(_) if matches!(origin, Some(Origin::File | Origin::Environment)) => {
            return Row::ok("home", "none, and none is needed");
        }
        Err(failure) => return Row::failure("home", &failure),
    };
    let root = Safe::path(home.root()).to_string();
    if let Err(error) = home.check() {
        return Row::error("home", &error);
    }
    match exposed(home.root()) {
        Err(error) => Row::error("home", &error),
        Ok(paths) => match paths.first() {
            Some(path) => Row::fail(
                "home",
                format!("others can read {} ({} such)", Safe::path(path), paths.len()),
                format!("chmod -R go= {root}"),
            ),
            None if !home.root().exists() => Row::ok("home", format!("{root} is not there yet")),
            None => Row::ok("home", format!("{root} is the owner's alone")),
        },
    }
}

fn key(found: &Found, certificate: &Certificate) -> Row {
    let origin = match found.origin {
        Origin::File => "--key-file",
        Origin::Environment => KEY_VARIABLE,
        Origin::Home => "the home",
    };
    let (fingerprint, user_id) = (certificate.fingerprint(), first_user_id(certificate));
    Row::ok("key", format!("{fingerprint} ({user_id}), from {origin}"))
}

fn strength(certificate: &Certificate, description: &Description, policy: &Policy) -> Row {
    match certificate.check_signer(policy) {
        Ok(()) => {
            let algorithm = description.keys.first().map(|key| key.algorithm.clone());
            Row::ok("strength", algorithm.unwrap_or_default())
        }
        Err(weakness) => Row::weakness("strength", certificate, weakness),
    }
}

fn revocation(description: &Description) -> Row {
    match description.weakness() {
        Some(weakness @ Weakness::Revoked(_)) => Row::fail(
            "revocation",
            weakness.to_string(),
            "make a new key with: plugsign keygen; and announce it with: plugsign announce KEY",
        ),
        _ => Row::ok("revocation", "not revoked"),
    }
}

fn validity(
    certificate: &Certificate,
    description: &Description,
    min_days: Option<u32>,
    policy: &Policy,
) -> Row {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let extend = format!("plugsign extend {}", certificate.fingerprint());
    if let Some(weakness @ Weakness::Expired(_)) = description.weakness() {
        return Row::fail("validity", weakness.to_string(), extend);
    }
    let Some(end) = description.signs_until() else {
        return Row::ok("validity", "never expires");
    };
    let left = end.duration_since(policy.now()).unwrap_or_default();
    let detail =
        format!("expires on {}, in {} days", show_time(end), left.as_secs() / DAY.as_secs());
    match min_days {
        Some(days) if left < DAY * days => Row::fail("validity", detail, extend),
        None if policy.ends_soon(Some(end)) => Row::warn("validity", detail, extend),
        _ => Row::ok("validity", detail),
    }
}

fn server(certificate: &Certificate) -> Row {
    let fingerprint = certificate.fingerprint();
    match ServerCopy::of(certificate) {
        Err(error) => Row::error("server", &error),
        Ok(Err(refusal)) => Row::fail(
            "server",
            format!("the Mattermost server cannot read the certificate: {refusal}"),
            UNREADABLE,
        ),
        Ok(Ok(copy)) if copy.left_out.is_empty() => {
            Row::ok("server", "the Mattermost server reads the certificate")
        }
        Ok(Ok(_)) => Row::warn(
            "server",
            "the Mattermost server reads the certificate in part only",
            format!("give servers this: plugsign export --for-server {fingerprint}"),
        ),
    }
}

fn passphrase(found: &Found, source: &PassphraseSource, world: &World) -> Row {
    const NAME: &str = "passphrase";
    if found.secret.protection() == Protection::None {
        let mend = "protect it: export it with --unprotected, and import it again with --replace and a passphrase";
        return Row::warn(NAME, "the key has none: whoever has the file has the key", mend);
    }
    if let Some(number) = source.passphrase_fd {
        return Row::ok(NAME, format!("from descriptor {number}"));
    }
    if let Some(path) = &source.passphrase_file {
        let shown = Safe::path(path).to_string();
        return match is_exposed(path) {
            true => {
                let mend = format!("chmod 600 {shown}");
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
    let paths = [Reason::Unspecified, Reason::Compromised]
        .map(|reason| home.revocation_path(&fingerprint, reason));
    match paths.iter().find(|path| path.exists()) {
        Some(path) => Row::ok(NAME, format!("{}; keep a copy elsewhere", Safe::path(path))),
        None => Row::warn(
            NAME,
            "the home has none, for the day that the key is lost",
            "make one where the key was made, and keep it in a safe place",
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
        let read = |error| Failure::Stream("read memory", error);
        let signature = sign(&artifact[..], key, created).map_err(read)??.to_bytes()?;
        judge.verify(&signature, &artifact[..]).map_err(read)
    };
    match attempt() {
        Ok(Verdict::Good(good)) => Row::ok(NAME, format!("signed and verified, by {}", good.key())),
        Ok(Verdict::Bad(bad)) => Row::error(NAME, &Error::NotGood(bad)),
        Err(failure) => Row::failure(NAME, &failure),
    }
}

fn bundle(path: &Path, own: Option<&Certificate>, world: &World) -> Row {
    const NAME: &str = "bundle";
    let shown = Safe::path(path).to_string();
    let mut accepted = signers(&[], world).unwrap_or_default();
    accepted.extend(own.cloned());
    let judge = match accepted.is_empty() {
        true => Ok(None),
        false => Judge::new(accepted, world.policy()).map(Some),
    };
    let seen = match judge.and_then(|judge| look(path, judge.as_ref())) {
        Ok(seen) => seen,
        Err(error) => return Row::error(NAME, &error),
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
    let mend = format!("see all of it: plugsign check {shown}");
    match worst.severity {
        Severity::Error => Row::fail(NAME, detail, mend),
        Severity::Warning => Row::warn(NAME, detail, mend),
    }
}

/// All checks.
pub struct Findings {
    fingerprint: Option<Fingerprint>,
    rows: Vec<Row>,
}

/// One check.
struct Row {
    /// A promise to scripts.
    name: &'static str,
    state: State,
    detail: String,
    /// What mends it.
    mend: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

impl Row {
    fn ok(name: &'static str, detail: impl Into<String>) -> Row {
        Row { name, state: State::Ok, detail: detail.into(), mend: None }
    }

    fn warn(name: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Row {
        Row { name, state: State::Warn, detail: detail.into(), mend: Some(mend.into()) }
    }

    fn fail(name: &'static str, detail: impl Into<String>, mend: impl Into<String>) -> Row {
        Row { state: State::Fail, ..Row::warn(name, detail, mend) }
    }

    fn error(name: &'static str, error: &Error) -> Row {
        Row { name, state: State::Fail, detail: one_line(error), mend: hint(error) }
    }

    fn failure(name: &'static str, failure: &Failure) -> Row {
        let mut detail = failure.message();
        for cause in failure.causes() {
            detail = format!("{detail}: {cause}");
        }
        Row { name, state: State::Fail, detail, mend: failure.hint() }
    }

    fn weakness(name: &'static str, certificate: &Certificate, weakness: Weakness) -> Row {
        Row::error(name, &Error::Refused { key: certificate.fingerprint().to_string(), weakness })
    }
}

impl Report for Findings {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for row in &self.rows {
            match row.state {
                State::Ok => write!(out, "{GOOD}ok{GOOD:#}    ")?,
                State::Warn => write!(out, "{BAD}warn{BAD:#}  ")?,
                State::Fail => write!(out, "{BAD}FAIL{BAD:#}  ")?,
            }
            write!(out, "{}: {}", row.name, row.detail)?;
            match &row.mend {
                // A list of keys goes on in lines of its own.
                Some(mend) => writeln!(out, "; {}", mend.replace('\n', " "))?,
                None => writeln!(out)?,
            }
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name,
                    "state": row.state.name(),
                    "detail": row.detail,
                    "mend": row.mend,
                })
            })
            .collect();
        let mut map = Map::new();
        let fingerprint = self.fingerprint.as_ref().map(ToString::to_string);
        map.insert("fingerprint".into(), fingerprint.into());
        map.insert("checks".into(), rows.into());
        map
    }

    fn exit(&self) -> u8 {
        if self.rows.iter().any(|row| row.state == State::Fail) { EXIT_NO } else { 0 }
    }
}
