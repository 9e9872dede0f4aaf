//! `plugsign keygen`

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use plugsign::disk::Error;
use plugsign::disk::file::folder_of;
use plugsign::disk::home::Home;
use plugsign::disk::permissions::check_writable;
use plugsign::disk::write::{Access, Existing, write_new};
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::keygen::{KeyPlan, Kind, check_user_id, generate, user_id};
use plugsign::openpgp::policy::KeySizeBits;
use plugsign::openpgp::secret_key::Passphrase;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;
use plugsign::text::Safe;
use serde_json::{Map, Value};

use super::{dialog, summary};
use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::report::Report;
use crate::edge::streams::is_dash;
use crate::edge::terminal::Conversation;
use crate::edge::world::World;
use plugsign::publisher::change::whole_seconds;
use plugsign::publisher::failure::{Failure, one_line};
use plugsign::publisher::show::{certificate_json, path_text};

/// Make a key
///
/// Asks for everything on a terminal, unless an identity is given. Prints the fingerprint. The
/// key stays in the home, with a revocation certificate for the day it is lost.
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
    /// How long it is valid: 0, N or Nd days, Nw, Nm, Ny, or YYYY-MM-DD
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// How long the signing subkey of --kind org is valid
    #[arg(long, value_name = "WHEN", default_value = "1y")]
    subkey_expires: String,
    /// Write the summary of --kind org to this file, to be printed and kept with the paper copy
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Leave the key unprotected: whoever has the file can sign
    #[arg(long)]
    no_passphrase: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArgument {
    /// One RSA key that certifies and signs
    Sign,
    /// The same with a RSA subkey for encryption
    RsaRsa,
    /// An organisation's: a primary key that only certifies, and a signing subkey
    Org,
}

/// Whose key it is.
#[derive(Args)]
pub struct Identity {
    /// The real name in the user ID, an organisation's for a release key
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The e-mail address in the user ID
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The comment in the user ID
    #[arg(long, value_name = "COMMENT")]
    comment: Option<String>,
    /// The user ID as a whole
    #[arg(long, value_name = "UID", conflicts_with_all = ["name", "email", "comment"])]
    user_id: Option<String>,
}

impl Identity {
    pub fn is_given(&self) -> bool {
        self.user_id.is_some() || self.name.is_some() || self.email.is_some()
    }

    /// Returns the user ID.
    pub fn user_id(&self) -> Result<String, Failure> {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        match &self.user_id {
            Some(user_id) => {
                check_user_id(user_id)?;
                Ok(user_id.clone())
            }
            None => Ok(user_id(&part(&self.name), &part(&self.comment), &part(&self.email))?),
        }
    }
}

impl Arguments {
    /// Returns the kind of key, if it was said.
    fn kind(&self, created: SystemTime) -> Result<Option<Kind>, Failure> {
        Ok(match self.kind {
            None => None,
            Some(KindArgument::Sign) => Some(Kind::Sign),
            Some(KindArgument::RsaRsa) => Some(Kind::RsaRsa),
            Some(KindArgument::Org) => {
                Some(Kind::Organisation { signing: parse_validity(&self.subkey_expires, created)? })
            }
        })
    }
}

pub fn run(arguments: Arguments, world: &World) -> Result<Made, Failure> {
    world.home()?.check()?;
    let is_org = matches!(arguments.kind, Some(KindArgument::Org));
    if arguments.summary.is_some() && !is_org {
        return Err(Failure::Usage("--summary goes with --kind org".into()));
    }
    if arguments.identity.comment.is_some() && !arguments.identity.is_given() {
        return Err(Failure::Usage("--comment goes with --name or --email".into()));
    }
    if let Some(path) = &arguments.summary {
        check_place(path)?;
    }
    let bits = arguments.bits.as_deref().map(parse_bits).transpose()?;
    let created = whole_seconds(world.now);
    let kind = arguments.kind(created)?;
    let validity =
        arguments.expires.as_deref().map(|when| parse_validity(when, created)).transpose()?;
    let plan = if arguments.identity.is_given() {
        KeyPlan {
            kind: kind.unwrap_or(Kind::Sign),
            bits: bits.unwrap_or(KeySizeBits::Rsa3072),
            user_id: arguments.identity.user_id()?,
            created,
            validity: validity.flatten(),
        }
    } else {
        let asked = dialog::Asked { kind, bits, validity, usual: Kind::Sign };
        dialog::plan(&mut converse()?, asked, created)?
    };
    let what = Safe::text(&plan.user_id).to_string();
    let passphrase = world
        .publisher(&Asking::new(world).key(&arguments.passphrase))
        .passphrase_for_new_key(arguments.no_passphrase, &what)?;
    make(&plan, passphrase.as_deref(), arguments.summary.as_deref(), world)
}

