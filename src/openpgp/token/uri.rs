//! How a token and its keys are named: `pkcs11:token=...;object=...` (RFC 7512).

use std::fmt;

use super::Result;
use super::error::Error;
use crate::text::is_unsafe;

const SCHEME: &str = "pkcs11:";

const HAS_PIN: &str = "plugsign takes no PIN from a URI, which others can read; use --passphrase-file, --passphrase-fd, PLUGSIGN_PASSPHRASE or pin-source=file:PATH";

/// The most bytes of a URI, as it is read and as it is written.
const MOST: usize = 4096;

/// Returns whether a KEY names a key in a token.
pub fn is_token_uri(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// A URI that names a token, and keys in it. What it does not say, anything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUri {
    /// The token's label.
    pub token: Option<String>,
    /// Who made the token.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// The number of its slot.
    pub slot_id: Option<u64>,
    /// The key's label.
    pub object: Option<String>,
    /// The key's ID.
    pub id: Option<Vec<u8>>,
    /// The file that has the PIN.
    pub pin_file: Option<String>,
    /// The module's file.
    pub module_path: Option<String>,
    /// The module's name, without `lib` and `.so`.
    pub module_name: Option<String>,
}

impl TokenUri {
    /// Reads a URI.
    ///
    /// # Errors
    ///
    /// [`Error::Uri`] for what is no such URI, for an attribute that is unknown here or there
    /// twice, and for a PIN in it: command lines and histories would keep it.
    pub fn parse(text: &str) -> Result<TokenUri> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        // A PIN stands in the query, and errors do not repeat that. It may stand in the path by
        // mistake.
        let wrong = |why| Error::Uri { uri: without_pins(path).chars().take(200).collect(), why };
        if !is_token_uri(text) {
            return Err(wrong("it does not begin with pkcs11:"));
        }
        if text.len() > MOST {
            return Err(wrong("it is too long"));
        }
        let path = path.get(SCHEME.len()..).unwrap_or_default();
        // Behind a wrong separator it would be part of a name or a path.
        if text.to_ascii_lowercase().contains("pin-value") {
            return Err(wrong(HAS_PIN));
        }
        let mut uri = TokenUri::default();
        let mut seen: Vec<&str> = Vec::new();
        let parts = path.split(';').map(|part| (part, false));
        let parts = parts.chain(query.split('&').map(|part| (part, true)));
        for (part, is_query) in parts.filter(|(part, _)| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| wrong("a value is missing"))?;
            if seen.contains(&name) {
                return Err(wrong("it says one thing twice"));
            }
            seen.push(name);
            uri.take(name, value, is_query).map_err(wrong)?;
        }
        if uri.module_path.is_some() && uri.module_name.is_some() {
            return Err(wrong("module-path and module-name are two names of one thing"));
        }
        // Escapes take three bytes for one, and what is written is read again.
        if uri.to_string().len() > MOST {
            return Err(wrong("it is too long"));
        }
        Ok(uri)
    }

    fn take(&mut self, name: &str, value: &str, is_query: bool) -> Result<(), &'static str> {
        const UNKNOWN: &str = "plugsign knows token, serial, manufacturer, model, slot-id, object, id and type, and after a ? module-path, module-name and pin-source";
        let bytes = decoded(value).ok_or("a % is not followed by two hexadecimal digits")?;
        if (is_query, name) == (false, "id") {
            self.id = Some(bytes);
            return Ok(());
        }
        let text = String::from_utf8(bytes).map_err(|_| "a value is not UTF-8")?;
        if text.chars().any(is_unsafe) {
            return Err("a value has control or invisible characters");
        }
        let field = match (is_query, name) {
            (false, "token") => &mut self.token,
            (false, "manufacturer") => &mut self.manufacturer,
            (false, "model") => &mut self.model,
            (false, "serial") => &mut self.serial,
            (false, "object") => &mut self.object,
            (false, "slot-id") => {
                self.slot_id = Some(text.parse().map_err(|_| "slot-id is a number")?);
                return Ok(());
            }
            (false, "type") if text == "private" => return Ok(()),
            (false, "type") => return Err("only a private key signs: type=private"),
            (true, "pin-source") => {
                let file = text.strip_prefix("file:").unwrap_or(&text);
                let file =
                    file.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(file);
                if !file.starts_with('/') {
                    return Err("pin-source names a file by its whole path: pin-source=file:/PATH");
                }
                self.pin_file = Some(file.into());
                return Ok(());
            }
            (true, "module-path") => &mut self.module_path,
            (true, "module-name") => &mut self.module_name,
            _ => return Err(UNKNOWN),
        };
        if text.is_empty() {
            return Err("a value is empty");
        }
        *field = Some(text);
        Ok(())
    }

    /// Returns whether it names one key, and not all keys of a token.
    pub fn names_a_key(&self) -> bool {
        self.object.is_some() || self.id.is_some()
    }

    /// Returns the part that names the token alone, as others read it.
    pub fn of_token(&self) -> String {
        let only_token = TokenUri { object: None, id: None, ..self.clone() };
        only_token.to_string()
    }
}

