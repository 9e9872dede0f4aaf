//! The keys in packets, and what a file says of each of them in other places.
//!
//! A file may have several copies of a key, and revocation certificates beside it. What narrows a
//! key counts, wherever in the file it is.

use std::collections::HashMap;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::MarshalInto;

use super::bounds::{Own, own_packets, runs};
use super::budget::{ATTEMPT, Budget};
use super::certificate::Certificate;
use super::change::{Revocation, read_revocations, revoke_by, revoke_by_revoker};
use super::error::{Error, Result};
use super::framing::{PUBLIC_KEY, SECRET_KEY, SIGNATURE, split};
use super::ids::Fingerprint;
use super::raw_key::RawKey;
use super::secret_key::SecretKey;
use super::set::gather_within;
use super::statements::Statements;
use super::weakness::Weakness;
use super::weigh::Proofs;
use super::words;

/// A key as a file has it.
pub enum Key {
    /// Public parts alone.
    Certificate(Certificate),
    /// With at least one secret part, or a mark that it is elsewhere.
    Secret(SecretKey),
    /// A revocation certificate.
    Revocation(Revocation),
}

impl Key {
    /// Returns the public parts, if it is a key at all.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Key::Certificate(certificate) => Some(certificate),
            Key::Secret(secret) => Some(secret.certificate()),
            Key::Revocation(_) => None,
        }
    }

    /// Takes the public parts, if it is a key at all.
    pub fn into_certificate(self) -> Option<Certificate> {
        match self {
            Key::Certificate(certificate) => Some(certificate),
            key => key.certificate().cloned(),
        }
    }
}

/// A part of a file: a key, or what cannot be read.
pub(super) struct Part {
    /// The key that an unreadable part is about, if that much can be read.
    about: Option<Fingerprint>,
    key: Result<Key>,
}

impl Part {
    /// A part of which nobody knows what it is about.
    pub(super) fn damaged(error: Error) -> Part {
        Part { about: None, key: Err(error) }
    }
}

/// Returns the keys of a file. If a part about a key cannot be read, it may be the key's
/// revocation, so no other copy of the key is taken either.
pub(super) fn keys_of(parts: Vec<Part>) -> Vec<Result<Key>> {
    let mut unread: HashMap<Fingerprint, String> = HashMap::new();
    for part in &parts {
        if let Part { about: Some(key), key: Err(error) } = part {
            unread.entry(key.clone()).or_insert_with(|| why_unread(error));
        }
    }
    let key = |Part { about, key }| {
        let about = match &key {
            Err(Error::NotRead(_)) => None,
            Ok(key) => key.certificate().map(Certificate::fingerprint),
            Err(_) => about,
        };
        match about.and_then(|key| unread.get_key_value(&key)) {
            Some((key, why)) => Err(Error::KeyUnread { key: key.clone(), why: why.clone() }),
            None => key,
        }
    };
    parts.into_iter().map(key).collect()
}

fn why_unread(error: &Error) -> String {
    match error {
        Error::NoKey(why) => why.clone(),
        Error::NotRead(_) => "it takes more time or memory than one command may spend".into(),
        error => error.to_string(),
    }
}

/// Reads the parts of a sequence of packets.
pub(super) fn read_packets(packets: &[u8], budget: &Budget) -> Vec<Part> {
    let mut proofs = Proofs::default();
    let own = match own_packets(packets, budget, &mut proofs) {
        Ok(own) => own,
        Err(error) => return vec![Part::damaged(error)],
    };
    proofs.tell();
    let mut runs = runs(packets);
    let mut parts = Vec::new();
    for own in own {
        let run = runs.next().unwrap_or_default();
        let read = own.and_then(|own| match split(run).is_ok_and(|it| it.tag == SIGNATURE) {
            true => Ok(revocations_of(&own)),
            false => read_one(&own),
        });
        let keys = read.unwrap_or_else(|error| vec![Err(error)]);
        let about = if keys.iter().any(Result::is_err) { primary_of(run) } else { None };
        parts.extend(keys.into_iter().map(|key| Part { about: about.clone(), key }));
    }
    parts
}

/// Returns the primary key that packets begin with.
fn primary_of(run: &[u8]) -> Option<Fingerprint> {
    let first = split(run).ok().filter(|it| matches!(it.tag, PUBLIC_KEY | SECRET_KEY))?;
    RawKey::read(first.body)?.fingerprint()
}

/// Reads signatures without a key in front of them.
fn revocations_of(own: &Own<'_>) -> Vec<Result<Key>> {
    match read_revocations(&own.packets) {
        Ok(revocations) if revocations.is_empty() => {
            vec![Err(Error::no_key("it is a signature, and no key"))]
        }
        Ok(revocations) => revocations.into_iter().map(Key::Revocation).map(Ok).collect(),
        Err(error) => vec![Err(error)],
    }
}

