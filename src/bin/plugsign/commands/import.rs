//! `plugsign import`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::disk::file::{read_bounded, read_small};
use plugsign::disk::home::{HomeKey, Shelf};
use plugsign::error::Error;
use plugsign::mattermost::public_key::check_readable;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::key_file::{Key, MAX_KEY_FILE, read_keys};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::{Protection, SecretKey};
use plugsign::safe::Safe;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::failure::{
    EXIT_COULD_NOT, EXIT_REFUSED, Failure, UNREADABLE, error_json, exit_of, hint, one_line,
};
use crate::passphrase::PassphraseSource;
use crate::report::{Report, first_user_id};
use crate::world::World;

/// Take certificates and secret keys into the home
///
/// Reads what gpg and others export: binary, armored or base64, one or many to a file. A secret
/// key is unlocked once, to prove that it is whole, and stored as protected as it came.
#[derive(Args)]
pub struct Arguments {
    /// Files with keys; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Take secret keys in the place of those that are here already
    #[arg(long)]
    replace: bool,
    /// Store a secret key that comes without passphrase as it is
    #[arg(long)]
    no_passphrase: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Imported, Failure> {
    if arguments.passphrase.uses_stdin() && arguments.files.iter().any(|file| is_stdin(file)) {
        return Err(Failure::Usage(
            "standard input cannot be both a key file and the passphrase".into(),
        ));
    }
    world.home()?.check()?;
    let mut imported = Imported { lines: Vec::new() };
    for file in &arguments.files {
        let shown = Safe::path(file).to_string();
        let keys = match read_file(file).and_then(|bytes| read_keys(&bytes)) {
            Ok(keys) => keys,
            Err(error) => {
                imported.lines.push(Line::failed(shown, error));
                continue;
            }
        };
        for key in keys {
            let line = match key {
                Ok(Key::Certificate(certificate)) => import_certificate(certificate, world)?,
                Ok(Key::Secret(secret)) => import_secret(secret, &arguments, world)?,
                Err(error) => Line::failed(shown.clone(), error),
            };
            imported.lines.push(line);
        }
    }
    Ok(imported)
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    if is_stdin(path) {
        return read_bounded(io::stdin().lock(), "standard input", "a key file", MAX_KEY_FILE);
    }
    read_small(path, "a key file", MAX_KEY_FILE)
}

fn import_certificate(certificate: Certificate, world: &World) -> Result<Line, Failure> {
    if let Err(error) = check(&certificate, &world.policy()) {
        return Ok(Line::of(&certificate, Outcome::Refused(error), false));
    }
    let outcome = match store_certificate(&certificate, world)? {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Refused(error),
    };
    Ok(Line::of(&certificate, outcome, false))
}

pub fn check(certificate: &Certificate, policy: &Policy) -> Result<(), Error> {
    certificate
        .check_signer(policy)
        .map_err(|weakness| Error::Refused { key: certificate.fingerprint().to_string(), weakness })
}

pub fn store_certificate(
    certificate: &Certificate,
    world: &World,
) -> Result<Result<Outcome, Error>, Failure> {
    let home = world.home()?;
    let lock = world.lock()?;
    let shelf = home.keys()?;
    let store = || match known(&shelf, certificate) {
        None => home.put_certificate(&lock, certificate).map(|()| Outcome::New),
        Some(key) => {
            let merged = key.certificate.merge(certificate)?;
            if merged.same_as(&key.certificate) {
                return Ok(Outcome::Unchanged);
            }
            home.put_certificate(&lock, &merged).map(|()| Outcome::Updated)
        }
    };
    Ok(store())
}

pub fn known<'a>(shelf: &'a Shelf<HomeKey>, certificate: &Certificate) -> Option<&'a HomeKey> {
    let fingerprint = certificate.fingerprint();
    shelf.items.iter().find(|key| key.certificate.fingerprint() == fingerprint)
}

