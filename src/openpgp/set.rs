//! Copies of certificates, taken together, and the one that a KEY means.

use std::collections::HashMap;

use super::budget::{Budget, MERGED};
use super::certificate::Certificate;
use super::error::{Error, Result};
use super::ids::Fingerprint;

/// Things with a certificate, one of each. A revocation counts whichever copy has it.
pub struct Gathered<T, C> {
    items: Vec<T>,
    places: HashMap<Fingerprint, usize>,
    certificate: C,
}

impl<T, C: Fn(&mut T) -> &mut Certificate> Gathered<T, C> {
    /// Begins with none. `certificate` finds the certificate of a thing.
    pub fn new(certificate: C) -> Gathered<T, C> {
        Gathered { items: Vec::new(), places: HashMap::new(), certificate }
    }

    /// Adds a thing. If another thing has a copy of its certificate, only the certificates are
    /// merged. `check` may refuse the merged one.
    /// Fails with [`Error::Crypto`] if copies cannot be joined, and as `check` does.
    pub fn add(&mut self, mut item: T, check: impl Fn(&Certificate) -> Result<()>) -> Result<()> {
        let copy = (self.certificate)(&mut item);
        let place = self.places.get(&copy.fingerprint());
        match place.and_then(|place| self.items.get_mut(*place)).map(&self.certificate) {
            Some(known) => {
                let merged = known.merge(copy)?;
                check(&merged)?;
                *known = merged;
            }
            None => {
                self.places.insert(copy.fingerprint(), self.items.len());
                self.items.push(item);
            }
        }
        Ok(())
    }

    /// Returns the things, each at the place of its first copy.
    pub fn into_vec(self) -> Vec<T> {
        self.items
    }
}

/// Takes the copies of each certificate together.
/// Fails with [`Error::Crypto`] if copies cannot be joined.
pub fn gather<T>(
    items: impl IntoIterator<Item = T>,
    certificate: impl Fn(&mut T) -> &mut Certificate,
) -> Result<Vec<T>> {
    let mut gathered = Gathered::new(certificate);
    items.into_iter().try_for_each(|item| gathered.add(item, |_| Ok(())))?;
    Ok(gathered.into_vec())
}

/// Takes the copies of each certificate together, of which a file may have very many.
/// Fails with [`Error::NotRead`] if that costs more than the budget has, and as [`gather`].
pub fn gather_within(
    certificates: impl IntoIterator<Item = Certificate>,
    budget: &Budget,
) -> Result<Vec<Certificate>> {
    let mut gathered = Gathered::new(|certificate: &mut Certificate| certificate);
    for certificate in certificates {
        let key = certificate.fingerprint();
        if let Some(known) = gathered.places.get(&key).and_then(|it| gathered.items.get(*it)) {
            let packets = known.packet_count() + certificate.packet_count();
            if !budget.pay(MERGED.times(packets)) {
                return Err(Error::NotRead(key.to_string()));
            }
        }
        gathered.add(certificate, |_| Ok(()))?;
    }
    Ok(gathered.into_vec())
}

/// Returns the only one of those that match a KEY, which is empty if none was given.
/// Fails with [`Error::UnknownKey`] if there is none, [`Error::AmbiguousKey`] if there are several.
pub fn one<T>(
    matching: impl IntoIterator<Item = T>,
    certificate: impl Fn(&T) -> &Certificate,
    key: &str,
) -> Result<T> {
    let mut matching: Vec<T> = matching.into_iter().collect();
    match (matching.pop(), &matching[..]) {
        (Some(only), []) => Ok(only),
        (None, _) => Err(Error::UnknownKey(key.to_string())),
        (Some(last), others) => {
            let name = |it: &T| (certificate(it).fingerprint(), certificate(it).name_text());
            let candidates = others.iter().chain([&last]).map(name).collect();
            Err(Error::AmbiguousKey { query: key.to_string(), candidates })
        }
    }
}
