//! Both judges over one pass of the bytes: the publisher's policy, and the Mattermost server.

use std::io::{self, Read};
use std::sync::OnceLock;

use crate::mattermost::server::{Cause, KeyRing, Pending, Refusal, ServerVerdict};
use crate::mattermost::server_copy::ServerCopy;
use crate::mattermost::shape::refused_by_policy;
use crate::openpgp::Result;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::cleartext::Cleartext;
use crate::openpgp::hash::{Hashed, Hasher};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::openpgp::set::gather;
use crate::openpgp::signature::DetachedSignature;
use crate::openpgp::verdict::{Bad, Reason};
use crate::openpgp::verify::{Good, Remembered, Verdict, verify_remembering};

/// Judges detached signatures by a list of certificates. A signature is good only if the
/// publisher's policy accepts it *and* the server would. The server's key file is then the signer's
/// certificate, without subkeys that never sign and that the server cannot read (see
/// [`ServerCopy`]).
pub struct Judge {
    policy: Policy,
    accepted: Vec<Certificate>,
    /// What the server reads of each certificate's [`ServerCopy`], in the same order. It is read on
    /// demand, because most certificates of a keyring are never needed.
    key_rings: Vec<OnceLock<Result<KeyRing, Refusal>>>,
    /// What was found out about their keys.
    remembered: Remembered,
    /// Key files as they were given.
    given: Vec<Vec<u8>>,
    /// What the server reads of those, on demand.
    given_rings: OnceLock<Vec<Result<KeyRing, Refusal>>>,
}

impl Judge {
    /// Makes a judge that accepts signatures by these certificates. Copies of a certificate are
    /// merged, so that a revocation in any copy counts. Fails if copies cannot be merged.
    pub fn new(certificates: Vec<Certificate>, policy: Policy) -> Result<Judge> {
        let accepted = gather(certificates, |certificate| certificate)?;
        let key_rings = accepted.iter().map(|_| OnceLock::new()).collect();
        Ok(Judge {
            policy,
            accepted,
            key_rings,
            remembered: Remembered::default(),
            given: Vec::new(),
            given_rings: OnceLock::new(),
        })
    }

