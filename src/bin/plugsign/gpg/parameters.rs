//! The parameter files of `gpg --batch --generate-key` (GnuPG's manual, "Unattended key
//! generation").

use std::time::SystemTime;

use plugsign::openpgp::keygen::KeyKind;
use plugsign::text::Safe;
use zeroize::Zeroizing;

/// A key that a parameter file asks for.
#[derive(Default)]
pub struct WantedKey {
    pub primary: NewKeyPart,
    pub subkey: Option<NewKeyPart>,
    pub name: String,
    pub comment: String,
    pub email: String,
    pub expires: Option<String>,
    pub created: Option<String>,
    pub passphrase: Option<Zeroizing<Vec<u8>>>,
    pub no_protection: bool,
    pub handle: Option<String>,
}

/// Its primary key, or its subkey.
#[derive(Default)]
pub struct NewKeyPart {
    pub algorithm: String,
    pub bits: Option<String>,
    pub usage: Vec<String>,
}

/// A step of a parameter file.
pub enum Step {
    Echo(String),
    Make(Box<WantedKey>),
}

/// Reads a parameter file. The message of an error is fit to show.
pub fn read(text: &[u8]) -> Result<Vec<Step>, String> {
    let mut reader = Reader { steps: Vec::new(), wanted: None, no_protection: false };
    for (place, line) in text.split(|byte| *byte == b'\n').enumerate() {
        reader.line(line).map_err(|error| format!("line {}: {error}", place + 1))?;
    }
    reader.commit();
    if !reader.steps.iter().any(|step| matches!(step, Step::Make(_))) {
        return Err("the file asks for no key: it has no Key-Type".into());
    }
    Ok(reader.steps)
}

struct Reader {
    steps: Vec<Step>,
    wanted: Option<WantedKey>,
    no_protection: bool,
}

