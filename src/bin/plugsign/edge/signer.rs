//! Whose keys sign: a file's, the environment's, or the home's.

use std::path::PathBuf;

use clap::Args;
use plugsign::error::Error;
use plugsign::openpgp::certificate::Fingerprint;
use plugsign::openpgp::key_file::{Key, names_a_key, read_keys};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::SecretKey;
use plugsign::safe::Safe;
use zeroize::Zeroizing;

use crate::commands::import::{one_secret, read_file};
use crate::edge::failure::Failure;
use crate::edge::mend::Renewal;
use crate::edge::world::{World, is_dash};

/// The key itself, for CI: armored, base64, or with `\n` for its line ends.
pub const KEY_VARIABLE: &str = "PLUGSIGN_KEY";

#[derive(Args, Clone)]
pub struct KeySource {
    /// Sign with this key: fingerprint, key ID, e-mail address or part of a user ID. Of those in
    /// --key-file, else in PLUGSIGN_KEY if it is there, else of the home's
    #[arg(short = 'u', long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Sign with the secret key in this file; - is standard input. Else with the one in
    /// PLUGSIGN_KEY, else with the only one of the home
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// A key that was found, locked.
pub struct Found {
    pub secret: SecretKey,
    /// The very key or subkey that was asked for.
    pub exactly: Option<Fingerprint>,
    pub origin: Origin,
}

impl Found {
    /// Returns what renews the key for 30 days, or for more.
    pub fn renewal<'a>(
        &'a self,
        signer: Option<&'a Fingerprint>,
        days: Option<u32>,
    ) -> Renewal<'a> {
        const NOTICE: u32 = (Policy::EXPIRY_NOTICE.as_secs() / (24 * 60 * 60)) as u32;
        Renewal { secret: &self.secret, signer, origin: self.origin, days: days.unwrap_or(NOTICE) }
    }
}

/// Where a key comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    File,
    Environment,
    Home,
}

/// A text with a key in it.
struct Text {
    bytes: Zeroizing<Vec<u8>>,
    origin: Origin,
    /// What to call it, made safe.
    name: String,
}

impl KeySource {
    /// Returns whether the key is read from standard input.
    pub fn uses_stdin(&self) -> bool {
        self.key_file.as_deref().is_some_and(is_dash)
    }

    /// Finds the keys: those named, in their order, else the only one there is. At least one.
    pub fn find(&self, world: &World) -> Result<Vec<Found>, Failure> {
        let mut queries: Vec<Option<KeyQuery>> = Vec::new();
        for key in &self.keys {
            queries.push(Some(KeyQuery::parse(key)?));
        }
        if queries.is_empty() {
            queries.push(None);
        }
        let found = match self.text(world)? {
            Some(text) => queries
                .iter()
                .map(|query| match query {
                    Some(query) if !text.has(query) => in_home(&[Some(query.clone())], world)?
                        .pop()
                        .ok_or_else(|| Error::UnknownKey(query.text().to_string()).into()),
                    query => in_text(&text, query.as_ref(), world),
                })
                .collect::<Result<Vec<_>, Failure>>()?,
            None => in_home(&queries, world)?,
        };
        for (place, one) in found.iter().enumerate() {
            let fingerprint = one.secret.fingerprint();
            if found.iter().take(place).any(|other| other.secret.fingerprint() == fingerprint) {
                return Err(Failure::Usage(format!("-u names {fingerprint} twice")));
            }
        }
        Ok(found)
    }

    /// Returns the text of a key that is not the home's, if there is one.
    fn text(&self, world: &World) -> Result<Option<Text>, Failure> {
        if let Some(path) = &self.key_file {
            let name = Safe::path(path).to_string();
            return Ok(Some(Text { bytes: read_file(path)?, origin: Origin::File, name }));
        }
        match world.variable(KEY_VARIABLE) {
            Some(text) => Ok(Some(Text {
                bytes: Zeroizing::new(text.into_encoded_bytes()),
                origin: Origin::Environment,
                name: KEY_VARIABLE.into(),
            })),
            // The home's only key in its place would sign what another was to sign.
            None if self.keys.is_empty() && world.is_empty(KEY_VARIABLE) => Err(Failure::EmptyKey),
            None => Ok(None),
        }
    }
}

