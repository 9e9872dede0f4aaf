//! Whose signatures count.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::Publisher;
use super::failure::{Failure, Result};
use super::key_files::KeyFiles;
use super::keys::KeyText;
use super::mistaken::looks_like_file;
use super::watch::Watch;
use crate::disk;
use crate::disk::file::{is_of_others, is_there, read_small};
use crate::disk::shelf::{HomeKey, Shelf, TrustedKey};
use crate::judge::Judge;
use crate::mattermost::standing::Standing;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::MAX_KEYRING;
use crate::openpgp::policy::Policy;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::set::gather;
use crate::text::Safe;

/// Whose signatures count.
#[derive(Default)]
pub struct Accepted {
    /// Their certificates.
    pub certificates: Vec<Certificate>,
    /// The key files that were named, as they are.
    pub files: Vec<Vec<u8>>,
    /// What the home knows, as far as it was asked.
    pub known: Known,
}

/// Which keys of the home count.
pub enum OfHome<'a> {
    /// None. What the home knows of other certificates still narrows them.
    Nobody,
    /// Those that a KEY or the name of a trusted certificate names.
    Named(&'a [&'a String]),
    /// The trusted ones.
    Trusted,
    /// The trusted ones, and those with a secret part.
    TrustedAndOwn,
    /// All. A key that cannot be read completely is left out.
    Everybody,
}

impl Accepted {
    /// Makes the judge that accepts their signatures, or [`Failure::NobodyTrusted`].
    pub fn judge(self, policy: Policy) -> Result<Judge> {
        if self.certificates.is_empty() {
            return Err(Failure::NobodyTrusted);
        }
        Ok(Judge::new(self.certificates, policy)?.with_key_files(self.files))
    }

    /// Goes back to a time in the past. The server knows only today, so the key files go.
    pub fn as_of(mut self, time: SystemTime) -> Accepted {
        self.certificates.iter_mut().for_each(|it| *it = it.as_of(time));
        self.files.clear();
        self
    }
}

