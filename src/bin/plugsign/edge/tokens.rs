//! How a key in a token is reached.

use std::num::NonZero;
use std::path::Path;

use clap::Args;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::tokens::Tokens;

use super::streams::read_key_file;
use super::world::token_server;

#[derive(Args, Clone)]
pub struct TokenSource {
    /// Reach the token through this shell command, whose input and output lead to p11-kit remote:
    /// 'ssh signer'. Without it, plugsign uses PLUGSIGN_TOKEN_COMMAND, the module that the URI
    /// names, P11_KIT_SERVER_ADDRESS, or p11-kit's modules
    #[arg(long, value_name = "COMMAND")]
    pub token_command: Option<String>,
}

impl TokenSource {
    /// Returns how tokens are reached, and the certificate of their key if it is in a file.
    pub fn tokens(
        &self,
        certificate: Option<&Path>,
        connections: Option<NonZero<usize>>,
    ) -> Result<Tokens, Failure> {
        let read = |path: &Path| Ok::<_, Failure>((path.to_owned(), read_key_file(path)?));
        Ok(Tokens {
            server: token_server(self.token_command.as_deref()),
            certificate: certificate.map(read).transpose()?,
            connections,
        })
    }
}
