//! `gpg --generate-key`, `--full-generate-key`, `--quick-generate-key`

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plugsign::openpgp::facts::certificate_facts;
use plugsign::openpgp::keygen::{
    KeyKind, KeyPlan, check_user_id, generate as make_key, parse_bits, user_id_of_parameters,
};
use plugsign::openpgp::policy::KeySizeBits;
use plugsign::openpgp::secret_key::Passphrase;
use plugsign::openpgp::validity::{parse_seconds, parse_time, parse_validity};
use plugsign::publisher::change::whole_seconds;
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use super::input::Input;
use super::known::{Half, Listed, OwnerTrust};
use super::listing::{self, Of};
use super::parameters::{self, Step, WantedKey};
use super::secret::Secret;
use super::session::Session;
use crate::edge::asking::Asking;
use crate::edge::dialog::{self, Asked};
use crate::edge::report::usage;

/// How long a key is valid where gpg does not ask: two years.
const QUICK_VALIDITY: Duration = Duration::from_secs(730 * 24 * 60 * 60);

/// What gpg asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Questions {
    /// Name and address; the rest is gpg's default.
    Few,
    /// Everything: the dialog of the documentation.
    All,
}

/// With a dialog, or with `--batch` from a parameter file.
pub fn run(session: &Session, questions: Questions) -> Result<u8, Failure> {
    if session.options.batch {
        return from_parameters(session);
    }
    if !session.options.words.is_empty() {
        return usage("a parameter file needs --batch");
    }
    let secret = Secret::read(session)?;
    let person = (!session.options.no_tty).then(dialog::person).flatten();
    let Some(mut person) = person else {
        return usage(
            "there is no terminal for questions: use --batch with a parameter file, or --quick-generate-key",
        );
    };
    let asked = match questions {
        Questions::All => Asked { kind: None, bits: None, validity: None, usual: KeyKind::RsaRsa },
        Questions::Few => {
            let (kind, bits) = default_new_key(session)?;
            let validity = Some(Some(QUICK_VALIDITY));
            Asked { kind: Some(kind), bits: Some(bits), validity, usual: kind }
        }
    };
    let plan = dialog::plan(&mut person, asked, whole_seconds(session.world.now))?;
    let passphrase = secret.for_new_key(&Safe::text(&plan.user_id).to_string())?;
    let listed = generate(session, &plan, passphrase.as_deref(), None)?;
    person.say("public and secret key created and signed.\n\n");
    show(session, &listed)
}

fn show(session: &Session, listed: &Listed) -> Result<u8, Failure> {
    let text = listing::one(session, listed, Of::Names);
    session.world.terminal.write_bytes(format!("{text}\n").as_bytes())?;
    Ok(0)
}

/// `--quick-generate-key USER-ID [ALGO [USAGE [EXPIRE]]]`
pub fn quick(session: &Session) -> Result<u8, Failure> {
    let words = session.texts();
    let (user_id, rest) = match &words[..] {
        [user_id, rest @ ..] if rest.len() <= 3 => (user_id.trim().to_string(), rest),
        _ => return usage("--quick-generate-key USER-ID [ALGO [USAGE [EXPIRE]]]"),
    };
    check_user_id(&user_id)?;
    let word = |place: usize| rest.get(place).map_or("", String::as_str);
    let (kind, bits) = quick_kind(session, word(0), word(1))?;
    refuse_double(session, &user_id)?;
    let created = whole_seconds(session.world.now);
    let validity = match word(2) {
        "" | "-" => Some(QUICK_VALIDITY),
        expires => validity(expires, created)?,
    };
    let secret = Secret::read(session)?;
    let passphrase = secret.for_new_key(&Safe::text(&user_id).to_string())?;
    let plan = KeyPlan { kind, bits, user_id, created, validity };
    let listed = generate(session, &plan, passphrase.as_deref(), None)?;
    match session.options.batch || session.options.quiet {
        true => Ok(0),
        false => show(session, &listed),
    }
}

