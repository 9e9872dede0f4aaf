//! Whose keys sign: a file's, the environment's, or the home's.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::disk::file::{read_bounded, read_small};
use plugsign::error::Error;
use plugsign::openpgp::certificate::Fingerprint;
use plugsign::openpgp::key_file::{MAX_KEY_FILE, read_keys};
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::SecretKey;
use zeroize::Zeroizing;

use crate::commands::import::one_secret;
use crate::failure::Failure;
use crate::world::World;

/// The key itself, for CI: armored, base64, or with `\n` for its line ends.
pub const KEY_VARIABLE: &str = "PLUGSIGN_KEY";

#[derive(Args, Clone)]
pub struct KeySource {
    /// Sign with this key: fingerprint, key ID, e-mail address or part of a user ID
    #[arg(short = 'u', long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Sign with the secret key in this file; - is standard input
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

/// Where a key comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    File,
    Environment,
    Home,
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
            Some((text, origin)) => queries
                .iter()
                .map(|query| in_text(&text, query.as_ref(), origin, world))
                .collect::<Result<Vec<_>, _>>()?,
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
    fn text(&self, world: &World) -> Result<Option<(Zeroizing<Vec<u8>>, Origin)>, Failure> {
        if let Some(path) = &self.key_file {
            let bytes = match is_dash(path) {
                true => {
                    read_bounded(io::stdin().lock(), "standard input", "a key file", MAX_KEY_FILE)?
                }
                false => read_small(path, "a key file", MAX_KEY_FILE)?,
            };
            return Ok(Some((bytes, Origin::File)));
        }
        if !self.keys.is_empty() {
            return Ok(None);
        }
        let text = world.variable(KEY_VARIABLE);
        Ok(text.map(|text| (Zeroizing::new(text.into_encoded_bytes()), Origin::Environment)))
    }
}

fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn in_home(queries: &[Option<KeyQuery>], world: &World) -> Result<Vec<Found>, Failure> {
    let shelf = world.home()?.keys()?;
    let mut found = Vec::new();
    for query in queries {
        let query = query.as_ref();
        let key = shelf.find_secret(query)?;
        let exactly = query.and_then(|query| query.exactly(&key.certificate));
        let secret = match &key.secret {
            Some(secret) => secret.merge(&key.certificate)?,
            None => return Err(Error::NoSecret(key.certificate.fingerprint()).into()),
        };
        found.push(Found { secret, exactly, origin: Origin::Home });
    }
    world.readable(shelf);
    Ok(found)
}

/// Finds the one secret key of a text. What the home knows of it, a revocation above all, counts
/// for it too.
fn in_text(
    text: &[u8],
    query: Option<&KeyQuery>,
    origin: Origin,
    world: &World,
) -> Result<Found, Failure> {
    let mut secret: SecretKey = one_secret(read_keys(text)?, query)?;
    let exactly = query.and_then(|query| query.exactly(&secret.certificate()));
    if let Ok(home) = world.home()
        && let Ok(shelf) = home.keys()
        && let Some(known) =
            shelf.items.iter().find(|key| key.certificate.fingerprint() == secret.fingerprint())
    {
        secret = secret.merge(&known.certificate)?;
    }
    Ok(Found { secret, exactly, origin })
}
