//! `gpg --detach-sign`

use std::path::PathBuf;

use plugsign::disk::Error;
use plugsign::disk::shelf::{HomeKey, Shelf};
use plugsign::openpgp;
use plugsign::openpgp::facts::signature_facts;
use plugsign::openpgp::hash::ContentHash;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::{SecretKey, SigningKey};
use plugsign::openpgp::sign::sign_hashed_with;
use plugsign::openpgp::signature::DetachedSignature;
use plugsign::openpgp::verify::{Verdict, verify_hashed};
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::input::Input;
use super::options::{digest_name, seconds};
use super::output::{Output, with_headers};
use super::secret::Secret;
use super::session::Session;
use super::status::cause_of;
use plugsign::publisher::change::whole_seconds;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::first_user_id;

/// A key that was asked for, and the very key of it, if one was named with `!`.
struct Chosen {
    secret: SecretKey,
    exactly: Option<Fingerprint>,
}

pub fn run(session: &mut Session) -> Result<u8, Failure> {
    if session.options.words.len() > 1 {
        let why = "several files would be signed as one; sign them one by one, or with: plugsign sign FILE...";
        return Err(Failure::Usage(why.into()));
    }
    match sign(session) {
        Ok(()) => Ok(0),
        Err(failure) => {
            let cause = cause_of(&failure);
            session.status.say(&format!("FAILURE sign {}", cause.code));
            session.log.explain(&failure);
            session.log.say(&format!("signing failed: {}", cause.words));
            Ok(2)
        }
    }
}

fn sign(session: &mut Session) -> Result<(), Failure> {
    // Standard input may begin with the passphrase.
    let secret = Secret::read(&session.options, &session.world)?;
    let chosen = choose(session)?;
    let input = match session.options.words.first() {
        Some(word) => Input::new(word, session.options.special_filenames),
        None => Input::Standard,
    };
    let extension = if session.options.armor { ".asc" } else { ".sig" };
    let beside = match &input {
        Input::Standard | Input::Descriptor(..) => None,
        Input::Named(path) => {
            let mut name = path.clone().into_os_string();
            name.push(extension);
            Some(PathBuf::from(name))
        }
    };
    let output = Output::new(session.options.output.as_deref(), beside);
    let existing = output.check(session)?;
    // A file that is not there is told before a passphrase is asked for.
    if let Input::Named(path) = &input {
        std::fs::metadata(path).map_err(Error::io("read", path))?;
    }
    let key = secret.unlock(
        &session.world,
        &mut session.status,
        &chosen.secret,
        chosen.exactly.as_ref(),
    )?;
    drop(secret);
    let way = ContentHash { algorithm: session.options.signing_digest(), text: false };
    if let Output::Named(path) = &output {
        session.verbose(&format!("writing to '{}'", Safe::path(path)));
    }
    session.status.say(&format!("BEGIN_SIGNING H{}", way.algorithm.id()));
    let signature = make(session, &key, &input, way)?;
    let bytes = match session.options.armor {
        true => with_headers(Zeroizing::new(signature.to_armored()?), &session.options),
        false => Zeroizing::new(signature.to_bytes()?),
    };
    output.write(session, &bytes, false, existing)?;
    session.verbose(&format!(
        "RSA/{} signature from: \"{} {}\"",
        digest_name(way.algorithm),
        key.fingerprint().key_id(),
        first_user_id(key.certificate()),
    ));
    session.status.say(&format!(
        "SIG_CREATED D {} {} 00 {} {}",
        signature_facts(&signature).algorithm,
        way.algorithm.id(),
        seconds(signature.created()),
        key.fingerprint()
    ));
    Ok(())
}

/// Signs, and checks the signature with the certificate before anybody sees it.
fn make(
    session: &Session,
    key: &SigningKey,
    input: &Input,
    way: ContentHash,
) -> Result<DetachedSignature, Failure> {
    let content = input.hash_still(way)?;
    let signature = sign_hashed_with(&content, way, key, whole_seconds(session.world.now))?;
    let certificates = [key.certificate().clone()];
    match verify_hashed(&content, &signature, &certificates, &session.world.policy()) {
        Verdict::Good(_) => Ok(signature),
        Verdict::Bad(bad) => Err(openpgp::Error::NotGood(bad).into()),
    }
}

/// Finds the one key that signs: `-u`, else `--default-key`, else the only one there is. gpg
/// takes the first of several; here that is an error, because it is a different signer tomorrow.
fn choose(session: &mut Session) -> Result<Chosen, Failure> {
    let home = session.world.home()?;
    let names: Vec<String> = match session.options.local_users.is_empty() {
        false => session.options.local_users.clone(),
        true => session.options.default_key.iter().cloned().collect(),
    };
    let shelf = match &names[..] {
        [] => home.keys_like(None)?,
        [name] => match KeyQuery::parse_gnupg(name) {
            Ok(query) => home.keys_like(Some(&query))?,
            // Whoever looks for it says what is wrong.
            Err(_) => home.keys()?,
        },
        _ => home.keys()?,
    };
    let mut chosen: Option<(Fingerprint, Option<Fingerprint>)> = None;
    for name in &names {
        let found = find(&shelf, Some(name)).inspect_err(|error| {
            let cause = cause_of(error);
            session.log.say(&format!("skipped \"{}\": {}", Safe::text(name), cause.words));
            // gpg passes over a default key that it does not have.
            if !session.options.local_users.is_empty() {
                session.status.say_of("INV_SGNR 9", name.as_bytes());
            }
        })?;
        if chosen.as_ref().is_some_and(|before| *before != found) {
            return Err(Failure::Usage("one key signs, and several are named".into()));
        }
        chosen = Some(found);
    }
    let (fingerprint, exactly) = match chosen {
        Some(found) => found,
        None => find(&shelf, None).inspect_err(|error| {
            if matches!(error, Failure::OpenPgp(openpgp::Error::UnknownKey(_))) {
                session.status.say("INV_SGNR 9");
            }
        })?,
    };
    let key = session
        .world
        .readable(shelf)
        .into_iter()
        .find(|key| key.certificate.fingerprint() == fingerprint);
    let Some(HomeKey { certificate, secret: Some(secret) }) = key else {
        return Err(openpgp::Error::NoSecret(fingerprint).into());
    };
    let secret = secret.merge(&certificate)?;
    let usable = secret.check_can_sign(exactly.as_ref(), &session.world.policy());
    let flag = if usable.is_ok() { 2 } else { 3 };
    session.status.say(&format!("KEY_CONSIDERED {fingerprint} {flag}"));
    if let Err(error) = usable {
        let name = names.first().map(String::as_bytes).unwrap_or_default();
        session.status.say_of("INV_SGNR 9", name);
        return Err(error.into());
    }
    Ok(Chosen { secret, exactly })
}

fn find(
    shelf: &Shelf<HomeKey>,
    name: Option<&str>,
) -> Result<(Fingerprint, Option<Fingerprint>), Failure> {
    let query = name.map(KeyQuery::parse_gnupg).transpose()?;
    let key = shelf.find_secret(query.as_ref())?;
    let exactly = query.and_then(|query| query.exactly(&key.certificate));
    Ok((key.certificate.fingerprint(), exactly))
}
