//! Verdicts, told line by line as gpg does.
//!
//! gpg accepts more than plugsign does. A signature that only gpg would call good is an ERRSIG
//! here, never a GOODSIG.

use std::time::SystemTime;

use plugsign::judge::Judge;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::facts::{CertificateFacts, SignatureFacts, certificate_facts};
use plugsign::openpgp::hash::HashAlgorithm;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::verdict::{Bad, Reason, SignerKey};
use plugsign::openpgp::verify::Verdict;
use plugsign::openpgp::weakness::Weakness;
use plugsign::publisher::accepted::Known;
use plugsign::text::Safe;

use super::dates::{day, long_date, seconds};
use super::known::{OwnerTrust, trust_in};
use super::options::digest_name;
use super::session::Session;

/// What is told of one signature.
pub struct Telling<'a> {
    pub session: &'a Session,
    pub judge: &'a Judge,
    pub known: &'a Known,
    pub facts: SignatureFacts,
    /// gpgv does not speak of trust: its keyring is the trust.
    pub is_gpgv: bool,
}

impl Telling<'_> {
    /// Tells a verdict. Returns gpg's exit code for it.
    pub fn tell(&self, verdict: &Verdict) -> u8 {
        let Session { status, log, .. } = self.session;
        let facts = &self.facts;
        let issuer = facts.signers_user_id.as_deref();
        status.say_of("NEWSIG", issuer.unwrap_or_default());
        log.remark(&format!("Signature made {}", long_date(facts.created)));
        let named = facts.fingerprint.as_ref().map(Fingerprint::to_string);
        let named = named.unwrap_or_else(|| facts.key_id.clone());
        let algorithm = algorithm_name(facts.algorithm);
        log.remark(&format!("               using {algorithm} key {named}"));
        if let Some(issuer) = issuer {
            log.remark(&format!("               issuer \"{}\"", Safe::bytes(issuer)));
        }
        let (signer, bad) = match verdict {
            Verdict::Good(good) => (Some(good.signer()), None),
            Verdict::Bad(bad) => (bad.signer(), Some(bad)),
        };
        let accepted = |signer: &SignerKey| {
            self.judge.accepted().iter().find(|it| it.fingerprint() == signer.certificate)
        };
        let signer = signer.and_then(|signer| Some((accepted(signer)?, &signer.key)));
        match (signer, bad) {
            (Some((certificate, key)), None) => self.speak_well(certificate, key, None),
            (Some((certificate, key)), Some(bad)) => match bad.reason() {
                Reason::BadSignature => self.speak_ill(certificate, key),
                Reason::ExpiredSignature | Reason::ExpiredKey | Reason::RevokedKey => {
                    self.speak_well(certificate, key, Some((bad.reason(), bad.detail())))
                }
                _ => self.cannot_say(bad),
            },
            (None, bad) => bad.map_or(2, |bad| self.cannot_say(bad)),
        }
    }

    /// Tells of a signature that its key made over these bytes. It is good, unless the key or the
    /// signature is `over`: expired or revoked.
    fn speak_well(
        &self,
        certificate: &Certificate,
        key: &Fingerprint,
        over: Option<(Reason, &str)>,
    ) -> u8 {
        let Session { status, log, .. } = self.session;
        let facts = &self.facts;
        let primary = certificate.fingerprint();
        let created = (day(facts.created), seconds(facts.created));
        let known_as = certificate_facts(certificate, &self.session.world.policy());
        let trust = self.trust_in(&primary);
        let (keyword, what, word) = match over {
            None => ("GOODSIG", "Good", trust.word()),
            Some((Reason::ExpiredSignature, _)) => ("EXPSIG", "Expired", trust.word()),
            Some((Reason::ExpiredKey, _)) => ("EXPKEYSIG", "Good", "expired"),
            Some(_) => ("REVKEYSIG", "Good", "revoked"),
        };
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        if let (Some((Reason::ExpiredKey, _)), Some(end)) = (over, key_expiry(&known_as, key)) {
            status.say(&format!("KEYEXPIRED {}", seconds(end)));
        }
        status.say(&format!("SIG_ID {} {} {}", facts.id, created.0, created.1));
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        let user_id = self.session.primary_user_id(certificate);
        status.say_of(&format!("{keyword} {}", key.key_id()), &user_id);
        let validity = if self.is_gpgv { String::new() } else { format!(" [{word}]") };
        log.remark(&format!("{what} signature from \"{}\"{validity}", Safe::bytes(&user_id)));
        let others = known_as.user_ids.iter();
        for other in others.filter(|other| other.value != user_id && !other.revoked) {
            let shown = Safe::bytes(&other.value);
            log.remark(&format!("                aka \"{shown}\"{validity}"));
        }
        status.say(&format!(
            "VALIDSIG {key} {} {} {} 4 0 {} {} {:02x} {primary}",
            created.0,
            created.1,
            facts.expires.map_or(0, seconds),
            facts.algorithm,
            facts.hash,
            facts.class,
        ));
        match self.is_gpgv {
            true => over.iter().for_each(|(_, detail)| log.say(detail)),
            false => self.speak_of_trust(&primary, trust, over),
        }
        if let Some(name) = HashAlgorithm::from_id(facts.hash).map(digest_name) {
            let kind = if facts.class == 1 { "textmode" } else { "binary" };
            self.session.verbose(&format!("{kind} signature, digest algorithm {name}"));
        }
        u8::from(over.is_some())
    }

    fn speak_of_trust(
        &self,
        primary: &Fingerprint,
        trust: OwnerTrust,
        over: Option<(Reason, &str)>,
    ) {
        let Session { status, log, options, .. } = self.session;
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
    fn speak_ill(&self, certificate: &Certificate, key: &Fingerprint) -> u8 {
        let primary = certificate.fingerprint();
        let user_id = self.session.primary_user_id(certificate);
        let Session { status, log, .. } = self.session;
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        status.say(&format!("KEY_CONSIDERED {primary} 0"));
        status.say_of(&format!("BADSIG {}", key.key_id()), &user_id);
        log.say(&format!("BAD signature from \"{}\"", Safe::bytes(&user_id)));
        1
    }

    /// Tells of a signature by an unknown key, or of a kind that does not count here.
    fn cannot_say(&self, bad: &Bad) -> u8 {
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

/// Returns when the key, or its certificate, expired.
fn key_expiry(certificate: &CertificateFacts, key: &Fingerprint) -> Option<SystemTime> {
    let of_key = certificate.keys.iter().find(|facts| facts.description.fingerprint == *key);
    let mut ends = of_key.into_iter().chain(certificate.keys.first());
    ends.find_map(|facts| match facts.description.weakness {
        Some(Weakness::Expired(time)) => Some(time),
        _ => None,
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
