//! `gpg --list-keys` and similar commands, for people.

use plugsign::disk::shelf::HomeKey;
use plugsign::openpgp;
use plugsign::openpgp::facts::{KeyFacts, UserIdFacts, certificate_facts};
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::key_file::{Key, MAX_KEYRING, read_keys_within, revoked_by_file};
use plugsign::openpgp::own_signature::OwnSignature;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::SecretKey;
use plugsign::publisher::accepted::Known;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::list::matching;
use plugsign::text::Safe;

use super::colons;
use super::dates::day;
use super::keyrings::{Within, name_of_listed};
use super::known::{Half, Listed, OwnerTrust, trust_in};
use super::options::{KeyidFormat, Options, Signatures};
use super::session::Session;
use crate::edge::asking::Asking;

/// What a listing is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Everything in the home, whose name is said.
    Home,
    /// The keys that were named.
    Names,
    /// The keys of a file, without words about trust.
    File,
}

/// `--list-keys` and `--list-secret-keys`: all of them, or those that match.
pub fn run(session: &Session, half: Half) -> Result<u8, Failure> {
    let asking = Asking::new(&session.world);
    let within = Within::read(session)?;
    let Known { keys: shelf, trusted } = &within.known;
    let names = session.texts();
    let names = names.iter().map(|name| KeyQuery::parse_gnupg(name));
    let names = names.collect::<openpgp::Result<Vec<_>>>()?;
    let policy = session.world.policy();
    let listed: Vec<Listed> = matching(shelf, &names, half == Half::Secret)
        .map(|key| Listed {
            facts: certificate_facts(&key.certificate, &policy),
            trust: trust_in(key, trusted),
            half,
            secrets: secrets_of(key),
        })
        .collect();
    session.world.publisher(&asking).warn_of_unreadable(shelf);
    let of = if names.is_empty() && !listed.is_empty() { Of::Home } else { Of::Names };
    show(session, &listed, half, of)?;
    say_good_signatures(session, &listed);
    // As with gpg, an unknown name is an error only if no name is known.
    let is_missing = !names.is_empty() && listed.is_empty();
    if is_missing {
        let (what, code) = if half == Half::Secret { ("secret", 17) } else { ("public", 9) };
        session.log.say(&format!("error reading key: No {what} key"));
        session.status.say(&format!("ERROR keylist.getkey {code}"));
    }
    Ok(within.code(if is_missing { 2 } else { 0 }))
}

/// `--show-keys`: what a file has, without taking it.
pub fn show_files(session: &Session) -> Result<u8, Failure> {
    let mut listed = Vec::new();
    let mut failed = false;
    for input in session.inputs(&session.options.words) {
        let bytes = input.read("a key file", MAX_KEYRING)?;
        let budget = &session.world.budget;
        for key in revoked_by_file(read_keys_within(&bytes, budget)?, budget) {
            match key {
                Ok(key) => listed.extend(of_file(session, &key)?),
                Err(error) => {
                    failed = true;
                    session.log.explain(&error.into());
                }
            }
        }
    }
    show(session, &listed, Half::Public, Of::File)?;
    Ok(if failed { 2 } else { 0 })
}

/// Shows a key that is read from a file.
pub fn show_key(session: &Session, key: &Key) -> Result<(), Failure> {
    let listed: Vec<Listed> = of_file(session, key)?.into_iter().collect();
    show(session, &listed, Half::Public, Of::File)
}

/// Returns what a file says of a key. A revocation certificate has no key to show.
fn of_file(session: &Session, key: &Key) -> Result<Option<Listed>, Failure> {
    let (half, certificate) = match key {
        Key::Certificate(certificate) => (Half::Public, certificate),
        Key::Secret(secret) => (Half::Secret, secret.certificate()),
        Key::Revocation(_) => return Ok(None),
    };
    // As with gpg, which asks its agent: whether the secret part is in the home.
    let secrets = match half {
        Half::Public => Vec::new(),
        Half::Secret => {
            let shelf = session.world.home()?.keys_of(&[certificate.fingerprint()])?;
            shelf.items.iter().flat_map(secrets_of).collect()
        }
    };
    let facts = certificate_facts(certificate, &session.world.policy());
    Ok(Some(Listed { facts, trust: OwnerTrust::Unknown, half, secrets }))
}

