//! Keys that a token makes, and the certificates of keys that it has.

use std::time::SystemTime;

use super::Publisher;
use super::change::whole_seconds;
use super::failure::{Failure, Result};
use super::import::{CERTIFICATE, Fate, Imported, ImportedKey};
use super::make::Made;
use super::open_token::OpenToken;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::in_token::check_token_key;
use crate::openpgp::keygen::{KeyKind, KeyPlan, certify_token_key};
use crate::openpgp::policy::KeySizeBits;
use crate::openpgp::token::{KeyInToken, Token, TokenUri};
use crate::text::Safe;

/// What a key is called in a token if the URI does not say.
const LABEL: &str = "release";

/// A token's key that was there before its certificate.
pub struct Adopted<'a> {
    /// The token and the key.
    pub uri: &'a str,
    /// When the key was made, for a certificate that does not say so yet.
    pub created: Option<SystemTime>,
    /// Whose key it is, for the same.
    pub user_id: Option<String>,
}

impl Publisher<'_> {
    /// Has a token make a key that never leaves it, and stores the certificate.
    ///
    /// # Errors
    ///
    /// What the token has against it, or as [`Publisher::make`]. If the certificate cannot be
    /// stored, the failure says how to make it again.
    pub fn make_in_token(&self, plan: &KeyPlan, uri: &str) -> Result<Made> {
        const KIND: &str = "a token makes a key of --kind sign. For an off-line primary key, make that in a file, then run rotate KEY --on URI --primary FILE";
        let uri = TokenUri::parse(uri)?;
        if plan.kind != KeyKind::Sign {
            return Err(Failure::Usage(KIND.into()));
        }
        self.home()?.check()?;
        let (open, key) = self.generate_in_token(&uri, LABEL, plan.bits, plan.created)?;
        let made = certify_token_key(plan, &open.pool, &key).map_err(Failure::from);
        let made = made.and_then(|new| self.keep_new(plan, new, None));
        let made = made.map_err(|failure| {
            let created = plan.created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Failure::advised(failure, again(&uri, &key, created.as_secs()))
        })?;
        Ok(Made { token: Some(named(&uri, &key).to_string()), ..made })
    }

    /// Has a token make a key, which signs. It gets this label if the URI has none.
    pub(super) fn generate_in_token(
        &self,
        uri: &TokenUri,
        label: &str,
        bits: KeySizeBits,
        created: SystemTime,
    ) -> Result<(OpenToken, KeyInToken)> {
        // The key is not there yet.
        let token = TokenUri { object: None, id: None, ..uri.clone() };
        let (mut token, pin) = self.log_in(&token, true)?;
        let label = uri.object.as_deref().unwrap_or(label);
        let seconds = created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let id = match &uri.id {
            Some(id) => id.clone(),
            None => free_id(&mut token, seconds)?,
        };
        self.watch.detail(&format!("the token makes {} RSA bits", bits.bits()));
        let key = token.generate(label, &id, bits.bits())?;
        let named = TokenUri { object: Some(label.into()), id: Some(id), ..uri.clone() };
        Ok((self.pool(token, pin, &named)?, key))
    }

    /// Makes the certificate of a key that a token has, unless the home has it already.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] if it is not said when the key was made and whose it is. What the token
    /// has against it.
    pub fn adopt(&self, adopted: &Adopted<'_>) -> Result<Imported> {
        const ONCE: &str = "say once when the key was made, and whose it is: --created TIME, and --name and --email, or --user-id. The fingerprint depends on that time, and the certificate keeps it";
        let uri = TokenUri::parse(adopted.uri)?;
        let home = self.home()?;
        home.check()?;
        let open = self.open_token(&uri)?;
        let [key] = open.named(&uri)? else {
            let keys = open.keys.iter().map(KeyInToken::name).collect();
            let uri = uri.to_string();
            return Err(crate::openpgp::token::Error::SeveralKeys { uri, keys }.into());
        };
        check_token_key(key)?;
        let is_it = |certificate: &Certificate| !certificate.keys_like(key).is_empty();
        let known = home.keys()?.items.into_iter().map(|key| key.certificate).find(is_it);
        if let Some(known) = known {
            return Ok(imported(&known, Fate::Unchanged));
        }
        let (Some(created), Some(user_id)) = (adopted.created, &adopted.user_id) else {
            return Err(Failure::Usage(ONCE.into()));
        };
        if created > self.now {
            return Err(Failure::Usage("--created is in the future".into()));
        }
        let plan = KeyPlan {
            kind: KeyKind::Sign,
            bits: KeySizeBits::Rsa3072,
            user_id: user_id.clone(),
            created: whole_seconds(created),
            validity: None,
        };
        let made = self.keep_new(&plan, certify_token_key(&plan, &open.pool, key)?, None)?;
        Ok(imported(&made.certificate, Fate::New))
    }
}

fn imported(certificate: &Certificate, fate: Fate) -> Imported {
    let keys = vec![ImportedKey::of(certificate, CERTIFICATE, Ok(fate))];
    // The person has just made it, and imports nobody.
    Imported { keys, ..Imported::default() }
}

/// Returns an ID from a time that no key of the token has: two keys may be made in one second.
fn free_id(token: &mut Token, seconds: u64) -> Result<Vec<u8>> {
    const MOST: u64 = 100;
    let id = |seconds: u64| seconds.to_be_bytes()[4..].to_vec();
    for seconds in seconds..seconds.saturating_add(MOST) {
        let like = TokenUri { id: Some(id(seconds)), ..TokenUri::default() };
        if token.keys(&like)?.is_empty() {
            return Ok(id(seconds));
        }
    }
    // The token says what is taken.
    Ok(id(seconds))
}

/// Returns what names a key of the token.
fn named(uri: &TokenUri, key: &KeyInToken) -> TokenUri {
    TokenUri { object: Some(key.label.clone()), id: Some(key.id.clone()), ..uri.clone() }
}

/// Returns how to make the certificate of a key that is in the token by now.
fn again(uri: &TokenUri, key: &KeyInToken, created: u64) -> String {
    let uri = named(uri, key);
    format!(
        "the key is in the token. Make its certificate, with the same identity:\n  plugsign import --certificate-for '{}' --created {created}",
        Safe::text(&uri.with_module())
    )
}
