//! `plugsign export`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::publisher::export::{Export, Exported, Names, NewFile, Part};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::move_key::WHOLE;
use plugsign::text::{Safe, quoted};

use crate::edge::asking::{Asking, NewPassphraseSource, PassphraseSource};
use crate::edge::page::Page;
use crate::edge::report::{Words, usage};
use crate::edge::streams::is_dash;
use crate::edge::world::World;

/// Export a certificate or a secret key
#[derive(Args)]
pub struct Arguments {
    /// Which keys: fingerprint, key ID, e-mail address or part of a user ID
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
    /// Export the secret key, under the passphrase that it has
    #[arg(long, conflicts_with_all = ["ci", "offline_primary"])]
    secret: bool,
    /// Export the newest signing subkey, or KEY!, for a CI's secret store. It comes without the
    /// primary key, under a new passphrase, as one line of base64
    #[arg(long, conflicts_with = "offline_primary")]
    ci: bool,
    /// Move the primary key into this folder, to keep it off-line. The rest stays in the home
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "armor"])]
    offline_primary: Option<PathBuf>,
    /// Also export a secret key that has no passphrase
    #[arg(long)]
    unprotected: bool,
    /// Write the secret key even if others can read it there. Most USB sticks keep no permissions
    #[arg(long)]
    readable_by_others: bool,
    /// Leave out the encryption subkeys that the Mattermost server cannot read
    #[arg(long, conflicts_with_all = ["secret", "ci", "offline_primary"])]
    for_server: bool,
    /// Write ASCII armor instead of binary
    #[arg(short, long)]
    armor: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    new: NewPassphraseSource,
}

impl Arguments {
    /// Returns the only KEY, where there may be only one.
    fn one_key(&self) -> Result<&str, Failure> {
        match &self.keys[..] {
            [key] => Ok(key),
            _ => usage("this option takes one KEY at a time"),
        }
    }

    /// Returns a file, or the folder of one, as it is to be written.
    fn file<'a>(&self, path: &'a Path) -> NewFile<'a> {
        NewFile { path, force: self.force, readable_by_others: self.readable_by_others }
    }

    /// Says what to do where a subkey was named for a key.
    fn of_subkey(&self, failure: Failure) -> Failure {
        let whole = match self {
            _ if self.ci => "plugsign export --ci KEY",
            _ if self.secret => "plugsign export --secret KEY",
            _ if self.offline_primary.is_some() => "plugsign export --offline-primary DIR KEY",
            _ => {
                return failure
                    .or_of_subkey("plugsign export KEY", "plugsign gpg --export 'SUBKEY!'");
            }
        };
        failure.or_of_subkey(whole, "plugsign export --ci 'SUBKEY!'")
    }
}

pub fn run(arguments: Arguments, world: &World) -> Result<Exported, Failure> {
    let asking = Asking::new(world).key(&arguments.passphrase).replaced(&arguments.new);
    let publisher = world.publisher(&asking);
    let of_subkey = |failure| arguments.of_subkey(failure);
    let unprotected = arguments.unprotected;
    if let Some(folder) = &arguments.offline_primary {
        let key = arguments.one_key()?;
        let moved = publisher.move_primary(key, arguments.file(folder), unprotected);
        return moved.map_err(of_subkey);
    }
    if unprotected && !arguments.secret {
        return usage("--unprotected goes with --secret or --offline-primary");
    }
    let output = arguments.output.as_deref().filter(|path| !is_dash(path));
    let output = output.map(|path| arguments.file(path));
    let is_secret = arguments.secret || arguments.ci;
    if arguments.readable_by_others && !(is_secret && output.is_some()) {
        return usage("--readable-by-others goes with a secret key that is written to a file");
    }
    if output.is_none() && world.terminal.json() {
        return usage("--json writes to standard output, so the key needs a file: -o FILE");
    }
    let armor = arguments.armor;
    let exported = match arguments.ci {
        true => publisher.export_for_ci(arguments.one_key()?, armor, output),
        false => publisher.export(&Export {
            names: Names::One(&arguments.keys),
            part: match (arguments.secret, arguments.for_server) {
                (true, _) => Part::SecretKey,
                (false, true) => Part::ServerCopy,
                (false, false) => Part::Certificate,
            },
            unprotected,
            armor,
            output,
        }),
    };
    let exported = exported.map_err(of_subkey)?;
    if output.is_none() {
        if world.terminal.out_is_terminal() && !(armor || arguments.ci) {
            return Err(Failure::BinaryToTerminal);
        }
        world.terminal.write_bytes(&exported.bytes)?;
    }
    Ok(exported)
}

impl Words for Exported {
    fn results(&self, _: &mut Page) -> io::Result<()> {
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        for subkey in &self.left_out {
            writeln!(
                talk,
                "left out: subkey {subkey}. The server cannot read it, or would accept it although it is revoked"
            )?;
        }
        let Some(path) = &self.output else { return Ok(()) };
        let output = Safe::path(path);
        for fingerprint in &self.fingerprints {
            writeln!(talk, "{} {fingerprint} written to {output}", self.what)?;
            if self.what == WHOLE {
                writeln!(
                    talk,
                    "The home has only its subkeys now. Copy that file to a second off-line place. Then remove the folder from this machine. To lend the primary key to one command:"
                )?;
                let file = quoted(path);
                talk.command(2, &format!("plugsign rotate {fingerprint} --primary {file}"));
            }
        }
        Ok(())
    }
}