    /// Also asks the server about these key files as they are, if it can read them. A file may hold
    /// more than what is read of it here.
    pub fn with_key_files(mut self, files: Vec<Vec<u8>>) -> Judge {
        self.given.extend(files);
        self.given_rings = OnceLock::new();
        self
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the certificates whose signatures count.
    pub fn accepted(&self) -> &[Certificate] {
        &self.accepted
    }

    /// Judges a signature file over everything that the reader yields. If no content could make the
    /// signature good, nothing is read. Errors are the reader's.
    pub fn verify(&self, signature_file: &[u8], artifact: impl Read) -> io::Result<Verdict> {
        match DetachedSignature::read(signature_file).and_then(|it| Ok((it.content_hash()?, it))) {
            Ok((way, signature)) => {
                let content = Hasher::new([way]).read(artifact)?;
                Ok(self.judge(&signature, signature_file, &content))
            }
            Err(bad) => Ok(Verdict::Bad(bad)),
        }
    }

    /// Judges a signature file over content that was hashed as the signature wants.
    pub fn verify_content(&self, signature_file: &[u8], content: &Hashed) -> Verdict {
        match DetachedSignature::read(signature_file) {
            Ok(signature) => self.judge(&signature, signature_file, content),
            Err(bad) => Verdict::Bad(bad),
        }
    }

    /// Judges a signature over content that was hashed as the signature wants. The server is asked
    /// about the signature's file as it is.
    pub fn judge(
        &self,
        signature: &DetachedSignature,
        signature_file: &[u8],
        content: &Hashed,
    ) -> Verdict {
        let verdict = self.judge_by_policy(signature, content);
        let Verdict::Good(good) = &verdict else { return verdict };
        match self.ask_as_signer(&good.signer().certificate, signature_file, content) {
            Ok(()) => verdict,
            Err(bad) => Verdict::Bad(bad),
        }
    }

    /// Judges a signature by the publisher's policy alone, over content that was hashed the way
    /// that it wants.
    pub fn judge_by_policy(&self, signature: &DetachedSignature, content: &Hashed) -> Verdict {
        verify_remembering(content, signature, &self.accepted, &self.policy, &self.remembered)
    }

    /// Judges the signatures of a cleartext signed text by the publisher's policy alone: no server
    /// reads one. The text is good if all of them are.
    pub fn judge_cleartext(&self, cleartext: &Cleartext) -> Vec<Verdict> {
        self.judge_each_by_policy(cleartext.signatures(), &cleartext.content())
    }

    /// Judges each of several signatures over the same content by the publisher's policy alone. One
    /// that could not be read is bad.
    pub fn judge_each_by_policy(
        &self,
        signatures: &[Result<DetachedSignature, Bad>],
        content: &Hashed,
    ) -> Vec<Verdict> {
        let verdict = |signature: &Result<DetachedSignature, Bad>| match signature {
            Ok(signature) => self.judge_by_policy(signature, content),
            Err(bad) => Verdict::Bad(bad.clone()),
        };
        signatures.iter().map(verdict).collect()
    }

    /// Returns who signed a text, if all of its signatures are good. There is at least one.
    ///
    /// # Errors
    ///
    /// Why one is not good.
    pub fn all_good(&self, cleartext: &Cleartext) -> Result<Vec<Good>, Bad> {
        let verdicts = self.judge_cleartext(cleartext).into_iter();
        let all = verdicts.map(|verdict| match verdict {
            Verdict::Good(good) => Ok(*good),
            Verdict::Bad(bad) => Err(bad),
        });
        all.collect()
    }

    /// Asks the server with the signer's certificate as its key file. The file has one packet, so
    /// both judges look at the same one and want the same hash.
    fn ask_as_signer(
        &self,
        signer: &Fingerprint,
        signature_file: &[u8],
        content: &Hashed,
    ) -> Result<(), Bad> {
        let mut asked = self.accepted.iter().zip(&self.key_rings);
        let (certificate, key_ring) = asked
            .find(|(certificate, _)| certificate.fingerprint() == *signer)
            .ok_or_else(|| Bad::new(Reason::UnknownSigner, "its signer is not accepted"))?;
        let key_ring = made(key_ring, certificate).as_ref().map_err(refused)?;
        let pending = key_ring.choose(signature_file).map_err(|refusal| refused(&refusal))?;
        let refusal = pending.finish(content).refusal();
        let refusal = refusal.or_else(|| self.ask_given(&pending, signature_file, content));
        refusal.map_or(Ok(()), |refusal| Err(refused(&refusal)))
    }

    /// Returns why the server refuses a signature with one of the key files as they were given. It
    /// counts only files that it can read and that have the signer. The signer's own key ring is
    /// `accepting`.
    fn ask_given(
        &self,
        accepting: &Pending<'_>,
        signature_file: &[u8],
        content: &Hashed,
    ) -> Option<Refusal> {
        let rings = self.given_rings.get_or_init(|| KeyRing::read_all(&self.given));
        rings.iter().flatten().find_map(|key_ring| {
            let refusal = match key_ring.choose(signature_file) {
                Ok(given) if given.is_up_to_the_same(accepting) => None,
                Ok(given) => given.finish(content).refusal(),
                Err(refusal) => Some(refusal),
            };
            refusal.filter(|refusal| refusal.cause != Cause::UnknownIssuer)
        })
    }

    /// Asks only the server, with the accepted certificates as its key files. The publisher's
    /// policy does not count. Errors are the reader's.
    pub fn ask_server(
        &self,
        signature_file: &[u8],
        artifact: impl Read,
    ) -> io::Result<ServerVerdict> {
        let asked = self.accepted.iter().zip(&self.key_rings);
        let rings = asked.map(|(certificate, key_ring)| made(key_ring, certificate));
        ask_key_rings(rings, signature_file, artifact)
    }
}

/// Returns what the server does with a signature that the publisher's policy refuses.
pub fn consequence(server: &ServerVerdict) -> String {
    match server {
        ServerVerdict::Accepts { .. } => {
            "a Mattermost server with the signer's key accepts it all the same, and installs the plugin".into()
        }
        ServerVerdict::Refuses(Refusal { words, advice, .. }) => format!(
            "a Mattermost server with these keys does not install it: \"Unable to verify plugin signature.\" ({words}: {})",
            advice.trim_end_matches('.')
        ),
    }
}

/// Returns what the publisher's policy says of a signature that is not good.
pub fn policy_words(bad: &Bad) -> String {
    match bad.reason() {
        Reason::ServerRefuses => {
            "the signature is good by the publisher's policy, and the server refuses it".into()
        }
        _ => refused_by_policy(bad),
    }
}

/// Asks only the server, with these key files in the order of its configuration. The first one that
/// accepts decides. One that cannot be read is skipped. Errors are the reader's.
pub fn ask_server(
    key_files: &[Vec<u8>],
    signature_file: &[u8],
    artifact: impl Read,
) -> io::Result<ServerVerdict> {
    ask_key_rings(KeyRing::read_all(key_files).iter(), signature_file, artifact)
}

/// Returns what the server reads of a certificate's [`ServerCopy`].
fn made<'a>(
    key_ring: &'a OnceLock<Result<KeyRing, Refusal>>,
    certificate: &Certificate,
) -> &'a Result<KeyRing, Refusal> {
    key_ring.get_or_init(|| ServerCopy::of(certificate).map(|copy| copy.key_ring))
}

