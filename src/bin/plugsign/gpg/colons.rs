//! `--with-colons`: the listing that scripts parse (GnuPG's doc/DETAILS).

use std::fmt::Write as _;

use plugsign::openpgp::facts::{KeyFacts, Revoker, UserIdFacts};
use plugsign::openpgp::own_signature::OwnSignature;

use super::dates::seconds;
use super::known::{Half, Listed, OwnerTrust};
use super::options::Signatures;
use super::session::Session;
use super::status::escaped_with;

/// Lists keys. The first record is about a whole keyring, so a key file gets none.
pub fn listing(session: &Session, listed: &[Listed], is_keyring: bool) -> String {
    let mut text = String::new();
    if is_keyring {
        let _ = writeln!(text, "tru::1:{}:0:3:1:5", seconds(session.world.now));
    }
    for key in listed {
        one(session, key, &mut text);
    }
    text
}

fn one(session: &Session, listed: &Listed, text: &mut String) {
    let (options, half) = (&session.options, listed.half);
    let grips = half == Half::Secret || options.with_keygrip || options.with_secret;
    for (place, key) in listed.facts.keys.iter().enumerate() {
        let is_primary = place == 0;
        let _ = writeln!(text, "{}", key_record(session, listed, key, is_primary));
        for revoker in listed.facts.revokers.iter().filter(|_| is_primary) {
            let Revoker { algorithm, class, fingerprint } = revoker;
            let sensitive = if class & 0x40 != 0 { "s" } else { "" };
            let _ = writeln!(text, "rvk:::{algorithm}::::::{fingerprint}:{class:02x}{sensitive}:");
        }
        let _ = writeln!(text, "fpr:::::::::{}:", key.description.fingerprint);
        if grips && let Some(grip) = &key.grip {
            let _ = writeln!(text, "grp:::::::::{grip}:");
        }
        signature_records(session, listed, &key.signatures, text);
        if is_primary {
            for user_id in &listed.facts.user_ids {
                let _ = writeln!(text, "{}", user_id_record(listed, user_id));
                signature_records(session, listed, &user_id.signatures, text);
            }
        }
    }
}

fn key_record(session: &Session, listed: &Listed, key: &KeyFacts, is_primary: bool) -> String {
    let half = listed.half;
    let kind = half.record(is_primary);
    let is_here = listed.secrets.contains(&key.description.fingerprint);
    let token = match (half, is_here) {
        (Half::Secret, false) => "#",
        (Half::Secret, true) => "+",
        (Half::Public, true) if session.options.with_secret => "+",
        (Half::Public, _) => "",
    };
    let expires = key.description.expires.map(|time| seconds(time).to_string());
    let owner_trust = if is_primary { trust_letter(listed.trust) } else { "" };
    let capabilities = match is_primary {
        true => format!("{}{}", letters(key), overall(listed)),
        false => letters(key),
    };
    let compliance = if key.is_de_vs { "23" } else { "" };
    let end = if is_primary { ":0:" } else { "" };
    format!(
        "{kind}:{}:{}:{}:{}:{}:{}::{owner_trust}:::{capabilities}:::{token}::{}:{compliance}:{end}",
        validity(listed, Some(key)),
        key.bits,
        key.algorithm,
        key.description.fingerprint.key_id(),
        seconds(key.description.created),
        expires.unwrap_or_default(),
        key.curve.unwrap_or_default(),
    )
}

fn user_id_record(listed: &Listed, user_id: &UserIdFacts) -> String {
    let validity = if user_id.revoked { "r" } else { validity(listed, None) };
    let certified = user_id.certified.filter(|_| !user_id.revoked);
    format!(
        "{}:{validity}::::{}::{}::{}::::::::::0:",
        if user_id.is_attribute { "uat" } else { "uid" },
        certified.map(|time| seconds(time).to_string()).unwrap_or_default(),
        user_id.hash,
        escaped(&user_id.value),
    )
}

