//! Which key files a server should get.

use super::config::Config;
use super::server::{KeyRing, Refusal};
use super::server_copy::ServerCopy;
use crate::openpgp::bounds::Budget;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::key_file::{Key, count_armor, read_keys_within};
use crate::openpgp::policy::Policy;
use crate::openpgp::set::gather;
use crate::openpgp::signature::DetachedSignature;

/// Why a server should not get a key file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: {advice}")]
pub struct Unfit {
    /// What is wrong with it.
    pub problem: String,
    /// One sentence that says what to do.
    pub advice: String,
}

impl Unfit {
    fn new(problem: impl Into<String>, advice: impl Into<String>) -> Unfit {
        Unfit { problem: problem.into(), advice: advice.into() }
    }

    /// The certificate is not the one that was asked for.
    pub fn other_fingerprint(found: &str) -> Unfit {
        Unfit::new(
            format!("its fingerprint is {found}, not the one that was asked for"),
            "Get the key file again from its owner, and compare the fingerprint.",
        )
    }
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Unfit {
        Unfit::new(refusal.words, refusal.advice)
    }
}

/// Checks that the server reads everything in a key file. What it cannot read it passes over, and
/// then every signature is "made by unknown entity".
pub fn check_readable(file: &[u8]) -> Result<(), Unfit> {
    KeyRing::read_whole(file)?;
    Ok(())
}

/// Names the command that makes a readable key file of this certificate, if there is one.
fn mended(unfit: Unfit, certificate: &Certificate) -> Unfit {
    match ServerCopy::of(certificate) {
        Ok(copy) if !copy.left_out.is_empty() => {
            let fingerprint = certificate.fingerprint();
            let advice = format!(
                "Give the server the certificate without the encryption subkeys that it cannot read:\n  plugsign import FILE\n  plugsign export --for-server {fingerprint} -o FILE"
            );
            Unfit { advice, ..unfit }
        }
        _ => unfit,
    }
}

/// Reads a key file with exactly one signer's certificate, which the server can read.
///
/// The server itself checks nothing when it gets a key file. It stores secret keys, reads only the
/// first of several armored keys, and passes over in silence what it cannot read.
///
/// # Errors
///
/// [`Unfit`] for several armored blocks, no certificate or several, a secret key, a missing user ID,
/// anything that the server cannot read, and keys that break the publisher's rules.
pub fn read_public_key(
    file: &[u8],
    policy: &Policy,
    budget: &Budget,
) -> Result<Certificate, Unfit> {
    if count_armor(file) > 1 {
        return Err(Unfit::new(
            "it has several armored blocks, and the server reads only the first",
            "Put each certificate into a file of its own.",
        ));
    }
    if DetachedSignature::read(file).is_ok() {
        return Err(Unfit::new(
            "it is a signature, and no key",
            "Name the key file of the key that made it. To see which:\n  plugsign inspect FILE",
        ));
    }
    let keys = read_keys_within(file, budget).map_err(|error| match Config::read(file) {
        Ok(_) => Unfit::new(
            "this looks like a server's configuration, and is no key",
            "Name it with --config:\n  plugsign trust add --config CONFIG.JSON FILE",
        ),
        Err(_) => Unfit::new(error.to_string(), EXPORT_AGAIN),
    })?;
    let certificates = keys.into_iter().map(certificate_of).collect::<Result<Vec<_>, _>>()?;
    let mut certificates = gather(certificates, |certificate| certificate)
        .map_err(|error| Unfit::new(error.to_string(), EXPORT_AGAIN))?;
    let (Some(certificate), true) = (certificates.pop(), certificates.is_empty()) else {
        return Err(Unfit::new(
            "it has several certificates",
            "Put each certificate into a file of its own.",
        ));
    };
    check_readable(file).map_err(|unfit| mended(unfit, &certificate))?;
    certificate.check_signer(policy).map_err(|weakness| {
        Unfit::new(
            format!("{}: {weakness}", certificate.fingerprint()),
            "Use the certificate of an RSA key of 3072 bits or more that may sign:\n  plugsign keygen",
        )
    })?;
    Ok(certificate)
}

const EXPORT_AGAIN: &str = "Export the certificate again:\n  plugsign export KEY -o FILE";

fn certificate_of(key: crate::openpgp::Result<Key>) -> Result<Certificate, Unfit> {
    Err(match key {
        Ok(Key::Certificate(certificate)) => return Ok(certificate),
        Ok(Key::Revocation(_)) => Unfit::new(
            "it is a revocation certificate, and no key",
            "Apply it to the key, and export the key's certificate:\n  plugsign import FILE\n  plugsign export KEY -o FILE",
        ),
        Ok(Key::Secret(_)) => Unfit::new(
            "it has a secret key, which nobody but its owner may have",
            "Export the certificate instead:\n  plugsign export KEY -o FILE\nIf the file was handed out, treat this key as compromised.",
        ),
        Err(error) => {
            Unfit::new(error.to_string(), "Export the certificate again, as a version 4 RSA key.")
        }
    })
}
