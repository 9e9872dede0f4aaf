//! What tokens have that can sign.

use serde::Serialize;

use super::Publisher;
use super::ask::Which;
use super::failure::Result;
use super::outcome::Outcome;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::in_token::check_token_key;
use crate::openpgp::token::{KeyInToken, Token, TokenName, TokenUri};

/// The tokens that were asked for.
#[derive(Serialize)]
pub struct TokenListing {
    /// The tokens.
    pub tokens: Vec<ListedToken>,
}

/// A token. Its names are foreign text.
#[derive(Serialize)]
pub struct ListedToken {
    /// Its label.
    pub label: String,
    /// Who made it.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
    /// Whether all its keys are listed. Without a login, it shows its public keys alone.
    pub logged_in: bool,
    /// Its keys that can sign.
    pub keys: Vec<ListedTokenKey>,
}

/// A key in a token.
#[derive(Serialize)]
pub struct ListedTokenKey {
    /// Its label. Foreign text.
    pub label: String,
    /// Its ID, in hexadecimal digits.
    pub id: String,
    /// What names it, and nothing else in this token.
    pub uri: String,
    /// RSA, or something else.
    pub algorithm: &'static str,
    /// Its size.
    pub bits: Option<usize>,
    /// The certificate of the home that has this key.
    pub certificate: Option<Fingerprint>,
    /// Why no certificate could have it.
    pub unfit: Option<String>,
}

impl Outcome for TokenListing {}

impl Publisher<'_> {
    /// Lists the tokens that a URI names, and what they have that can sign. Logs in if there is one
    /// token and its PIN is given; nobody is asked. Fails as the token does, or if there is a home
    /// that cannot be read.
    pub fn list_tokens(&self, uri: &str) -> Result<TokenListing> {
        let uri = TokenUri::parse(uri)?;
        let connect = || self.tokens.server.connect(&uri);
        let shelf = self.if_any_home(self.home().and_then(|home| Ok(home.keys()?)))?;
        shelf.iter().for_each(|shelf| self.warn_of_unreadable(shelf));
        let keys = shelf.map(|shelf| shelf.items).unwrap_or_default();
        let certificates: Vec<Certificate> = keys.into_iter().map(|key| key.certificate).collect();
        let names = Token::names(connect()?, &uri)?;
        let may_log_in = uri.pin_file.is_some() || self.ask.given(Which::Key)?.is_some();
        if names.len() == 1 && may_log_in {
            let (mut token, _) = self.log_in(&uri, false)?;
            let keys = token.keys(&uri)?;
            let listed = self.listed_token(token.name(), true, keys, &certificates);
            return Ok(TokenListing { tokens: vec![listed] });
        }
        let mut tokens = Vec::new();
        for name in names {
            let one = TokenUri {
                token: Some(name.label.clone()),
                serial: Some(name.serial.clone()),
                ..uri.clone()
            };
            let mut token = Token::find(connect()?, &one, false)?;
            let is_open = !token.wants_pin();
            let keys = if is_open { token.keys(&uri)? } else { token.public_keys(&uri)? };
            tokens.push(self.listed_token(name, is_open, keys, &certificates));
        }
        Ok(TokenListing { tokens })
    }

    fn listed_token(
        &self,
        name: TokenName,
        logged_in: bool,
        keys: Vec<KeyInToken>,
        certificates: &[Certificate],
    ) -> ListedToken {
        let listed = |key: KeyInToken| {
            let fits = certificates.iter().find(|it| !it.keys_like(&key).is_empty());
            let uri = TokenUri {
                token: Some(name.label.clone()),
                object: Some(key.label.clone()).filter(|label| !label.is_empty()),
                id: Some(key.id.clone()).filter(|id| !id.is_empty()),
                ..TokenUri::default()
            };
            ListedTokenKey {
                uri: uri.to_string(),
                id: key.id.iter().map(|byte| format!("{byte:02X}")).collect(),
                algorithm: if key.is_rsa { "RSA" } else { "no RSA key" },
                bits: key.bits(),
                certificate: fits.map(Certificate::fingerprint),
                unfit: check_token_key(&key).err().map(|error| error.to_string()),
                label: key.label,
            }
        };
        // A public key of a pair that signs verifies, and says nothing of signing.
        let keys = keys.into_iter().filter(|key| !logged_in || key.signs).map(listed).collect();
        let TokenName { label, manufacturer, model, serial } = name;
        ListedToken { label, manufacturer, model, serial, logged_in, keys }
    }
}
