//! `gpg --import`
//!
//! Keys come in as gpg takes them: a secret key stays as protected as it is, and nobody is asked
//! for its passphrase. That it is whole is proved when it is unlocked, before each signing, and
//! here if it has no passphrase or one is given.

use plugsign::disk::Error;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::change::Revocation;
use plugsign::openpgp::facts::signature_count;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::key_file::{Key, MAX_KEYRING, read_keys_within};
use plugsign::openpgp::secret_key::{Protection, SecretKey};
use plugsign::text::Safe;

use super::input::Input;
use super::secret::Secret;
use super::session::Session;
use super::session::primary_user_id;
use crate::edge::asking::Asking;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::first_user_id;
use plugsign::publisher::store::{
    Keeping, Stored as Fate, Storing, apply_revocation, check, known, store_secret,
};

/// What IMPORT_RES counts.
#[derive(Default)]
struct Counts {
    read: u32,
    imported: u32,
    unchanged: u32,
    user_ids: u32,
    subkeys: u32,
    signatures: u32,
    revocations: u32,
    secrets_read: u32,
    secrets_imported: u32,
    secrets_unchanged: u32,
    not_imported: u32,
}

/// What there is of a certificate in the home.
struct Stored {
    user_ids: usize,
    keys: usize,
    signatures: usize,
    has_secret: bool,
}

pub fn run(session: &mut Session) -> Result<u8, Failure> {
    let secret = Secret::read(&session.options, &session.world)?;
    session.world.home()?.check()?;
    let mut words = session.options.words.clone();
    if words.is_empty() {
        words.push("-".into());
    }
    let mut counts = Counts::default();
    let mut storing = Storing::default();
    let mut failed = false;
    for word in &words {
        let input = Input::new(word, session.options.special_filenames);
        let keys = input
            .read("a key file", MAX_KEYRING)
            .and_then(|bytes| Ok(read_keys_within(&bytes, &session.world.budget)?));
        let keys = match keys {
            Ok(keys) => keys,
            Err(error) => {
                failed = true;
                let is_data = matches!(error, Error::OpenPgp(openpgp::Error::NoKey(_)));
                session.log.say(&format!("{}:", Safe::path(input.name())));
                session.log.explain(&error.into());
                if is_data {
                    session.log.say("no valid OpenPGP data found.");
                    session.status.say("NODATA 1");
                }
                continue;
            }
        };
        for key in keys {
            counts.read += 1;
            let taken = match key {
                Ok(Key::Certificate(certificate)) => {
                    take(session, &mut counts, &mut storing, &certificate)
                }
                Ok(Key::Secret(key)) => {
                    storing.pause();
                    take_secret(session, &mut counts, &key, &secret)
                }
                Ok(Key::Revocation(revocation)) => {
                    storing.pause();
                    revoke(session, &mut counts, &revocation)
                }
                Err(error) => Err(error.into()),
            };
            if let Err(failure) = taken {
                failed = true;
                counts.not_imported += 1;
                session.log.explain(&failure);
            }
        }
    }
    report(session, &counts);
    Ok(if failed { 2 } else { 0 })
}

/// Applies a revocation certificate.
fn revoke(
    session: &mut Session,
    counts: &mut Counts,
    revocation: &Revocation,
) -> Result<(), Failure> {
    let world = &session.world;
    let (certificate, stored) =
        apply_revocation(revocation, &world.publisher(&Asking::new(world)))?;
    let fingerprint = certificate.fingerprint();
    let (key_id, shown) = (fingerprint.key_id(), first_user_id(&certificate));
    session.status.say(&format!("KEY_CONSIDERED {fingerprint} 0"));
    let words = match stored? {
        Fate::Updated => {
            counts.revocations += 1;
            "revocation certificate imported"
        }
        Fate::Unchanged => {
            counts.unchanged += 1;
            "not changed"
        }
        Fate::New => "not changed",
    };
    session.log.remark(&format!("key {key_id}: \"{shown}\" {words}"));
    Ok(())
}

/// Takes a certificate.
fn take(
    session: &mut Session,
    counts: &mut Counts,
    storing: &mut Storing,
    certificate: &Certificate,
) -> Result<(), Failure> {
    check(certificate, &session.world.policy()).inspect_err(|_| {
        storing.heed(certificate, &session.world.publisher(&Asking::new(&session.world)));
        problem(session, certificate);
    })?;
    let before = stored(session, certificate)?;
    storing.certificate(certificate, &session.world.publisher(&Asking::new(&session.world)))?;
    tell(session, counts, certificate, before.as_ref())
}

