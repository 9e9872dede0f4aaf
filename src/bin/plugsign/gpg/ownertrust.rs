//! `gpg --import-ownertrust` and `--export-ownertrust`
//!
//! plugsign keeps no owner trust: whose secret key is here is ultimately trusted, and what
//! `plugsign trust add` took is fully trusted. A line that says so is a fact already. Any other is
//! an error, because the trust that it asks for is not there afterwards.

use plugsign::openpgp::ids::Fingerprint;
use plugsign::publisher::accepted::Known;
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use super::dates::long_date;
use super::known::{OwnerTrust, trust_in};
use super::output::Output;
use super::session::Session;
use crate::edge::asking::Asking;
use crate::edge::report::usage;

/// The most bytes that a list of owner trust may have.
const MOST: u64 = 1 << 20;

/// Reads owner trust, and says what of it is not so.
pub fn import(session: &Session) -> Result<u8, Failure> {
    let inputs = session.inputs(&session.options.words);
    let [input] = &inputs[..] else { return usage("one file of owner trust at a time") };
    let text = input.read("owner trust", MOST)?;
    let known = known(session)?;
    let mut code = 0;
    for line in String::from_utf8_lossy(&text).lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Err(why) = check(line, &known) {
            session.log.say(&format!("error in '{}': {why}", Safe::path(input.name())));
            code = 2;
        }
    }
    Ok(code)
}

/// Makes sure that a line says what is so.
fn check(line: &str, known: &Known) -> Result<(), String> {
    let (fingerprint, value) = line.split_once(':').ok_or("colon missing")?;
    let fingerprint = Fingerprint::from_hex(fingerprint).ok_or("invalid fingerprint")?;
    let value = value.split(':').next().and_then(|value| value.parse::<u8>().ok());
    let wanted = value.ok_or("no owner trust after the colon")?;
    match (trust(&fingerprint, known), wanted & 15) {
        (OwnerTrust::Ultimate, 6) | (OwnerTrust::Full, 5) | (OwnerTrust::Unknown, 0..=3) => Ok(()),
        (OwnerTrust::Ultimate, _) => {
            Err(format!("{fingerprint} stays ultimately trusted, because its secret key is here"))
        }
        (OwnerTrust::Full, _) => {
            Err(format!("{fingerprint} stays fully trusted; to end that, see: plugsign trust list"))
        }
        (OwnerTrust::Unknown, _) => Err(format!(
            "{fingerprint} is not trusted, because plugsign keeps no owner trust; to trust a signer: plugsign trust add FILE"
        )),
    }
}

/// Writes own keys as ultimately trusted, and trusted ones as fully.
pub fn export(session: &Session) -> Result<u8, Failure> {
    if !session.options.words.is_empty() {
        return usage("--export-ownertrust takes no names");
    }
    let output = Output::new(session.options.output.as_deref(), None);
    let existing = output.check(session)?;
    let known = known(session)?;
    let mut text = format!(
        "# List of assigned trustvalues, created {}\n\
         # (Use \"gpg --import-ownertrust\" to restore them)\n",
        long_date(session.world.now)
    );
    for key in &known.keys.items {
        let fingerprint = key.certificate.fingerprint();
        let value = match trust_in(key, &known.trusted) {
            OwnerTrust::Ultimate => 6,
            OwnerTrust::Full => 5,
            OwnerTrust::Unknown => continue,
        };
        text.push_str(&format!("{fingerprint}:{value}:\n"));
    }
    match &output {
        Output::Standard => session.world.terminal.write_bytes(text.as_bytes())?,
        Output::Named(_) => output.write(session, text.as_bytes(), false, existing)?,
    }
    Ok(0)
}

fn known(session: &Session) -> Result<Known, Failure> {
    session.world.publisher(&Asking::new(&session.world)).known()
}

fn trust(fingerprint: &Fingerprint, known: &Known) -> OwnerTrust {
    let key = known.keys.get(fingerprint);
    key.map_or(OwnerTrust::Unknown, |key| trust_in(key, &known.trusted))
}
