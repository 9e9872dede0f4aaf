//! Changes of a key as gpg's command lines ask for them, over the acts of plugsign's own commands.

use std::path::Path;

use plugsign::openpgp;
use plugsign::openpgp::change::Ends;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::revocation_reason::RevocationReason;
use plugsign::openpgp::secret_key::Protection;
use plugsign::publisher::ask::{Ask, Which};
use plugsign::publisher::change::{KeyToChange, of_home, whole_seconds};
use plugsign::publisher::failure::Failure;
use plugsign::text::{Safe, quoted};
use zeroize::Zeroizing;

use super::keygen::{bits, validity};
use super::output::{Output, with_headers};
use super::secret::Secret;
use super::session::Session;
use super::status::cause_of;
use crate::edge::dialog;
use crate::edge::report::usage;
use crate::edge::terminal::Conversation;

/// `--quick-add-key FINGERPRINT ALGO USAGE [EXPIRE]`
pub fn add_key(session: &Session) -> Result<u8, Failure> {
    let words = session.texts();
    let (name, algorithm, uses, expires) = match &words[..] {
        [name, algorithm, uses] => (name, algorithm, uses, ""),
        [name, algorithm, uses, expires] => (name, algorithm, uses, expires.as_str()),
        [_] | [_, _] => {
            return usage(
                "without a usage, gpg adds a subkey that encrypts, and plugsign adds only signing ones: --quick-add-key FINGERPRINT rsa3072 sign",
            );
        }
        _ => return usage("--quick-add-key FINGERPRINT ALGO sign [EXPIRE]"),
    };
    if uses != "sign" {
        return usage(format!(
            "usage {} is refused, because plugsign adds only subkeys that sign",
            Safe::text(uses)
        ));
    }
    let is_default = matches!(algorithm.as_str(), "" | "-" | "default" | "future-default");
    let bits = if is_default { None } else { Some(bits(algorithm)?) };
    let Some(key) = by_fingerprint(session, name) else { return Ok(2) };
    let validity = validity(expires, whole_seconds(session.world.now))?;
    let secret = Secret::read(session)?;
    let changed = session.world.publisher(&secret).rotate(&whole(&key), bits, validity)?;
    session.status.say(&format!("KEY_CONSIDERED {key} 0"));
    session.status.say(&format!("KEY_CREATED S {}", changed.how.subkey));
    Ok(0)
}

/// `--quick-set-expire FINGERPRINT EXPIRE [* | SUBKEYS]`
pub fn set_expire(session: &Session) -> Result<u8, Failure> {
    let words = session.texts();
    let [name, expires, subkeys @ ..] = &words[..] else {
        return usage("--quick-set-expire FINGERPRINT EXPIRE [* | SUBKEY-FINGERPRINTS]");
    };
    let Some(key) = by_fingerprint(session, name) else {
        session.status.say("ERROR set_expire 33554520");
        return Ok(2);
    };
    let named: Option<Vec<Fingerprint>> = subkeys.iter().map(|it| fingerprint(it)).collect();
    let ends = match (subkeys, &named) {
        ([], _) => Ends::Key,
        ([all], _) if all == "*" => Ends::AllSubkeys,
        (_, Some(named)) => Ends::Subkeys(named),
        (_, None) => {
            return usage("name subkeys by their whole fingerprints, or all of them by '*'");
        }
    };
    let now = whole_seconds(session.world.now);
    let end = validity(expires, now)?.map(|validity| now + validity);
    let secret = Secret::read(session)?;
    let extended = session.world.publisher(&secret).extend(&whole(&key), end, ends);
    extended.map(|_| done(session, &key)).or_else(|failure| failed(session, "set_expire", &failure))
}

/// `--quick-add-uid USER-ID NEW-USER-ID`
pub fn add_user_id(session: &Session) -> Result<u8, Failure> {
    let words = session.texts();
    let [name, user_id] = &words[..] else { return usage("--quick-add-uid KEY NEW-USER-ID") };
    let secret = Secret::read(session)?;
    let add = |key: &Fingerprint| {
        let user_id = user_id.trim().to_string();
        session.world.publisher(&secret).add_user_id(&whole(&key.to_string()), user_id).map(drop)
    };
    change(session, name, "adduid", add)
}