fn ask_key_rings<'a>(
    rings: impl Iterator<Item = &'a Result<KeyRing, Refusal>>,
    signature_file: &[u8],
    artifact: impl Read,
) -> io::Result<ServerVerdict> {
    Ok(first_accepting(ask_each(rings, signature_file, artifact)?))
}

/// Asks the server about each of these key rings, as if it had no other one. Errors are the
/// reader's.
pub fn ask_each<'a>(
    rings: impl Iterator<Item = &'a Result<KeyRing, Refusal>>,
    signature_file: &[u8],
    artifact: impl Read,
) -> io::Result<Vec<ServerVerdict>> {
    let choose = |ring: &'a Result<KeyRing, Refusal>| {
        ring.as_ref().map_err(Refusal::clone)?.choose(signature_file)
    };
    let pending: Vec<_> = rings.map(choose).collect();
    let ways = pending.iter().flatten().map(Pending::content_hash);
    let content = Hasher::new(ways).read(artifact)?;
    let verdicts = pending.into_iter().map(|pending| match pending {
        Ok(pending) => pending.finish(&content),
        Err(refusal) => ServerVerdict::Refuses(refusal),
    });
    Ok(verdicts.collect())
}

/// Returns the server's verdict from those about its key files, in its order: the first one that
/// accepts decides. If none does, the refusal is the one that says most.
pub fn first_accepting(verdicts: impl IntoIterator<Item = ServerVerdict>) -> ServerVerdict {
    let mut telling: Option<Refusal> = None;
    for verdict in verdicts {
        let refusal = match verdict {
            accepts @ ServerVerdict::Accepts { .. } => return accepts,
            ServerVerdict::Refuses(refusal) => refusal,
        };
        // "Unknown entity" only says that the signer is in another key file.
        let says_more = |told: &Refusal| {
            told.cause == Cause::UnknownIssuer && refusal.cause != Cause::UnknownIssuer
        };
        if telling.as_ref().is_none_or(says_more) {
            telling = Some(refusal);
        }
    }
    ServerVerdict::Refuses(telling.unwrap_or_else(|| Refusal {
        cause: Cause::NoKey,
        words: "no key files".into(),
        advice: "Configure a key file.",
    }))
}

/// Returns the verdict on a signature that the server refuses.
pub fn refused(refusal: &Refusal) -> Bad {
    Bad::new(Reason::ServerRefuses, format!("{}: {}", refusal.words, refusal.advice))
}
