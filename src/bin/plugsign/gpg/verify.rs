//! `gpg --verify`, `--decrypt` and gpgv: detached signatures, and texts that carry theirs, by the
//! publisher's rules. Of several signatures in a file, each gets its own lines. The exit code is 0
//! only if all of them are good.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use plugsign::disk;
use plugsign::disk::file::is_there;
use plugsign::disk::write::Existing;
use plugsign::judge::Judge;
use plugsign::openpgp::cleartext::{Cleartext, is_cleartext};
use plugsign::openpgp::facts::signature_facts;
use plugsign::openpgp::ids::{Fingerprint, KeyId};
use plugsign::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE, Texts};
use plugsign::openpgp::verdict::{Bad, Reason, SignerKey};
use plugsign::openpgp::verify::Verdict;
use plugsign::publisher::accepted::{Accepted, OfHome};
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::input::Input;
use super::keyrings::Keyrings;
use super::log::Log;
use super::output::Output;
use super::session::Session;
use super::status::cause_of;
use super::telling::Telling;
use crate::edge::asking::Asking;
use crate::edge::report::usage;

type Signatures = [Result<DetachedSignature, Bad>];

/// Verifies what the command line names. gpgv accepts the keys of its keyrings, or the trusted
/// certificates. gpg accepts every key that it knows, and says how far each is trusted.
pub fn run(session: &Session, is_gpgv: bool) -> Result<u8, Failure> {
    let Session { options, log, .. } = session;
    let mut signers = Signers::open(session, is_gpgv);
    let (signature_word, data_word) = match &options.words[..] {
        [] => (OsStr::new("-"), None),
        [signature] => (&signature[..], None),
        [signature, data] => (&signature[..], Some(data.clone())),
        _ => {
            return usage("gpg verifies several files as one; name one file for one signature");
        }
    };
    let bytes = match read(session, signature_word) {
        Ok(bytes) => bytes,
        Err(error) if data_word.is_some() && is_too_large(&error) => return Ok(swapped(session)),
        Err(error) => return Ok(cannot_read(session, error)),
    };
    if data_word.is_none() && is_cleartext(&bytes) {
        let output = options.output.as_deref().map(|path| Output::new(Some(path), None));
        let code = inline(session, &mut signers, &bytes, output)?;
        warn_of_file_beside(log, signature_word);
        return Ok(code);
    }
    if options.output.is_some() {
        return usage("--output: verifying a detached signature writes no file");
    }
    if is_gpgv && data_word.is_none() && !options.words.is_empty() {
        log.say("no signed data: gpgv FILE.sig FILE");
        return Ok(2);
    }
    if bytes.len() as u64 > MAX_SIGNATURE_FILE {
        let name = signature_word.to_string_lossy().into_owned();
        let (what, limit) = ("a signature", MAX_SIGNATURE_FILE);
        if data_word.is_some() {
            return Ok(swapped(session));
        }
        return Ok(cannot_read(session, disk::Error::TooLarge { name, what, limit }));
    }
    // Only gpgv gets signatures over text: apt takes InRelease apart for it.
    let texts = if is_gpgv { Texts::Taken } else { Texts::Refused };
    let signatures = match DetachedSignature::read_each_in_text(&bytes, texts) {
        Ok(signatures) => signatures,
        Err(bad) => {
            let code = not_a_signature(session, &bad);
            data_word.iter().for_each(|_| log.say(SWAPPED));
            return Ok(code);
        }
    };
    let data_word = data_word.or_else(|| {
        let name = without_extension(signature_word)?;
        log.remark(&format!("assuming signed data in '{}'", Safe::bytes(name.as_bytes())));
        Some(name.to_owned())
    });
    let Some(data_word) = data_word else { return usage(NOT_INLINE) };
    if signature_word == "-" && data_word == "-" {
        return usage("standard input cannot be both the signature and the file");
    }
    let data = Input::new(&data_word, options.special_filenames);
    let ways = signatures.iter().flatten().filter_map(|signature| signature.content_hash().ok());
    let content = match data.hash(ways) {
        Ok(content) => content,
        Err(error) => {
            log.say(&format!("can't open signed data '{}'", Safe::path(data.name())));
            log.explain(&error.into());
            return Ok(2);
        }
    };
    let (judge, accepted) = signers.judge(session, &signatures)?;
    let verdicts = judge.judge_each_by_policy(&signatures, &content);
    Ok(signers.tell(session, &judge, &accepted, &signatures, &verdicts))
}

/// `gpg --decrypt`: gives out the text of a cleartext signed file if it is good.
pub fn give_out(session: &Session) -> Result<u8, Failure> {
    let options = &session.options;
    let word = match &options.words[..] {
        [] => OsStr::new("-"),
        [word] => word,
        _ => return usage("name one file"),
    };
    let bytes = match read(session, word) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(cannot_read(session, error)),
    };
    if !is_cleartext(&bytes) {
        session.status.say("NODATA 4");
        return usage(
            "plugsign only signs; it does not encrypt or decrypt, and this is not a signed text",
        );
    }
    let output = Output::new(options.output.as_deref(), None);
    inline(session, &mut Signers::open(session, false), &bytes, Some(output))
}