/// The signatures that a key made about itself. Those by others are not kept.
fn signature_records(
    session: &Session,
    listed: &Listed,
    signatures: &[OwnSignature],
    text: &mut String,
) {
    let validity = match session.options.signatures {
        Signatures::Hidden => return,
        Signatures::Listed => "",
        Signatures::Checked => "!",
    };
    let Some(primary) = listed.facts.keys.first() else { return };
    let fingerprint = &primary.description.fingerprint;
    let name = listed.facts.user_ids.first().map(|it| escaped(&it.value)).unwrap_or_default();
    for own in signatures {
        let kind = if own.is_revocation() { "rev" } else { "sig" };
        let expires = own.expires.map(|time| seconds(time).to_string()).unwrap_or_default();
        let reach = if own.is_exportable { 'x' } else { 'l' };
        let (code, words) = match &own.reason {
            Some((code, words)) if own.is_revocation() => (format!(",{code:02x}"), &words[..]),
            _ => (String::new(), &[][..]),
        };
        let words = match words {
            [] => String::new(),
            words => format!("::::{}:", escaped(words)),
        };
        let issuer = fingerprint.to_string();
        let _ = writeln!(
            text,
            "{kind}:{validity}::{}:{}:{}:{expires}:::{name}:{:02x}{reach}{code}::{}:::{}:{words}",
            primary.algorithm,
            fingerprint.key_id(),
            seconds(own.created),
            own.class,
            if own.names_fingerprint { &issuer } else { "" },
            own.hash,
        );
    }
}

/// The validity of one of the keys, or of the certificate.
fn validity(listed: &Listed, key: Option<&KeyFacts>) -> &'static str {
    match key.or(listed.facts.keys.first()) {
        Some(key) if key.revoked.is_some() => "r",
        Some(key) if key.is_expired => "e",
        Some(key) if !key.is_bound => "i",
        _ => trust_letter(listed.trust),
    }
}

fn trust_letter(trust: OwnerTrust) -> &'static str {
    match trust {
        OwnerTrust::Ultimate => "u",
        OwnerTrust::Full => "f",
        OwnerTrust::Unknown => "-",
    }
}

const USES: [(&str, char); 4] =
    [("encrypt", 'e'), ("sign", 's'), ("certify", 'c'), ("authenticate", 'a')];

fn letters(key: &KeyFacts) -> String {
    USES.iter()
        .filter(|(name, _)| key.description.usage.contains(name))
        .map(|(_, letter)| letter)
        .collect()
}

/// What the key can be used for now, with all its subkeys.
fn overall(listed: &Listed) -> String {
    let standing = || listed.facts.keys.iter().filter(|key| key.is_standing());
    USES.iter()
        .filter(|(name, _)| standing().any(|key| key.description.usage.contains(name)))
        .map(|(_, letter)| letter.to_ascii_uppercase())
        .collect()
}

/// Escapes as gpg does: C's escapes for colons, backslashes and control characters.
pub fn escaped(text: &[u8]) -> String {
    escaped_with(text, &[':', '\\'], |byte| match byte {
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\x0c' => "\\f".into(),
        b'\x0b' => "\\v".into(),
        b'\x08' => "\\b".into(),
        b'\0' => "\\0".into(),
        _ => format!("\\x{byte:02x}"),
    })
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_field_holds_neither_colons_nor_line_ends() {
        assert_eq!(
            escaped(b"a:b\\c\nfpr:::\r\t\x1b"),
            "a\\x3ab\\x5cc\\nfpr\\x3a\\x3a\\x3a\\r\\x09\\x1b"
        );
        assert_eq!(escaped("Zo\u{eb}\u{202e}".as_bytes()), "Zo\u{eb}\\xe2\\x80\\xae");
        assert_eq!(escaped(b"\xe9\0"), "\\xe9\\0");
    }
}
