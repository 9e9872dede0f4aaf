//! Where the key that signs is given: a file, the environment, or a name.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;
use plugsign::openpgp::token::is_token_uri;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::keys::{KeyText, Origin};
use plugsign::publisher::tokens::Tokens;
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::report::usage;
use super::streams::{is_dash, read_key_file};
use super::tokens::TokenSource;
use super::world::World;

/// The key itself, for CI: armored, base64, or with `\n` for its line ends.
pub const KEY_VARIABLE: &str = "PLUGSIGN_KEY";

#[derive(Args, Clone)]
pub struct KeySource {
    /// Sign with this key: fingerprint, key ID, e-mail address or part of a user ID. It is looked
    /// for in --key-file, else in PLUGSIGN_KEY, else in the home. Or a key that stays in a token:
    /// 'pkcs11:token=NAME;object=NAME'
    #[arg(short = 'u', long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// Sign with the secret key in this file; - is standard input. Without it, the key in
    /// PLUGSIGN_KEY signs, else the only one in the home
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The certificate of the token's key. Without it, the home has it
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    #[command(flatten)]
    pub token: TokenSource,
}

impl KeySource {
    /// Returns whether the key is read from standard input.
    pub fn uses_stdin(&self) -> bool {
        self.key_file.as_deref().is_some_and(is_dash)
    }

    /// Returns how tokens are reached. So many connections sign at once, each with its own login.
    pub fn tokens(&self, connections: Option<NonZero<usize>>) -> Result<Tokens, Failure> {
        let in_token = self.keys.iter().filter(|key| is_token_uri(key)).count();
        if in_token == 0 && self.certificate.is_some() {
            return usage("--certificate goes with a key in a token: --key pkcs11:...");
        }
        if in_token > 0 && in_token == self.keys.len() && self.key_file.is_some() {
            return usage("--key names a key in a token, so --key-file names no key that signs");
        }
        self.token.tokens(self.certificate.as_deref(), connections)
    }

    /// Returns the text with the key, if there is one beside the home.
    pub fn text(&self, world: &World) -> Result<Option<KeyText>, Failure> {
        match &self.key_file {
            Some(path) => {
                world.kept.input(path);
                Ok(Some(KeyText {
                    bytes: read_key_file(path)?,
                    origin: Origin::File,
                    name: Safe::path(path).to_string(),
                }))
            }
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
