//! `gpg --export`, `--export-secret-keys`, `--export-secret-subkeys`

use plugsign::openpgp::key_file::armor_keys;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::Protection;
use zeroize::Zeroizing;

use super::Session;
use super::listing::{Half, known_keys, matching};
use super::output::{Output, with_headers};
use crate::failure::Failure;

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
        let bytes = match (&key.secret, what) {
            (Some(secret), What::SecretKeys | What::SecretSubkeys) => {
                let mut secret = secret.merge(&key.certificate)?;
                if what == What::SecretSubkeys {
                    secret = secret.subkeys_alone(exact_subkey(&words, key).as_ref())?;
                }
                if secret.protection() == Protection::None {
                    session.log.say(&format!(
                        "WARNING: the secret key {fingerprint} leaves without a passphrase"
                    ));
                }
                secret.to_bytes()?
            }
            _ => Zeroizing::new(key.certificate.to_bytes()?),
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

/// `SUBKEY!` exports this one subkey alone.
fn exact_subkey(
    words: &[String],
    key: &plugsign::disk::shelf::HomeKey,
) -> Option<plugsign::openpgp::certificate::Fingerprint> {
    let mut queries = words.iter().filter_map(|word| KeyQuery::parse_gnupg(word).ok());
    queries.find_map(|query| query.exactly(&key.certificate))
}