impl Reader {
    fn commit(&mut self) {
        if let Some(mut wanted) = self.wanted.take() {
            wanted.no_protection |= self.no_protection;
            self.steps.push(Step::Make(Box::new(wanted)));
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        if let Some(control) = line.strip_prefix(b"%") {
            return self.control(&String::from_utf8_lossy(control));
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or("there is no colon")?;
        let keyword = String::from_utf8_lossy(&line[..colon]).trim().to_ascii_lowercase();
        let value = line[colon + 1..].trim_ascii_start();
        if keyword == "passphrase" {
            self.wanted()?.passphrase = Some(Zeroizing::new(value.to_vec()));
            return Ok(());
        }
        let value = std::str::from_utf8(value).map_err(|_| "it is not UTF-8")?.trim().to_string();
        self.keyword(&keyword, value)
    }

    fn control(&mut self, control: &str) -> Result<(), String> {
        let (word, rest) = control.split_once(char::is_whitespace).unwrap_or((control, ""));
        match word.to_ascii_lowercase().as_str() {
            "echo" => self.steps.push(Step::Echo(rest.trim().to_string())),
            "commit" => self.commit(),
            "no-protection" => self.no_protection = true,
            "ask-passphrase" | "no-ask-passphrase" | "transient-key" | "pubring" | "secring" => {}
            _ => return Err(format!("%{} is not supported", Safe::text(word))),
        }
        Ok(())
    }

    fn wanted(&mut self) -> Result<&mut WantedKey, String> {
        self.wanted.as_mut().ok_or_else(|| "Key-Type comes first".to_string())
    }

    fn keyword(&mut self, keyword: &str, value: String) -> Result<(), String> {
        if keyword == "key-type" {
            self.commit();
            let primary = NewKeyPart { algorithm: value, ..NewKeyPart::default() };
            self.wanted = Some(WantedKey { primary, ..WantedKey::default() });
            return Ok(());
        }
        let words = |value: &str| {
            let words = value.split([' ', ',', '\t']).filter(|word| !word.is_empty());
            words.map(str::to_ascii_lowercase).collect()
        };
        let wanted = self.wanted()?;
        match keyword {
            "subkey-type" => {
                wanted.subkey = Some(NewKeyPart { algorithm: value, ..NewKeyPart::default() });
            }
            "key-length" | "key-usage" | "subkey-length" | "subkey-usage" => {
                let part = match keyword.starts_with("sub") {
                    true => wanted.subkey.as_mut().ok_or("Subkey-Type comes before it")?,
                    false => &mut wanted.primary,
                };
                match keyword.ends_with("length") {
                    true => part.bits = Some(value),
                    false => part.usage = words(&value),
                }
            }
            "name-real" => wanted.name = value,
            "name-comment" => wanted.comment = value,
            "name-email" => wanted.email = value,
            "expire-date" => wanted.expires = Some(value),
            "creation-date" => wanted.created = Some(value),
            "handle" => wanted.handle = Some(value),
            // These are advice to others: which ciphers to use, and where to fetch the key.
            "preferences" | "keyserver" => {}
            _ => return Err(format!("{} is not supported", Safe::text(keyword))),
        }
        Ok(())
    }
}

/// Returns the kind of key, if plugsign makes it.
pub fn kind(wanted: &WantedKey) -> Result<KeyKind, String> {
    let primary = &wanted.primary;
    check_rsa(&primary.algorithm)?;
    let only_certifies = primary.usage.iter().all(|it| it == "cert" || it == "certify");
    if !primary.usage.is_empty() && only_certifies && wanted.subkey.is_none() {
        return Ok(KeyKind::Certify);
    }
    if !primary.usage.is_empty() && !signs(primary.usage.iter().map(String::as_str)) {
        return Err(
            "Key-Usage is refused, because plugsign makes keys that certify and sign".into()
        );
    }
    let Some(subkey) = &wanted.subkey else { return Ok(KeyKind::Sign) };
    check_rsa(&subkey.algorithm)?;
    let is_encryption = |usage: &String| usage == "encrypt" || usage == "encr";
    if !subkey.usage.iter().all(is_encryption) {
        return Err("Subkey-Usage is refused, because plugsign makes subkeys that encrypt".into());
    }
    if subkey.bits.is_some() && subkey.bits != primary.bits {
        return Err("Subkey-Length: both keys must have the same length".into());
    }
    Ok(KeyKind::RsaRsa)
}

/// Returns whether a key for these uses certifies and signs, and does nothing else.
pub fn signs<'a>(mut usages: impl Iterator<Item = &'a str> + Clone) -> bool {
    usages.clone().all(|usage| matches!(usage, "sign" | "cert" | "certify"))
        && usages.any(|usage| usage == "sign")
}

fn check_rsa(algorithm: &str) -> Result<(), String> {
    match algorithm.to_ascii_lowercase().as_str() {
        "rsa" | "1" | "default" => Ok(()),
        _ => Err(format!(
            "{} is refused, because plugsign makes only RSA keys",
            Safe::text(algorithm)
        )),
    }
}

/// Reads a point in time as parameter files have it.
pub fn creation_date(text: &str) -> Result<SystemTime, String> {
    let text = text.strip_prefix("seconds=").unwrap_or(text);
    super::dates::faked_time(text).map_err(|_| "Creation-Date is not a time".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn one(text: &str) -> WantedKey {
        let mut made: Vec<WantedKey> = read(text.as_bytes())
            .unwrap()
            .into_iter()
            .filter_map(|step| match step {
                Step::Make(wanted) => Some(*wanted),
                Step::Echo(_) => None,
            })
            .collect();
        assert_eq!(made.len(), 1);
        made.pop().unwrap()
    }

    #[test]
    fn the_manuals_example_is_read() {
        let wanted = one("%echo Generating\n     Key-Type: RSA\n Key-Length: 3072\n\
             Subkey-Type: RSA\nSubkey-Length: 3072\nName-Real: Joe Tester\n\
             Name-Comment: with stupid: passphrase\nName-Email: joe@foo.bar\nExpire-Date: 0\n\
             Passphrase:  abc \n# do a commit here\n%commit\n%echo done");
        assert_eq!(wanted.name, "Joe Tester");
        assert_eq!(wanted.comment, "with stupid: passphrase");
        assert_eq!(wanted.passphrase.as_ref().map(|it| it.to_vec()), Some(b"abc".to_vec()));
        assert_eq!(kind(&wanted), Ok(KeyKind::RsaRsa));
    }

    #[test]
    fn what_is_not_made_here_is_refused() {
        for text in [
            "Key-Type: DSA",
            "Key-Type: EDDSA\nKey-Curve: ed25519",
            "Key-Type: RSA\nKey-Usage: cert\nSubkey-Type: RSA",
            "Key-Type: RSA\nKey-Usage: sign,encrypt",
            "Key-Type: RSA\nSubkey-Type: RSA\nSubkey-Usage: sign",
            "Key-Type: RSA\nKey-Length: 3072\nSubkey-Type: RSA\nSubkey-Length: 4096",
            "Key-Type: RSA\nRevoker: 1:0 x",
            "Name-Real: nobody",
            "%dry-run\nKey-Type: RSA",
            "",
        ] {
            let refused = read(text.as_bytes()).and_then(|steps| {
                steps.into_iter().try_for_each(|step| match step {
                    Step::Make(wanted) => kind(&wanted).map(drop),
                    Step::Echo(_) => Ok(()),
                })
            });
            assert!(refused.is_err(), "{text}");
        }
    }
}
