//! Whose keys sign: a file's, the environment's, or the home's.

use zeroize::Zeroizing;

use super::Publisher;
use super::failure::{Failure, Result};
use crate::openpgp;
use crate::openpgp::bounds::Budget;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::{Key, narrowed_by_others, read_keys_within};
use crate::openpgp::key_text::{Mistaken, mistaken_for_key};
use crate::openpgp::query::KeyQuery;
use crate::openpgp::secret_key::SecretKey;
use crate::openpgp::set::one;
use crate::openpgp::token::is_token_uri;

/// A key that was found, locked.
pub struct Found {
    /// The key, locked.
    pub secret: SecretKey,
    /// The very key or subkey that was asked for.
    pub exactly: Option<Fingerprint>,
    /// Where it is from.
    pub origin: Origin,
}

impl Found {
    /// Returns whether it is the same key, asked for in the same way.
    pub fn is_same_as(&self, other: &Found) -> bool {
        (self.secret.fingerprint(), &self.exactly) == (other.secret.fingerprint(), &other.exactly)
    }
}

/// Where a key comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File,
    /// The environment.
    Environment,
    /// The home.
    Home,
    /// A token, with a certificate of the home or of a file.
    Token,
}

/// A text with a key in it.
pub struct KeyText {
    /// The text as it came.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Where it is from.
    pub origin: Origin,
    /// What to call it, made safe.
    pub name: String,
}

impl Publisher<'_> {
    /// Finds the keys that are named, in their order, else the only one there is. A file always has
    /// them, the environment if they are there, else the home. Fails for an unclear name or a
    /// repeated key.
    ///
    /// A name that is a token's URI is looked for there.
    pub fn find_keys(&self, names: &[String], text: Option<&KeyText>) -> Result<Vec<Found>> {
        if names.is_empty() {
            return Ok(vec![self.find_key(None, text)?]);
        }
        let query = |name: &String| match is_token_uri(name) {
            true => Ok(None),
            false => KeyQuery::parse(name).map(Some),
        };
        let queries = names.iter().map(query).collect::<openpgp::Result<Vec<_>>>()?;
        let mut found: Vec<Found> = Vec::new();
        for (name, query) in names.iter().zip(queries) {
            let one = match query {
                Some(query) => self.find_key(Some(&query), text)?,
                None => self.find_in_token(name)?,
            };
            let fingerprint = one.secret.fingerprint();
            if found.iter().any(|other| other.secret.fingerprint() == fingerprint) {
                return Err(Failure::Usage(format!("-u names {fingerprint} twice")));
            }
            found.push(one);
        }
        Ok(found)
    }

    /// Finds one key, as [`Publisher::find_keys`] does.
    pub fn find_key(&self, query: Option<&KeyQuery>, text: Option<&KeyText>) -> Result<Found> {
        match (text, query) {
            (Some(text), Some(query)) if !text.has(query, self.budget) => {
                self.find_in_home(Some(query))
            }
            (Some(text), query) => self.find_in_text(text, query),
            (None, query) => self.find_in_home(query),
        }
    }

    fn find_in_home(&self, query: Option<&KeyQuery>) -> Result<Found> {
        let home = match self.home() {
            // Who names no key has none at all.
            Err(Failure::NoHome) if query.is_none() => {
                return Err(openpgp::Error::UnknownKey(String::new()).into());
            }
            home => home?,
        };
        let shelf = home.keys_like(query)?;
        let key = shelf.find_secret(query)?;
        let exactly = query.and_then(|query| query.exactly(&key.certificate));
        let secret = key.secret()?.merge(&key.certificate)?;
        self.warn_of_unreadable(&shelf);
        Ok(Found { secret, exactly, origin: Origin::Home })
    }

    /// Finds the one secret key of a text. What the home knows of it counts for it too.
    pub(super) fn find_in_text(&self, text: &KeyText, query: Option<&KeyQuery>) -> Result<Found> {
        let mut secret = text.read(query, self.budget)?;
        let exactly = query.and_then(|query| query.exactly(secret.certificate()));
        secret = self.narrowed_by_home(secret)?;
        Ok(Found { secret, exactly, origin: text.origin })
    }

    /// Adds what the home knows of a key that is not from there: a revocation above all, also in a
    /// trusted copy.
    pub(super) fn narrowed_by_home(&self, mut secret: SecretKey) -> Result<SecretKey> {
        let fingerprint = secret.fingerprint();
        let key = std::slice::from_ref(&fingerprint);
        let known =
            self.home().and_then(|home| Ok((home.keys_of(key)?, home.trusted_of(&[], key)?)));
        if let Some((own, trusted)) = self.if_any_home(known)? {
            own.check_complete(&fingerprint)?;
            trusted.check_complete(&fingerprint)?;
            if let Some(known) = own.items.first() {
                secret = secret.merge(&known.certificate)?;
            }
            for copy in &trusted.items {
                secret = secret.narrowed_by(&copy.certificate);
            }
        }
        Ok(secret)
    }
}