/// By default, gpg makes a key and a subkey for encryption. With a named algorithm, it makes one
/// key.
fn quick_kind(
    session: &Session,
    algorithm: &str,
    uses: &str,
) -> Result<(KeyKind, KeySizeBits), Failure> {
    let (kind, bits) = match algorithm {
        "" | "-" | "default" | "future-default" => default_new_key(session)?,
        named => (KeyKind::Sign, bits(named)?),
    };
    Ok((kind_for(uses)?.unwrap_or(kind), bits))
}

/// What `--default-new-key-algo` says, `rsa4096` or `rsa3072/cert,sign+rsa3072/encr`, else gpg's
/// default.
fn default_new_key(session: &Session) -> Result<(KeyKind, KeySizeBits), Failure> {
    let Some(named) = &session.options.default_new_key_algo else {
        return Ok((KeyKind::RsaRsa, KeySizeBits::Rsa3072));
    };
    let (primary, subkey) = match named.split_once('+') {
        Some((primary, subkey)) => (primary, Some(subkey)),
        None => (named.as_str(), None),
    };
    let (algorithm, uses) = primary.split_once('/').unwrap_or((primary, ""));
    let (kind, bits) = (kind_for(uses)?.unwrap_or(KeyKind::Sign), bits(algorithm)?);
    let is_same = |subkey: &str| subkey.strip_suffix("/encr").is_some_and(|it| it == algorithm);
    match subkey {
        None => Ok((kind, bits)),
        Some(subkey) if kind == KeyKind::Sign && is_same(subkey) => Ok((KeyKind::RsaRsa, bits)),
        Some(_) => usage(format!(
            "--default-new-key-algo {} is refused, because plugsign makes RSA keys, with or without one RSA subkey of the same size that encrypts",
            Safe::text(named)
        )),
    }
}

/// Reads gpg's name of an algorithm: `rsa3072`, `rsa4096`, or `rsa`.
pub fn bits(algorithm: &str) -> Result<KeySizeBits, Failure> {
    match algorithm.to_ascii_lowercase().strip_prefix("rsa") {
        Some("") => Ok(KeySizeBits::Rsa3072),
        Some(bits) => Ok(parse_bits(bits)?),
        None => usage(format!(
            "{} is refused, because plugsign makes only RSA keys",
            Safe::text(algorithm)
        )),
    }
}

/// Returns the kind of one key for these uses, if there are any.
fn kind_for(uses: &str) -> Result<Option<KeyKind>, Failure> {
    let words: Vec<&str> = uses.split([',', ' ']).filter(|word| !word.is_empty()).collect();
    match words[..] {
        [] | ["default"] | ["-"] => Ok(None),
        ["cert"] => Ok(Some(KeyKind::Certify)),
        _ if parameters::signs(words.iter().copied()) => Ok(Some(KeyKind::Sign)),
        _ => usage(format!(
            "usage {} is refused, because plugsign makes keys that certify and sign",
            Safe::text(uses)
        )),
    }
}

/// Reads how long a key is valid, or until when.
pub fn validity(text: &str, created: SystemTime) -> Result<Option<Duration>, Failure> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix("seconds=") {
        return Ok(parse_seconds(seconds)?);
    }
    // With a time of day it is an end, `20271122T120000` above all.
    if text.contains('T') {
        let past = || Failure::Usage(format!("{} is in the past", Safe::text(text)));
        let validity = parse_time(text)?.duration_since(created).map_err(|_| past())?;
        return Some(validity).filter(|it| !it.is_zero()).map(Some).ok_or_else(past);
    }
    match text {
        "" | "-" | "none" => Ok(None),
        _ => Ok(parse_validity(text, created)?),
    }
}

/// gpg makes a second key of the same user ID only with `--yes`.
fn refuse_double(session: &Session, user_id: &str) -> Result<(), Failure> {
    let shelf = session.world.home()?.keys()?;
    let exists = shelf.items.iter().any(|key| {
        key.secret.is_some() && key.certificate.user_ids().iter().any(|id| id == user_id.as_bytes())
    });
    if exists && !session.options.yes {
        session.status.say("ERROR genkey 33554736");
        let shown = Safe::text(user_id);
        return usage(format!("A key for \"{shown}\" already exists"));
    }
    Ok(())
}

