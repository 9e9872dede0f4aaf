//! Keys that stay in a token: how one is found, opened and logged in to.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;

use super::Publisher;
use super::ask::Which;
use super::failure::{Failure, Result};
use super::key_files::KeyFiles;
use super::keys::{Found, Origin};
use crate::disk::file::read_small;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::in_token::check_token_key;
use crate::openpgp::secret_key::Passphrase;
use crate::openpgp::set::gather;
use crate::openpgp::token::{Error, KeyInToken, Pin, Pool, Token, TokenUri};
use crate::text::Safe;

/// The most bytes of a file with a PIN.
const MAX_PIN_FILE: u64 = 4096;

/// A token that is open, and the keys that were asked for.
pub(super) struct OpenToken {
    pub pool: Arc<Pool>,
    pub keys: Vec<KeyInToken>,
    label: String,
}

impl Publisher<'_> {
    /// Finds the key of a certificate in the token that a URI names, and logs in.
    ///
    /// # Errors
    ///
    /// [`Error`] says what the token has against it. The PIN is tried once.
    pub fn find_in_token(&self, uri: &str) -> Result<Found> {
        let uri = TokenUri::parse(uri)?;
        let certificates = self.certificates_for_tokens()?;
        let open = self.open_token(&uri)?;
        let keys = open.named(&uri)?;
        let fits = |certificate: &&Certificate| {
            keys.iter().any(|key| !certificate.keys_like(key).is_empty())
        };
        let fitting: Vec<&Certificate> = certificates.iter().filter(fits).collect();
        let certificate = match fitting[..] {
            [certificate] => certificate,
            [] => return Err(no_certificate(keys, &certificates)),
            _ => {
                let name = |certificate: &&Certificate| format!("of {}", certificate.fingerprint());
                let keys = fitting.iter().map(name).collect();
                return Err(Error::SeveralKeys { uri: uri.to_string(), keys }.into());
            }
        };
        let secret = certificate.without_secrets().with_token(&open.pool, keys);
        let secret = match self.tokens.certificate {
            Some(_) => self.narrowed_by_home(secret)?,
            None => secret,
        };
        Ok(Found { secret, exactly: None, origin: Origin::Token })
    }

    /// Opens the token that a URI names, and logs in once.
    pub(super) fn open_token(&self, uri: &TokenUri) -> Result<OpenToken> {
        let (token, pin) = self.log_in(uri, false)?;
        self.pool(token, pin, uri)
    }

    /// Logs in to the token that a URI names, once.
    pub(super) fn log_in(&self, uri: &TokenUri, may_write: bool) -> Result<(Token, Option<Pin>)> {
        let mut token = Token::find(self.tokens.server.connect(uri)?, uri, may_write)?;
        let pin = self.pin_of(&token, uri)?;
        token.login(pin.as_ref()).map_err(|error| self.said_of_pin(error, uri))?;
        Ok((token, pin))
    }

    /// Has further connections join one that is logged in.
    pub(super) fn pool(&self, token: Token, pin: Option<Pin>, uri: &TokenUri) -> Result<OpenToken> {
        let label = token.label().to_string();
        let (server, again) = (self.tokens.server.clone(), uri.clone());
        let open = Box::new(move || Token::find(server.connect(&again)?, &again, false));
        let most = self.tokens.connections.map_or(1, NonZero::get);
        let (pool, keys) = Pool::new(token, uri.clone(), pin, most, open)?;
        Ok(OpenToken { pool, keys, label })
    }

    /// Gets a token's PIN: from the file that the URI names, as given, or asked for.
    fn pin_of(&self, token: &Token, uri: &TokenUri) -> Result<Option<Pin>> {
        if !token.wants_pin() {
            return Ok(None);
        }
        let label = Safe::text(token.label()).to_string();
        if token.has_last_try() {
            self.watch
                .warn(&format!("a wrong PIN was given before: one more locks the token {label}"));
        }
        if let Some(file) = &uri.pin_file {
            let bytes = read_small(Path::new(file), "a PIN", MAX_PIN_FILE)?;
            return Ok(Some(Passphrase::without_line_end(bytes).to_pin()));
        }
        let given = self.ask.given(Which::Key)?;
        let pin = match given {
            Some(given) => given.to_pin(),
            None => self.ask.pin(&format!("the token {label}"))?.to_pin(),
        };
        Ok(Some(pin))
    }

    /// Says where a wrong PIN came from.
    fn said_of_pin(&self, error: Error, uri: &TokenUri) -> Failure {
        let source = match (&error, &uri.pin_file) {
            (Error::WrongPin { .. }, Some(file)) => {
                Some(format!("{} (pin-source)", Safe::text(file)))
            }
            (Error::WrongPin { .. }, None) => self.ask.source(Which::Key),
            _ => None,
        };
        match source {
            Some(source) => {
                let advice =
                    format!("it came from {source}. plugsign tried it once, because tokens count");
                Failure::advised(error, advice)
            }
            None => error.into(),
        }
    }

    /// Returns the certificates that a token's key may belong to.
    fn certificates_for_tokens(&self) -> Result<Vec<Certificate>> {
        const NONE: &str = "name the certificate with --certificate FILE, or import it.\nIf the key has none yet:\n  plugsign import --certificate-for URI\nOr make a new one:\n  plugsign keygen --on URI";
        if let Some((path, bytes)) = &self.tokens.certificate {
            let mut file = KeyFiles::default();
            file.read(bytes, path, self)?;
            return Ok(gather(file.finish(self)?.into_iter().flatten(), |it| it)?);
        }
        let shelf = self.home()?.keys()?;
        self.warn_of_unreadable(&shelf);
        let certificates: Vec<Certificate> =
            shelf.items.into_iter().map(|key| key.certificate).collect();
        match certificates.is_empty() {
            true => {
                let none = crate::openpgp::Error::NoKey(
                    "the home has no certificate of a token's key".into(),
                );
                Err(Failure::advised(none, NONE))
            }
            false => Ok(certificates),
        }
    }
}

impl OpenToken {
    /// Returns the keys, of which a URI that names a key has one.
    pub fn named(&self, uri: &TokenUri) -> Result<&[KeyInToken], Error> {
        match &self.keys[..] {
            [] => Err(Error::NoKey { token: self.label.clone(), uri: uri.to_string() }),
            keys @ [_, _, ..] if uri.names_a_key() => {
                let keys = keys.iter().map(KeyInToken::name).collect();
                Err(Error::SeveralKeys { uri: uri.to_string(), keys })
            }
            keys => Ok(keys),
        }
    }
}

/// Says why none of the keys signs for any certificate.
fn no_certificate(keys: &[KeyInToken], certificates: &[Certificate]) -> Failure {
    if let [key] = keys
        && let Err(error) = check_token_key(key)
    {
        return error.into();
    }
    let fingerprints: Vec<String> =
        certificates.iter().take(3).map(|it| it.fingerprint().to_string()).collect();
    let mut certificates_shown = fingerprints.join(", ");
    if certificates.len() > fingerprints.len() {
        certificates_shown
            .push_str(&format!(" and {} more", certificates.len() - fingerprints.len()));
    }
    let names: Vec<String> = keys.iter().map(KeyInToken::name).collect();
    Error::OtherKey { certificates: certificates_shown, key: names.join(", ") }.into()
}
