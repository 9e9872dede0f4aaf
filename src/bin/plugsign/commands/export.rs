//! `plugsign export`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::disk::file::{Access, Existing, write_new};
use plugsign::disk::home::HomeKey;
use plugsign::error::Error;
use plugsign::openpgp::certificate::Fingerprint;
use plugsign::openpgp::key_file::armor_keys;
use plugsign::openpgp::policy::Weakness;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::Protection;
use plugsign::safe::Safe;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::export_move;
use crate::failure::Failure;
use crate::passphrase::{NewPassphraseSource, PassphraseSource};
use crate::report::Report;
use crate::world::World;

/// Hand out a certificate, or a secret key
#[derive(Args)]
pub struct Arguments {
    /// Which keys: fingerprint, key ID, e-mail address or part of a user ID
    #[arg(value_name = "KEY", required = true)]
    pub(super) keys: Vec<String>,
    /// Export the secret key, as protected as it is stored
    #[arg(long, conflicts_with_all = ["ci", "offline_primary"])]
    secret: bool,
    /// Export the newest signing subkey, or KEY!, for a CI's secret store: without the primary
    /// key, under a new passphrase, as one line of base64
    #[arg(long, conflicts_with = "offline_primary")]
    ci: bool,
    /// Move the primary key into this folder, to be kept off-line, and keep the rest here
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "armor"])]
    offline_primary: Option<PathBuf>,
    /// Allow a secret key that has no passphrase to leave
    #[arg(long)]
    pub(super) unprotected: bool,
    /// Write ASCII armor instead of binary
    #[arg(short, long)]
    pub(super) armor: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    pub(super) passphrase: PassphraseSource,
    #[command(flatten)]
    pub(super) new: NewPassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Exported, Failure> {
    if let Some(folder) = &arguments.offline_primary {
        return export_move::to_folder(&arguments, folder, world);
    }
    if arguments.unprotected && !arguments.secret {
        return Err(Failure::Usage("--unprotected goes with --secret or --offline-primary".into()));
    }
    let output = arguments.output.as_ref().filter(|path| path.as_os_str() != "-");
    if output.is_none() && world.terminal.json() {
        return Err(Failure::Usage(
            "--json speaks on standard output, so the key needs a file: -o FILE".into(),
        ));
    }
    if arguments.ci {
        let (bytes, fingerprint) = export_move::for_ci(&arguments, world)?;
        write(&bytes, output, &arguments, world)?;
        return Ok(Exported::new(vec![fingerprint], "signing subkey", output));
    }
    let shelf = world.home()?.keys()?;
    let mut packets = Zeroizing::new(Vec::new());
    let mut fingerprints: Vec<Fingerprint> = Vec::new();
    for key in &arguments.keys {
        let query = KeyQuery::parse(key)?;
        let key =
            if arguments.secret { shelf.find_secret(Some(&query))? } else { shelf.find(&query)? };
        let fingerprint = key.certificate.fingerprint();
        if !fingerprints.contains(&fingerprint) {
            packets.extend_from_slice(&export(key, &arguments)?);
            fingerprints.push(fingerprint);
        }
    }
    world.readable(shelf);
    let bytes = match arguments.armor {
        true => armor_keys(&packets, arguments.secret)?,
        false => packets,
    };
    write(&bytes, output, &arguments, world)?;
    let what = if arguments.secret { "secret key" } else { "certificate" };
    Ok(Exported::new(fingerprints, what, output))
}

fn write(
    bytes: &[u8],
    output: Option<&PathBuf>,
    arguments: &Arguments,
    world: &World,
) -> Result<(), Failure> {
    let is_text = arguments.armor || arguments.ci;
    match output {
        Some(path) => {
            let access = match arguments.secret || arguments.ci {
                true => Access::Secret,
                false => Access::Public { umask: world.umask },
            };
            let existing = if arguments.force { Existing::Replace } else { Existing::Keep };
            Ok(write_new(path, bytes, access, existing)?)
        }
        None if world.terminal.out_is_terminal() && !is_text => Err(Failure::BinaryToTerminal),
        None => world.terminal.write_bytes(bytes),
    }
}

fn export(key: &HomeKey, arguments: &Arguments) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let secret = key.secret.as_ref().filter(|_| arguments.secret);
    let Some(secret) = secret else {
        return Ok(Zeroizing::new(key.certificate.to_bytes()?));
    };
    if secret.protection() == Protection::None && !arguments.unprotected {
        let key = secret.fingerprint().to_string();
        return Err(Error::Refused { key, weakness: Weakness::Unprotected }.into());
    }
    Ok(secret.merge(&key.certificate)?.to_bytes()?)
}

/// Keys that were exported.
pub struct Exported {
    fingerprints: Vec<Fingerprint>,
    /// What was written: "certificate", "secret key".
    what: &'static str,
    output: Option<PathBuf>,
    words: Vec<String>,
}

impl Exported {
    pub(super) fn new(
        fingerprints: Vec<Fingerprint>,
        what: &'static str,
        output: Option<&PathBuf>,
    ) -> Exported {
        Exported { fingerprints, what, output: output.cloned(), words: Vec::new() }
    }

    /// Says something more.
    pub(super) fn say(mut self, words: String) -> Exported {
        self.words.push(words);
        self
    }
}

impl Report for Exported {
    fn results(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let Some(output) = &self.output else { return Ok(()) };
        for fingerprint in &self.fingerprints {
            writeln!(talk, "{} {fingerprint} written to {}", self.what, Safe::path(output))?;
        }
        self.words.iter().try_for_each(|words| writeln!(talk, "{words}"))
    }

    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let fingerprints: Vec<String> = self.fingerprints.iter().map(ToString::to_string).collect();
        map.insert("fingerprints".into(), fingerprints.into());
        map.insert("secret".into(), (self.what != "certificate").into());
        map.insert("what".into(), self.what.into());
        map.insert("output".into(), self.output.as_ref().map(|path| path.to_string_lossy()).into());
        map
    }
}
