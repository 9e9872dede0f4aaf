//! The certificates of key files that a command line names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Publisher;
use super::failure::{Failure, Result};
use crate::openpgp::Error;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::read_certificates;
use crate::openpgp::set::gather_within;
use crate::text::Safe;

/// The certificates of key files, taken together. If any file has a part about a key that cannot be
/// read, no copy of the key counts: that part may be its revocation.
#[derive(Default)]
pub struct KeyFiles {
    files: Vec<Vec<Certificate>>,
    unread: BTreeMap<Fingerprint, String>,
    /// The keys of which a readable copy does not count.
    dropped: BTreeSet<Fingerprint>,
}

impl KeyFiles {
    /// Reads one more file. A revocation in it counts. A key of a kind that is not read, and a
    /// revocation of somebody else's key, hide no other key.
    ///
    /// # Errors
    ///
    /// [`Failure::OpenPgp`] if the file has no readable key, and for damage, which may hide
    /// anything.
    pub fn read(&mut self, bytes: &[u8], path: &Path, publisher: &Publisher<'_>) -> Result<()> {
        let mut last = None;
        // Of several files, it is named which one has no key.
        let named = |error| match error {
            Error::NoKey(why) => Error::NoKey(format!("{}: {why}", Safe::path(path))),
            other => other,
        };
        let mut certificates = Vec::new();
        for certificate in read_certificates(bytes, publisher.budget).map_err(named)? {
            match certificate {
                Ok(certificate) => certificates.push(certificate),
                Err(Error::KeyUnread { key, why }) => {
                    let words = format!("{}: {why}", Safe::path(path));
                    if self.unread.insert(key.clone(), words.clone()).is_some() {
                        self.dropped.insert(key.clone());
                    }
                    last = Some(Error::KeyUnread { key, why: words });
                }
                Err(error) if error.is_of_one_key() => last = Some(error),
                Err(error) => return Err(named(error).into()),
            }
        }
        match (certificates.is_empty(), last) {
            (true, Some(error)) => Err(error.into()),
            _ => {
                self.files.push(gather_within(certificates, publisher.budget)?);
                Ok(())
            }
        }
    }

    /// Returns whether a key counts, as far as these files can be read.
    pub fn counts(&self, certificate: &Certificate) -> bool {
        !self.unread.contains_key(&certificate.fingerprint())
    }

    /// Returns the certificates that count, file by file, and warns of what does not count.
    /// Fails if none is left.
    pub fn finish(&mut self, publisher: &Publisher<'_>) -> Result<Vec<Vec<Certificate>>> {
        let (unread, dropped) = (&self.unread, &mut self.dropped);
        let mut files = std::mem::take(&mut self.files);
        for certificates in &mut files {
            let all = certificates.iter().map(Certificate::fingerprint);
            dropped.extend(all.filter(|key| unread.contains_key(key)));
            certificates.retain(|it| !unread.contains_key(&it.fingerprint()));
        }
        for key in dropped.iter() {
            let why = unread.get(key).map_or("", String::as_str);
            publisher.watch.warn(&format!(
                "{key} does not count here, for a part of it cannot be read, which may revoke it: {why}"
            ));
        }
        match (files.iter().all(Vec::is_empty), unread.iter().next()) {
            (true, Some((key, why))) => {
                Err(Failure::OpenPgp(Error::KeyUnread { key: key.clone(), why: why.clone() }))
            }
            _ => Ok(files),
        }
    }
}
