//! `plugsign export`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::shelf::HomeKey;
use plugsign::disk::write::{Access, Existing, write_new, write_unless_same};
use plugsign::mattermost::server_copy::ServerCopy;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::key_file::armor_keys;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::Protection;
use plugsign::openpgp::weakness::Weakness;
use plugsign::text::Safe;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::export_move;
use crate::edge::asking::{NewPassphraseSource, PassphraseSource};
use crate::edge::report::Report;
use crate::edge::streams::is_dash;
use crate::edge::world::World;
use plugsign::publisher::failure::{Failure, secret_not_written};
use plugsign::publisher::show::path_text;

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
    /// Write the secret key also where others can read it, because the file system keeps no
    /// permissions, as on most USB sticks
    #[arg(long)]
    pub(super) readable_by_others: bool,
    /// Leave out the encryption subkeys that the Mattermost server cannot read
    #[arg(long, conflicts_with_all = ["secret", "ci", "offline_primary"])]
    for_server: bool,
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

impl Arguments {
    /// Returns who may read a secret that is written.
    pub(super) fn secret_access(&self) -> Access {
        if self.readable_by_others { Access::SecretIfPossible } else { Access::Secret }
    }
}

pub fn run(arguments: Arguments, world: &World) -> Result<Exported, Failure> {
    if let Some(folder) = &arguments.offline_primary {
        return export_move::to_folder(&arguments, folder, world);
    }
    if arguments.unprotected && !arguments.secret {
        return Err(Failure::Usage("--unprotected goes with --secret or --offline-primary".into()));
    }
    let is_secret = arguments.secret || arguments.ci;
    let output = arguments.output.as_ref().filter(|path| !is_dash(path));
    if arguments.readable_by_others && !(is_secret && output.is_some()) {
        let why = "--readable-by-others goes with a secret key that is written to a file";
        return Err(Failure::Usage(why.into()));
    }
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
    let mut left_out: Vec<Fingerprint> = Vec::new();
    for key in &arguments.keys {
        let query = KeyQuery::parse(key)?;
        let key = match arguments.secret {
            true => shelf
                .find_secret_whole(&query)
                .map_err(|error| export_move::of_subkey(error, "--secret"))?,
            false => {
                let key = shelf.find(&query)?;
                // What is public of a key leaves as a whole, whichever of its keys is named: but
                // `!` says that this one alone is meant.
                if query.exactly(&key.certificate).is_some() {
                    query.check_whole(&key.certificate).map_err(public_subkey)?;
                }
                key
            }
        };
        let fingerprint = key.certificate.fingerprint();
        if !fingerprints.contains(&fingerprint) {
            if arguments.for_server {
                let copy = for_server(&key.certificate)?;
                packets.extend_from_slice(&copy.certificate.to_bytes()?);
                left_out.extend(copy.left_out);
            } else {
                packets.extend_from_slice(&export(key, &arguments)?);
                warn_of_server(key, &arguments, world);
            }
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
    Ok(Exported { left_out, ..Exported::new(fingerprints, what, output) })
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
            let is_secret = arguments.secret || arguments.ci;
            let access = match is_secret {
                true => arguments.secret_access(),
                false => Access::Public { umask: world.umask },
            };
            let written = match arguments.force {
                true => write_new(path, bytes, access, Existing::Replace),
                false => write_unless_same(path, bytes, access),
            };
            written.map_err(|error| match is_secret {
                true => secret_not_written(error),
                false => error.into(),
            })
        }
        None if world.terminal.out_is_terminal() && !is_text => Err(Failure::BinaryToTerminal),
        None => world.terminal.write_bytes(bytes),
    }
}

/// Returns the copy of a certificate that a server can read.
pub fn for_server(certificate: &Certificate) -> Result<ServerCopy, Error> {
    ServerCopy::of(certificate).map_err(|refusal| Error::NotForServer {
        key: certificate.fingerprint(),
        words: refusal.words,
        advice: refusal.advice.into(),
    })
}

/// Says so if a certificate goes out that the server can read in part only.
fn warn_of_server(key: &HomeKey, arguments: &Arguments, world: &World) {
    if !arguments.secret && for_server(&key.certificate).is_ok_and(|copy| !copy.left_out.is_empty())
    {
        let fingerprint = key.certificate.fingerprint();
        world.terminal.warn(&format!(
            "a Mattermost server cannot read this certificate; for one: plugsign export --for-server {fingerprint}"
        ));
    }
}

fn public_subkey(error: openpgp::Error) -> Failure {
    let failure = Failure::from(error);
    failure.or_of_subkey("plugsign export KEY", "plugsign gpg --export 'SUBKEY!'")
}

fn export(key: &HomeKey, arguments: &Arguments) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let secret = key.secret.as_ref().filter(|_| arguments.secret);
    let Some(secret) = secret else {
        return Ok(Zeroizing::new(key.certificate.to_bytes()?));
    };
    if secret.protection() == Protection::None && !arguments.unprotected {
        let key = secret.fingerprint().to_string();
        return Err(openpgp::Error::Refused { key, weakness: Weakness::Unprotected }.into());
    }
    Ok(secret.merge(&key.certificate)?.to_bytes()?)
}

/// Keys that were exported.
pub struct Exported {
    fingerprints: Vec<Fingerprint>,
    /// What was written: "certificate", "secret key".
    what: &'static str,
    /// The subkeys that a server has no use for.
    left_out: Vec<Fingerprint>,
    output: Option<PathBuf>,
    words: Vec<String>,
}

impl Exported {
    pub(super) fn new(
        fingerprints: Vec<Fingerprint>,
        what: &'static str,
        output: Option<&PathBuf>,
    ) -> Exported {
        let (output, left_out, words) = (output.cloned(), Vec::new(), Vec::new());
        Exported { fingerprints, left_out, what, output, words }
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
        for subkey in &self.left_out {
            writeln!(
                talk,
                "left out: subkey {subkey}, which the server cannot read or would take though it is revoked"
            )?;
        }
        let Some(output) = &self.output else { return Ok(()) };
        for fingerprint in &self.fingerprints {
            writeln!(talk, "{} {fingerprint} written to {}", self.what, Safe::path(output))?;
        }
        self.words.iter().try_for_each(|words| writeln!(talk, "{words}"))
    }

    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let texts =
            |of: &[Fingerprint]| -> Vec<String> { of.iter().map(ToString::to_string).collect() };
        map.insert("fingerprints".into(), texts(&self.fingerprints).into());
        map.insert("left_out".into(), texts(&self.left_out).into());
        map.insert("secret".into(), (self.what != "certificate").into());
        map.insert("what".into(), self.what.into());
        map.insert("output".into(), self.output.as_ref().map(|path| path_text(path)).into());
        map
    }
}
