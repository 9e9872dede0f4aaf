//! Passphrases: kept out of sight, and told from what anybody would guess.

use sequoia_openpgp::crypto::Password;
use zeroize::Zeroizing;

use super::token::Pin;

/// A passphrase: any bytes, taken as they are. It is encrypted in memory and wiped when dropped. It
/// cannot be printed or copied.
pub struct Passphrase(Password);

/// Passphrases with fewer characters are short.
const SHORT: usize = 12;

/// What lists of leaked passwords are full of, and what is near at hand here.
const COMMON: [&str; 40] = [
    "password",
    "passwort",
    "passphrase",
    "passwd",
    "secret",
    "geheim",
    "changeme",
    "changeit",
    "letmein",
    "welcome",
    "willkommen",
    "iloveyou",
    "administrator",
    "admin",
    "root",
    "master",
    "mattermost",
    "plugsign",
    "openpgp",
    "signing",
    "release",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "superman",
    "batman",
    "trustno",
    "whatever",
    "default",
    "example",
    "testing",
    "test",
    "hello",
    "summer",
    "winter",
    "login",
    "user",
];

/// Rows of keys and alphabets, along which fingers wander.
const ROWS: [&str; 6] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "yxcvbnm",
];

impl Passphrase {
    /// Takes the bytes and wipes them where they were.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Passphrase {
        Passphrase(Password::from(bytes.as_slice()))
    }

    /// Takes the bytes of a file, descriptor or variable. One line end at the end, `\n` or `\r\n`,
    /// is dropped. Nothing else changes.
    pub fn without_line_end(mut bytes: Zeroizing<Vec<u8>>) -> Passphrase {
        let end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| bytes.ends_with(end));
        let length = bytes.len() - end.map_or(0, <[u8]>::len);
        bytes.truncate(length);
        Passphrase::new(bytes)
    }

    /// Returns whether it has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.map(|bytes| bytes.is_empty())
    }

    /// Returns whether both are the same.
    pub fn same_as(&self, other: &Passphrase) -> bool {
        self.0 == other.0
    }

    /// Returns why others would soon guess it, if this knows a reason. Without one it need not be
    /// a good one.
    pub fn weakness(&self) -> Option<&'static str> {
        self.0.map(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) => weakness(text),
            Err(_) => (bytes.len() < SHORT).then_some(TOO_SHORT),
        })
    }

    /// Returns what about it may not have been meant, if it turns out to be the wrong one.
    pub fn oddity(&self) -> Option<&'static str> {
        self.0.map(|bytes| oddity(bytes))
    }

    /// Returns the same as a token's PIN.
    pub fn to_pin(&self) -> Pin {
        self.0.map(|bytes| Pin::new(Zeroizing::new(bytes.to_vec())))
    }

    pub(super) fn password(&self) -> &Password {
        &self.0
    }
}

const TOO_SHORT: &str = "it has fewer than 12 characters";

fn weakness(text: &str) -> Option<&'static str> {
    if text.chars().count() < SHORT {
        return Some(TOO_SHORT);
    }
    let mut distinct: Zeroizing<Vec<char>> = Zeroizing::new(text.chars().collect());
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 5 {
        return Some("it repeats a few characters");
    }
    // What is left without the common parts is what has to be guessed.
    let mut rest = Zeroizing::new(String::with_capacity(text.len() * 2));
    rest.extend(text.chars().flat_map(char::to_lowercase).map(plain));
    for word in COMMON {
        rest = Zeroizing::new(rest.replace(word, "\0"));
    }
    if rest.chars().filter(|it| *it != '\0' && !is_filler(*it)).count() < SHORT / 2 {
        return Some("it is made of what everybody uses: common words, digits and signs");
    }
    let steps = text.chars().zip(text.chars().skip(1)).filter(|(a, b)| is_step(*a, *b)).count();
    if steps * 2 > text.chars().count() {
        return Some("it follows the alphabet or the keyboard");
    }
    None
}

/// Returns the letter that a digit or a sign often stands for.
fn plain(character: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

fn is_filler(character: char) -> bool {
    !character.is_alphabetic() || "oieast".contains(character) && character.is_ascii_digit()
}

/// Returns whether one character follows another in a row, forwards or backwards.
fn is_step(one: char, other: char) -> bool {
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    ROWS.iter().any(|row| {
        row.char_indices().zip(row.chars().skip(1)).any(|((_, first), second)| {
            (first, second) == (one, other) || (second, first) == (one, other)
        })
    })
}

fn oddity(bytes: &[u8]) -> Option<&'static str> {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    Some(match bytes {
        [.., b'\n' | b'\r'] => "it ends with a line end",
        [b'\n' | b'\r', ..] => "it begins with a line end",
        [.., b' ' | b'\t'] => "it ends with a blank",
        [b' ' | b'\t', ..] => "it begins with a blank",
        [0xEF, 0xBB, 0xBF, ..] => "it begins with a byte order mark",
        [first, .., last] if first == last && is_quote(first) => "it stands in quotes",
        _ if bytes.contains(&b'\n') => "it has a line end in it",
        _ if bytes.ends_with(b"\\n") => "it ends with a backslash and an n",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_common_passphrases_are_known() {
        for (text, why) in [
            ("", "fewer than 12"),
            ("x8#kQz!", "fewer than 12"),
            ("aaaaaaaaaaaaaaaa", "repeats"),
            ("121212121212", "repeats"),
            ("Password12345", "everybody uses"),
            ("P4ssw0rd!2026!", "everybody uses"),
            ("mattermost2026", "everybody uses"),
            ("abcdefghijklmnop", "alphabet"),
            ("qwertyuiopasdf", "alphabet"),
            ("0123456789876", "alphabet"),
        ] {
            assert!(
                weakness(text).is_some_and(|it| it.contains(why)),
                "{text}: {:?}",
                weakness(text)
            );
        }
    }

    #[test]
    fn words_put_together_at_random_are_not_called_weak() {
        for text in [
            "correct horse battery staple",
            "zwölf Boxkämpfer jagen",
            "mD8!kqpX2#vLw9",
            "lagoon-unfold-crisp-5",
            "七つの海を渡る船は今日も行く",
        ] {
            assert_eq!(weakness(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_odd_about_the_ends_is_told() {
        for (bytes, why) in [
            (&b"words\n"[..], "ends with a line end"),
            (b"words\r\n", "ends with a line end"),
            (b"words\r", "ends with a line end"),
            (b"\nwords", "begins with a line end"),
            (b"words ", "ends with a blank"),
            (b"\twords", "begins with a blank"),
            (b"\"words\"", "in quotes"),
            (b"wo\nrds", "in it"),
            (b"words\\n", "backslash"),
        ] {
            assert!(oddity(bytes).is_some_and(|it| it.contains(why)), "{bytes:?}");
        }
        assert_eq!(oddity(b"two words"), None);
        assert_eq!(oddity(b"'"), None);
    }
}
