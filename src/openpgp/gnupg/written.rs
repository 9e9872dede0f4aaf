//! A keyring that certificates are added to.

use super::super::bounds::Budget;
use super::super::certificate::Certificate;
use super::super::framing::{self, packets};
use super::keyring::{is_keybox, read_certificate};
use crate::openpgp::error::{Error, Result};

/// A keyring of packets. What it has of other keys stays byte for byte as it is.
pub struct Keyring {
    /// The packets of certificates, each from its primary key on.
    parts: Vec<Vec<u8>>,
}

impl Keyring {
    /// Splits a keyring into its certificates. An empty file is one without any.
    ///
    /// # Errors
    ///
    /// [`Error::Keyring`] for a keybox, armor, secret keys and
    /// damage: what is not understood is not written anew.
    pub fn read(bytes: &[u8]) -> Result<Keyring> {
        if is_keybox(bytes) {
            let why = "it is a keybox; make a keyring of it with gpg --no-default-keyring --keyring KEYBOX --export";
            return Err(Error::Keyring(why));
        }
        if bytes.first().is_some_and(|byte| byte & 0x80 == 0) {
            return Err(Error::Keyring(
                "it is no keyring of packets; gpg --dearmor makes one of armor",
            ));
        }
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for packet in packets(bytes) {
            let packet = packet.map_err(|_| Error::Keyring("it is damaged or cut short"))?;
            match (packet.tag, parts.last_mut()) {
                (framing::SECRET_KEY, _) => return Err(Error::Keyring("it holds secret keys")),
                (framing::PUBLIC_KEY, _) => parts.push(packet.whole.to_vec()),
                (_, Some(part)) => part.extend(packet.whole),
                (_, None) => return Err(Error::Keyring("it does not begin with a key")),
            }
        }
        Ok(Keyring { parts })
    }

    /// Adds what a certificate says to what is here of it. Returns what was here, if anything was,
    /// and what is here now.
    ///
    /// # Errors
    ///
    /// What is here of it cannot be read: it may hold a revocation.
    pub fn add(
        &mut self,
        certificate: &Certificate,
        budget: &Budget,
    ) -> Result<(Option<Certificate>, Certificate)> {
        let bytes = certificate.to_bytes()?;
        let key = body(&bytes);
        let copies: Vec<&Vec<u8>> = self.parts.iter().filter(|part| body(part) == key).collect();
        let mut before: Option<Certificate> = None;
        for copy in copies {
            let copy = read_certificate(copy, budget)?;
            before = Some(match before {
                Some(before) => before.merge(&copy)?,
                None => copy,
            });
        }
        let after = match &before {
            Some(before) => before.merge(certificate)?,
            None => certificate.clone(),
        };
        if before.as_ref().is_some_and(|before| before.same_as(&after)) {
            return Ok((before, after));
        }
        let mut new = Some(after.to_bytes()?);
        let place =
            |part: &Vec<u8>| if body(part) == key { new.take() } else { Some(part.clone()) };
        self.parts = self.parts.iter().filter_map(place).collect();
        self.parts.extend(new);
        Ok((before, after))
    }

    /// Returns the whole keyring.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

/// Returns the body of the first packet, the primary key.
fn body(packets: &[u8]) -> Option<&[u8]> {
    framing::split(packets).ok().map(|frame| frame.body)
}
