//! `gpg --export`, `--export-secret-keys`, `--export-secret-subkeys`

use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::key_file::armor_keys;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::Protection;
use zeroize::Zeroizing;

use super::known::{Half, known_keys};
use super::listing::matching;
use super::output::{Output, with_headers};
use super::session::Session;
use plugsign::publisher::failure::Failure;

/// What leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    Certificates,
    SecretKeys,
    SecretSubkeys,
}

pub fn run(session: &mut Session, what: What) -> Result<u8, Failure> {
    let half = if what == What::Certificates { Half::Public } else { Half::Secret };
    let (shelf, _) = known_keys(session)?;
    let words: Vec<String> =
        session.options.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let chosen = match words.is_empty() {
        true => (0..shelf.items.len())
            .filter(|place| half == Half::Public || shelf.items[*place].secret.is_some())
            .collect(),
        false => matching(&shelf, &words, half)?,
    };
    let output = Output::new(session.options.output.as_deref(), None);
    let existing = output.check(session)?;
    let mut packets = Zeroizing::new(Vec::new());
    let mut fingerprints = Vec::new();
    for key in chosen.into_iter().map(|place| &shelf.items[place]) {
        let fingerprint = key.certificate.fingerprint();
        let alone = meant_alone(&words, &key.certificate, what)?;
        let bytes = match (&key.secret, what) {
            (Some(secret), What::SecretKeys | What::SecretSubkeys) => {
                let mut secret = secret.merge(&key.certificate)?;
                if what == What::SecretSubkeys {
                    secret = secret.subkeys_alone(&alone)?;
                }
                if secret.protection() == Protection::None {
                    session.log.say(&format!(
                        "WARNING: the secret key {fingerprint} leaves without a passphrase"
                    ));
                }
                secret.to_bytes()?
            }
            _ => Zeroizing::new(with_subkeys_alone(&key.certificate, &alone).to_bytes()?),
        };
        packets.extend_from_slice(&bytes);
        fingerprints.push(fingerprint);
    }
    let is_whole = shelf.unreadable.is_empty();
    session.world.readable(shelf);
    let count = fingerprints.len();
    if count == 0 {
        session.log.say("WARNING: nothing exported");
    } else {
        let bytes = match session.options.armor {
            true => with_headers(armor_keys(&packets, half == Half::Secret)?, &session.options),
            false => packets,
        };
        output.write(session, &bytes, half == Half::Secret, existing)?;
    }
    for fingerprint in fingerprints {
        session.status.say(&format!("EXPORTED {fingerprint}"));
    }
    let secret = if half == Half::Secret { count } else { 0 };
    session.status.say(&format!("EXPORT_RES {count} {secret} {count}"));
    // gpg calls an export of nothing a success; one of what could not be read is none.
    Ok(if is_whole { 0 } else { 2 })
}

/// Returns the subkeys that are meant alone, as `SUBKEY!` says it; none if the key as a whole is
/// meant. As with GnuPG, `SUBKEY` stands for the key where only what is public leaves; secrets that
/// nobody named stay here.
fn meant_alone(
    words: &[String],
    certificate: &Certificate,
    what: What,
) -> Result<Vec<Fingerprint>, Failure> {
    let mut alone = Vec::new();
    let mut is_whole = false;
    for word in words {
        let query = KeyQuery::parse_gnupg(word)?;
        if !query.matches(certificate) {
            continue;
        }
        let names_whole = query.check_whole(certificate);
        match (query.exactly(certificate), what) {
            (Some(key), What::SecretSubkeys) => alone.push(key),
            (Some(subkey), What::Certificates) if names_whole.is_err() => alone.push(subkey),
            (_, What::Certificates) => is_whole = true,
            _ => {
                names_whole.map_err(|error| named_subkey(error, what))?;
                is_whole = true;
            }
        }
    }
    Ok(if is_whole { Vec::new() } else { alone })
}

fn named_subkey(error: impl Into<Failure>, what: What) -> Failure {
    let whole = match what {
        What::SecretSubkeys => "gpg --export-secret-subkeys KEY",
        _ => "gpg --export-secret-keys KEY",
    };
    error.into().or_of_subkey(whole, "gpg --export-secret-subkeys 'SUBKEY!'")
}

fn with_subkeys_alone(certificate: &Certificate, alone: &[Fingerprint]) -> Certificate {
    let subkeys = certificate.fingerprints().into_iter().skip(1);
    let others: Vec<Fingerprint> = subkeys.filter(|subkey| !alone.contains(subkey)).collect();
    match alone.is_empty() {
        true => certificate.clone(),
        false => certificate.without_subkeys(&others),
    }
}
