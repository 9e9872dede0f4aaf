//! `plugsign import`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use plugsign::disk::file::{read_bounded, read_small};
use plugsign::disk::home::Lock;
use plugsign::disk::shelf::{HomeKey, Shelf};
use plugsign::error::Error;
use plugsign::mattermost::server_copy::ServerCopy;
use plugsign::openpgp::bounds::Budget;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::change::{Maker, Revocation, refresh, revoke_by};
use plugsign::openpgp::key_file::{
    Key, MAX_KEYRING, read_certificates as read_certificates_of, read_keys_within,
};
use plugsign::openpgp::policy::{Policy, Weakness};
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::{Passphrase, Protection, SecretKey};
use plugsign::openpgp::shared_primes::Moduli;
use plugsign::safe::Safe;
use zeroize::Zeroizing;

use super::change::settle;
use super::import_gnupg;
use super::imported::{Imported, Line, Outcome};
use crate::edge::failure::{Failure, UNREADABLE};
use crate::edge::passphrase::PassphraseSource;
use crate::edge::report::first_user_id;
use crate::edge::streams;
use crate::edge::world::{World, is_dash};

/// Take certificates and secret keys into the home
///
/// Reads what gpg and others export: binary, armored or base64, one or many to a file. A secret
/// key is unlocked once, to prove that it is whole, and stored as protected as it came.
#[derive(Args)]
pub struct Arguments {
    /// Files with keys; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "from_gnupg")]
    files: Vec<PathBuf>,
    /// Take the keys over from a GnuPG home, without gpg and without changing anything in it;
    /// $GNUPGHOME or ~/.gnupg if none is named
    #[arg(long, value_name = "DIR", num_args = 0..=1, conflicts_with = "files")]
    from_gnupg: Option<Option<PathBuf>>,
    /// Take secret keys in the place of those that are here already, with their passphrase; parts
    /// that are only here are kept
    #[arg(long)]
    pub(super) replace: bool,
    /// Renew self-signatures over SHA-1 with SHA-256, which needs the primary key
    #[arg(long)]
    refresh: bool,
    /// Store a secret key that comes without passphrase as it is
    #[arg(long)]
    pub(super) no_passphrase: bool,
    #[command(flatten)]
    pub(super) passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Imported, Failure> {
    if arguments.passphrase.uses_stdin() && arguments.files.iter().any(|file| is_dash(file)) {
        return Err(Failure::Usage(
            "standard input cannot be both a key file and the passphrase".into(),
        ));
    }
    world.home()?.check()?;
    let mut imported = Imported::default();
    if let Some(folder) = &arguments.from_gnupg {
        import_gnupg::run(folder.as_deref(), &arguments, world, &mut imported)?;
        return Ok(imported);
    }
    let mut storing = Storing::default();
    for file in &arguments.files {
        let shown = Safe::path(file).to_string();
        let keys = match read_file(file).and_then(|bytes| read_keys_within(&bytes, &world.budget)) {
            Ok(keys) => keys,
            Err(error) => {
                imported.push(Line::failed(shown, error));
                continue;
            }
        };
        for key in keys {
            imported.push(match key {
                Ok(Key::Certificate(certificate)) => {
                    import_certificate(&certificate, &mut storing, world)
                }
                Ok(Key::Secret(secret)) => {
                    storing.pause();
                    import_secret(&secret, &arguments, world)
                }
                Ok(Key::Revocation(revocation)) => {
                    storing.pause();
                    import_revocation(&revocation, &shown, world)
                }
                Err(error) => Line::failed(shown.clone(), error),
            });
        }
    }
    Ok(imported)
}

/// Reads a key file, or standard input.
pub fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    if is_dash(path) {
        let input = streams::input().map_err(Error::io("read", Path::new("standard input")))?;
        return read_bounded(input, "standard input", "a key file", MAX_KEYRING);
    }
    read_small(path, "a key file", MAX_KEYRING)
}

fn import_revocation(revocation: &Revocation, file: &str, world: &World) -> Line {
    match apply_revocation(revocation, world) {
        Ok((certificate, outcome)) => Line::of_revocation(&certificate, outcome),
        Err(failure) => Line::failed(file.to_string(), failure),
    }
}