fn from_parameters(session: &Session) -> Result<u8, Failure> {
    let input = match &session.options.words[..] {
        [] => Input::Standard,
        [word] => Input::new(word, session.options.special_filenames),
        _ => return usage("one parameter file at a time"),
    };
    // Standard input may begin with the passphrase.
    let secret = Secret::read(session)?;
    let text = input.read("a parameter file", 64 * 1024)?;
    let steps = parameters::read(&text).map_err(Failure::Usage)?;
    for step in steps {
        match step {
            Step::Echo(words) => {
                let shown = Safe::text(&words).to_string();
                session.log.remark(&shown);
            }
            Step::Make(wanted) => {
                let made = make_wanted(session, *wanted, &secret);
                made.inspect_err(|_| session.status.say("KEY_NOT_CREATED"))?;
            }
        }
    }
    Ok(0)
}

fn make_wanted(session: &Session, wanted: WantedKey, secret: &Secret<'_>) -> Result<(), Failure> {
    let is_default = wanted.primary.algorithm.eq_ignore_ascii_case("default");
    if is_default && session.options.default_new_key_algo.is_some() {
        return usage(
            "--default-new-key-algo: say it in the parameter file, as Key-Type and Key-Length",
        );
    }
    let kind = parameters::kind(&wanted).map_err(Failure::Usage)?;
    let created = match &wanted.created {
        Some(text) => parameters::creation_date(text).map_err(Failure::Usage)?,
        None => whole_seconds(session.world.now),
    };
    let plan = KeyPlan {
        kind,
        bits: match &wanted.primary.bits {
            Some(bits) => parse_bits(bits)?,
            None => KeySizeBits::Rsa3072,
        },
        user_id: user_id_of_parameters(&wanted.name, &wanted.comment, &wanted.email)?,
        created,
        validity: validity(wanted.expires.as_deref().unwrap_or_default(), created)?,
    };
    let what = Safe::text(&plan.user_id).to_string();
    let passphrase = match (wanted.passphrase, wanted.no_protection) {
        (Some(passphrase), _) if !passphrase.is_empty() => {
            Some(Arc::new(Passphrase::new(passphrase)))
        }
        (_, true) => None,
        _ => secret.for_new_key(&what)?,
    };
    generate(session, &plan, passphrase.as_deref(), wanted.handle.as_deref())?;
    Ok(())
}

fn generate(
    session: &Session,
    plan: &KeyPlan,
    passphrase: Option<&Passphrase>,
    handle: Option<&str>,
) -> Result<Listed, Failure> {
    let world = &session.world;
    let certificate = match session.options.dry_run {
        // As with gpg, a key is made and kept nowhere.
        true => &make_key(plan, passphrase)?.secret.certificate().clone(),
        false => {
            let made = world.publisher(&Asking::new(world)).make(plan, passphrase, None)?;
            let path = Safe::path(&made.revocation);
            session.log.remark(&format!("revocation certificate stored as '{path}'"));
            &made.certificate.clone()
        }
    };
    let fingerprint = certificate.fingerprint();
    if plan.kind == KeyKind::Certify {
        session.log.remark(&format!(
            "Note: this key signs no files; for a subkey that does: gpg --quick-add-key {fingerprint} rsa3072 sign"
        ));
    }
    session.status.say(&format!("KEY_CONSIDERED {fingerprint} 0"));
    let letter = if plan.kind == KeyKind::RsaRsa { 'B' } else { 'P' };
    session.status.say_of(
        &format!("KEY_CREATED {letter} {fingerprint}"),
        handle.unwrap_or_default().as_bytes(),
    );
    Ok(Listed {
        facts: certificate_facts(certificate, &session.world.policy()),
        trust: OwnerTrust::Ultimate,
        half: Half::Public,
        secrets: certificate.fingerprints(),
    })
}