/// Reads the packets of one key.
fn read_one(own: &Own<'_>) -> Result<Vec<Result<Key>>> {
    let parser = CertParser::from_bytes(&*own.packets)
        .map_err(|error| Error::no_key(words::of(error.as_ref())))?;
    let statements = Statements::of_said(&own.said);
    let of = |cert: &Cert| match &statements {
        Some((key, statements)) if *key == Fingerprint(cert.fingerprint()) => statements.clone(),
        _ => Statements::default(),
    };
    let keys = parser
        // A key that cannot be written again could not be kept: one with a fingerprint of an
        // unknown version, for example.
        .map(|cert: openpgp::Result<Cert>| cert.and_then(|cert| cert.to_vec().map(|_| cert)))
        .map(|cert| match cert {
            Ok(cert) => {
                let own = of(&cert);
                Ok(match cert.is_tsk() {
                    true => Key::Secret(SecretKey::read(cert, own)),
                    false => Key::Certificate(Certificate::read(cert, own)),
                })
            }
            Err(error) => Err(why_no_key(&error)),
        });
    Ok(keys.collect())
}

/// Distinguishes a key of a version that sequoia does not read from something that is no key.
fn why_no_key(error: &openpgp::anyhow::Error) -> Error {
    if let Some(openpgp::Error::UnsupportedCert(_, packets)) = error.downcast_ref()
        && let Some(openpgp::Packet::Unknown(packet)) = packets.first()
        && let Some(&version) = packet.body().first()
        && version != 4
    {
        return Error::refused("the key", Weakness::Version(version));
    }
    Error::no_key(words::of(error.as_ref()))
}

/// Returns the keys of a file as the revocation certificates in it revoke them or a part of them.
/// Those are left out.
pub fn revoked_by_file(keys: Vec<Result<Key>>, budget: &Budget) -> Vec<Result<Key>> {
    let (mut others, mut revocations) = (Vec::with_capacity(keys.len()), Vec::new());
    for key in keys {
        match key {
            Ok(Key::Revocation(revocation)) => revocations.push(revocation),
            key => others.push(key),
        }
    }
    if revocations.is_empty() {
        return others;
    }
    let certificate = |key: &Result<Key>| match key.as_ref().ok().and_then(Key::certificate) {
        Some(certificate) => Ok(certificate.clone()),
        None => Err(Error::no_key("")),
    };
    let mut revoked: Vec<Result<Certificate>> = others.iter().map(certificate).collect();
    let applied = revoke_those_of(&mut revoked, &revocations, budget);
    let keys = others.into_iter().zip(revoked).map(|pair| match pair {
        (Ok(Key::Certificate(_)), Ok(revoked)) => Ok(Key::Certificate(revoked)),
        (Ok(Key::Secret(secret)), Ok(revoked)) => Ok(Key::Secret(secret.narrowed_by(&revoked))),
        (key, _) => key,
    });
    keys.chain(applied.err().map(Err)).collect()
}

/// Returns a secret key as other copies of it and revocation certificates narrow it.
/// Fails with [`Error::Crypto`] if copies cannot be joined, and as `revoke_those_of`.
pub fn narrowed_by_others(
    secret: SecretKey,
    mut others: Vec<Certificate>,
    revocations: &[Revocation],
    budget: &Budget,
) -> Result<SecretKey> {
    let key = secret.fingerprint();
    others.retain(|it| it.fingerprint() == key);
    let mut copies = vec![Ok(secret.certificate().clone())];
    copies.extend(gather_within(others, budget)?.into_iter().map(Ok));
    revoke_those_of(&mut copies, revocations, budget)?;
    Ok(copies.iter().flatten().fold(secret, |secret, copy| secret.narrowed_by(copy)))
}

/// Revokes the certificates that revocations are about: those whose key made one, else those that
/// let its maker revoke them.
/// Fails with [`Error::NotRead`] if finding them costs more than the budget has.
pub(super) fn revoke_those_of(
    certificates: &mut [Result<Certificate>],
    revocations: &[Revocation],
    budget: &Budget,
) -> Result<()> {
    let mut places: HashMap<[u8; 8], Vec<usize>> = HashMap::new();
    for (place, certificate) in certificates.iter().enumerate() {
        let key = certificate.as_ref().ok().and_then(|it| it.fingerprint().key_id_octets());
        key.into_iter().for_each(|key| places.entry(key).or_default().push(place));
    }
    for revocation in revocations {
        let issuers = revocation.issuers();
        let named: Vec<usize> =
            issuers.iter().filter_map(|it| places.get(it)).flatten().copied().collect();
        // The issuer is only a hint.
        let all = 0..certificates.len();
        let is_done = revoke_at(certificates, &named, revocation, budget)?
            || revoke_at(certificates, &Vec::from_iter(all), revocation, budget)?;
        if is_done {
            continue;
        }
        for certificate in certificates.iter_mut().flatten() {
            if let Some(revoked) = revoke_by_revoker(certificate, revocation) {
                *certificate = revoked;
            }
        }
    }
    Ok(())
}

/// Revokes those certificates in some places whose key made a revocation. Returns whether there are
/// any.
fn revoke_at(
    certificates: &mut [Result<Certificate>],
    places: &[usize],
    revocation: &Revocation,
    budget: &Budget,
) -> Result<bool> {
    let mut is_used = false;
    for place in places {
        let Some(Ok(certificate)) = certificates.get_mut(*place) else { continue };
        if !budget.pay(ATTEMPT) {
            return Err(Error::NotRead("a revocation certificate".into()));
        }
        if let Ok(revoked) = revoke_by(certificate, revocation) {
            *certificate = revoked;
            is_used = true;
        }
    }
    Ok(is_used)
}