/// Applies a revocation certificate to the key of the home that made it, if it has that key.
pub fn apply_revocation(
    revocation: &Revocation,
    world: &World,
) -> Result<(Certificate, Outcome), Failure> {
    let home = world.home()?;
    let lock = world.lock()?;
    let shelf = home.keys()?;
    let issuer = revocation.issuer();
    let named = |key: &&HomeKey| issuer.as_ref() == Some(&key.certificate.fingerprint().key_id());
    let Some(key) = shelf.items.iter().find(named) else {
        let issuer = issuer.map_or("nobody".into(), |issuer| issuer.to_string());
        return Err(Error::UnknownKey(issuer).into());
    };
    let apply = || {
        shelf.check_complete(&key.certificate.fingerprint())?;
        let revoked = revoke_by(&key.certificate, revocation)?;
        match revoked.same_as(&key.certificate) {
            true => Ok(Outcome::Unchanged),
            false => home.put_certificate(&lock, &revoked).map(|()| Outcome::Updated),
        }
    };
    let outcome = apply().unwrap_or_else(|error: Error| Outcome::Refused(error.into()));
    Ok((key.certificate.clone(), outcome))
}

/// Takes a certificate. Whatever keeps it out is its line's to say: other keys go on.
pub(super) fn import_certificate(
    certificate: &Certificate,
    storing: &mut Storing,
    world: &World,
) -> Line {
    let stored = check(certificate, &world.policy())
        .map_err(Failure::from)
        .inspect_err(|_| storing.heed(certificate, world))
        .and_then(|()| storing.certificate(certificate, world));
    Line::of(certificate, stored.unwrap_or_else(Outcome::Refused), false)
}

pub fn check(certificate: &Certificate, policy: &Policy) -> Result<(), Error> {
    certificate
        .check_signer(policy)
        .map_err(|weakness| Error::Refused { key: certificate.fingerprint().to_string(), weakness })
}

/// Many certificates on their way into the home. It is locked once for all of them, and what the
/// others have is read once.
#[derive(Default)]
pub struct Storing {
    open: Option<(Lock, Moduli)>,
}

impl Storing {
    /// Lets others at the home, as long as somebody is asked or another kind of change is made.
    pub fn pause(&mut self) {
        self.open = None;
    }

    /// Takes over the revocation of a certificate that is refused, if the home knows its key.
    pub fn heed(&mut self, certificate: &Certificate, world: &World) {
        self.pause();
        heed(std::slice::from_ref(certificate), world);
    }

    /// Stores a certificate, with what is there of it already.
    pub fn certificate(
        &mut self,
        certificate: &Certificate,
        world: &World,
    ) -> Result<Outcome, Failure> {
        let certificate = &certificate.proven();
        let home = world.home()?;
        let (lock, moduli) = match &mut self.open {
            Some(open) => open,
            open => {
                let lock = world.lock()?;
                open.insert((lock, home.moduli()?))
            }
        };
        let shelf = home.keys_of(&[certificate.fingerprint()])?;
        shelf.check_complete(&certificate.fingerprint())?;
        check_primes(certificate, moduli, &world.budget)?;
        let Some(key) = known(&shelf, certificate) else {
            home.put_certificate(lock, certificate)?;
            moduli.add(certificate);
            return Ok(Outcome::New);
        };
        let merged = key.certificate.merge(certificate)?;
        if merged.same_as(&key.certificate) {
            return Ok(Outcome::Unchanged);
        }
        home.put_certificate(lock, &merged)?;
        moduli.add(&merged);
        Ok(Outcome::Updated)
    }
}

/// Takes over the revocations of certificates that are refused: what is known to be revoked is so
/// in every copy.
pub fn heed(certificates: &[Certificate], world: &World) {
    // Without a home there is nothing that a revocation could be about.
    let Ok(home) = world.home() else { return };
    for certificate in certificates {
        let heeded = match home.knows(&certificate.fingerprint()) {
            Ok(true) => world.lock().and_then(|lock| Ok(home.heed(&lock, &certificate.proven())?)),
            Ok(false) => Ok(false),
            Err(error) => Err(error.into()),
        };
        let key = certificate.fingerprint();
        match heeded {
            Ok(true) => world.terminal.warn(&format!("{key} is revoked in it, and so here now")),
            Ok(false) => {}
            Err(failure) => {
                let why = failure.message();
                world.terminal.warn(&format!("a revocation of {key} was not taken over: {why}"));
            }
        }
    }
}

/// Makes sure that a key to be kept does not share a prime with one that is here.
fn check_primes(certificate: &Certificate, moduli: &Moduli, budget: &Budget) -> Result<(), Error> {
    match moduli.sharer(certificate, budget)? {
        Some(other) => Err(Error::Refused {
            key: certificate.fingerprint().to_string(),
            weakness: Weakness::SharedPrime(other.clone()),
        }),
        None => Ok(()),
    }
}

pub fn known<'a>(shelf: &'a Shelf<HomeKey>, certificate: &Certificate) -> Option<&'a HomeKey> {
    let fingerprint = certificate.fingerprint();
    shelf.items.iter().find(|key| key.certificate.fingerprint() == fingerprint)
}