impl KeyText {
    /// Returns whether to look for a KEY here: in a file always, elsewhere if it is there.
    fn has(&self, query: &KeyQuery, budget: &Budget) -> bool {
        let is_it = |key: openpgp::Result<Key>| match key {
            Ok(Key::Secret(secret)) => query.matches(secret.certificate()),
            Err(openpgp::Error::KeyUnread { key, .. }) => query.names(&key),
            _ => false,
        };
        self.origin == Origin::File
            || read_keys_within(&self.bytes, budget).is_ok_and(|keys| keys.into_iter().any(is_it))
    }

    fn read(&self, query: Option<&KeyQuery>, budget: &Budget) -> Result<SecretKey> {
        const SECRET: &str = "that is a certificate, which cannot sign. Export its secret key, where that is:\n  plugsign export --secret KEY -a -o FILE\nFor a CI:\n  plugsign export --ci KEY -o FILE";
        const FILED: &str = "that takes the secret key itself; to name its file: --key-file FILE";
        const NAMED: &str = "that takes the secret key itself; to name a key of the home: -u KEY";
        let advice = || {
            mistaken_for_key(&self.bytes).map(|what| match what {
                Mistaken::KeyId | Mistaken::Address => NAMED,
                Mistaken::Path => FILED,
            })
        };
        let keys =
            read_keys_within(&self.bytes, budget).map_err(|error| self.named(error, advice()))?;
        let is_certificate = keys.iter().any(|key| matches!(key, Ok(Key::Certificate(_))));
        let advice = is_certificate.then_some(SECRET);
        one_secret(keys, query, budget).map_err(|error| self.named(error, advice))
    }

    /// Says where a text was that is no key, and what belongs there.
    fn named(&self, error: openpgp::Error, advice: Option<&str>) -> Failure {
        let openpgp::Error::NoKey(why) = error else { return error.into() };
        let error = openpgp::Error::NoKey(format!("{why} ({})", self.name));
        match advice {
            Some(advice) => Failure::advised(error, advice),
            None => error.into(),
        }
    }
}

/// Returns the one secret key of a file or a text, or the one that matches. What narrows it counts,
/// wherever in the file it is.
pub(super) fn one_secret(
    keys: Vec<openpgp::Result<Key>>,
    query: Option<&KeyQuery>,
    budget: &Budget,
) -> openpgp::Result<SecretKey> {
    let mut last = openpgp::Error::NoKey("it has no secret key".into());
    let (mut found, mut certificates, mut revocations) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        match key {
            Ok(Key::Secret(secret)) => found.push(secret),
            Ok(Key::Certificate(certificate)) => certificates.push(certificate),
            Ok(Key::Revocation(revocation)) => revocations.push(revocation),
            Err(error) if error.is_of_one_key() => last = error,
            Err(error) => return Err(error),
        }
    }
    found.retain(|secret| query.is_none_or(|query| query.matches(secret.certificate())));
    if found.is_empty() {
        return Err(last);
    }
    let secret = one(found, SecretKey::certificate, query.map_or("", KeyQuery::text))?;
    narrowed_by_others(secret, certificates, &revocations, budget)
}
