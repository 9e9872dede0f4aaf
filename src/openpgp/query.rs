//! Naming a key on the command line.

use super::certificate::Certificate;
use super::facts::key_grips;
use super::glance::Glance;
use super::ids::{Fingerprint, KeyId};
use crate::openpgp::error::{Error, Result};

/// What a KEY argument asks for.
#[derive(Clone, Debug)]
pub struct KeyQuery {
    text: String,
    asks: Asks,
    exactly: bool,
}

#[derive(Clone, Debug)]
enum Asks {
    Fingerprint(Fingerprint),
    KeyId(KeyId),
    UserId(String),
    /// The whole of a user ID, as it is written.
    Whole(String),
    /// The whole address of a user ID.
    Address(String),
    /// A part of the address.
    InAddress(String),
    /// A key grip.
    Grip(String),
}

impl KeyQuery {
    /// Reads a KEY: a fingerprint, a 16-digit key ID, an e-mail address or another part of a user
    /// ID. Fingerprints and key IDs may have spaces, `0x` and a final `!`.
    /// Fails with [`Error::ShortKeyId`] for eight digits, [`Error::Malformed`] for nothing at all.
    pub fn parse(text: &str) -> Result<KeyQuery> {
        let (body, exactly) = match text.trim().strip_suffix('!') {
            Some(body) => (body, true),
            None => (text.trim(), false),
        };
        let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X")).unwrap_or(&digits);
        if digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error::ShortKeyId(text.to_string()));
        }
        let key = Fingerprint::from_hex(digits).map(Asks::Fingerprint);
        let key = key.or_else(|| KeyId::from_hex(digits).map(Asks::KeyId));
        // The mark belongs to a fingerprint or key ID. A user ID may end in the same character.
        let (asks, exactly) = match key {
            Some(key) => (key, exactly),
            None if body.is_empty() => return Err(Error::malformed("an empty KEY names no key")),
            None => (Asks::UserId(text.trim().to_lowercase()), false),
        };
        Ok(KeyQuery { text: text.to_string(), asks, exactly })
    }

    /// Reads a name as GnuPG does, with its marks: `=Whole User ID`, `<address>`, `@part of the
    /// address`, `*part`, `&KEYGRIP`. A name without a mark is a KEY.
    /// Fails as [`KeyQuery::parse`] does, and with [`Error::Malformed`] for a mark alone.
    pub fn parse_gnupg(text: &str) -> Result<KeyQuery> {
        let name = text.trim();
        let Some(mark) = name.chars().next().filter(|mark| "=<@*&".contains(*mark)) else {
            return KeyQuery::parse(text);
        };
        let rest = &name[mark.len_utf8()..];
        if rest.is_empty() {
            return Err(Error::Malformed(format!("\"{mark}\" alone names no key")));
        }
        let asks = match mark {
            '=' => Asks::Whole(rest.to_string()),
            '<' => Asks::Address(rest.strip_suffix('>').unwrap_or(rest).to_lowercase()),
            '@' => Asks::InAddress(rest.to_lowercase()),
            '&' => Asks::Grip(rest.to_ascii_uppercase()),
            _ => Asks::UserId(rest.to_lowercase()),
        };
        Ok(KeyQuery { text: text.to_string(), asks, exactly: false })
    }

    /// Returns the KEY as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether the certificate has the key, or a user ID with that part. Upper and lower
    /// case are the same.
    pub fn matches(&self, certificate: &Certificate) -> bool {
        match &self.asks {
            Asks::Fingerprint(_) | Asks::KeyId(_) | Asks::Grip(_) => {
                self.key_in(certificate).is_some()
            }
            _ => certificate.user_ids().iter().any(|user_id| self.is_in(user_id)),
        }
    }

    /// Returns whether a key may match, judging by a glance.
    pub fn may_match(&self, glance: &Glance<'_>) -> bool {
        match &self.asks {
            Asks::Grip(_) => true,
            Asks::Fingerprint(_) | Asks::KeyId(_) => {
                glance.fingerprints().any(|it| self.names(&it))
            }
            _ => glance.user_ids().any(|user_id| self.is_in(user_id)),
        }
    }

    /// Returns whether it is the fingerprint or key ID of this key.
    pub fn names(&self, key: &Fingerprint) -> bool {
        match &self.asks {
            Asks::Fingerprint(asked) => asked == key,
            Asks::KeyId(asked) => *asked == key.key_id(),
            _ => false,
        }
    }

    /// Returns whether a user ID matches.
    fn is_in(&self, user_id: &[u8]) -> bool {
        let user_id = String::from_utf8_lossy(user_id);
        match &self.asks {
            Asks::UserId(part) => user_id.to_lowercase().contains(part),
            Asks::Whole(whole) => user_id == *whole,
            Asks::Address(whole) => address(&user_id).to_lowercase() == *whole,
            Asks::InAddress(part) => address(&user_id).to_lowercase().contains(part),
            Asks::Grip(_) | Asks::Fingerprint(_) | Asks::KeyId(_) => false,
        }
    }

    /// Refuses a fingerprint, key ID or key grip of a subkey, with or without a final `!`. The
    /// caller changes, deletes or exports the key as a whole.
    /// Fails with [`Error::NamesSubkey`].
    pub fn check_whole(&self, certificate: &Certificate) -> Result<()> {
        let key = certificate.fingerprint();
        match self.key_in(certificate) {
            Some(subkey) if subkey != key => Err(Error::NamesSubkey { subkey, key }),
            _ => Ok(()),
        }
    }

    /// Returns whether it is the whole fingerprint of the certificate, which never names another
    /// one.
    pub fn is_fingerprint_of(&self, certificate: &Certificate) -> bool {
        matches!(&self.asks, Asks::Fingerprint(asked) if *asked == certificate.fingerprint())
    }

    /// Returns the key that was named exactly, with a final `!`.
    pub fn exactly(&self, certificate: &Certificate) -> Option<Fingerprint> {
        if self.exactly { self.key_in(certificate) } else { None }
    }

    /// Returns the key that it names, the primary one first. A user ID names none of them.
    fn key_in(&self, certificate: &Certificate) -> Option<Fingerprint> {
        if let Asks::Grip(grip) = &self.asks {
            let mut grips = key_grips(certificate).into_iter();
            return grips.find(|(_, known)| known == grip).map(|(key, _)| key);
        }
        certificate.fingerprints().into_iter().find(|fingerprint| self.names(fingerprint))
    }
}