/// Takes a secret key, as [`import_certificate`] does a certificate.
fn import_secret(secret: &SecretKey, arguments: &Arguments, world: &World) -> Line {
    let certificate = secret.certificate();
    let taken = match check(certificate, &world.policy()) {
        Ok(()) => take_secret(secret, certificate, arguments, world),
        Err(Error::Refused { weakness: Weakness::Hash(_), .. }) if arguments.refresh => {
            take_refreshed(secret, certificate, arguments, world)
        }
        Err(error) => Err(error.into()),
    };
    Line::of(certificate, taken.unwrap_or_else(Outcome::Refused), true)
}

/// Renews the self-signatures of a key, and takes it.
fn take_refreshed(
    secret: &SecretKey,
    certificate: &Certificate,
    arguments: &Arguments,
    world: &World,
) -> Result<Outcome, Failure> {
    let (primary, passphrase) = arguments.passphrase.until_right(world, || {
        let passphrase = arguments.passphrase.of_key(world, secret, certificate)?;
        Ok((secret.unlock_primary(passphrase.as_deref())?, passphrase))
    })?;
    let passphrase = passphrase.as_deref();
    let maker = Maker { primary: &primary, secret, passphrase };
    let renewed = refresh(certificate, &maker, settle(certificate, world))?;
    let renewed = renewed.unwrap_or_else(|| certificate.clone());
    check(&renewed, &Policy::new(world.now_at_last()))?;
    take_secret(&secret.merge(&renewed)?, &renewed, arguments, world)
}

fn take_secret(
    secret: &SecretKey,
    certificate: &Certificate,
    arguments: &Arguments,
    world: &World,
) -> Result<Outcome, Failure> {
    if secret.secret_fingerprints().is_empty() {
        // No passphrase would change that.
        secret.check(None)?;
    }
    let (protected, passphrase) = match secret.protection() {
        Protection::None => protect(secret, certificate, arguments, world)?,
        Protection::Passphrase => {
            let source = &arguments.passphrase;
            let (proven, passphrase) = source.until_right(world, || {
                let passphrase = source.of_protected(world, certificate)?;
                Ok((prove(secret, &passphrase)?, passphrase))
            })?;
            (Some(proven), Some(passphrase))
        }
    };
    let keeping = Keeping { replace: arguments.replace, passphrase: passphrase.as_deref() };
    keep(protected.as_ref().unwrap_or(secret), certificate, &keeping, world)
}

/// How a secret key goes into the home.
pub struct Keeping<'a> {
    /// Whether it goes in the place of what is there.
    pub replace: bool,
    /// What unlocks it.
    pub passphrase: Option<&'a Passphrase>,
}

/// Stores a secret key that was proven, and warns of one that cannot sign here.
pub(super) fn keep(
    secret: &SecretKey,
    certificate: &Certificate,
    keeping: &Keeping<'_>,
    world: &World,
) -> Result<Outcome, Failure> {
    let outcome = store_secret(secret, certificate, keeping, world)?;
    warn_of_server(certificate, world)?;
    Ok(outcome)
}

/// Says what the server will make of a key that is to sign for it.
fn warn_of_server(certificate: &Certificate, world: &World) -> Result<(), Failure> {
    let fingerprint = certificate.fingerprint();
    match ServerCopy::of(certificate)? {
        Ok(copy) if copy.left_out.is_empty() => {}
        Ok(_) => world.terminal.warn(&format!(
            "{fingerprint} has a subkey that a Mattermost server cannot read; it signs all the same, and servers get its certificate by: plugsign export --for-server {fingerprint}"
        )),
        Err(refusal) => world.terminal.warn(&format!(
            "{fingerprint} cannot sign here, for the server cannot read its certificate: {refusal}: {}\n  hint: {UNREADABLE}",
            refusal.advice
        )),
    }
    Ok(())
}

/// Unlocks a key, to prove that it is whole and belongs to its certificate, and returns it
/// better protected if it needs to be.
pub(super) fn prove(secret: &SecretKey, passphrase: &Passphrase) -> Result<SecretKey, Error> {
    secret.check(Some(passphrase))?;
    secret.protect(passphrase)
}