/// No command: as with gpg, a signed text is verified and written to the file without `.asc`, and a
/// detached signature is verified.
pub fn guess(session: &Session) -> Result<u8, Failure> {
    let options = &session.options;
    let word = match &options.words[..] {
        [] => Some(OsStr::new("-")),
        [word] => Some(&word[..]),
        _ => None,
    };
    const GUESSING: &str = "WARNING: no command supplied.  Trying to guess what you mean ...";
    let bytes = word.and_then(|word| read(session, word).ok());
    let is_detached =
        |bytes: &[u8]| DetachedSignature::read_each_in_text(bytes, Texts::Refused).is_ok();
    if word.and_then(without_extension).is_some()
        && bytes.as_ref().is_some_and(|bytes| !is_cleartext(bytes) && is_detached(bytes))
    {
        session.log.remark(GUESSING);
        return run(session, false);
    }
    let bytes = bytes.filter(|bytes| is_cleartext(bytes));
    let (Some(word), Some(bytes)) = (word, bytes) else {
        return usage(
            "name a command, because plugsign does not guess one: --detach-sign, --verify, --import, --export or --list-keys",
        );
    };
    session.log.remark(GUESSING);
    let output = match (&options.output, word == "-", without_extension(word)) {
        (None, false, None) => return usage("name the file for the text with --output FILE"),
        (output, _, name) => Output::new(output.as_deref(), name.map(PathBuf::from)),
    };
    inline(session, &mut Signers::open(session, false), &bytes, Some(output))
}

/// gpg's advice to those who give both files in the wrong order.
const SWAPPED: &str = "Please remember that the signature file (.sig or .asc)\nshould be the first file given on the command line.";

const NOT_INLINE: &str =
    "plugsign verifies detached signatures: gpg --verify FILE.sig FILE, or - for standard input";

fn read(session: &Session, word: &OsStr) -> disk::Result<Zeroizing<Vec<u8>>> {
    Input::new(word, session.options.special_filenames).read_text()
}

/// Verifies a text that carries its signatures. It is given out only if all of them are good.
fn inline(
    session: &Session,
    signers: &mut Signers,
    bytes: &[u8],
    output: Option<Output>,
) -> Result<u8, Failure> {
    // gpgv has no --yes: it replaces what is there.
    let check = |output: &Output| match signers.is_gpgv {
        true => Ok(Existing::Replace),
        false => output.check(session),
    };
    let existing = output.as_ref().map(check).transpose()?;
    let cleartext = match Cleartext::read(bytes) {
        Ok(cleartext) => cleartext,
        Err(bad) => {
            session.log.say(&format!("not a signed text: {}", bad.detail()));
            session.status.say("NODATA 4");
            session.log.say("the signature could not be verified.");
            return Ok(2);
        }
    };
    let (judge, accepted) = signers.judge(session, cleartext.signatures())?;
    let verdicts = judge.judge_cleartext(&cleartext);
    let is_good = verdicts.iter().all(|verdict| matches!(verdict, Verdict::Good(_)));
    if is_good && output.is_some() {
        session.status.say("PLAINTEXT 74 0 ");
    }
    let code = signers.tell(session, &judge, &accepted, cleartext.signatures(), &verdicts);
    if let (0, Some(output), Some(existing)) = (code, output, existing) {
        output.write(session, cleartext.text(), false, existing)?;
    }
    Ok(code)
}

/// Whose signatures count.
struct Signers {
    is_gpgv: bool,
    keyrings: Keyrings,
}

impl Signers {
    fn open(session: &Session, is_gpgv: bool) -> Signers {
        Signers { is_gpgv, keyrings: Keyrings::open(session) }
    }

    /// Makes the judge of signatures that claim to be by these.
    fn judge(
        &mut self,
        session: &Session,
        signatures: &Signatures,
    ) -> Result<(Judge, Accepted), Failure> {
        let options = &session.options;
        let of_home = match self.is_gpgv {
            // gpgv's trustedkeys.kbx is what `plugsign trust add` fills here.
            true if options.keyrings.is_empty() => OfHome::Trusted,
            false if !options.no_default_keyring => OfHome::Everybody,
            _ => OfHome::Nobody,
        };
        let issuers = signatures.iter().flatten().flat_map(DetachedSignature::claimed_issuers);
        let from_keyrings = self.keyrings.find(session, &issuers.collect::<Vec<KeyId>>());
        let asking = Asking::new(&session.world);
        let publisher = session.world.publisher(&asking);
        let mut accepted = publisher.signers(from_keyrings, &[], &of_home)?;
        let certificates = std::mem::take(&mut accepted.certificates);
        Ok((Judge::new(certificates, publisher.policy())?, accepted))
    }

