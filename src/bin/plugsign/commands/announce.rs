//! `plugsign announce`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::publisher::announce::{Announced, Announcing, KEY_FILE};
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::keys::key_of_environment;
use crate::edge::page::Page;
use crate::edge::report::Words;
use crate::edge::tokens::TokenSource;
use crate::edge::world::World;

/// Write the documents that announce a key
///
/// These are: KEYS, with the certificates, to keep beside releases; the certificate alone, as
/// servers read it; an announcement; a section for SECURITY.md; and steps for a server's
/// administrator. --replaces adds a notice that the former key signs. Prints the documents one
/// after the other, or writes them to a folder.
#[derive(Args)]
pub struct Arguments {
    /// The key to announce; KEYS also lists further ones
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
    /// Write the documents to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing documents
    #[arg(long, requires = "out")]
    force: bool,
    /// Also write a notice that KEY replaces OLDKEY. OLDKEY signs it, unless it is revoked. It may
    /// be in a token: 'pkcs11:token=NAME;object=NAME'
    #[arg(long, value_name = "OLDKEY", requires = "out")]
    replaces: Option<String>,
    /// Name this owner, instead of the one in the user ID
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Where readers can compare the fingerprint
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Use this release archive in the examples
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
    #[command(flatten)]
    token: TokenSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Announced, Failure> {
    let asking = Asking::new(world).key(&arguments.passphrase);
    let tokens = arguments.token.tokens(None, None)?;
    world.publisher_with(&asking, &tokens).announce(&Announcing {
        keys: arguments.keys,
        out: arguments.out,
        force: arguments.force,
        replaces: arguments.replaces,
        organisation: arguments.organisation,
        url: arguments.url,
        artifact: arguments.artifact,
        text: key_of_environment(world, false)?,
        created: world.time(None)?,
    })
}

impl Words for Announced {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for (place, document) in self.documents.iter().enumerate() {
            if let Some(path) = &document.path {
                writeln!(out, "{}", Safe::path(path))?;
                continue;
            }
            if place > 0 {
                writeln!(out)?;
            }
            writeln!(out, "==> {} <==\n", document.name)?;
            out.write_all(&document.bytes)?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        for subkey in &self.left_out {
            writeln!(talk, "{KEY_FILE} leaves out the subkey {subkey}: servers cannot read it")?;
        }
        if let (true, Some(former)) = (self.replaces_revoked, &self.replaces) {
            writeln!(talk, "{former} is revoked, so it does not sign the notice.")?;
        }
        for option in &self.unfilled {
            let what = match *option {
                "--url" => "where readers can compare the fingerprint: --url URL",
                _ => "the name of a release archive for the examples: --artifact NAME",
            };
            writeln!(talk, "The documents lack {what}")?;
        }
        Ok(())
    }
}