/// Proves a key with unprotected parts, and returns it protected unless it shall not be.
pub(super) fn protect(
    secret: &SecretKey,
    certificate: &Certificate,
    arguments: &Arguments,
    world: &World,
) -> Result<(Option<SecretKey>, Option<Arc<Passphrase>>), Failure> {
    secret.check(None).or_else(|error| match error {
        // A protected part among unprotected ones: it is checked below.
        Error::PassphraseNeeded(_) if !arguments.no_passphrase => Ok(()),
        error => Err(error),
    })?;
    let what = format!("{} (it has none)", first_user_id(certificate));
    let passphrase = arguments.passphrase.new_passphrase(world, arguments.no_passphrase, &what)?;
    let Some(passphrase) = passphrase else { return Ok((None, None)) };
    if arguments.passphrase.given(world)?.is_some() {
        let fingerprint = certificate.fingerprint();
        let words = "had no passphrase, and is stored under the one that was given";
        world.terminal.warn(&format!("{fingerprint} {words}"));
    }
    let protected = secret.protect(&passphrase)?;
    protected.check(Some(&passphrase))?;
    Ok((Some(protected), Some(passphrase)))
}

/// Puts a secret key into the home. No secret part that is there is ever lost, and none is
/// replaced unasked: a part that only one of both has is kept with those of the other.
pub fn store_secret(
    secret: &SecretKey,
    certificate: &Certificate,
    keeping: &Keeping<'_>,
    world: &World,
) -> Result<Outcome, Failure> {
    let replace = keeping.replace;
    let home = world.home()?;
    let lock = world.lock()?;
    let shelf = home.keys_of(&[certificate.fingerprint()])?;
    shelf.check_complete(&certificate.fingerprint())?;
    check_primes(certificate, &home.moduli()?, &world.budget)?;
    let Some(key) = known(&shelf, certificate) else {
        home.put_secret(&lock, secret)?;
        return Ok(Outcome::New);
    };
    let merged = match replace {
        true => key.certificate.without_subkeys_gone_from(certificate).merge(certificate)?,
        false => key.certificate.merge(certificate)?,
    };
    let publish = |outcome| match merged.same_as(&key.certificate) {
        true => Ok(outcome),
        false => home.put_certificate(&lock, &merged).map(|()| Outcome::Updated),
    };
    let whole = match &key.secret {
        Some(stored) if !replace && stored.has_all_secrets_of(secret) => {
            return Ok(publish(Outcome::Unchanged)?);
        }
        Some(stored) if replace => join(secret, stored, &merged, keeping.passphrase)?,
        Some(stored) => {
            if keeping.passphrase.is_none() && secret.protection() == Protection::Passphrase {
                return Err(Error::PassphraseNeeded(secret.fingerprint()).into());
            }
            join(stored, secret, &merged, keeping.passphrase)?
        }
        None => secret.merge(&merged)?,
    };
    home.put_secret(&lock, &whole)?;
    Ok(publish(Outcome::Updated)?)
}

/// Returns a secret key with what only another copy of it has. One passphrase must unlock the
/// whole, or no command could change it any more.
fn join(
    first: &SecretKey,
    second: &SecretKey,
    merged: &Certificate,
    passphrase: Option<&Passphrase>,
) -> Result<SecretKey, Error> {
    let whole = first.merge(merged)?.with_parts_of(second)?;
    let parts = whole.locked_to(passphrase);
    if !parts.is_empty() {
        return Err(Error::PassphrasesDiffer { key: whole.fingerprint(), parts });
    }
    match passphrase {
        Some(passphrase) => whole.protect(passphrase),
        None => Ok(whole),
    }
}

/// Returns the certificates in the bytes of a file that `--key` names. A revocation certificate in
/// it counts for its certificate.
pub fn certificates_of(
    bytes: &[u8],
    path: &Path,
    world: &World,
) -> Result<Vec<Certificate>, Failure> {
    let mut last = None;
    // Of several files, it is named which one has no key.
    let named = |error| match error {
        Error::NoKey(why) => Error::NoKey(format!("{}: {why}", Safe::path(path))),
        other => other,
    };
    let mut certificates = Vec::new();
    for certificate in read_certificates_of(bytes, &world.budget).map_err(named)? {
        match certificate.map_err(named) {
            Ok(certificate) => certificates.push(certificate),
            // The signer may be the one.
            Err(error @ Error::NotRead(_)) => return Err(error.into()),
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
                if query.is_some_and(|query| !query.matches(secret.certificate())) {
                    continue;
                }
                if let Some(first) = &found {
                    return Err(Error::AmbiguousKey {
                        query: query.map(|query| query.text().to_string()).unwrap_or_default(),
                        candidates: vec![
                            (first.fingerprint(), first.certificate().first_user_id()),
                            (secret.fingerprint(), secret.certificate().first_user_id()),
                        ],
                    }
                    .into());
                }
                found = Some(secret);
            }
            Ok(Key::Certificate(_) | Key::Revocation(_)) => {}
            Err(error) => last = error,
        }
    }
    found.ok_or_else(|| last.into())
}