impl Publisher<'_> {
    /// Returns whose signatures count: the named key files and keys of the home, else the trusted
    /// certificates and the home's own keys. Fails for a file without a key, and an unclear KEY.
    pub fn accepted(&self, keys: &[String]) -> Result<Accepted> {
        let (mut names, mut files, mut of_home) = (Vec::new(), Vec::new(), Vec::new());
        let mut read = KeyFiles::default();
        // All of them stay in memory.
        let mut room = MAX_KEYRING;
        let what = |room| match room {
            MAX_KEYRING => "a key file",
            _ => "a key file after those before it",
        };
        for key in keys {
            let path = Path::new(key);
            if is_there(path)? {
                let mut bytes = read_small(path, what(room), room)?;
                room = room.saturating_sub(bytes.len() as u64);
                read.read(&bytes, path, self)?;
                names.push(key);
                files.push(std::mem::take(&mut *bytes));
            } else {
                of_home.push(key);
            }
        }
        let certificates = read.finish(self)?;
        let named = certificates.iter().flatten().cloned().collect();
        let of_home = match (keys, &of_home[..]) {
            ([], _) => OfHome::TrustedAndOwn,
            (_, []) => OfHome::Nobody,
            (_, of_home) => OfHome::Named(of_home),
        };
        let mut accepted = self.signers(named, keys, &of_home)?;
        accepted.certificates.retain(|certificate| read.counts(certificate));
        let named = names.iter().zip(&certificates);
        named.for_each(|(name, all)| accepted.known.warn_of_shadow(name, all, self.watch));
        Ok(Accepted { files, ..accepted })
    }

    /// Returns whose signatures count: the certificates from files, and some of the home.
    ///
    /// A revocation or an earlier end counts, whichever copy of a certificate has it. The home never
    /// widens a certificate from a file. The trusted certificates of these `names` are read even if
    /// nobody of the home counts. Fails if there is a home that cannot be read, or if an unreadable
    /// file of it may revoke a certificate.
    pub fn signers(
        &self,
        from_files: Vec<Certificate>,
        names: &[String],
        of_home: &OfHome<'_>,
    ) -> Result<Accepted> {
        let is_asked = !matches!(of_home, OfHome::Nobody);
        let known = match is_asked {
            false => self.if_any_home(self.known_of(names, &from_files))?.unwrap_or_default(),
            true => match self.known() {
                Err(Failure::NoHome) if !matches!(of_home, OfHome::Named(_)) => Known::default(),
                known => known?,
            },
        };
        let narrowed = from_files.iter().map(|certificate| known.narrow(certificate));
        let mut certificates = narrowed.collect::<Result<Vec<_>, _>>()?;
        let of_home: Vec<&HomeKey> = match of_home {
            OfHome::Named(keys) => {
                keys.iter().map(|key| known.find(key)).collect::<Result<_, _>>()?
            }
            _ => known.keys.items.iter().filter(|key| known.counts(key, of_home)).collect(),
        };
        for key in of_home {
            known.keys.check_complete(&key.certificate.fingerprint())?;
            certificates.push(key.certificate.clone());
        }
        if is_asked {
            self.warn_of_unreadable(&known.keys);
        }
        Ok(Accepted { certificates, files: Vec::new(), known })
    }

    /// Reads everything that the home knows. Fails if the home cannot be read.
    pub fn known(&self) -> Result<Known> {
        let home = self.home()?;
        Known::gather(home.keys()?, home.trusted()?)
    }

    /// Returns what the home knows, as [`Publisher::known`], and the key of a text beside it. With
    /// one, there need not be a home.
    pub fn known_with(&self, text: Option<&KeyText>) -> Result<Known> {
        let Some(text) = text else { return self.known() };
        let mut known = match self.known() {
            Err(Failure::NoHome) => Known::default(),
            known => known?,
        };
        let secret = self.find_in_text(text, None)?.secret;
        let certificate = secret.certificate().clone();
        let items = &mut known.keys.items;
        items.retain(|key| key.certificate.fingerprint() != certificate.fingerprint());
        items.push(HomeKey { certificate, secret: Some(secret) });
        Ok(known)
    }

    /// Returns what the home knows, or nothing if this user has no home. Fails if there is one of
    /// this user that cannot be read: it may know of a revocation.
    pub(super) fn if_any_home<T>(&self, known: Result<T>) -> Result<Option<T>> {
        match known {
            Ok(known) => Ok(Some(known)),
            Err(Failure::NoHome) => Ok(None),
            Err(failure) if self.home.is_some_and(|it| is_of_others(it.root())) => {
                self.warn_of_home(&failure);
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Reads what the home knows: a copy may be revoked there. Fails if there is a home that cannot
    /// be read.
    pub(super) fn home_copies(&self) -> Result<Known> {
        Ok(self.if_any_home(self.known())?.unwrap_or_default())
    }

    /// Returns what the home knows of names, which narrow nothing. An unreadable home is a warning.
    pub(super) fn or_unasked(&self, known: Result<Known>) -> Known {
        known.unwrap_or_else(|failure| {
            if !matches!(failure, Failure::NoHome) {
                self.warn_of_home(&failure);
            }
            Known::default()
        })
    }

    fn warn_of_home(&self, failure: &Failure) {
        self.watch.warn(&format!("the home was not asked about these keys: {failure}"));
    }

    /// Reads what the home knows of these certificates, and the trusted ones of these names.
    fn known_of(&self, names: &[String], of: &[Certificate]) -> Result<Known> {
        let home = self.home()?;
        let asked: Vec<Fingerprint> = of.iter().map(Certificate::fingerprint).collect();
        Known::gather(home.keys_of(&asked)?, home.trusted_of(names, &asked)?)
    }
}

/// What the home knows: its keys and those that are only trusted.
pub struct Known {
    /// The keys. All copies of one are taken together.
    pub keys: Shelf<HomeKey>,
    /// The trusted certificates, and their names.
    pub trusted: BTreeMap<Fingerprint, Vec<String>>,
}

impl Default for Known {
    fn default() -> Known {
        let keys = Shelf { items: Vec::new(), unreadable: Vec::new() };
        Known { keys, trusted: BTreeMap::new() }
    }
}

impl Known {
    fn gather(mut keys: Shelf<HomeKey>, trusted: Shelf<TrustedKey>) -> Result<Known> {
        let mut names: BTreeMap<Fingerprint, Vec<String>> = BTreeMap::new();
        for TrustedKey { name, certificate } in &trusted.items {
            names.entry(certificate.fingerprint()).or_default().push(name.clone());
        }
        let alone = |TrustedKey { certificate, .. }| HomeKey { certificate, secret: None };
        let all = keys.items.into_iter().chain(trusted.items.into_iter().map(alone));
        keys.items = gather(all, |key| &mut key.certificate)?;
        for (path, error) in trusted.unreadable {
            if keys.unreadable.iter().all(|(known, _)| *known != path) {
                keys.unreadable.push((path, error));
            }
        }
        Ok(Known { keys, trusted: names })
    }

    /// Takes in what the home's copies of a certificate know, and these: a revocation above all.
    pub(super) fn narrow_standing(
        &self,
        standing: Standing,
        certificate: &Certificate,
        given: &[Certificate],
    ) -> Standing {
        let fingerprint = certificate.fingerprint();
        let copies = self.keys.items.iter().map(|key| &key.certificate).chain(given);
        let of_it = copies.filter(|copy| copy.fingerprint() == fingerprint);
        of_it.fold(standing, |standing, copy| standing.narrowed_by(copy))
    }

    fn trusted_as(&self, name: &str) -> Option<&Fingerprint> {
        let mut trusted = self.trusted.iter();
        trusted.find(|(_, names)| names.iter().any(|it| it == name)).map(|(trusted, _)| trusted)
    }

    fn counts(&self, key: &HomeKey, of_home: &OfHome<'_>) -> bool {
        let is_trusted = || self.trusted.contains_key(&key.certificate.fingerprint());
        match of_home {
            OfHome::Nobody | OfHome::Named(_) => false,
            OfHome::Trusted => is_trusted(),
            OfHome::TrustedAndOwn => key.secret.is_some() || is_trusted(),
            OfHome::Everybody => self.keys.check_complete(&key.certificate.fingerprint()).is_ok(),
        }
    }

    /// Finds a trusted certificate by its name, or any by a KEY.
    fn find(&self, key: &str) -> Result<&HomeKey> {
        use openpgp::Error::UnknownKey;
        if let Some(found) = self.trusted_as(key).and_then(|trusted| self.keys.get(trusted)) {
            return Ok(found);
        }
        match self.keys.find(&KeyQuery::parse(key)?) {
            Err(disk::Error::UnsafeFile { .. } | disk::Error::OpenPgp(UnknownKey(_)))
                if looks_like_file(key) =>
            {
                Err(Failure::NeitherFileNorKey(key.to_string()))
            }
            found => Ok(found?),
        }
    }

    fn narrow(&self, certificate: &Certificate) -> Result<Certificate> {
        let fingerprint = certificate.fingerprint();
        self.keys.check_complete(&fingerprint)?;
        Ok(match self.keys.get(&fingerprint) {
            Some(copy) => certificate.narrowed_by(&copy.certificate),
            None => certificate.clone(),
        })
    }

    /// Warns if a file of this folder, perhaps somebody else's, hides a trusted certificate.
    fn warn_of_shadow(&self, name: &str, file: &[Certificate], watch: &dyn Watch) {
        let is_it = |trusted: &Fingerprint| file.iter().any(|it| it.fingerprint() == *trusted);
        if let Some(trusted) = self.trusted_as(name).filter(|trusted| !is_it(trusted)) {
            watch.warn(&format!(
                "--key {} is the file here, and not the trusted certificate of that name, which is {trusted}",
                Safe::text(name)
            ));
        }
    }
}