/// Tells people how many signatures were checked. What does not verify is not kept.
fn say_good_signatures(session: &Session, listed: &[Listed]) {
    let Options { signatures, with_colons, .. } = session.options;
    let of = |key: &Listed| {
        let of_keys = key.facts.keys.iter().map(|it| it.signatures.len());
        let user_ids = key.facts.user_ids.iter().filter(|it| !it.revoked);
        of_keys.chain(user_ids.map(|it| it.signatures.len())).sum::<usize>()
    };
    let count: usize = listed.iter().map(of).sum();
    if signatures == Signatures::Checked && !with_colons && count > 0 {
        let plural = if count == 1 { "" } else { "s" };
        session.log.remark(&format!("{count} good signature{plural}"));
    }
}

/// Shows keys on standard output.
pub fn show(session: &Session, listed: &[Listed], half: Half, of: Of) -> Result<(), Failure> {
    let mut text = String::new();
    if session.options.with_colons {
        text = colons::listing(session, listed, half == Half::Public && of != Of::File);
    } else {
        if of == Of::Home {
            let path = Safe::path(&name_of_listed(session)?).to_string();
            text.push_str(&format!("{path}\n{}\n", "-".repeat(path.chars().count())));
        }
        for key in listed {
            text.push_str(&one(session, key, of));
            text.push('\n');
        }
    }
    session.world.terminal.write_bytes(text.as_bytes())
}

/// Shows one key.
pub fn one(session: &Session, listed: &Listed, of: Of) -> String {
    let (options, half) = (&session.options, listed.half);
    let mut text = String::new();
    for (place, key) in listed.facts.keys.iter().enumerate() {
        let is_primary = place == 0;
        let name = half.record(is_primary);
        let is_here = listed.secrets.contains(&key.description.fingerprint);
        let mark = if half == Half::Secret && !is_here { '#' } else { ' ' };
        text.push_str(&format!(
            "{name}{mark}  {}{} {} [{}]{}\n",
            algorithm(key),
            key_id(&key.description.fingerprint, options.keyid_format),
            day(key.description.created),
            usage(key),
            validity(key),
        ));
        if is_primary || options.with_subkey_fingerprint || options.fingerprints > 1 {
            let label = match options.keyid_format {
                KeyidFormat::None => "",
                _ => "Key fingerprint = ",
            };
            let fingerprint = &key.description.fingerprint;
            match options.fingerprints {
                0 => text.push_str(&format!("      {fingerprint}\n")),
                _ => text.push_str(&format!("      {label}{}\n", fingerprint.grouped())),
            }
        }
        if options.with_keygrip
            && let Some(grip) = &key.grip
        {
            text.push_str(&format!("      Keygrip = {grip}\n"));
        }
        text.push_str(&signatures(session, listed, &key.signatures));
        if is_primary {
            // Of the home's, gpg shows those that can be used.
            let is_shown = |user_id: &&UserIdFacts| {
                let primary = listed.facts.keys.first();
                let is_over = primary.is_some_and(|key| key.revoked.is_some());
                of == Of::File || is_over || !user_id.revoked
            };
            for user_id in listed.facts.user_ids.iter().filter(is_shown) {
                let word = match (user_id.revoked, of) {
                    (true, _) => "[ revoked]",
                    (false, Of::File) => "          ",
                    (false, _) => trust_word(listed),
                };
                let indent = match options.keyid_format {
                    KeyidFormat::Short => 9,
                    KeyidFormat::None | KeyidFormat::HexShort => 11,
                    KeyidFormat::Long => 17,
                    KeyidFormat::HexLong => 19,
                };
                let shown = shown(user_id);
                text.push_str(&format!("uid{:indent$}{word} {shown}\n", ""));
                text.push_str(&signatures(session, listed, &user_id.signatures));
            }
        }
    }
    text
}

/// A user ID. Of a picture, gpg says how many bytes it has.
fn shown(user_id: &UserIdFacts) -> String {
    let text = Safe::bytes(&user_id.value).to_string();
    match text.split_once(' ').filter(|_| user_id.is_attribute) {
        Some((_, size)) => format!("[jpeg image of size {size}]"),
        None => text,
    }
}