/// `--quick-revoke-uid USER-ID USER-ID-TO-REVOKE`: as with gpg, the whole of it.
pub fn revoke_user_id(session: &Session) -> Result<u8, Failure> {
    let words = session.texts();
    let [name, user_id] = &words[..] else { return usage("--quick-revoke-uid KEY USER-ID") };
    let secret = Secret::read(session)?;
    let revoke = |key: &Fingerprint| {
        let publisher = session.world.publisher(&secret);
        let stored = of_home(session.world.home()?, key)?;
        let standing = stored.certificate.standing_user_ids();
        if !standing.iter().any(|id| id == user_id.as_bytes()) {
            return Err(openpgp::Error::UnknownUserId(user_id.clone()).into());
        }
        publisher.revoke_user_id(&whole(&key.to_string()), user_id, "").map(drop)
    };
    change(session, name, "keyedit.revoke.uid", revoke)
}

/// `--change-passphrase KEY`. As with gpg, what `--passphrase-fd` and the like give is the present
/// passphrase, or the new one of a key that has none.
pub fn passphrase(session: &Session) -> Result<u8, Failure> {
    let words = session.texts();
    let [name] = &words[..] else { return usage("--change-passphrase KEY") };
    let mut secret = Secret::read(session)?;
    let change_of = |fingerprint: &Fingerprint| {
        let key = fingerprint.to_string();
        let stored = of_home(session.world.home()?, fingerprint)?;
        let is_bare = stored.secret()?.protection() == Protection::None;
        secret.gives_new = secret.named.is_some() && is_bare;
        let given = if secret.gives_new { secret.given(Which::New)? } else { None };
        let is_empty = given.is_some_and(|given| given.is_empty());
        session.world.publisher(&secret).change_passphrase(&key, is_empty).map(drop)
    };
    let code = change(session, name, "keyedit.passwd", change_of)?;
    if code == 0 {
        session.status.say("SUCCESS keyedit.passwd");
    }
    Ok(code)
}

/// `--generate-revocation KEY`: asks for the reason, as gpg does.
pub fn generate_revocation(session: &Session) -> Result<u8, Failure> {
    let Session { options, world, log, .. } = session;
    let words = session.texts();
    let [name] = &words[..] else { return usage("--generate-revocation KEY") };
    let key = key_named(session, name)?;
    let output = Output::new(options.output.as_deref(), None);
    let existing = output.check(session)?;
    let person = (!options.batch && !options.no_tty).then(Conversation::open).flatten();
    let Some(mut person) = person else {
        log.say("can't do this in batch mode or without a terminal");
        let made = world.home()?.revocation_path(&key, RevocationReason::Unspecified);
        log.say(&format!("hint: one was made with the key: {}", Safe::path(&made)));
        return Ok(2);
    };
    session.status.say(&format!("KEY_CONSIDERED {key} 0"));
    let (reason, message) = ask_reason(&mut person, &key)?;
    let secret = Secret::read(session)?;
    let made =
        world.publisher(&secret).make_revocation(&whole(&key.to_string()), reason, &message)?;
    let made = with_headers(Zeroizing::new(made), options);
    match &output {
        Output::Standard => world.terminal.write_bytes(&made)?,
        Output::Named(_) => output.write(session, &made, true, existing)?,
    }
    person.say("ASCII armored output forced.\nRevocation certificate created.\n\n");
    person.say("Whoever has it can end your key. Keep it where only you find it.\n");
    Ok(0)
}

fn ask_reason(
    person: &mut Conversation,
    key: &Fingerprint,
) -> Result<(RevocationReason, String), Failure> {
    let mut ask = |question: &str| person.ask(question).ok_or(Failure::Cancelled);
    let question = format!("\nsec  {key}\n\nCreate a revocation certificate for this key? (y/N) ");
    if !dialog::is_yes(&ask(&question)?) {
        return Err(Failure::Cancelled);
    }
    loop {
        let reason = match ask(REASONS)?.trim() {
            "0" => RevocationReason::Unspecified,
            "1" => RevocationReason::Compromised,
            "2" => RevocationReason::Superseded,
            "3" => RevocationReason::Retired,
            "q" | "Q" => return Err(Failure::Cancelled),
            _ => continue,
        };
        let mut lines = Vec::new();
        let mut question = "Enter an optional description; end it with an empty line:\n> ";
        loop {
            match ask(question)? {
                line if line.is_empty() => break,
                line => lines.push(line),
            }
            question = "> ";
        }
        let message = lines.join(" ");
        let shown = Safe::text(&message);
        let question = format!("Reason for revocation: {reason}\n{shown}\nIs this okay? (y/N) ");
        if dialog::is_yes(&ask(&question)?) {
            return Ok((reason, message));
        }
    }
}