/// The e-mail address of a user ID: what is in its angle brackets, or all of it.
fn address(user_id: &str) -> &str {
    let bracketed = user_id.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    bracketed.map_or(user_id, |(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_may_have_spaces_and_a_prefix() {
        for text in [
            "F3FACE45E0DE642C8BD6A8E64C7C6562C192CC1F",
            "0xf3face45e0de642c8bd6a8e64c7c6562c192cc1f",
            "F3FA CE45 E0DE 642C 8BD6  A8E6 4C7C 6562 C192 CC1F",
        ] {
            assert!(matches!(KeyQuery::parse(text).unwrap().asks, Asks::Fingerprint(_)), "{text}");
        }
        assert!(KeyQuery::parse("4C7C6562C192CC1F!").unwrap().exactly);
    }

    #[test]
    fn eight_digits_are_refused() {
        for text in ["C192CC1F", "0xC192CC1F", " c192cc1f! "] {
            assert!(matches!(KeyQuery::parse(text), Err(Error::ShortKeyId(_))), "{text}");
        }
    }

    #[test]
    fn gnupgs_marks_say_what_a_name_is() {
        let asks = |text| KeyQuery::parse_gnupg(text).unwrap().asks;
        assert!(matches!(asks("=A <a@x>"), Asks::Whole(it) if it == "A <a@x>"));
        assert!(matches!(asks("<A@x>"), Asks::Address(it) if it == "a@x"));
        assert!(matches!(asks("@x"), Asks::InAddress(it) if it == "x"));
        assert!(matches!(asks("*A"), Asks::UserId(it) if it == "a"));
        assert!(matches!(asks("&ab"), Asks::Grip(it) if it == "AB"));
        assert!(matches!(asks("a@x"), Asks::UserId(it) if it == "a@x"));
        assert!(matches!(KeyQuery::parse_gnupg("="), Err(Error::Malformed(_))));
        assert_eq!(address("A <a@x>"), "a@x");
        assert_eq!(address("a@x"), "a@x");
    }

    #[test]
    fn words_ask_for_user_ids_and_nothing_asks_for_nothing() {
        assert!(
            matches!(KeyQuery::parse("Release!").unwrap().asks, Asks::UserId(part) if part == "release!")
        );
        assert!(matches!(KeyQuery::parse("  "), Err(Error::Malformed(_))));
        assert!(matches!(KeyQuery::parse("!"), Err(Error::Malformed(_))));
    }
}
