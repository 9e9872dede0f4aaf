//! gpgv: whoever is in the keyring is trusted, and nobody else.

use std::ffi::OsStr;
use std::path::PathBuf;

use plugsign::disk::file::read_small;
use plugsign::error::Error;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::gnupg::{MAX_KEYRING, read_keybox, read_keyring};
use plugsign::openpgp::key_file::read_certificates;
use plugsign::safe::Safe;

use super::Session;
use super::status::cause_of;
use super::verify::{self, Known, Speak, Trust};
use crate::failure::Failure;

pub fn run(session: &mut Session) -> Result<u8, Failure> {
    let known = match session.options.keyrings.is_empty() {
        false => keyrings(session),
        // gpgv's trustedkeys.kbx is what `plugsign trust add` fills here.
        true => session
            .world
            .readable(session.world.home()?.trusted()?)
            .into_iter()
            .map(|key| Known { certificate: key.certificate, trust: Trust::Full })
            .collect(),
    };
    verify::run(session, &known, Speak::NotOfTrust)
}

/// Reads the keyrings. One that cannot be read is said, and trusts nobody.
pub fn keyrings(session: &mut Session) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for name in session.options.keyrings.clone() {
        let path = path_of(session, &name);
        let certificates = match read_small(&path, "a keyring", MAX_KEYRING)
            .and_then(|bytes| certificates(&bytes))
        {
            Ok(certificates) => certificates,
            Err(error) => {
                let failure = Failure::from(error);
                session.log.say(&format!("keyblock resource '{}':", Safe::path(&path)));
                session.log.explain(&failure);
                let code = cause_of(&failure).code;
                session.status.say(&format!("ERROR add_keyblock_resource {code}"));
                continue;
            }
        };
        for certificate in certificates {
            match certificate {
                Ok(certificate) => add(&mut known, Known { certificate, trust: Trust::Unknown }),
                Err(error) => session.verbose(&format!("{}: {error}", Safe::path(&path))),
            }
        }
    }
    known
}

/// Reads a keybox, a keyring, or a file of armored keys.
fn certificates(bytes: &[u8]) -> Result<Vec<Result<Certificate, Error>>, Error> {
    if bytes.get(8..12) == Some(b"KBXf") {
        return Ok(read_keybox(bytes));
    }
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(read_keyring(bytes));
    }
    read_certificates(bytes)
}

/// Adds a certificate, or what a copy of a known one has beyond it: a revocation above all.
pub fn add(known: &mut Vec<Known>, more: Known) {
    let fingerprint = more.certificate.fingerprint();
    match known.iter_mut().find(|known| known.certificate.fingerprint() == fingerprint) {
        Some(first) => {
            if let Ok(merged) = first.certificate.merge(&more.certificate) {
                first.certificate = merged;
            }
        }
        None => known.push(more),
    }
}

/// A name without a slash is a file of the GnuPG home, as gpg has it.
fn path_of(session: &Session, name: &OsStr) -> PathBuf {
    let path = PathBuf::from(name);
    if path.components().count() > 1 || name.as_encoded_bytes().contains(&b'/') {
        return path;
    }
    match session.gnupg_home() {
        Some(home) => home.join(path),
        None => path,
    }
}