const REASONS: &str = "Please select the reason for the revocation:\n\
    \x20 0 = No reason specified\n\
    \x20 1 = Key has been compromised\n\
    \x20 2 = Key is superseded\n\
    \x20 3 = Key is no longer used\n\
    \x20 Q = Cancel\n\
    (Probably you want to select 1 here)\n\
    Your decision? ";

/// The commands of gpg's dialog, and plugsign's in their place.
const EDITS: [(&str, &str); 10] = [
    ("addkey", "plugsign rotate KEY"),
    ("adduid", "plugsign adduid KEY --user-id UID"),
    ("check list", "plugsign list KEY"),
    ("clean minimize", "plugsign export KEY, which leaves out what others signed"),
    ("delkey revkey", "plugsign revoke KEY --subkey SUBKEY --reason REASON"),
    ("deluid revuid", "plugsign revoke-uid KEY UID"),
    ("expire", "plugsign extend KEY --expires WHEN"),
    ("passwd password", "plugsign passwd KEY"),
    ("lsign sign tsign trust", "plugsign trust add FILE, for the certificate in a file"),
    ("revoke", "plugsign revoke KEY --reason REASON"),
];

/// `--edit-key KEY [COMMANDS]`: refused, with plugsign's commands for what was wanted.
pub fn edit_key(session: &Session) -> Result<u8, Failure> {
    let words = session.texts();
    let (key, wanted) = match &words[..] {
        [key, wanted @ ..] => (quoted(Path::new(key)), wanted),
        [] => ("KEY".to_string(), &[][..]),
    };
    let is_wanted = |names: &str| {
        let mut names = names.split(' ');
        names.any(|name| wanted.iter().any(|wanted| wanted == name))
    };
    let named: Vec<_> = EDITS.iter().filter(|(names, _)| is_wanted(names)).collect();
    let shown = if named.is_empty() { EDITS.iter().collect() } else { named };
    let lines = shown.iter().map(|(names, command)| {
        let name = names.split(' ').find(|name| wanted.iter().any(|it| it == name));
        let name = name.unwrap_or(names.split(' ').next().unwrap_or_default());
        format!(
            "\n  {name}: {}",
            command.replace("KEY", &key).replace(&format!("SUB{key}"), "SUBKEY")
        )
    });
    usage(format!("plugsign has no such dialog. In its place:{}", lines.collect::<String>()))
}

/// Changes a key, and tells programs if that fails: `place` is gpg's word for where.
fn change(
    session: &Session,
    name: &str,
    place: &str,
    change: impl FnOnce(&Fingerprint) -> Result<(), Failure>,
) -> Result<u8, Failure> {
    let changed = key_named(session, name).and_then(|key| change(&key).map(|()| key));
    changed
        .map(|key| done(session, &key.to_string()))
        .or_else(|failure| failed(session, place, &failure))
}

fn done(session: &Session, key: &str) -> u8 {
    session.status.say(&format!("KEY_CONSIDERED {key} 0"));
    0
}

fn failed(session: &Session, place: &str, failure: &Failure) -> Result<u8, Failure> {
    session.log.explain(failure);
    session.status.say(&format!("ERROR {place} {}", cause_of(failure).code));
    Ok(2)
}

fn whole(key: &str) -> KeyToChange<'_> {
    KeyToChange { key, primary: None }
}

/// Finds the secret key that a name of gpg's means.
fn key_named(session: &Session, name: &str) -> Result<Fingerprint, Failure> {
    let shelf = session.world.home()?.keys()?;
    let query = KeyQuery::parse_gnupg(name)?;
    Ok(shelf.find_secret_whole(&query)?.certificate.fingerprint())
}

/// Some of gpg's commands take nothing but a fingerprint.
fn by_fingerprint(session: &Session, name: &str) -> Option<String> {
    let found = fingerprint(name).map(|it| it.to_string());
    if found.is_none() {
        session.log.say(&format!("\"{}\" is not a fingerprint", Safe::text(name)));
    }
    found
}

fn fingerprint(name: &str) -> Option<Fingerprint> {
    let digits: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    Fingerprint::from_hex(digits.strip_prefix("0x").unwrap_or(&digits))
}
