//! `gpg --verify` and gpgv: detached signatures, by the publisher's rules.
//!
//! gpg accepts more than plugsign does. A signature that only gpg would call good is an ERRSIG here,
//! never a GOODSIG. Of several signatures in a file, each gets its own lines. The exit code is 0
//! only if all of them are good.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;

use plugsign::disk::Error;
use plugsign::judge::Judge;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::facts::{
    CertificateFacts, SignatureFacts, certificate_facts, signature_facts,
};
use plugsign::openpgp::hash::HashAlgorithm;
use plugsign::openpgp::ids::{Fingerprint, KeyId};
use plugsign::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE, Texts};
use plugsign::openpgp::verdict::{Bad, Reason, SignerKey};
use plugsign::openpgp::verify::Verdict;
use plugsign::openpgp::weakness::Weakness;
use plugsign::publisher::accepted::{Known, OfHome};
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use super::dates::{day, long_date};
use super::input::Input;
use super::keyrings::Keyrings;
use super::known::{OwnerTrust, trust_in};
use super::options::{digest_name, seconds};
use super::personality::Personality;
use super::session::{Session, primary_user_id};
use crate::edge::asking::Asking;

/// Verifies what the command line names. gpgv accepts the keys of its keyrings, or the trusted
/// certificates. gpg accepts every key that it knows, and says how far each is trusted.
pub fn run(session: &mut Session, personality: Personality) -> Result<u8, Failure> {
    let is_gpgv = personality == Personality::Gpgv;
    let of_home = match is_gpgv {
        // gpgv's trustedkeys.kbx is what `plugsign trust add` fills here.
        true if session.options.keyrings.is_empty() => OfHome::Trusted,
        false if !session.options.no_default_keyring => OfHome::Everybody,
        _ => OfHome::Nobody,
    };
    let mut keyrings = Keyrings::open(session);
    let special = session.options.special_filenames;
    let words = session.options.words.clone();
    let (signature_word, data_word) = match &words[..] {
        [] => return Err(Failure::Usage(NOT_INLINE.into())),
        [_] if is_gpgv => {
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
    // Only gpgv gets signatures over text: apt takes InRelease apart for it.
    let texts = if is_gpgv { Texts::Taken } else { Texts::Refused };
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
    let accepted = publisher.signers(from_keyrings, &[], &of_home)?;
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
        codes.push(Telling { session, judge, known, facts, is_gpgv }.tell(&verdict));
        asserted = asserted || is_asserted(session, &verdict);
    }
    if !asserted {
        session.log.say("the signer is none of those that --assert-signer names");
        codes.push(1);
    }
    // A bad signature weighs more than one that cannot be checked. No signature is not good.
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

/// Says why a file is no detached signature.
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
    /// gpgv does not speak of trust: its keyring is the trust.
    is_gpgv: bool,
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
        let (signer, bad) = match verdict {
            Verdict::Good(good) => (Some(good.signer()), None),
            Verdict::Bad(bad) => (bad.signer(), Some(bad)),
        };
        let certificate = signer.and_then(|signer| {
            let mut accepted = self.judge.accepted().iter();
            accepted.find(|it| it.fingerprint() == signer.certificate)
        });
        match (signer.zip(certificate), bad.map(Bad::reason)) {
            (Some((signer, certificate)), Some(Reason::BadSignature)) => {
                self.speak_ill(certificate, &signer.key)
            }
            (
                Some((signer, certificate)),
                None | Some(Reason::ExpiredSignature | Reason::ExpiredKey | Reason::RevokedKey),
            ) => self.speak_well(certificate, &signer.key, bad),
            _ => bad.map_or(2, |bad| self.cannot_say(bad)),
        }
    }

    /// Tells of a signature that its key made over these bytes. It is good, unless the key or the
    /// signature is `over`: expired or revoked.
    fn speak_well(
        mut self,
        certificate: &Certificate,
        key: &Fingerprint,
        over: Option<&Bad>,
    ) -> u8 {
        let primary = certificate.fingerprint();
        let facts = &self.facts;
        let created = facts.created;
        let known_as = certificate_facts(certificate, &self.session.world.policy());
        let over = over.map(|bad| (bad.reason(), bad.detail()));
        let (keyword, what, word) = match over {
            None => ("GOODSIG", "Good", None),
            Some((Reason::ExpiredSignature, _)) => ("EXPSIG", "Expired", None),
            Some((Reason::ExpiredKey, _)) => ("EXPKEYSIG", "Good", Some("expired")),
            Some(_) => ("REVKEYSIG", "Good", Some("revoked")),
        };
        let status = &mut self.session.status;
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        if let (Some("expired"), Some(expired)) = (word, key_expiry(&known_as, key)) {
            status.say(&format!("KEYEXPIRED {}", seconds(expired)));
        }
        status.say(&format!("SIG_ID {} {} {}", facts.id, day(created), seconds(created)));
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        let user_id = primary_user_id(certificate, self.session);
        self.session.status.say_of(&format!("{keyword} {}", key.key_id()), &user_id);
        let trust = self.trust_in(&primary);
        let word = word.unwrap_or(match trust {
            OwnerTrust::Ultimate => "ultimate",
            OwnerTrust::Full => "full",
            OwnerTrust::Unknown => "unknown",
        });
        let validity = if self.is_gpgv { String::new() } else { format!(" [{word}]") };
        let shown = Safe::bytes(&user_id).to_string();
        self.session.log.remark(&format!("{what} signature from \"{shown}\"{validity}"));
        let others = known_as.user_ids.iter();
        for other in others.filter(|other| other.value != user_id && !other.revoked) {
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
        match self.is_gpgv {
            true => over.iter().for_each(|(_, detail)| self.session.log.say(detail)),
            false => self.speak_of_trust(&primary, trust, over),
        }
        if let Some(name) = HashAlgorithm::from_id(self.facts.hash).map(digest_name) {
            let kind = if self.facts.class == 1 { "textmode" } else { "binary" };
            self.session.verbose(&format!("{kind} signature, digest algorithm {name}"));
        }
        u8::from(over.is_some())
    }

    fn speak_of_trust(
        &mut self,
        primary: &Fingerprint,
        trust: OwnerTrust,
        over: Option<(Reason, &str)>,
    ) {
        let Session { status, log, options, .. } = &mut *self.session;
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        match over {
            None | Some((Reason::ExpiredSignature, _)) => {}
            Some((Reason::ExpiredKey, detail)) => {
                log.say("Note: This key has expired!");
                log.say(&format!("         {detail}"));
                log.say(&format!("Primary key fingerprint: {}", primary.grouped()));
                return;
            }
            Some((_, detail)) => {
                status.say("KEYREVOKED");
                log.say("WARNING: This key has been revoked by its owner!");
                log.say("         This could mean that the signature is forged.");
                log.say(&format!("         {detail}"));
            }
        }
        if options.always_trust {
            log.remark("WARNING: Using untrusted key!");
            return;
        }
        match trust {
            OwnerTrust::Ultimate => status.say("TRUST_ULTIMATE 0 pgp"),
            OwnerTrust::Full => status.say("TRUST_FULLY 0 pgp"),
            OwnerTrust::Unknown => {
                status.say("TRUST_UNDEFINED 0 pgp");
                log.remark("WARNING: This key is not certified with a trusted signature!");
                log.remark(
                    "         There is no indication that the signature belongs to the owner.",
                );
                log.remark(&format!("Primary key fingerprint: {}", primary.grouped()));
            }
        }
        if let Some((Reason::ExpiredSignature, detail)) = over {
            log.say(detail);
        }
    }

    /// Tells of a signature that names a known key, but is not by that key over these bytes.
    fn speak_ill(self, certificate: &Certificate, key: &Fingerprint) -> u8 {
        let primary = certificate.fingerprint();
        let user_id = primary_user_id(certificate, self.session);
        let Session { status, log, .. } = self.session;
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        status.say_of(&format!("BADSIG {}", key.key_id()), &user_id);
        log.say(&format!("BAD signature from \"{}\"", Safe::bytes(&user_id)));
        1
    }

    /// Tells of a signature by an unknown key, or of a kind that does not count here.
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

    fn trust_in(&self, primary: &Fingerprint) -> OwnerTrust {
        let known = (!self.session.options.no_default_keyring).then_some(self.known);
        let key = known.and_then(|known| Some((known.keys.get(primary)?, &known.trusted)));
        key.map_or(OwnerTrust::Unknown, |(key, trusted)| trust_in(key, trusted))
    }
}

/// Returns whether a signature is good and by a signer that `--assert-signer` names.
fn is_asserted(session: &mut Session, verdict: &Verdict) -> bool {
    let Verdict::Good(good) = verdict else { return false };
    let SignerKey { certificate, key } = good.signer();
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

/// Returns when the key, or its certificate, expired.
fn key_expiry(certificate: &CertificateFacts, key: &Fingerprint) -> Option<SystemTime> {
    let of_key = certificate.keys.iter().find(|facts| facts.description.fingerprint == *key);
    of_key.into_iter().chain(certificate.keys.first()).find_map(|facts| {
        match facts.description.weakness {
            Some(Weakness::Expired(time)) => Some(time),
            _ => None,
        }
    })
}

/// Returns gpg's name of a public-key algorithm.
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
