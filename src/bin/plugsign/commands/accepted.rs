//! Whose signatures count.

use std::path::Path;

use plugsign::disk::file::is_there;
use plugsign::disk::shelf::{HomeKey, Shelf, TrustedKey};
use plugsign::judge::Judge;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::query::KeyQuery;
use plugsign::text::Safe;

use crate::edge::asking::Asking;
use crate::edge::streams::read_key_file;
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::keys::certificates_of;
use plugsign::publisher::mistaken::looks_like_file;

/// Whose signatures count.
#[derive(Default)]
pub struct Accepted {
    pub certificates: Vec<Certificate>,
    /// The key files that were named, as they are.
    pub files: Vec<Vec<u8>>,
}

impl Accepted {
    /// Makes the judge for whom their signatures count. Without anybody there is none.
    pub fn judge(self, policy: Policy) -> Result<Judge, Failure> {
        if self.certificates.is_empty() {
            return Err(Failure::NobodyTrusted);
        }
        Ok(Judge::new(self.certificates, policy)?.with_key_files(self.files))
    }
}

/// Returns the certificates whose signatures count. A revocation or an earlier end counts whichever
/// copy of a certificate says so; but a file that is named is no wider for what the home knows.
pub fn signers(keys: &[String], world: &World) -> Result<Accepted, Failure> {
    let asking = Asking::new(world);
    let publisher = world.publisher(&asking);
    let mut named = Vec::new();
    let mut files = Vec::new();
    let mut of_home = Vec::new();
    for key in keys {
        let path = Path::new(key);
        if is_there(path)? {
            let bytes = read_key_file(path)?;
            named.push((key.as_str(), certificates_of(&bytes, path, &publisher)?));
            files.push(bytes.to_vec());
        } else {
            of_home.push(key);
        }
    }
    // Key files alone need no home, and of one only what it knows of them.
    let names_home = keys.is_empty() || !of_home.is_empty();
    let known = match world.home().and_then(|home| match names_home {
        true => Ok((home.keys()?, home.trusted()?)),
        false => {
            let all = named.iter().flat_map(|(_, read)| read);
            let asked: Vec<Fingerprint> = all.map(Certificate::fingerprint).collect();
            Ok((home.keys_of(&asked)?, home.trusted_of(keys, &asked)?))
        }
    }) {
        Ok((own, trusted)) => Known { own, trusted },
        Err(failure) if names_home => return Err(failure),
        Err(Failure::NoHome) => Known::default(),
        Err(failure) => {
            let why = failure.message();
            world.terminal.warn(&format!("the home was not asked about these keys: {why}"));
            Known::default()
        }
    };
    named.iter().for_each(|(name, read)| known.warn_of_shadow(name, read, world));
    let mut certificates = Vec::new();
    for key in of_home {
        certificates.push(known.find(key)?);
    }
    if keys.is_empty() {
        let own = known.own.items.iter().filter(|key| key.secret.is_some());
        certificates.extend(own.map(|key| key.certificate.clone()));
        certificates.extend(known.trusted.items.iter().map(|key| key.certificate.clone()));
    }
    let certificates = certificates.iter().map(|certificate| known.complete(certificate));
    let named = named.iter().flat_map(|(_, read)| read);
    let named = named.map(|certificate| known.narrow(certificate));
    let certificates = named.chain(certificates).collect::<Result<_, Failure>>()?;
    if names_home {
        world.readable(known.own);
        world.readable(known.trusted);
    }
    Ok(Accepted { certificates, files })
}

/// The certificates of the home.
struct Known {
    own: Shelf<HomeKey>,
    trusted: Shelf<TrustedKey>,
}

impl Default for Known {
    fn default() -> Known {
        Known {
            own: Shelf { items: Vec::new(), unreadable: Vec::new() },
            trusted: Shelf { items: Vec::new(), unreadable: Vec::new() },
        }
    }
}

impl Known {
    fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        let own = self.own.items.iter().map(|key| &key.certificate);
        own.chain(self.trusted.items.iter().map(|key| &key.certificate))
    }

    /// Warns if a file stands before a trusted certificate of its name: whoever made the folder that
    /// is to be verified may have put it there.
    fn warn_of_shadow(&self, name: &str, file: &[Certificate], world: &World) {
        let is_it = |certificate: &Certificate| {
            file.iter().any(|other| other.fingerprint() == certificate.fingerprint())
        };
        let trusted = self.trusted.items.iter().find(|trusted| trusted.name == name);
        if let Some(trusted) = trusted.filter(|trusted| !is_it(&trusted.certificate)) {
            world.terminal.warn(&format!(
                "--key {} is the file here, and not the trusted certificate of that name, which is {}",
                Safe::text(name),
                trusted.certificate.fingerprint()
            ));
        }
    }

    /// Finds a trusted certificate by its name, or any by a KEY.
    fn find(&self, key: &str) -> Result<Certificate, Failure> {
        if let Some(named) = self.trusted.items.iter().find(|trusted| trusted.name == key) {
            return Ok(named.certificate.clone());
        }
        let query = KeyQuery::parse(key)?;
        let mut found: Vec<&Certificate> = Vec::new();
        for certificate in self.certificates().filter(|certificate| query.matches(certificate)) {
            if found.iter().all(|other| other.fingerprint() != certificate.fingerprint()) {
                found.push(certificate);
            }
        }
        match found[..] {
            [only] => Ok(only.clone()),
            [] if looks_like_file(key) => Err(Failure::NeitherFileNorKey(key.to_string())),
            [] => {
                self.own.check_believed()?;
                self.trusted.check_believed()?;
                Err(openpgp::Error::UnknownKey(key.to_string()).into())
            }
            _ => {
                let candidates = found.iter().map(|it| (it.fingerprint(), it.first_user_id()));
                let candidates = candidates.collect();
                Err(openpgp::Error::AmbiguousKey { query: key.to_string(), candidates }.into())
            }
        }
    }

    /// Adds to a certificate what the home's copies of it have.
    fn complete(&self, certificate: &Certificate) -> Result<Certificate, Failure> {
        let mut whole = certificate.clone();
        for copy in self.copies_of(certificate)? {
            whole = whole.merge(copy)?;
        }
        Ok(whole)
    }

    /// Narrows a certificate by what the home's copies of it say.
    fn narrow(&self, certificate: &Certificate) -> Result<Certificate, Failure> {
        let copies = self.copies_of(certificate)?;
        Ok(copies.fold(certificate.clone(), |narrowed, copy| narrowed.narrowed_by(copy)))
    }

    /// Returns the home's copies of a certificate. One that cannot be read may be what revokes it.
    fn copies_of(
        &self,
        certificate: &Certificate,
    ) -> Result<impl Iterator<Item = &Certificate>, Failure> {
        let fingerprint = certificate.fingerprint();
        self.own.check_complete(&fingerprint)?;
        self.trusted.check_complete(&fingerprint)?;
        Ok(self.certificates().filter(move |copy| copy.fingerprint() == fingerprint))
    }
}
