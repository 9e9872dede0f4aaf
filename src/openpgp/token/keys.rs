//! A token that was found, and the private keys in it.

use super::Result;
use super::client::{Client, TokenInfo, User};
use super::error::Error;
use super::frame::Link;
use super::pin::Pin;
use super::uri::TokenUri;
use super::wire::Value;
use crate::text::Safe;

/// `CKF_...` of a token.
const LOGIN_REQUIRED: u64 = 0x4;
const ASKS_ITSELF: u64 = 0x100;
const INITIALIZED: u64 = 0x400;
const FEW_TRIES: u64 = 0x1_0000;
const LAST_TRY: u64 = 0x2_0000;
const LOCKED: u64 = 0x4_0000;

/// `CKA_...`, with room for the value.
const CLASS: (u32, u32) = (0x000, 8);
const TOKEN: (u32, u32) = (0x001, 1);
const PRIVATE: (u32, u32) = (0x002, 1);
const LABEL: (u32, u32) = (0x003, 256);
const KEY_TYPE: (u32, u32) = (0x100, 8);
const ID: (u32, u32) = (0x102, 256);
const SENSITIVE: (u32, u32) = (0x103, 1);
const DECRYPT: (u32, u32) = (0x105, 1);
const UNWRAP: (u32, u32) = (0x107, 1);
const SIGN: (u32, u32) = (0x108, 1);
const VERIFY: (u32, u32) = (0x10A, 1);
const MODULUS: (u32, u32) = (0x120, 2048);
const MODULUS_BITS: (u32, u32) = (0x121, 8);
const PUBLIC_EXPONENT: (u32, u32) = (0x122, 64);
const EXTRACTABLE: (u32, u32) = (0x162, 1);
const ALWAYS_AUTHENTICATE: (u32, u32) = (0x202, 1);

/// `CKO_PUBLIC_KEY`, `CKO_PRIVATE_KEY`, `CKK_RSA`
const PUBLIC_KEY: u64 = 2;
const PRIVATE_KEY: u64 = 3;
const RSA: u64 = 0;

/// A private key of a token, as its public parts describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInToken {
    /// Its label. Foreign text.
    pub label: String,
    /// Its ID.
    pub id: Vec<u8>,
    /// Whether it is an RSA key.
    pub is_rsa: bool,
    /// The modulus and the public exponent, big-endian, if the token shows them.
    pub numbers: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether it may sign.
    pub signs: bool,
    /// Whether each signature takes the PIN.
    pub always_authenticate: bool,
    /// The object in this session.
    pub(super) handle: u64,
}

impl KeyInToken {
    /// Returns what to call it.
    pub fn name(&self) -> String {
        let id: String = self.id.iter().map(|byte| format!("{byte:02X}")).collect();
        match self.label.is_empty() {
            true => format!("id={id}"),
            false => format!("{} (id={id})", self.label),
        }
    }

    /// Returns what to call it, made safe.
    pub fn shown(&self) -> String {
        format!("the token's key {}", Safe::text(&self.name()))
    }

    /// Returns how many bits its modulus has.
    pub fn bits(&self) -> Option<usize> {
        let (modulus, _) = self.numbers.as_ref()?;
        let modulus: Vec<u8> = modulus.iter().copied().skip_while(|&byte| byte == 0).collect();
        let zeros = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        Some(8 * modulus.len() - zeros)
    }
}

/// A token, with a session in it.
pub struct Token {
    client: Client,
    session: u64,
    slot: u64,
    info: TokenInfo,
}

/// Finds tokens, and says which there are.
pub(super) struct Tokens {
    client: Client,
    found: Vec<(u64, TokenInfo)>,
}

impl Tokens {
    /// Looks for the tokens that a URI names.
    pub fn find(link: Box<dyn Link>, uri: &TokenUri) -> Result<Tokens> {
        let mut client = Client::open(link)?;
        let mut found = Vec::new();
        for slot in client.slots()? {
            let info = client.token(slot)?;
            if info.flags & INITIALIZED != 0 && matches(uri, slot, &info) {
                found.push((slot, info));
            }
        }
        Ok(Tokens { client, found })
    }
}

/// What a token says of itself, for listings. Foreign text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName {
    /// Its label.
    pub label: String,
    /// Who made it.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
}

