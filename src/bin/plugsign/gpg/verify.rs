//! `gpg --verify` and gpgv: detached signatures, by the publisher's rules.
//!
//! gpg believes more than plugsign does. What it would call good and is not by these rules is an
//! ERRSIG here, and never a GOODSIG. Several signatures in a file are told one by one, as
//! releases that several people sign need it; only if all of them are good is the exit code 0.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use plugsign::disk::Error;
use plugsign::judge::Judge;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::facts::{SignatureFacts, certificate_facts, signature_facts};
use plugsign::openpgp::hash::HashAlgorithm;
use plugsign::openpgp::ids::{Fingerprint, KeyId};
use plugsign::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE, Texts};
use plugsign::openpgp::verdict::{Bad, Reason, Signer};
use plugsign::openpgp::verify::Verdict;
use plugsign::openpgp::weakness::Weakness;
use plugsign::text::Safe;

use super::dates::{day, long_date};
use super::input::Input;
use super::keyrings::Keyrings;
use super::known::{Trust, trust_in};
use super::options::{digest_name, seconds};
use super::session::{Session, primary_user_id};
use crate::edge::asking::Asking;
use plugsign::publisher::accepted::{Known, OfHome};
use plugsign::publisher::failure::Failure;

/// Whether trust is spoken of: gpgv does not, its keyring is the trust.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Speak {
    OfTrust,
    NotOfTrust,
}

/// What comes of a signature whose mathematics is right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    ExpiredSignature,
    ExpiredKey,
    RevokedKey,
}

impl State {
    fn keyword(self) -> &'static str {
        match self {
            State::Good => "GOODSIG",
            State::ExpiredSignature => "EXPSIG",
            State::ExpiredKey => "EXPKEYSIG",
            State::RevokedKey => "REVKEYSIG",
        }
    }
}

/// `gpg --verify`: by everybody that the home knows, unless it is ruled out, and by the keyrings.
pub fn gpg(session: &mut Session) -> Result<u8, Failure> {
    let of_home = match session.options.no_default_keyring {
        true => OfHome::Nobody,
        false => OfHome::Everybody,
    };
    run(session, &of_home, Speak::OfTrust)
}

/// gpgv: by the keyrings. Its trustedkeys.kbx is what `plugsign trust add` fills here.
pub fn gpgv(session: &mut Session) -> Result<u8, Failure> {
    let of_home = match session.options.keyrings.is_empty() {
        true => OfHome::Trusted,
        false => OfHome::Nobody,
    };
    run(session, &of_home, Speak::NotOfTrust)
}

fn run(session: &mut Session, of_home: &OfHome<'_>, speak: Speak) -> Result<u8, Failure> {
    let mut keyrings = Keyrings::open(session);
    let special = session.options.special_filenames;
    let words = session.options.words.clone();
    let (signature_word, data_word) = match &words[..] {
        [] => return Err(Failure::Usage(NOT_INLINE.into())),
        [_] if speak == Speak::NotOfTrust => {
            session.log.say("no signed data: gpgv FILE.sig FILE");
            return Ok(2);
        }
        [signature] => (signature.clone(), without_extension(session, signature)),
        [signature, data] => (signature.clone(), Some(data.clone())),
        _ => {
            let why = "several files would be verified as one; name one file for one signature";
            return Err(Failure::Usage(why.into()));
        }
    };
    let input = Input::new(&signature_word, special);
    let bytes = match input.read("a signature", MAX_SIGNATURE_FILE) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(cannot_look(session, error)),
    };
    // gpgv alone is given what was signed in cleartext: apt takes InRelease apart for it.
    let texts = if speak == Speak::NotOfTrust { Texts::Taken } else { Texts::Refused };
    let signatures = match DetachedSignature::read_each(&bytes, texts) {
        Ok(signatures) => signatures,
        Err(bad) => return Ok(not_a_signature(session, &bad)),
    };
    let Some(data_word) = data_word else { return Err(Failure::Usage(NOT_INLINE.into())) };
    if signature_word == "-" && data_word == "-" {
        let why = "standard input cannot be both the signature and the file";
        return Err(Failure::Usage(why.into()));
    }
    let data = Input::new(&data_word, special);
    let ways = signatures.iter().flatten().filter_map(|signature| signature.content_hash().ok());
    let content = match data.hash(ways) {
        Ok(content) => content,
        Err(error) => {
            session.log.say(&format!("can't open signed data '{}'", Safe::path(data.name())));
            session.log.explain(&error.into());
            return Ok(2);
        }
    };
    let issuers = signatures.iter().flatten().flat_map(DetachedSignature::claimed_issuers);
    let from_keyrings = keyrings.find(session, &issuers.collect::<Vec<KeyId>>());
    let asking = Asking::new(&session.world);
    let publisher = session.world.publisher(&asking);
    let accepted = publisher.signers(from_keyrings, &[], of_home)?;
    let (judge, known) = (&Judge::new(accepted.certificates, publisher.policy())?, &accepted.known);
    let mut codes = Vec::new();
    let mut asserted = session.options.asserted.is_empty();
    for signature in &signatures {
        let signature = match signature {
            Ok(signature) => signature,
            Err(bad) => {
                codes.push(not_a_signature(session, bad));
                continue;
            }
        };
        let verdict = judge.judge_by_policy(signature, &content);
        let facts = signature_facts(signature);
        codes.push(Telling { session, judge, known, facts, speak }.tell(&verdict));
        asserted = asserted || is_asserted(session, &verdict);
    }
    if !asserted {
        session.log.say("the signer is none of those that --assert-signer names");
        codes.push(1);
    }
    // A bad signature weighs more than one that cannot be checked; none at all is not good.
    let code = if codes.contains(&1) { Some(1) } else { codes.into_iter().max() };
    Ok(keyrings.code(code.unwrap_or(2)))
}