impl TokenUri {
    /// Returns it with the module that this machine reaches the token by, for a command.
    pub fn with_module(&self) -> String {
        let module = [("module-path", &self.module_path), ("module-name", &self.module_name)];
        let named = module.iter().find_map(|(name, value)| Some((name, value.as_ref()?)));
        match named {
            Some((name, value)) => format!("{self}?{name}={}", encoded(value.as_bytes())),
            None => self.to_string(),
        }
    }
}

/// Writes the path. The query is for this machine alone.
impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [
            ("token", &self.token),
            ("manufacturer", &self.manufacturer),
            ("model", &self.model),
            ("serial", &self.serial),
            ("object", &self.object),
        ];
        let texts = texts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let mut parts: Vec<String> =
            texts.map(|(name, value)| format!("{name}={}", encoded(value.as_bytes()))).collect();
        parts.extend(self.slot_id.map(|id| format!("slot-id={id}")));
        let all = |id: &Vec<u8>| id.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
        parts.extend(self.id.as_ref().map(|id| format!("id={}", all(id))));
        write!(f, "{SCHEME}{}", parts.join(";"))
    }
}

/// Cuts a text off where a PIN may follow.
fn without_pins(text: &str) -> String {
    let place = text.to_ascii_lowercase().find("pin");
    place.map_or_else(|| text.into(), |place| format!("{}...", &text[..place]))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits)
            .ok()
            .filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    Some(bytes)
}

fn encoded(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |&byte: &u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_read_and_written() {
        let text = "pkcs11:token=The%20Token;serial=1f;slot-id=3;object=release;id=%01%FF;type=private?module-path=/usr/lib/x.so&pin-source=file:/etc/pin";
        let uri = TokenUri::parse(text).unwrap();
        assert_eq!(uri.token.as_deref(), Some("The Token"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 255][..]));
        assert_eq!(uri.slot_id, Some(3));
        assert_eq!(uri.pin_file.as_deref(), Some("/etc/pin"));
        assert_eq!(uri.module_path.as_deref(), Some("/usr/lib/x.so"));
        assert_eq!(
            uri.to_string(),
            "pkcs11:token=The%20Token;serial=1f;object=release;slot-id=3;id=%01%FF"
        );
        assert_eq!(uri.with_module(), format!("{uri}?module-path=%2Fusr%2Flib%2Fx.so"),);
        assert_eq!(TokenUri::parse(&uri.with_module()).unwrap().module_path, uri.module_path);
        assert_eq!(uri.of_token(), "pkcs11:token=The%20Token;serial=1f;slot-id=3");
        assert_eq!(TokenUri::parse("pkcs11:").unwrap(), TokenUri::default());
    }

    #[test]
    fn what_is_not_understood_is_refused_and_no_pin_is_repeated() {
        for text in [
            "pkcs11:pin-value=1234",
            "pkcs11:token=a;token=b",
            "pkcs11:token=",
            "pkcs11:token",
            "pkcs11:token=%4",
            "pkcs11:token=%g0",
            "pkcs11:token=%0a",
            "pkcs11:library-version=1",
            "pkcs11:type=public",
            "pkcs11:slot-id=x",
            "pkcs11:?pin-source=|cat",
            "pkcs11:?pin-source=pin",
            "pkcs11:?module-path=/a&module-name=b",
            "token=a",
        ] {
            assert!(matches!(TokenUri::parse(text), Err(Error::Uri { .. })), "{text}");
        }
        for (text, shown) in [
            ("pkcs11:token=a?pin-value=1234", "\"pkcs11:token=a\" "),
            ("pkcs11:token=a;pin-value=1234", "\"pkcs11:token=a;...\" "),
            ("pkcs11:token=a&pin-value=1234", "\"pkcs11:token=a&...\" "),
            ("pkcs11:token=a;PIN=1234", "\"pkcs11:token=a;...\" "),
            ("pkcs11:token=a?module-path=/a.so;pin-value=1234", "\"pkcs11:token=a\" "),
            ("pkcs11;pin-value=1234", "\"pkcs11;...\" "),
        ] {
            let error = TokenUri::parse(text).map(drop);
            let error = error.map_or_else(|error| error.to_string(), |()| "read".into());
            assert!(error.starts_with(shown) && !error.contains("1234"), "{text}: {error}");
        }
        let error = TokenUri::parse("pkcs11:token=a;pin-value=1234").unwrap_err().to_string();
        assert!(error.contains("plugsign takes no PIN from a URI"), "{error}");
    }
}