impl Token {
    /// Finds the one token that a URI names, and opens a session in it, in which keys can be made
    /// if it `may_write`.
    ///
    /// # Errors
    ///
    /// [`Error::NoToken`], [`Error::SeveralTokens`], and whatever its server fails with.
    pub fn find(link: Box<dyn Link>, uri: &TokenUri, may_write: bool) -> Result<Token> {
        let Tokens { mut client, mut found } = Tokens::find(link, uri)?;
        let (slot, info) = match (found.pop(), found.is_empty()) {
            (Some(one), true) => one,
            (None, _) => return Err(Error::NoToken(uri.of_token())),
            (Some(last), false) => {
                found.push(last);
                let name =
                    |(_, it): &(u64, TokenInfo)| format!("{} (serial={})", it.label, it.serial);
                let tokens = found.iter().map(name).collect();
                return Err(Error::SeveralTokens { uri: uri.of_token(), tokens });
            }
        };
        let session = client.session(slot, may_write)?;
        Ok(Token { client, session, slot, info })
    }

    /// Returns the names of all tokens that a URI names.
    pub fn names(link: Box<dyn Link>, uri: &TokenUri) -> Result<Vec<TokenName>> {
        let found = Tokens::find(link, uri)?.found;
        Ok(found.into_iter().map(|(_, info)| name(info)).collect())
    }

    /// Returns what it says of itself.
    pub fn name(&self) -> TokenName {
        name(self.info.clone())
    }

    /// Returns its label. Foreign text.
    pub fn label(&self) -> &str {
        &self.info.label
    }

    /// Returns whether it wants a PIN, which it does not ask for itself.
    pub fn wants_pin(&self) -> bool {
        self.info.flags & LOGIN_REQUIRED != 0 && self.info.flags & ASKS_ITSELF == 0
    }

    /// Returns whether the next wrong PIN locks it.
    pub fn has_last_try(&self) -> bool {
        self.info.flags & LAST_TRY != 0
    }

    /// Logs in, once, if the token wants that.
    ///
    /// # Errors
    ///
    /// [`Error::WrongPin`] and [`Error::PinLocked`]. A token counts wrong PINs, so nothing is
    /// tried again.
    pub fn login(&mut self, pin: Option<&Pin>) -> Result<()> {
        if self.info.flags & LOGIN_REQUIRED == 0 {
            return Ok(());
        }
        if self.info.flags & LOCKED != 0 {
            return Err(Error::PinLocked(self.info.label.clone()));
        }
        self.login_as(User::Owner, pin)
    }

    fn login_as(&mut self, user: User, pin: Option<&Pin>) -> Result<()> {
        const WRONG: [u64; 3] = [0xA0, 0xA1, 0xA2];
        const PIN_LOCKED: u64 = 0xA4;
        const ALREADY: u64 = 0x100;
        match self.client.login(self.session, user, pin) {
            Err(Error::Refused { code: ALREADY, .. }) => Ok(()),
            Err(Error::Refused { code: PIN_LOCKED, .. }) => {
                Err(Error::PinLocked(self.info.label.clone()))
            }
            Err(Error::Refused { code, .. }) if WRONG.contains(&code) => {
                let flags = self.client.token(self.slot).map_or(0, |info| info.flags);
                let left = match flags {
                    _ if flags & LOCKED != 0 => ", and no try is left",
                    _ if flags & LAST_TRY != 0 => ", and one try is left",
                    _ if flags & FEW_TRIES != 0 => ", and few tries are left",
                    _ => "",
                };
                Err(Error::WrongPin { token: self.info.label.clone(), left })
            }
            result => result,
        }
    }

    /// Returns the private keys that a URI names.
    pub fn keys(&mut self, uri: &TokenUri) -> Result<Vec<KeyInToken>> {
        let objects = self.objects(PRIVATE_KEY, uri)?;
        objects.into_iter().map(|object| self.key(object)).collect()
    }

    /// Returns the public keys that a URI names. Most tokens show them to anybody.
    pub fn public_keys(&mut self, uri: &TokenUri) -> Result<Vec<KeyInToken>> {
        let objects = self.objects(PUBLIC_KEY, uri)?;
        objects.into_iter().map(|object| self.key(object)).collect()
    }

    fn objects(&mut self, class: u64, uri: &TokenUri) -> Result<Vec<u64>> {
        let mut like = vec![(CLASS.0, Value::Number(class))];
        let label = uri.object.as_ref().map(|label| label.clone().into_bytes());
        like.extend(label.map(|label| (LABEL.0, Value::Bytes(label))));
        like.extend(uri.id.clone().map(|id| (ID.0, Value::Bytes(id))));
        self.client.find(self.session, &like)
    }

