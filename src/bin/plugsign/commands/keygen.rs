//! `plugsign keygen`

use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use plugsign::error::Error;
use plugsign::openpgp::certificate::{Certificate, show_time};
use plugsign::openpgp::keygen::{KeyPlan, Kind, check_user_id, generate, user_id};
use plugsign::openpgp::policy::KeySizeBits;
use plugsign::openpgp::secret_key::Passphrase;
use plugsign::openpgp::validity::parse_validity;
use plugsign::safe::Safe;
use serde_json::{Map, Value};

use super::dialog;
use crate::failure::Failure;
use crate::passphrase::PassphraseSource;
use crate::report::{Report, certificate_json};
use crate::terminal::Conversation;
use crate::world::World;

/// Make a key
///
/// Asks for everything on a terminal, unless an identity is given. Prints the fingerprint. The
/// key stays in the home, with a revocation certificate for the day it is lost.
#[derive(Args)]
pub struct Arguments {
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
    /// What kind of key
    #[arg(long)]
    kind: Option<KindArgument>,
    /// The size in bits: 3072 or 4096
    #[arg(long, value_name = "BITS")]
    bits: Option<String>,
    /// How long it is valid: 0, N or Nd days, Nw, Nm, Ny, or YYYY-MM-DD
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
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
}

impl From<KindArgument> for Kind {
    fn from(kind: KindArgument) -> Kind {
        match kind {
            KindArgument::Sign => Kind::Sign,
            KindArgument::RsaRsa => Kind::RsaRsa,
        }
    }
}

impl Arguments {
    fn has_identity(&self) -> bool {
        self.user_id.is_some() || self.name.is_some() || self.email.is_some()
    }

    fn identity(&self) -> Result<String, Failure> {
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

pub fn run(arguments: Arguments, world: &World) -> Result<Made, Failure> {
    world.home()?.check()?;
    let bits = arguments.bits.as_deref().map(parse_bits).transpose()?;
    let created = whole_seconds(world.now);
    let validity =
        arguments.expires.as_deref().map(|when| parse_validity(when, created)).transpose()?;
    let (plan, passphrase) = if arguments.has_identity() {
        let plan = KeyPlan {
            kind: arguments.kind.map_or(Kind::Sign, Kind::from),
            bits: bits.unwrap_or(KeySizeBits::Rsa3072),
            user_id: arguments.identity()?,
            created,
            validity: validity.flatten(),
        };
        let what = Safe::text(&plan.user_id).to_string();
        let passphrase =
            arguments.passphrase.new_passphrase(world, arguments.no_passphrase, &what)?;
        (plan, passphrase)
    } else {
        let mut person = converse()?;
        let asked = dialog::Asked { kind: arguments.kind.map(Kind::from), bits, validity };
        let plan = dialog::plan(&mut person, asked, created)?;
        let what = Safe::text(&plan.user_id).to_string();
        let passphrase =
            arguments.passphrase.new_passphrase(world, arguments.no_passphrase, &what)?;
        (plan, passphrase)
    };
    make(&plan, passphrase.as_ref(), world)
}

/// Makes the key and stores it.
pub fn make(
    plan: &KeyPlan,
    passphrase: Option<&Passphrase>,
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
        |weakness| Error::Refused { key: certificate.fingerprint().to_string(), weakness },
    )?;
    let lock = world.lock()?;
    home.add_new_key(&lock, &key.secret, &key.revocation)?;
    Ok(Made {
        json: certificate_json(&certificate, &certificate.describe(&world.policy())),
        revocation: home.revocation_path(&certificate.fingerprint()),
        expires: plan.validity.map(|validity| created + validity),
        certificate,
    })
}

/// OpenPGP counts whole seconds.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs())
}

pub fn parse_bits(text: &str) -> Result<KeySizeBits, Failure> {
    let bits = text
        .trim()
        .parse::<u32>()
        .map_err(|_| Failure::Usage(format!("\"{}\" is no size in bits", Safe::text(text))))?;
    KeySizeBits::from_bits(bits)
        .map_err(|weakness| Error::Refused { key: format!("{bits} bits"), weakness }.into())
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
    revocation: std::path::PathBuf,
    json: Map<String, Value>,
}

impl Made {
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Where its revocation certificate is kept.
    pub fn revocation(&self) -> &std::path::Path {
        &self.revocation
    }
}

impl Report for Made {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.certificate.fingerprint())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let fingerprint = self.certificate.fingerprint();
        match self.expires {
            Some(expires) => writeln!(talk, "The key expires on {}.", show_time(expires))?,
            None => writeln!(talk, "The key does not expire.")?,
        }
        writeln!(talk, "Hand out its certificate:  plugsign export {fingerprint} -o my-pub-key")?;
        writeln!(talk, "Sign with it:              plugsign sign -u {fingerprint} FILE")?;
        writeln!(talk, "Keep a copy of its revocation certificate in a safe place:")?;
        writeln!(talk, "  {}", Safe::path(&self.revocation))
    }

    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("key".into(), Value::Object(self.json.clone()));
        map.insert("revocation".into(), self.revocation.to_string_lossy().into());
        map
    }
}
