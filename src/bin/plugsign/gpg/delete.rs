//! `gpg --delete-keys`, `--delete-secret-keys`, `--delete-secret-and-public-key`

use std::path::Path;

use plugsign::openpgp;
use plugsign::openpgp::query::KeyQuery;
use plugsign::publisher::advice::on_one_line;
use plugsign::publisher::change::{Deleted, Doomed};
use plugsign::publisher::failure::Failure;
use plugsign::text::{Safe, quoted};

use super::session::Session;
use crate::edge::asking::Asking;
use crate::edge::dialog;
use crate::edge::report::usage;
use crate::edge::terminal::Conversation;

/// What a command deletes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halves {
    /// The certificate, if there is no secret key.
    Public,
    Secret,
    Both,
}

/// Deletes the keys that are named, up to the first that stays.
pub fn run(session: &Session, halves: Halves) -> Result<u8, Failure> {
    let names = session.texts();
    if names.is_empty() {
        session.log.remark("Note: No key");
    }
    for name in names {
        if !delete(session, &name, halves)? {
            return Ok(2);
        }
    }
    Ok(0)
}

/// Deletes a key, or says why it stays.
fn delete(session: &Session, name: &str, halves: Halves) -> Result<bool, Failure> {
    let Session { options, world, status, log } = session;
    let shown = Safe::text(name);
    let query = KeyQuery::parse_gnupg(name)?;
    let shelf = world.home()?.keys()?;
    let found = match halves {
        Halves::Secret => shelf.find_secret(Some(&query)),
        _ => shelf.find(&query),
    };
    let key = match found.map_err(Failure::from) {
        Ok(key) => key,
        Err(Failure::OpenPgp(openpgp::Error::UnknownKey(_) | openpgp::Error::NoSecret(_))) => {
            log.say(&format!("key \"{shown}\" not found: Not found"));
            status.say("DELETE_PROBLEM 1");
            log.say(&format!("{shown}: delete key failed: Not found"));
            if let Some(advice) = world.publisher(&Asking::new(world)).only_trusted(&query) {
                log.say(&format!("hint: {}", on_one_line(&advice)));
            }
            return Ok(false);
        }
        Err(failure) => {
            if let Failure::OpenPgp(openpgp::Error::AmbiguousKey { .. }) = failure {
                status.say("DELETE_PROBLEM 3");
            }
            return Err(failure);
        }
    };
    let is_secret = key.secret.is_some();
    if is_secret && halves == Halves::Public {
        log.say(&format!("there is a secret key for public key \"{shown}\"!"));
        log.say("use option \"--delete-secret-keys\" to delete it first.");
        status.say("DELETE_PROBLEM 2");
        return Ok(false);
    }
    if is_secret {
        status.say(&format!("KEY_CONSIDERED {} 0", key.certificate.fingerprint()));
    }
    let is_exact = query.is_fingerprint_of(&key.certificate);
    let obstacle = match (is_exact, options.yes) {
        _ if !options.batch => None,
        (false, _) if is_secret => Some("can't do this in batch mode"),
        (true, _) if !is_secret => None,
        (_, true) => None,
        (_, false) => Some("can't do this in batch mode without \"--yes\""),
    };
    if let Some(obstacle) = obstacle {
        log.say(obstacle);
        log.say("(unless you specify the key by fingerprint)");
        return Ok(false);
    }
    if options.dry_run {
        return Ok(true);
    }
    let doomed = if halves == Halves::Secret { Doomed::SecretPart } else { Doomed::Everything };
    let asking = Asking::new(world);
    let deleted = world.publisher(&asking).delete(&query, doomed, |deleted| match options.batch {
        true => deleted.check_named(),
        false => ask(session, deleted),
    });
    let whole = "gpg --delete-secret-and-public-key KEY";
    let deleted = deleted
        .map_err(|failure| failure.or_of_subkey(whole, "plugsign revoke KEY --subkey SUBKEY"))?;
    for key in &deleted.forgotten {
        log.say(&format!("WARNING: this home forgets that {key} is revoked"));
    }
    for name in &deleted.trusted {
        let name = quoted(Path::new(name));
        log.remark(&format!("Note: it stays trusted; to end that: plugsign trust remove {name}"));
    }
    Ok(true)
}

/// Asks as gpg does: of a secret key, twice.
fn ask(session: &Session, deleted: &Deleted) -> Result<(), Failure> {
    let Some(mut person) = (!session.options.no_tty).then(Conversation::open).flatten() else {
        return usage("there is no terminal to ask on: use --batch --yes with a whole fingerprint");
    };
    let (fingerprint, user_id) = deleted.key.names();
    let record = if deleted.secret { "sec" } else { "pub" };
    person.say(&format!("{record}  {fingerprint} {user_id}\n\n"));
    let mut is_sure = |question: &str| dialog::is_yes(&person.ask(question).unwrap_or_default());
    let is_doomed = is_sure("Delete this key from the keyring? (y/N) ")
        && (!deleted.secret || is_sure("This is a secret key! - really delete? (y/N) "));
    if is_doomed { Ok(()) } else { Err(Failure::Cancelled) }
}