fn import_secret(secret: SecretKey, arguments: &Arguments, world: &World) -> Result<Line, Failure> {
    let certificate = secret.certificate();
    let line = |outcome| Ok(Line::of(&certificate, outcome, true));
    if let Err(error) = check(&certificate, &world.policy()) {
        return line(Outcome::Refused(error));
    }
    let protected = match prove(&secret, &certificate, arguments, world) {
        Ok(protected) => protected,
        Err(Failure::Library(error)) => return line(Outcome::Refused(error)),
        // The other keys and files are still looked at.
        Err(Failure::NoPassphrase(_)) => {
            return line(Outcome::Refused(Error::PassphraseNeeded(certificate.fingerprint())));
        }
        Err(failure) => return Err(failure),
    };
    let secret = protected.unwrap_or(secret);
    let outcome = match store_secret(&secret, &certificate, arguments.replace, world)? {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Refused(error),
    };
    if !matches!(outcome, Outcome::Refused(_))
        && let Err(unfit) = check_readable(&certificate.to_bytes()?)
    {
        let fingerprint = certificate.fingerprint();
        world.terminal.warn(&format!(
            "{fingerprint} cannot sign here, for the server cannot read its certificate: {unfit}\n  hint: {UNREADABLE}"
        ));
    }
    line(outcome)
}

/// Unlocks the key, to prove that it is whole and belongs to its certificate, and returns it
/// better protected if it needs to be.
fn prove(
    secret: &SecretKey,
    certificate: &Certificate,
    arguments: &Arguments,
    world: &World,
) -> Result<Option<SecretKey>, Failure> {
    if secret.protection() == Protection::None {
        secret.check(None).or_else(|error| match error {
            // A protected part among unprotected ones: it is checked below.
            Error::PassphraseNeeded(_) if !arguments.no_passphrase => Ok(()),
            error => Err(error),
        })?;
        let what = format!("{} (it has none)", first_user_id(certificate));
        let passphrase =
            arguments.passphrase.new_passphrase(world, arguments.no_passphrase, &what)?;
        return match passphrase {
            Some(passphrase) => {
                let protected = secret.protect(&passphrase)?;
                protected.check(Some(&passphrase))?;
                Ok(Some(protected))
            }
            None => Ok(None),
        };
    }
    let passphrase = arguments.passphrase.of_key(world, secret, certificate)?;
    secret.check(passphrase.as_ref())?;
    match passphrase {
        Some(passphrase) => Ok(Some(secret.protect(&passphrase)?)),
        None => Ok(None),
    }
}

pub fn store_secret(
    secret: &SecretKey,
    certificate: &Certificate,
    replace: bool,
    world: &World,
) -> Result<Result<Outcome, Error>, Failure> {
    let home = world.home()?;
    let lock = world.lock()?;
    let shelf = home.keys()?;
    let store = || {
        let Some(key) = known(&shelf, certificate) else {
            return home.put_secret(&lock, secret).map(|()| Outcome::New);
        };
        let merged = match replace {
            true => key.certificate.without_subkeys_gone_from(certificate).merge(certificate)?,
            false => key.certificate.merge(certificate)?,
        };
        let publish = |outcome| match merged.same_as(&key.certificate) {
            true => Ok(outcome),
            false => home.put_certificate(&lock, &merged).map(|()| Outcome::Updated),
        };
        match &key.secret {
            Some(stored) if !replace => {
                if stored.has_all_secrets_of(secret) {
                    return publish(Outcome::Unchanged);
                }
                Err(Error::SecretKeyDiffers(secret.fingerprint()))
            }
            _ => {
                home.put_secret(&lock, &secret.merge(&merged)?)?;
                publish(Outcome::Updated)
            }
        }
    };
    Ok(store())
}

/// What became of each key.
pub struct Imported {
    lines: Vec<Line>,
}

struct Line {
    /// A fingerprint and user ID, or the file that could not be read.
    what: String,
    user_id: Option<String>,
    secret: bool,
    outcome: Outcome,
}

