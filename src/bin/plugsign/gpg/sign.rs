//! `gpg --detach-sign` and `--clear-sign`

use plugsign::disk::Error;
use plugsign::disk::artifact::Artifact;
use plugsign::openpgp;
use plugsign::openpgp::hash::ContentHash;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::token::is_token_uri;
use plugsign::publisher::change::whole_seconds;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::keys::Found;
use plugsign::publisher::show::first_user_id;
use plugsign::publisher::signer::Form;
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::dates::seconds;
use super::input::Input;
use super::options::digest_name;
use super::output::{Output, with_headers};
use super::secret::Secret;
use super::session::Session;
use super::status::cause_of;
use super::table::Task;
use crate::edge::keys::key_of_environment;
use crate::edge::report::usage;

pub fn run(session: &Session) -> Result<u8, Failure> {
    if session.options.words.len() > 1 {
        return usage(
            "gpg signs several files as one; sign them one by one, or with: plugsign sign FILE...",
        );
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

fn sign(session: &Session) -> Result<(), Failure> {
    // Standard input may begin with the passphrase.
    let mut secret = Secret::read(session)?;
    let found = choose(session, &secret)?;
    let armored = session.options.armor;
    let is_cleartext = session.options.task == Some(Task::ClearSign);
    let input = match session.options.words.first() {
        Some(word) => Input::new(word, session.options.special_filenames),
        None => Input::Standard,
    };
    let beside = match &input {
        Input::Standard | Input::Descriptor(..) => None,
        Input::Named(path) => Some(Artifact::named(path.clone()).signature_path(armored)),
    };
    let output = Output::new(session.options.output.as_deref(), beside);
    let existing = output.check(session)?;
    // A file that is not there is told before a passphrase is asked for.
    if let Input::Named(path) = &input {
        std::fs::metadata(path).map_err(Error::io("read", path))?;
    }
    secret.exactly = found.exactly.clone();
    let way = ContentHash { algorithm: session.options.signing_digest(), text: false };
    let form = Form { way, created: whole_seconds(session.world.now), armored };
    let signer = session.world.publisher(&secret).signer(&found, form).inspect_err(|failure| {
        if let Failure::OpenPgp(openpgp::Error::WrongPassphrase(key))
        | Failure::WrongPassphrase(key, _) = failure
        {
            session.status.say(&format!("BAD_PASSPHRASE {}", key.key_id()));
        }
    })?;
    drop(secret);
    if let Output::Named(path) = &output {
        session.verbose(&format!("writing to '{}'", Safe::path(path)));
    }
    session.status.say(&format!("BEGIN_SIGNING H{}", way.algorithm.id()));
    let signature = Zeroizing::new(match is_cleartext {
        true => signer.sign_cleartext(&input.read_text()?)?,
        false => signer.sign(&input.hash_still(way)?)?,
    });
    let signature = match armored {
        true => with_headers(signature, &session.options),
        false => signature,
    };
    output.write(session, &signature, false, existing)?;
    session.verbose(&format!(
        "RSA/{} signature from: \"{} {}\"",
        digest_name(way.algorithm),
        signer.key.fingerprint().key_id(),
        first_user_id(signer.key.certificate()),
    ));
    let (kind, class) = if is_cleartext { ('C', 1) } else { ('D', 0) };
    session.status.say(&format!(
        "SIG_CREATED {kind} {RSA} {} {class:02} {} {}",
        way.algorithm.id(),
        seconds(form.created),
        signer.key.fingerprint()
    ));
    Ok(())
}

/// The number of the algorithm that every key here signs with.
const RSA: u8 = 1;

/// Finds the one key that signs: `-u`, else `--default-key`, else the only one there is. gpg
/// takes the first of several; here that is an error, because it is a different signer tomorrow.
fn choose(session: &Session, secret: &Secret<'_>) -> Result<Found, Failure> {
    let (options, world) = (&session.options, &session.world);
    let names: Vec<&String> = match options.local_users.is_empty() {
        false => options.local_users.iter().collect(),
        true => options.default_key.iter().collect(),
    };
    let text = key_of_environment(world, names.is_empty())?;
    let publisher = world.publisher(secret);
    let mut chosen: Option<Found> = None;
    for name in &names {
        let found = match is_token_uri(name) {
            true => publisher.find_in_token(name),
            false => KeyQuery::parse_gnupg(name)
                .map_err(Failure::from)
                .and_then(|query| publisher.find_key(Some(&query), text.as_ref())),
        };
        let found = found.inspect_err(|error| {
            let cause = cause_of(error);
            session.log.say(&format!("skipped \"{}\": {}", Safe::text(name), cause.words));
            // gpg passes over a default key that it does not have.
            if !options.local_users.is_empty() {
                session.status.say_of("INV_SGNR 9", name.as_bytes());
            }
        })?;
        if chosen.as_ref().is_some_and(|before| !before.is_same_as(&found)) {
            return usage("several keys are named, and only one can sign");
        }
        chosen = Some(found);
    }
    let found = match chosen {
        Some(found) => found,
        None => publisher.find_key(None, text.as_ref()).inspect_err(|error| {
            if matches!(error, Failure::OpenPgp(openpgp::Error::UnknownKey(_))) {
                session.status.say("INV_SGNR 9");
            }
        })?,
    };
    let usable = found.secret.check_can_sign(found.exactly.as_ref(), &world.policy());
    let flag = if usable.is_ok() { 2 } else { 3 };
    session.status.say(&format!("KEY_CONSIDERED {} {flag}", found.secret.fingerprint()));
    if let Err(error) = usable {
        let name = names.first().map(|name| name.as_bytes()).unwrap_or_default();
        session.status.say_of("INV_SGNR 9", name);
        return Err(error.into());
    }
    Ok(found)
}
