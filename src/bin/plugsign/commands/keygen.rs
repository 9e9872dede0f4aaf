//! `plugsign keygen`

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use plugsign::openpgp::keygen::{KeyKind, KeyPlan, parse_bits};
use plugsign::openpgp::policy::KeySizeBits;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;
use plugsign::publisher::change::whole_seconds;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::make::Made;
use plugsign::text::Safe;

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::dialog;
use crate::edge::identity::Identity;
use crate::edge::page::Page;
use crate::edge::report::{Words, usage};
use crate::edge::streams::is_dash;
use crate::edge::tokens::TokenSource;
use crate::edge::world::World;

/// Make a key
///
/// Asks for everything on a terminal, unless you give an identity. Prints the fingerprint. Stores
/// the key in the home, with a revocation certificate in case you lose the key.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    identity: Identity,
    /// What kind of key
    #[arg(long)]
    kind: Option<KindArgument>,
    /// The size in bits: 3072 or 4096
    #[arg(long, value_name = "BITS")]
    bits: Option<String>,
    /// How long the key is valid: 0 for ever, N or Nd days, Nw, Nm, Ny, or until YYYY-MM-DD
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// How long the signing subkey of --kind org is valid
    #[arg(long, value_name = "WHEN", default_value = "1y")]
    subkey_expires: String,
    /// Write the summary of --kind org to this file. Print it and keep it with the paper copy
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Make the key without a passphrase: anyone who has the file can sign
    #[arg(long, conflicts_with = "on")]
    no_passphrase: bool,
    /// Have this token make the key, which never leaves it: 'pkcs11:token=NAME;object=NAME'. The
    /// passphrase is the token's PIN then. The home gets the certificate
    #[arg(long, value_name = "URI")]
    on: Option<String>,
    #[command(flatten)]
    token: TokenSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArgument {
    /// One RSA key that certifies and signs
    Sign,
    /// The same, with an RSA subkey for encryption
    RsaRsa,
    /// For an organisation: a primary key that only certifies, and a signing subkey
    Org,
}

impl Arguments {
    /// Returns the key to make: as the options say, or a person.
    fn plan(&self, created: SystemTime) -> Result<KeyPlan, Failure> {
        let bits = self.bits.as_deref().map(parse_bits).transpose()?;
        let kind = match self.kind {
            None => None,
            Some(KindArgument::Sign) => Some(KeyKind::Sign),
            Some(KindArgument::RsaRsa) => Some(KeyKind::RsaRsa),
            Some(KindArgument::Org) => Some(KeyKind::Organisation {
                signing: parse_validity(&self.subkey_expires, created)?,
            }),
        };
        let expires = self.expires.as_deref();
        let validity = expires.map(|when| parse_validity(when, created)).transpose()?;
        if self.identity.is_given() {
            return Ok(KeyPlan {
                kind: kind.unwrap_or(KeyKind::Sign),
                bits: bits.unwrap_or(KeySizeBits::Rsa3072),
                user_id: self.identity.user_id()?,
                created,
                validity: validity.flatten(),
            });
        }
        let Some(mut person) = dialog::person() else {
            return usage(
                "say who owns the key: --name and --email, or --user-id. On a terminal, plugsign asks you",
            );
        };
        let asked = dialog::Asked { kind, bits, validity, usual: KeyKind::Sign };
        dialog::plan(&mut person, asked, created)
    }
}

pub fn run(arguments: Arguments, world: &World) -> Result<Made, Failure> {
    let sheet = arguments.summary.as_deref();
    if sheet.is_some() && !matches!(arguments.kind, Some(KindArgument::Org)) {
        return usage("--summary goes with --kind org");
    }
    if sheet.is_some_and(is_dash) {
        return usage("--summary takes a file; standard error shows the summary anyway");
    }
    let asking = Asking::new(world).key(&arguments.passphrase);
    let tokens = arguments.token.tokens(None, None)?;
    let publisher = world.publisher_with(&asking, &tokens);
    publisher.check_before_making(sheet)?;
    let plan = arguments.plan(whole_seconds(world.now))?;
    if let Some(uri) = &arguments.on {
        return publisher.make_in_token(&plan, uri);
    }
    let what = Safe::text(&plan.user_id).to_string();
    let passphrase = publisher.passphrase_for_new_key(arguments.no_passphrase, &what)?;
    publisher.make(&plan, passphrase.as_deref(), sheet)
}

impl Words for Made {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        writeln!(out, "{}", self.certificate.fingerprint())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        let fingerprint = self.certificate.fingerprint();
        if let Some(summary) = &self.summary {
            return talk.write_all(summary.as_bytes());
        }
        match self.expires {
            Some(expires) => writeln!(talk, "The key expires on {}.", show_time(expires))?,
            None => writeln!(talk, "The key does not expire.")?,
        }
        writeln!(talk, "Export its certificate:")?;
        talk.command(2, &format!("plugsign export {fingerprint} -a -o release-key.asc"));
        if self.token.is_some() {
            writeln!(talk, "To verify with it here, trust it:")?;
            talk.command(2, "plugsign trust add release-key.asc");
        }
        writeln!(talk, "Sign with it:")?;
        talk.command(
            2,
            &match &self.token {
                Some(uri) => format!("plugsign sign -u '{uri}' FILE"),
                None => format!("plugsign sign -u {fingerprint} FILE"),
            },
        );
        writeln!(talk, "Keep a copy of its revocation certificate in a safe place:")?;
        writeln!(talk, "  {}", Safe::path(&self.revocation))
    }
}