/// What became of a key.
pub enum Outcome {
    New,
    Updated,
    Unchanged,
    Refused(Error),
    /// The file, or a part of it, is no key.
    Unreadable(Error),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Outcome::New => "new",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
            Outcome::Refused(_) => "refused",
            Outcome::Unreadable(_) => "unreadable",
        }
    }

    fn error(&self) -> Option<&Error> {
        match self {
            Outcome::Refused(error) | Outcome::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

impl Line {
    fn of(certificate: &Certificate, outcome: Outcome, secret: bool) -> Line {
        Line {
            what: certificate.fingerprint().to_string(),
            user_id: Some(first_user_id(certificate)),
            secret,
            outcome,
        }
    }

    fn failed(file: String, error: Error) -> Line {
        let outcome = match error {
            Error::Refused { .. } => Outcome::Refused(error),
            _ => Outcome::Unreadable(error),
        };
        Line { what: file, user_id: None, secret: false, outcome }
    }
}

impl Report for Imported {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            let word = line.outcome.word();
            match (line.outcome.error(), &line.user_id) {
                (Some(error @ Error::Refused { .. }), _) => {
                    writeln!(out, "{word}  {}", one_line(error))?;
                }
                (Some(error), _) => writeln!(out, "{word}  {}: {}", line.what, one_line(error))?,
                (None, user_id) => {
                    let kind = if line.secret { "secret key" } else { "certificate" };
                    let user_id = user_id.as_deref().unwrap_or_default();
                    writeln!(out, "{word}  {}  {kind}  {user_id}", line.what)?;
                }
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        let kept = |line: &Line| line.secret && matches!(line.outcome, Outcome::Unchanged);
        if self.lines.iter().any(kept) {
            writeln!(
                talk,
                "A secret key that was here already stays as it is, with its passphrase; --replace takes the new one."
            )?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for line in &self.lines {
            if let Some(hint) = line.outcome.error().and_then(hint) {
                writeln!(talk, "hint: {hint}")?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let keys: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                let fingerprint = line.user_id.as_ref().map(|_| line.what.clone());
                let file = line.user_id.is_none().then(|| line.what.clone());
                json!({
                    "fingerprint": fingerprint,
                    "file": file,
                    "secret": line.secret,
                    "outcome": line.outcome.word(),
                    "error": line.outcome.error().map(error_json),
                })
            })
            .collect();
        let mut map = Map::new();
        map.insert("keys".into(), keys.into());
        map
    }

    /// Refused by policy weighs more than unreadable: nothing that is tried again mends it.
    fn exit(&self) -> u8 {
        let codes = self.lines.iter().filter_map(|line| line.outcome.error()).map(exit_of);
        match codes.max() {
            Some(EXIT_REFUSED) => EXIT_REFUSED,
            Some(_) => EXIT_COULD_NOT,
            None => 0,
        }
    }
}

/// Returns the certificates of a file that `--key` names.
pub fn read_certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let mut certificates = Vec::new();
    let mut last = None;
    for key in read_keys(&read_file(path)?)? {
        match key {
            Ok(Key::Certificate(certificate)) => certificates.push(certificate),
            Ok(Key::Secret(secret)) => certificates.push(secret.certificate()),
            Err(error) => last = Some(error),
        }
    }
    match (certificates.is_empty(), last) {
        (true, Some(error)) => Err(error.into()),
        _ => Ok(certificates),
    }
}

/// Returns the one secret key of a file or a text, or the one that matches.
pub fn one_secret(
    keys: Vec<Result<Key, Error>>,
    query: Option<&KeyQuery>,
) -> Result<SecretKey, Failure> {
    let mut found: Option<SecretKey> = None;
    let mut last = Error::NoKey("it has no secret key".into());
    for key in keys {
        match key {
            Ok(Key::Secret(secret)) => {
                if query.is_some_and(|query| !query.matches(&secret.certificate())) {
                    continue;
                }
                if let Some(first) = &found {
                    return Err(Error::AmbiguousKey {
                        query: query.map(|query| query.text().to_string()).unwrap_or_default(),
                        candidates: vec![
                            (first.fingerprint(), first_user_id(&first.certificate())),
                            (secret.fingerprint(), first_user_id(&secret.certificate())),
                        ],
                    }
                    .into());
                }
                found = Some(secret);
            }
            Ok(Key::Certificate(_)) => {}
            Err(error) => last = error,
        }
    }
    found.ok_or_else(|| last.into())
}
