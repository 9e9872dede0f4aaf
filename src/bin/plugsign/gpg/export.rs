//! `gpg --export`, `--export-secret-keys`, `--export-secret-subkeys`

use plugsign::publisher::export::{Export, Names, Part};
use plugsign::publisher::failure::Failure;

use super::keyrings::Within;
use super::output::{Output, with_headers};
use super::session::Session;
use crate::edge::asking::Asking;

pub fn run(session: &Session, part: Part) -> Result<u8, Failure> {
    let output = Output::new(session.options.output.as_deref(), None);
    let existing = output.check(session)?;
    let names = session.texts();
    let export = Export {
        names: Names::Matching(&names),
        part,
        unprotected: true,
        armor: session.options.armor,
        output: None,
    };
    let within = Within::read(session)?;
    // What could not be read may revoke what is exported.
    if within.code(0) != 0 {
        return Ok(2);
    }
    let asking = Asking::new(&session.world);
    let exported = session.world.publisher(&asking).export_from(&within.known.keys, &export);
    let exported = exported.map_err(|failure| {
        let whole = match part {
            Part::SecretSubkeys => "gpg --export-secret-subkeys KEY",
            _ => "gpg --export-secret-keys KEY",
        };
        failure.or_of_subkey(whole, "gpg --export-secret-subkeys 'SUBKEY!'")
    })?;
    for key in &exported.unprotected {
        session.log.say(&format!("WARNING: the secret key {key} leaves without a passphrase"));
    }
    let count = exported.fingerprints.len();
    if count == 0 {
        session.log.say("WARNING: nothing exported");
    } else {
        let bytes = match session.options.armor {
            true => with_headers(exported.bytes, &session.options),
            false => exported.bytes,
        };
        output.write(session, &bytes, exported.secret, existing)?;
    }
    for fingerprint in exported.fingerprints {
        session.status.say(&format!("EXPORTED {fingerprint}"));
    }
    let secret = if exported.secret { count } else { 0 };
    session.status.say(&format!("EXPORT_RES {count} {secret} {count}"));
    // For gpg, an export of nothing is a success. What could not be read is a failure.
    Ok(if exported.is_whole { 0 } else { 2 })
}