const NOT_INLINE: &str =
    "plugsign verifies detached signatures: gpg --verify FILE.sig FILE, or - for standard input";

/// `gpg --verify FILE.sig` is about FILE.
fn without_extension(session: &mut Session, signature: &OsStr) -> Option<OsString> {
    let bytes = signature.as_bytes();
    let name = [&b".sig"[..], b".asc", b".sign"].iter().find_map(|end| bytes.strip_suffix(*end))?;
    let name = OsStr::from_bytes(name).to_owned();
    session.log.remark(&format!("assuming signed data in '{}'", Safe::bytes(name.as_bytes())));
    Some(name)
}

fn cannot_look(session: &mut Session, error: Error) -> u8 {
    let failure = Failure::from(error);
    session.log.explain(&failure);
    let cause = super::status::cause_of(&failure);
    session.log.say(&format!("verify signatures failed: {}", cause.words));
    session.status.say(&format!("FAILURE verify {}", cause.code));
    2
}

/// A file that is no detached signature has nothing good about it, whatever it holds.
fn not_a_signature(session: &mut Session, bad: &Bad) -> u8 {
    if bad.reason() == Reason::Malformed {
        session.log.say(&format!("no valid OpenPGP data found: {}", bad.detail()));
        session.status.say("NODATA 1");
        session.status.say("NODATA 2");
    } else {
        session.log.say(&format!("not a detached signature: {}", bad.detail()));
        session.status.say("NODATA 4");
    }
    session.log.say("the signature could not be verified.");
    2
}

/// Tells a verdict, line by line as gpg does.
struct Telling<'a> {
    session: &'a mut Session,
    judge: &'a Judge,
    known: &'a Known,
    facts: SignatureFacts,
    speak: Speak,
}