/// Takes a secret key, and its certificate as one of its own in what is told.
fn take_secret(
    session: &mut Session,
    counts: &mut Counts,
    key: &SecretKey,
    secret: &Secret,
) -> Result<(), Failure> {
    let certificate = key.certificate();
    counts.secrets_read += 1;
    check(certificate, &session.world.policy()).inspect_err(|_| problem(session, certificate))?;
    match key.protection() {
        Protection::None => key.check(None)?,
        Protection::Passphrase if secret.was_named() => key.check(secret.given())?,
        Protection::Passphrase => {}
    }
    let before = stored(session, certificate)?;
    let had_secret = before.as_ref().is_some_and(|before| before.has_secret);
    let is_proven = secret.was_named() && key.protection() == Protection::Passphrase;
    let passphrase = if is_proven { secret.given() } else { None };
    let keeping = Keeping { replace: false, passphrase };
    store_secret(
        key,
        certificate,
        &keeping,
        &session.world.publisher(&Asking::new(&session.world)),
    )
    .inspect_err(|_| problem(session, certificate))?;
    tell(session, counts, certificate, before.as_ref())?;
    let fingerprint = certificate.fingerprint();
    session.status.say(&format!("KEY_CONSIDERED {fingerprint} 0"));
    session.log.remark(&format!("key {}: secret key imported", fingerprint.key_id()));
    match had_secret {
        true => {
            counts.secrets_unchanged += 1;
            session.status.say(&format!("IMPORT_OK 16 {fingerprint}"));
        }
        false => {
            counts.secrets_imported += 1;
            session.status.say(&format!("IMPORT_OK 17 {fingerprint}"));
        }
    }
    Ok(())
}

fn problem(session: &mut Session, certificate: &Certificate) {
    session.status.say(&format!("IMPORT_PROBLEM 0 {}", certificate.fingerprint()));
}

fn stored(session: &Session, certificate: &Certificate) -> Result<Option<Stored>, Failure> {
    let shelf = session.world.home()?.keys_of(&[certificate.fingerprint()])?;
    Ok(known(&shelf, certificate).map(|key| Stored {
        user_ids: key.certificate.user_ids().len(),
        keys: key.certificate.fingerprints().len(),
        signatures: signature_count(&key.certificate),
        has_secret: key.secret.is_some(),
    }))
}

/// Tells what became of a certificate, of which there was something before or nothing.
fn tell(
    session: &mut Session,
    counts: &mut Counts,
    certificate: &Certificate,
    before: Option<&Stored>,
) -> Result<(), Failure> {
    let fingerprint: Fingerprint = certificate.fingerprint();
    let key_id = fingerprint.key_id();
    let user_id = primary_user_id(certificate, session);
    let shown = Safe::bytes(&user_id);
    let considered = format!("KEY_CONSIDERED {fingerprint} 0");
    let (Some(before), Some(after)) = (before, stored(session, certificate)?) else {
        counts.imported += 1;
        session.status.say(&considered);
        session.log.remark(&format!("key {key_id}: public key \"{shown}\" imported"));
        session.status.say_of(&format!("IMPORTED {key_id}"), &user_id);
        session.status.say(&format!("IMPORT_OK 1 {fingerprint}"));
        return Ok(());
    };
    let more = |before: usize, after: usize| after.saturating_sub(before) as u32;
    let user_ids = more(before.user_ids, after.user_ids);
    let signatures = more(before.signatures, after.signatures);
    let subkeys = more(before.keys, after.keys);
    counts.user_ids += user_ids;
    counts.signatures += signatures;
    counts.subkeys += subkeys;
    let mut flags = 0;
    let new = [(2, user_ids, "user ID"), (4, signatures, "signature"), (8, subkeys, "subkey")];
    for (flag, count, what) in new.into_iter().filter(|(_, count, _)| *count > 0) {
        flags |= flag;
        let plural = if count == 1 { "" } else { "s" };
        session.log.remark(&format!("key {key_id}: \"{shown}\" {count} new {what}{plural}"));
    }
    // gpg considers the key for its words: before them if there are any, and in passing if not.
    let mut lines = [considered, format!("IMPORT_OK {flags} {fingerprint}")];
    if flags == 0 {
        counts.unchanged += 1;
        session.log.remark(&format!("key {key_id}: \"{shown}\" not changed"));
        lines.reverse();
    }
    for line in lines {
        session.status.say(&line);
    }
    Ok(())
}

fn report(session: &mut Session, counts: &Counts) {
    let log = &mut session.log;
    log.remark(&format!("Total number processed: {}", counts.read));
    for (what, count) in [
        ("              imported", counts.imported),
        ("             unchanged", counts.unchanged),
        ("          new user IDs", counts.user_ids),
        ("           new subkeys", counts.subkeys),
        ("        new signatures", counts.signatures),
        ("   new key revocations", counts.revocations),
        ("      secret keys read", counts.secrets_read),
        ("  secret keys imported", counts.secrets_imported),
        (" secret keys unchanged", counts.secrets_unchanged),
        ("          not imported", counts.not_imported),
    ] {
        if count > 0 {
            log.remark(&format!("{what}: {count}"));
        }
    }
    session.status.say(&format!(
        "IMPORT_RES {} 0 {} 0 {} {} {} {} {} {} {} {} 0 {} 0",
        counts.read,
        counts.imported,
        counts.unchanged,
        counts.user_ids,
        counts.subkeys,
        counts.signatures,
        counts.revocations,
        counts.secrets_read,
        counts.secrets_imported,
        counts.secrets_unchanged,
        counts.not_imported,
    ));
}