impl Text {
    /// Returns whether a key that was asked for is to be looked for here: in a file always, in the
    /// environment if it is there.
    fn has(&self, query: &KeyQuery) -> bool {
        let is_it = |key: Result<Key, Error>| matches!(key, Ok(Key::Secret(secret)) if query.matches(secret.certificate()));
        self.origin == Origin::File
            || read_keys(&self.bytes).is_ok_and(|keys| keys.into_iter().any(is_it))
    }

    /// Reads the one secret key.
    fn read(&self, query: Option<&KeyQuery>) -> Result<SecretKey, Failure> {
        const SECRET: &str = "that is a certificate, which cannot sign: where its secret key is, export that with plugsign export --secret KEY -a, or for a CI with plugsign export --ci KEY";
        const NAMED: &str = "that takes the secret key itself; to name a key of the home: -u KEY";
        let keys = read_keys(&self.bytes).map_err(|error| match error {
            error @ Error::NoKey(_) if names_a_key(&self.bytes) => {
                Failure::Advised(Box::new(self.named(error)), NAMED.into())
            }
            error => self.named(error).into(),
        })?;
        let is_certificate = keys.iter().any(|key| matches!(key, Ok(Key::Certificate(_))));
        one_secret(keys, query).map_err(|failure| match failure {
            Failure::Library(error @ Error::NoKey(_)) if is_certificate => {
                Failure::Advised(Box::new(self.named(error)), SECRET.into())
            }
            Failure::Library(error) => self.named(error).into(),
            other => other,
        })
    }

    /// Says where a text was that is no key.
    fn named(&self, error: Error) -> Error {
        match error {
            Error::NoKey(why) => Error::NoKey(format!("{why} ({})", self.name)),
            other => other,
        }
    }
}

fn in_home(queries: &[Option<KeyQuery>], world: &World) -> Result<Vec<Found>, Failure> {
    let home = match world.home() {
        // Who names no key has none at all.
        Err(Failure::NoHome) if queries.iter().all(Option::is_none) => {
            return Err(Error::UnknownKey(String::new()).into());
        }
        home => home?,
    };
    let mut found = Vec::new();
    for query in queries {
        let query = query.as_ref();
        let shelf = home.keys_like(query)?;
        let key = shelf.find_secret(query)?;
        let exactly = query.and_then(|query| query.exactly(&key.certificate));
        let secret = match &key.secret {
            Some(secret) => secret.merge(&key.certificate)?,
            None => return Err(Error::NoSecret(key.certificate.fingerprint()).into()),
        };
        found.push(Found { secret, exactly, origin: Origin::Home });
        world.readable(shelf);
    }
    Ok(found)
}

/// Finds the one secret key of a text. What the home knows of it, a revocation above all, counts
/// for it too.
fn in_text(text: &Text, query: Option<&KeyQuery>, world: &World) -> Result<Found, Failure> {
    let mut secret = text.read(query)?;
    let exactly = query.and_then(|query| query.exactly(secret.certificate()));
    let fingerprint = secret.fingerprint();
    match world.home().and_then(|home| Ok(home.keys_of(std::slice::from_ref(&fingerprint))?)) {
        Ok(shelf) => {
            shelf.check_complete(&fingerprint)?;
            let mut known = shelf.items.iter().map(|key| &key.certificate);
            if let Some(known) = known.find(|known| known.fingerprint() == fingerprint) {
                secret = secret.merge(known)?;
            }
        }
        Err(Failure::NoHome) => {}
        Err(failure) => {
            let why = failure.message();
            world.terminal.warn(&format!("the home was not asked about this key: {why}"));
        }
    }
    Ok(Found { secret, exactly, origin: text.origin })
}