    fn key(&mut self, handle: u64) -> Result<KeyInToken> {
        let asked = [LABEL, ID, KEY_TYPE, SIGN, ALWAYS_AUTHENTICATE, MODULUS, PUBLIC_EXPONENT];
        let [label, id, kind, signs, always, modulus, exponent] =
            self.client.attributes(self.session, handle, asked)?;
        let id = bytes(id).unwrap_or_default();
        let is_rsa = kind == Some(Value::Number(RSA));
        let mut numbers = bytes(modulus).zip(bytes(exponent));
        if numbers.is_none() && is_rsa && !id.is_empty() {
            numbers = self.numbers_beside(&id)?;
        }
        Ok(KeyInToken {
            label: String::from_utf8_lossy(&bytes(label).unwrap_or_default()).into_owned(),
            id,
            is_rsa,
            numbers,
            // Some tokens do not say.
            signs: signs != Some(Value::Flag(false)),
            always_authenticate: always == Some(Value::Flag(true)),
            handle,
        })
    }

    /// Returns the numbers of the public key with an ID. Some cards keep them there alone.
    fn numbers_beside(&mut self, id: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let like = [(CLASS.0, Value::Number(PUBLIC_KEY)), (ID.0, Value::Bytes(id.to_vec()))];
        let Some(object) = self.client.find(self.session, &like)?.into_iter().next() else {
            return Ok(None);
        };
        let asked = [MODULUS, PUBLIC_EXPONENT];
        let [modulus, exponent] = self.client.attributes(self.session, object, asked)?;
        Ok(bytes(modulus).zip(bytes(exponent)))
    }

    /// Signs a DigestInfo, which the token pads.
    pub(super) fn sign(
        &mut self,
        key: &KeyInToken,
        info: &[u8],
        pin: Option<&Pin>,
    ) -> Result<Vec<u8>> {
        self.client.begin_signature(self.session, key.handle)?;
        if key.always_authenticate {
            self.login_as(User::OneSignature, pin)?;
        }
        self.client.end_signature(self.session, info)
    }

    /// Makes an RSA key that never leaves the token.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] if a key has the label or the ID, [`Error::Exportable`] if the token would
    /// give the key out, and whatever its server fails with.
    pub fn generate(&mut self, label: &str, id: &[u8], bits: u32) -> Result<KeyInToken> {
        for like in [
            TokenUri { object: Some(label.into()), ..TokenUri::default() },
            TokenUri { id: Some(id.into()), ..TokenUri::default() },
        ] {
            if let Some(other) = self.keys(&like)?.first() {
                return Err(Error::Taken(other.name()));
            }
        }
        let (yes, no) = (Value::Flag(true), Value::Flag(false));
        let named = [(LABEL.0, Value::Bytes(label.into())), (ID.0, Value::Bytes(id.into()))];
        let public = [
            (TOKEN.0, yes.clone()),
            (PRIVATE.0, no.clone()),
            (VERIFY.0, yes.clone()),
            (MODULUS_BITS.0, Value::Number(bits.into())),
            (PUBLIC_EXPONENT.0, Value::Bytes(vec![1, 0, 1])),
        ];
        let private = [
            (TOKEN.0, yes.clone()),
            (PRIVATE.0, yes.clone()),
            (SENSITIVE.0, yes.clone()),
            (EXTRACTABLE.0, no.clone()),
            (SIGN.0, yes),
            (DECRYPT.0, no.clone()),
            (UNWRAP.0, no),
        ];
        let (public, private) = ([&public[..], &named].concat(), [&private[..], &named].concat());
        let (_, handle) = self.client.generate(self.session, &public, &private)?;
        let asked = [SENSITIVE, EXTRACTABLE];
        let kept = self.client.attributes(self.session, handle, asked)?;
        if kept != [Some(Value::Flag(true)), Some(Value::Flag(false))] {
            return Err(Error::Exportable(label.into()));
        }
        self.key(handle)
    }
}

fn name(info: TokenInfo) -> TokenName {
    let TokenInfo { label, manufacturer, model, serial, .. } = info;
    TokenName { label, manufacturer, model, serial }
}

fn bytes(value: Option<Value>) -> Option<Vec<u8>> {
    match value {
        Some(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

fn matches(uri: &TokenUri, slot: u64, info: &TokenInfo) -> bool {
    let is = |asked: &Option<String>, it: &str| asked.as_ref().is_none_or(|asked| asked == it);
    is(&uri.token, &info.label)
        && is(&uri.manufacturer, &info.manufacturer)
        && is(&uri.model, &info.model)
        && is(&uri.serial, &info.serial)
        && uri.slot_id.is_none_or(|asked| asked == slot)
}
