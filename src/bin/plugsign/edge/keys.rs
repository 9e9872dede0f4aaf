//! Where the key that signs is given: a file, the environment, or a name.

use std::path::PathBuf;

use clap::Args;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::keys::{KeyText, Origin};
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::streams::{is_dash, read_key_file};
use super::world::World;

/// The key itself, for CI: armored, base64, or with `\n` for its line ends.
pub const KEY_VARIABLE: &str = "PLUGSIGN_KEY";

#[derive(Args, Clone)]
pub struct KeySource {
    /// Sign with this key: fingerprint, key ID, e-mail address or part of a user ID. It is looked
    /// for in --key-file, else in PLUGSIGN_KEY, else in the home
    #[arg(short = 'u', long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Sign with the secret key in this file; - is standard input. Without it, the key in
    /// PLUGSIGN_KEY signs, else the only one in the home
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

impl KeySource {
    /// Returns whether the key is read from standard input.
    pub fn uses_stdin(&self) -> bool {
        self.key_file.as_deref().is_some_and(is_dash)
    }

    /// Returns the text with the key, if there is one beside the home.
    pub fn text(&self, world: &World) -> Result<Option<KeyText>, Failure> {
        match &self.key_file {
            Some(path) => Ok(Some(KeyText {
                bytes: read_key_file(path)?,
                origin: Origin::File,
                name: Safe::path(path).to_string(),
            })),
            None => key_of_environment(world, self.keys.is_empty()),
        }
    }
}

/// Returns the key in the environment. If nothing else names a key, an empty variable is an error:
/// otherwise the home's only key would sign in place of another.
pub fn key_of_environment(world: &World, is_needed: bool) -> Result<Option<KeyText>, Failure> {
    match world.variable(KEY_VARIABLE) {
        Some(text) => Ok(Some(KeyText {
            bytes: Zeroizing::new(text.into_encoded_bytes()),
            origin: Origin::Environment,
            name: KEY_VARIABLE.into(),
        })),
        None if is_needed && world.is_empty(KEY_VARIABLE) => Err(Failure::EmptyKey),
        None => Ok(None),
    }
}