/// Makes the key and stores it.
pub fn make(
    plan: &KeyPlan,
    passphrase: Option<&Passphrase>,
    summary_file: Option<&Path>,
    world: &World,
) -> Result<Made, Failure> {
    let home = world.home()?;
    home.check()?;
    let created = plan.created;
    world.terminal.whisper(&format!("making {} RSA bits", plan.bits.bits()));
    let key = generate(plan, passphrase)?;
    // What was made passes the same rules as what is imported.
    let certificate = key.secret.certificate();
    certificate.check_signer(&plugsign::openpgp::policy::Policy::new(created)).map_err(
        |weakness| openpgp::Error::Refused { key: certificate.fingerprint().to_string(), weakness },
    )?;
    let lock = world.lock()?;
    warn_of_namesakes(&plan.user_id, home, world)?;
    home.add_new_key(&lock, &key.secret, &key.revocations)?;
    let fingerprint = certificate.fingerprint();
    let revocations: Vec<PathBuf> = key
        .revocations
        .iter()
        .map(|(reason, _)| home.revocation_path(&fingerprint, *reason))
        .collect();
    let description = certificate.describe(&world.policy());
    let is_org = matches!(plan.kind, Kind::Organisation { .. });
    let summary = is_org.then(|| summary::write(certificate, &description, home, &revocations));
    if let (Some(path), Some(text)) = (summary_file, &summary) {
        let access = Access::Public { umask: world.umask };
        if let Err(error) = write_new(path, text.as_bytes(), access, Existing::Keep) {
            world.terminal.warn(&format!(
                "the key is made, and its summary is not written: {}; it is the text below",
                one_line(&error)
            ));
        }
    }
    Ok(Made {
        json: certificate_json(certificate, &description),
        revocations,
        expires: plan.validity.map(|validity| created + validity),
        summary,
        certificate: certificate.clone(),
    })
}

/// Says so if a key of the home has the user ID: neither is found by it any more.
fn warn_of_namesakes(user_id: &str, home: &Home, world: &World) -> Result<(), Failure> {
    for key in home.keys()?.items {
        if key.certificate.standing_user_ids().iter().any(|id| id == user_id.as_bytes()) {
            let fingerprint = key.certificate.fingerprint();
            world.terminal.warn(&format!(
                "{fingerprint} has the same user ID: name each of the two by its fingerprint"
            ));
        }
    }
    Ok(())
}

/// Checks that a summary could be written there. Later would be too late: the key would be there,
/// and its sheet not.
fn check_place(path: &Path) -> Result<(), Failure> {
    if is_dash(path) {
        return Err(Failure::Usage(
            "--summary takes a file: on standard error the summary is shown anyway".into(),
        ));
    }
    if fs::symlink_metadata(path).is_ok() {
        let error = Box::new(Error::Exists(path.to_owned()).into());
        return Err(Failure::Advised(error, "name another file for --summary".into()));
    }
    check_writable(folder_of(path)).map_err(|error| {
        Failure::Advised(
            Box::new(Error::io("write", path)(error).into()),
            "no key was made: name a file in a folder that is there and can be written to".into(),
        )
    })
}

pub fn parse_bits(text: &str) -> Result<KeySizeBits, Failure> {
    let bits = text
        .trim()
        .parse::<u32>()
        .map_err(|_| Failure::Usage(format!("\"{}\" is no size in bits", Safe::text(text))))?;
    KeySizeBits::from_bits(bits).map_err(|weakness| {
        openpgp::Error::Refused { key: format!("{bits} bits"), weakness }.into()
    })
}

fn converse() -> Result<Conversation, Failure> {
    let identity = "who is the key for? Say --name and --email, or --user-id; \
                    on a terminal you are asked";
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(identity.into()));
    }
    Conversation::open().ok_or_else(|| Failure::Usage(identity.into()))
}

/// A key that was made.
pub struct Made {
    certificate: Certificate,
    expires: Option<SystemTime>,
    /// The one without reason first.
    revocations: Vec<PathBuf>,
    /// What to print for the organisation's safe.
    summary: Option<String>,
    json: Map<String, Value>,
}

impl Made {
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Where its revocation certificates are kept, the one without reason first.
    pub fn revocations(&self) -> &[PathBuf] {
        &self.revocations
    }
}

impl Report for Made {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.certificate.fingerprint())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let fingerprint = self.certificate.fingerprint();
        if let Some(summary) = &self.summary {
            return talk.write_all(summary.as_bytes());
        }
        match self.expires {
            Some(expires) => writeln!(talk, "The key expires on {}.", show_time(expires))?,
            None => writeln!(talk, "The key does not expire.")?,
        }
        writeln!(talk, "Hand out its certificate:  plugsign export {fingerprint} -o my-pub-key")?;
        writeln!(talk, "Sign with it:              plugsign sign -u {fingerprint} FILE")?;
        writeln!(talk, "Keep a copy of its revocation certificate in a safe place:")?;
        self.revocations.iter().try_for_each(|path| writeln!(talk, "  {}", Safe::path(path)))
    }

    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("key".into(), Value::Object(self.json.clone()));
        let mut revocations = self.revocations.iter().map(|path| path_text(path).into());
        map.insert("revocation".into(), revocations.next().unwrap_or_default());
        map.insert("revocations_for_reasons".into(), revocations.collect::<Vec<Value>>().into());
        map.insert("summary".into(), self.summary.clone().into());
        map
    }
}