    /// Tells the verdicts. A bad signature weighs more than one that cannot be checked.
    fn tell(
        &self,
        session: &Session,
        judge: &Judge,
        accepted: &Accepted,
        signatures: &Signatures,
        verdicts: &[Verdict],
    ) -> u8 {
        let (known, is_gpgv) = (&accepted.known, self.is_gpgv);
        let mut codes = Vec::new();
        let mut asserted = session.options.asserted.is_empty();
        for (signature, verdict) in signatures.iter().zip(verdicts) {
            codes.push(match signature {
                Ok(signature) => {
                    let facts = signature_facts(signature);
                    let code = Telling { session, judge, known, facts, is_gpgv }.tell(verdict);
                    asserted = asserted || is_asserted(session, verdict);
                    code
                }
                Err(bad) => not_a_signature(session, bad),
            });
        }
        if !asserted {
            session.log.say("--assert-signer does not name this signer");
            codes.push(1);
        }
        // No signature is not good.
        let code = if codes.contains(&1) { Some(1) } else { codes.into_iter().max() };
        self.keyrings.code(code.unwrap_or(2))
    }
}

/// `gpg --verify FILE.sig` is about FILE.
fn without_extension(signature: &OsStr) -> Option<&OsStr> {
    let bytes = signature.as_bytes();
    let name = [&b".sig"[..], b".asc", b".sign"].iter().find_map(|end| bytes.strip_suffix(*end))?;
    Some(OsStr::from_bytes(name))
}

/// Somebody who verifies FILE.asc may believe that FILE was looked at.
fn warn_of_file_beside(log: &Log, word: &OsStr) {
    let beside = without_extension(word).filter(|it| is_there(Path::new(it)).unwrap_or(true));
    if let Some(beside) = beside {
        let shown = Safe::bytes(beside.as_bytes());
        log.say(&format!("WARNING: not a detached signature; file '{shown}' was NOT verified!"));
    }
}

fn cannot_read(session: &Session, error: disk::Error) -> u8 {
    let failure = Failure::from(error);
    let cause = cause_of(&failure);
    session.log.explain(&failure);
    session.log.say(&format!("verify signatures failed: {}", cause.words));
    session.status.say(&format!("FAILURE verify {}", cause.code));
    2
}

fn is_too_large(error: &disk::Error) -> bool {
    use plugsign::openpgp::Error::TooLarge;
    matches!(error, disk::Error::TooLarge { .. } | disk::Error::OpenPgp(TooLarge { .. }))
}

/// Says of a file that is too large for a signature that it may be the signed one.
fn swapped(session: &Session) -> u8 {
    session.log.say("no valid OpenPGP data found: no signature is so large");
    ["NODATA 1", "NODATA 2"].iter().for_each(|line| session.status.say(line));
    session.log.say(&format!("the signature could not be verified.\n{SWAPPED}"));
    2
}

/// Says why a file is not a detached signature.
fn not_a_signature(session: &Session, bad: &Bad) -> u8 {
    let (words, numbers) = match bad.reason() {
        Reason::Malformed => ("no valid OpenPGP data found", &[1, 2][..]),
        _ => ("not a detached signature", &[4][..]),
    };
    session.log.say(&format!("{words}: {}", bad.detail()));
    numbers.iter().for_each(|number| session.status.say(&format!("NODATA {number}")));
    session.log.say("the signature could not be verified.");
    2
}

/// Returns whether a signature is good and by a signer that `--assert-signer` names.
fn is_asserted(session: &Session, verdict: &Verdict) -> bool {
    let Verdict::Good(good) = verdict else { return false };
    let SignerKey { certificate, key } = good.signer();
    let mut asserted = session.options.asserted.iter().flat_map(|word| asserted_fingerprints(word));
    let matched = asserted.find(|asserted| asserted == certificate || asserted == key);
    if let Some(fingerprint) = &matched {
        session.log.remark(&format!("signer '{fingerprint}' matched"));
        session.status.say(&format!("ASSERT_SIGNER {fingerprint}"));
    }
    matched.is_some()
}

/// Reads a fingerprint, or a file with one on each line and comments after `#`.
fn asserted_fingerprints(word: &OsStr) -> Vec<Fingerprint> {
    let read = |text: &str| {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        Fingerprint::from_hex(compact.strip_prefix("0x").unwrap_or(&compact))
    };
    if let Some(fingerprint) = word.to_str().and_then(read) {
        return vec![fingerprint];
    }
    let Ok(file) = Input::new(word, false).read("a list of fingerprints", 1 << 20) else {
        return Vec::new();
    };
    String::from_utf8_lossy(&file)
        .lines()
        .filter_map(|line| read(line.split('#').next().unwrap_or_default()))
        .collect()
}