/// The signatures that a key made about itself. Those by others are not kept.
fn signatures(session: &Session, listed: &Listed, own: &[OwnSignature]) -> String {
    let options = &session.options;
    let mark = match options.signatures {
        Signatures::Hidden => return String::new(),
        Signatures::Listed => ' ',
        Signatures::Checked => '!',
    };
    let Some(primary) = listed.facts.keys.first() else { return String::new() };
    let format = match options.keyid_format {
        KeyidFormat::None => KeyidFormat::Long,
        format => format,
    };
    let key_id = key_id(&primary.description.fingerprint, format);
    let name = listed.facts.user_ids.first().map(shown).unwrap_or_default();
    let line = |own: &OwnSignature| {
        let flag = |is_set: bool, letter: char| if is_set { letter } else { ' ' };
        let is_over = own.expires.is_some_and(|end| end <= session.world.now);
        let level = match own.class {
            0x11..=0x13 => char::from(own.class + 0x20),
            _ => ' ',
        };
        let flags: String = [
            mark,
            level,
            ' ',
            flag(!own.is_exportable, 'L'),
            flag(!own.is_revocable, 'R'),
            flag(own.has_policy, 'P'),
            flag(own.has_notation, 'N'),
            flag(is_over, 'X'),
            ' ',
            ' ',
        ]
        .iter()
        .collect();
        let kind = if own.is_revocation() { "rev" } else { "sig" };
        let key_id = key_id.trim_start_matches('/');
        format!("{kind}{flags}{key_id} {}  {name}\n", day(own.created))
    };
    own.iter().map(line).collect()
}

fn secrets_of(key: &HomeKey) -> Vec<Fingerprint> {
    key.secret.as_ref().map(SecretKey::secret_fingerprints).unwrap_or_default()
}

/// `rsa3072`
pub fn algorithm(key: &KeyFacts) -> String {
    match key.algorithm {
        1..=3 => format!("rsa{}", key.bits),
        16 | 20 => format!("elg{}", key.bits),
        17 => format!("dsa{}", key.bits),
        _ => match key.curve {
            Some(curve) => curve.to_string(),
            None => Safe::text(&key.description.algorithm).to_string().to_lowercase(),
        },
    }
}

fn key_id(fingerprint: &Fingerprint, format: KeyidFormat) -> String {
    let long = fingerprint.key_id().to_string();
    let short = long.get(8..).unwrap_or(&long).to_string();
    match format {
        KeyidFormat::None => String::new(),
        KeyidFormat::Short => format!("/{short}"),
        KeyidFormat::Long => format!("/{long}"),
        KeyidFormat::HexShort => format!("/0x{short}"),
        KeyidFormat::HexLong => format!("/0x{long}"),
    }
}

/// Capitals in the order that people know: sign, certify, encrypt, authenticate.
fn usage(key: &KeyFacts) -> String {
    let of = |name: &str, letter: char| key.description.usage.contains(&name).then_some(letter);
    [of("sign", 'S'), of("certify", 'C'), of("encrypt", 'E'), of("authenticate", 'A')]
        .into_iter()
        .flatten()
        .collect()
}

fn validity(key: &KeyFacts) -> String {
    match (key.revoked, key.description.expires) {
        (Some(revoked), _) => format!(" [revoked: {}]", day(revoked)),
        (None, Some(expires)) if key.is_expired => format!(" [expired: {}]", day(expires)),
        (None, Some(expires)) => format!(" [expires: {}]", day(expires)),
        (None, None) if key.is_expired => " [expired: never     ]".into(),
        (None, None) => String::new(),
    }
}

fn trust_word(listed: &Listed) -> &'static str {
    let primary = listed.facts.keys.first();
    if primary.is_some_and(|key| key.revoked.is_some()) {
        return "[ revoked]";
    }
    if primary.is_some_and(|key| key.is_expired) {
        return "[ expired]";
    }
    match listed.trust {
        OwnerTrust::Ultimate => "[ultimate]",
        OwnerTrust::Full => "[  full  ]",
        OwnerTrust::Unknown => "[ unknown]",
    }
}
