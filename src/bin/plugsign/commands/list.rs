//! `plugsign list`

use std::io::{self, Write};

use clap::Args;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::list::{ListedKey, Listing};
use plugsign::publisher::show::KeyView;
use plugsign::text::Safe;

use crate::edge::asking::Asking;
use crate::edge::report::Words;
use crate::edge::world::World;

/// List the keys of the home
///
/// Exits with 3 if a file of the home cannot be read, and still lists the others.
#[derive(Args)]
pub struct Arguments {
    /// Only keys with a secret part in the home
    #[arg(long)]
    secret: bool,
    /// Only these keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Listing, Failure> {
    world.publisher(&Asking::new(world)).list(&arguments.keys, arguments.secret)
}

impl Words for Listing {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, key) in self.keys.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            show(key, out)?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if self.keys.is_empty() && self.unreadable.is_empty() {
            writeln!(
                talk,
                "there are no keys yet: make one with plugsign keygen, or import one with plugsign import FILE"
            )?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for file in &self.unreadable {
            writeln!(talk, "cannot read {}: {}", Safe::path(&file.path), file.error.one_line())?;
        }
        Ok(())
    }
}

fn show(key: &ListedKey, out: &mut dyn Write) -> io::Result<()> {
    let primary = &key.certificate.primary;
    writeln!(out, "{}", primary.fingerprint)?;
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
    writeln!(out, "  {secret}: {}", dates(primary))?;
    for subkey in &key.certificate.subkeys {
        let problem = subkey.problem.as_ref().map_or(String::new(), |it| format!(", {it}"));
        writeln!(out, "  subkey {}: {}{problem}", subkey.fingerprint, dates(subkey))?;
    }
    match (&key.cannot_sign_because, &primary.problem) {
        (None, _) => writeln!(out, "  valid, can sign now")?,
        (_, Some(problem)) => writeln!(out, "  {}: {problem}", primary.status)?,
        (Some(why), None) => writeln!(out, "  valid, cannot sign here: {why}")?,
    }
    for part in &key.elsewhere {
        let subkey = if part.key == primary.fingerprint { "" } else { "subkey " };
        writeln!(out, "  the secret part of {subkey}{} is {}", part.key, part.place)?;
    }
    if let Some(notice) = &key.notice {
        writeln!(out, "  warning: {notice}")?;
    }
    if !key.left_out_for_server.is_empty() {
        let key = &primary.fingerprint;
        writeln!(out, "  for a Mattermost server: plugsign export --for-server {key}")?;
    }
    Ok(())
}

fn dates(key: &KeyView) -> String {
    let expires = match &key.expires {
        Some(end) => format!("expires {end}"),
        None => "never expires".into(),
    };
    format!("{}, {}, made {}, {expires}", key.algorithm, key.usage.join("+"), key.created)
}