impl Telling<'_> {
    fn tell(self, verdict: &Verdict) -> u8 {
        let email = self.facts.signers_user_id.clone().unwrap_or_default();
        self.session.status.say_of("NEWSIG", &email);
        self.session.log.remark(&format!("Signature made {}", long_date(self.facts.created)));
        let named = self.facts.fingerprint.as_ref().map(Fingerprint::to_string);
        let named = named.unwrap_or_else(|| self.facts.key_id.clone());
        self.session.log.remark(&format!(
            "               using {} key {named}",
            algorithm_name(self.facts.algorithm)
        ));
        if let Some(issuer) = &self.facts.signers_user_id {
            let words = format!("               issuer \"{}\"", Safe::bytes(issuer));
            self.session.log.remark(&words);
        }
        let (bad, signer) = match verdict {
            Verdict::Good(good) => return self.speak_well(State::Good, good.signer(), ""),
            Verdict::Bad(bad) => (bad, bad.signer()),
        };
        match (signer, bad.reason()) {
            (Some(signer), Reason::BadSignature) => self.speak_ill(signer),
            (Some(signer), Reason::ExpiredSignature) => {
                self.speak_well(State::ExpiredSignature, signer, bad.detail())
            }
            (Some(signer), Reason::ExpiredKey) => {
                self.speak_well(State::ExpiredKey, signer, bad.detail())
            }
            (Some(signer), Reason::RevokedKey) => {
                self.speak_well(State::RevokedKey, signer, bad.detail())
            }
            _ => self.cannot_say(bad),
        }
    }

    /// The bytes are the signer's. That is good, unless the signer or the signature is over.
    fn speak_well(mut self, state: State, signer: &Signer, detail: &str) -> u8 {
        let Some(certificate) = certificate_of(self.judge, signer) else { return 2 };
        let key = &signer.key;
        let primary = certificate.fingerprint();
        let facts = &self.facts;
        let created = facts.created;
        let expired = key_expiry(certificate, key, self.session);
        let status = &mut self.session.status;
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        if state == State::ExpiredKey
            && let Some(expired) = expired
        {
            status.say(&format!("KEYEXPIRED {}", seconds(expired)));
        }
        status.say(&format!("SIG_ID {} {} {}", facts.id, day(created), seconds(created)));
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        let user_id = primary_user_id(certificate, self.session);
        let key_id = key.key_id();
        self.session.status.say_of(&format!("{} {key_id}", state.keyword()), &user_id);
        let trust = self.trust_in(&primary);
        let validity = match (self.speak, state, trust) {
            (Speak::NotOfTrust, ..) => String::new(),
            (_, State::ExpiredKey, _) => " [expired]".into(),
            (_, State::RevokedKey, _) => " [revoked]".into(),
            (_, _, Trust::Ultimate) => " [ultimate]".into(),
            (_, _, Trust::Full) => " [full]".into(),
            (_, _, Trust::Unknown) => " [unknown]".into(),
        };
        let what = if state == State::ExpiredSignature { "Expired" } else { "Good" };
        let shown = Safe::bytes(&user_id).to_string();
        self.session.log.remark(&format!("{what} signature from \"{shown}\"{validity}"));
        let known_as = certificate_facts(certificate, &self.session.world.policy()).user_ids;
        for other in known_as.iter().filter(|other| other.value != user_id && !other.revoked) {
            let shown = Safe::bytes(&other.value);
            self.session.log.remark(&format!("                aka \"{shown}\"{validity}"));
        }
        let facts = &self.facts;
        self.session.status.say(&format!(
            "VALIDSIG {key} {} {} {} 4 0 {} {} {:02x} {primary}",
            day(created),
            seconds(created),
            facts.expires.map_or(0, seconds),
            facts.algorithm,
            facts.hash,
            facts.class,
        ));
        self.speak_of_trust(state, &primary, trust, detail);
        if let Some(name) = HashAlgorithm::from_id(self.facts.hash).map(digest_name) {
            let kind = if self.facts.class == 1 { "textmode" } else { "binary" };
            self.session.verbose(&format!("{kind} signature, digest algorithm {name}"));
        }
        if state == State::Good { 0 } else { 1 }
    }

    fn speak_of_trust(&mut self, state: State, primary: &Fingerprint, trust: Trust, detail: &str) {
        if self.speak == Speak::NotOfTrust {
            if state != State::Good {
                self.session.log.say(detail);
            }
            return;
        }
        self.session.status.say(&format!("KEY_CONSIDERED {primary} 0"));
        match state {
            State::Good | State::ExpiredSignature => {}
            State::ExpiredKey => {
                self.session.log.say("Note: This key has expired!");
                self.session.log.say(&format!("         {detail}"));
                self.session.log.say(&format!("Primary key fingerprint: {}", primary.grouped()));
                return;
            }
            State::RevokedKey => {
                self.session.status.say("KEYREVOKED");
                self.session.log.say("WARNING: This key has been revoked by its owner!");
                self.session.log.say("         This could mean that the signature is forged.");
                self.session.log.say(&format!("         {detail}"));
            }
        }
        if self.session.options.always_trust {
            self.session.log.remark("WARNING: Using untrusted key!");
            return;
        }
        let status = &mut self.session.status;
        match trust {
            Trust::Ultimate => status.say("TRUST_ULTIMATE 0 pgp"),
            Trust::Full => status.say("TRUST_FULLY 0 pgp"),
            Trust::Unknown => {
                status.say("TRUST_UNDEFINED 0 pgp");
                let log = &mut self.session.log;
                log.remark("WARNING: This key is not certified with a trusted signature!");
                log.remark(
                    "         There is no indication that the signature belongs to the owner.",
                );
                log.remark(&format!("Primary key fingerprint: {}", primary.grouped()));
            }
        }
        if state == State::ExpiredSignature {
            self.session.log.say(detail);
        }
    }

    /// The signature names a known key, and is not by it over these bytes.
    fn speak_ill(self, signer: &Signer) -> u8 {
        let Some(certificate) = certificate_of(self.judge, signer) else { return 2 };
        let Signer { certificate: primary, key } = signer;
        let user_id = primary_user_id(certificate, self.session);
        let Session { status, log, .. } = self.session;
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        status.say_of(&format!("BADSIG {}", key.key_id()), &user_id);
        log.say(&format!("BAD signature from \"{}\"", Safe::bytes(&user_id)));
        1
    }

    /// Nobody known made it, or it is of a kind that does not count here.
    fn cannot_say(self, bad: &Bad) -> u8 {
        // RFC 9580 has no numbers for reasons; these are gpg's, of libgpg-error.
        let code = match bad.reason() {
            Reason::UnknownSigner => 9,
            Reason::WeakHash => 5,
            Reason::WeakKey => 4,
            Reason::FutureSignature => 39,
            Reason::NotASigningKey => 125,
            _ => 1,
        };
        let facts = &self.facts;
        let fingerprint = facts.fingerprint.as_ref().map_or("-".into(), Fingerprint::to_string);
        let Session { status, log, .. } = self.session;
        status.say(&format!(
            "ERRSIG {} {} {} {:02x} {} {code} {fingerprint}",
            facts.key_id,
            facts.algorithm,
            facts.hash,
            facts.class,
            seconds(facts.created),
        ));
        if bad.reason() == Reason::UnknownSigner {
            status.say(&format!("NO_PUBKEY {}", facts.key_id));
            log.say("Can't check signature: No public key");
        } else {
            log.say(&format!("Can't check signature: {}", bad.detail()));
        }
        2
    }

    fn trust_in(&self, primary: &Fingerprint) -> Trust {
        let known = (!self.session.options.no_default_keyring).then_some(self.known);
        let key = known.and_then(|known| Some((known.get(primary)?, &known.trusted)));
        key.map_or(Trust::Unknown, |(key, trusted)| trust_in(key, trusted))
    }
}

