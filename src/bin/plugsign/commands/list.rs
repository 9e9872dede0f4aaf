//! `plugsign list`

use std::io::{self, Write};

use clap::Args;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::list::{ListedKey, Listing};
use plugsign::publisher::list_tokens::TokenListing;
use plugsign::publisher::show::KeyView;
use plugsign::publisher::watch::Watch;
use plugsign::text::Safe;

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::page::{Page, WARN};
use crate::edge::report::{Report, Words};
use crate::edge::tokens::TokenSource;
use crate::edge::world::World;

/// List the keys of the home
///
/// Exits with 3 if a file of the home cannot be read, and still lists the others.
#[derive(Args)]
pub struct Arguments {
    /// Only keys with a secret part in the home
    #[arg(long)]
    secret: bool,
    /// List what a token has that can sign, instead of the home: 'pkcs11:token=NAME', or all tokens
    #[arg(long, value_name = "URI", num_args = 0..=1, require_equals = false)]
    #[arg(default_missing_value = "pkcs11:", conflicts_with_all = ["secret", "keys"])]
    token: Option<String>,
    #[command(flatten)]
    source: TokenSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// Only these keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Box<dyn Report>, Failure> {
    let asking = Asking::new(world).key(&arguments.passphrase);
    let tokens = arguments.source.tokens(None, None)?;
    let publisher = world.publisher_with(&asking, &tokens);
    Ok(match &arguments.token {
        Some(uri) => Box::new(publisher.list_tokens(uri)?),
        None => {
            let listing = publisher.list(&arguments.keys, arguments.secret)?;
            let gnupg = world.keys_of_gnupg().filter(|_| listing.is_empty());
            gnupg.iter().for_each(|words| world.warn(&format!("gpg has private keys; {words}")));
            Box::new(listing)
        }
    })
}

impl Words for TokenListing {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for token in &self.tokens {
            let (label, serial) = (Safe::text(&token.label), Safe::text(&token.serial));
            writeln!(out, "{label}: {}, serial {serial}", Safe::text(&token.manufacturer))?;
            for key in &token.keys {
                let bits = key.bits.map_or(String::new(), |bits| format!("-{bits}"));
                let what = match (&key.certificate, &key.unfit) {
                    (Some(certificate), _) => out.fingerprint(certificate),
                    (None, Some(why)) => why.to_string(),
                    (None, None) => "no certificate here".into(),
                };
                let algorithm = format!("{}{bits}", key.algorithm);
                match out.is_screen() {
                    true => {
                        writeln!(out, "  {}", key.uri)?;
                        out.entry("    ", &format!("{algorithm}  {what}"));
                    }
                    false => writeln!(out, "  {}  {algorithm}  {what}", key.uri)?,
                }
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        if self.tokens.is_empty() {
            writeln!(talk, "there is no token here")?;
        }
        for token in self.tokens.iter().filter(|token| !token.logged_in) {
            writeln!(
                talk,
                "{}: plugsign did not log in, so only public keys are listed. To log in, name one token and give its PIN: --passphrase-file FILE",
                Safe::text(&token.label)
            )?;
        }
        Ok(())
    }
}

impl Words for Listing {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for (place, key) in self.keys.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            show(key, out)?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        if self.is_empty() {
            writeln!(talk, "There are no keys yet. Make one:")?;
            talk.command(2, "plugsign keygen");
            writeln!(talk, "Or import one:")?;
            talk.command(2, "plugsign import FILE");
        }
        Ok(())
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        for file in &self.unreadable {
            writeln!(talk, "cannot read {}: {}", Safe::path(&file.path), file.error.one_line())?;
        }
        Ok(())
    }
}

fn show(key: &ListedKey, out: &mut Page) -> io::Result<()> {
    let primary = &key.certificate.primary;
    let fingerprint = out.fingerprint(&primary.fingerprint);
    writeln!(out, "{fingerprint}")?;
    for user_id in &key.certificate.user_ids {
        let mark = if key.revoked_user_ids.contains(user_id) { "  (revoked)" } else { "" };
        writeln!(out, "  {}{mark}", Safe::bytes(user_id))?;
    }
    let secret = match (key.protected, key.primary_secret) {
        (Some(true), true) => "secret key, protected",
        (Some(false), true) => "secret key, NOT protected",
        (Some(true), false) => "secret subkeys only, protected",
        (Some(false), false) => "secret subkeys only, NOT protected",
        (None, _) => "certificate",
    };
    facts(out, secret, &dates(primary))?;
    for subkey in &key.certificate.subkeys {
        let problem = subkey.problem.as_ref().map_or(String::new(), |it| format!(", {it}"));
        let name = format!("subkey {}", out.fingerprint(&subkey.fingerprint));
        facts(out, &name, &format!("{}{problem}", dates(subkey)))?;
    }
    match (&key.cannot_sign_because, &primary.problem) {
        (None, _) => writeln!(out, "  valid, can sign now")?,
        // Only its subkey is.
        (_, Some(problem)) if primary.status == "revoked" && primary.revoked.is_none() => {
            out.entry("  ", &format!("cannot sign: {problem}. To make a new subkey:"));
            out.command(4, &format!("plugsign rotate {}", primary.fingerprint));
        }
        (_, Some(problem)) => out.entry("  ", &format!("{}: {problem}", primary.status)),
        (Some(why), None) => out.entry("  ", &format!("valid, cannot sign here: {why}")),
    }
    for part in &key.elsewhere {
        let subkey = if part.key == primary.fingerprint { "" } else { "subkey " };
        let name = format!("{subkey}{}", out.fingerprint(&part.key));
        out.entry("  ", &format!("the secret part of {name} is {}", part.place));
    }
    if let Some(notice) = &key.notice {
        out.steps(&format!("  {WARN}warning:{WARN:#} "), notice);
    }
    if !key.left_out_for_server.is_empty() {
        let key = &primary.fingerprint;
        writeln!(out, "  for a Mattermost server:")?;
        out.command(4, &format!("plugsign export --for-server {key}"));
    }
    Ok(())
}

/// Writes what is to say of a key: on a screen, under its name.
fn facts(out: &mut Page, name: &str, facts: &str) -> io::Result<()> {
    match out.is_screen() {
        true => {
            writeln!(out, "  {name}")?;
            out.entry("    ", facts);
            Ok(())
        }
        false => writeln!(out, "  {name}: {facts}"),
    }
}

fn dates(key: &KeyView) -> String {
    let expires = match &key.expires {
        Some(end) => format!("expires {end}"),
        None => "never expires".into(),
    };
    format!("{}, {}, made {}, {expires}", key.algorithm, key.usage.join("+"), key.created)
}