/// Returns the certificate of a signer that is accepted.
fn certificate_of<'a>(judge: &'a Judge, signer: &Signer) -> Option<&'a Certificate> {
    judge.accepted().iter().find(|it| it.fingerprint() == signer.certificate)
}

/// `--assert-signer`: a good signature, but by whom?
fn is_asserted(session: &mut Session, verdict: &Verdict) -> bool {
    let Verdict::Good(good) = verdict else { return false };
    let Signer { certificate, key } = good.signer();
    for word in session.options.asserted.clone() {
        for fingerprint in asserted_fingerprints(&word) {
            if fingerprint == *certificate || fingerprint == *key {
                session.log.remark(&format!("signer '{fingerprint}' matched"));
                session.status.say(&format!("ASSERT_SIGNER {fingerprint}"));
                return true;
            }
        }
    }
    false
}

/// A fingerprint, or a file with one a line and comments behind `#`.
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

/// When the key, or its certificate, stopped being valid.
fn key_expiry(
    certificate: &Certificate,
    key: &Fingerprint,
    session: &Session,
) -> Option<std::time::SystemTime> {
    let facts = certificate_facts(certificate, &session.world.policy());
    let of_key = facts.keys.iter().find(|facts| facts.description.fingerprint == *key);
    let candidates = of_key.into_iter().chain(facts.keys.first());
    candidates
        .filter_map(|facts| match &facts.description.weakness {
            Some(Weakness::Expired(time)) => Some(*time),
            _ => None,
        })
        .next()
}

/// gpg's names of public-key algorithms.
fn algorithm_name(number: u8) -> &'static str {
    match number {
        1..=3 => "RSA",
        16 | 20 => "ELG",
        17 => "DSA",
        18 => "ECDH",
        19 => "ECDSA",
        22 => "EDDSA",
        _ => "?",
    }
}
