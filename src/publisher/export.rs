//! Handing out certificates and secret keys.

use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use super::Publisher;
use super::failure::{Result, secret_not_written};
use super::list::matching;
use super::outcome::{Outcome, as_path_if};
use crate::disk::Error;
use crate::disk::shelf::{HomeKey, Shelf};
use crate::disk::write::{Access, Existing};
use crate::mattermost::server_copy::ServerCopy;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::gnupg::with_old_headers;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::armor_keys;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::secret_key::{Protection, SecretKey};
use crate::openpgp::weakness::Weakness;

/// What leaves of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate.
    Certificate,
    /// The certificate without the subkeys that the Mattermost server cannot read.
    ServerCopy,
    /// The secret key, as protected as it is stored.
    SecretKey,
    /// The same without the primary key's secret part.
    SecretSubkeys,
}

/// Whose keys leave.
#[derive(Clone, Copy, Debug)]
pub enum Names<'a> {
    /// Each KEY names exactly one key of the home, as a whole.
    One(&'a [String]),
    /// gpg's names: one certificate or many, also trusted ones, or one secret key. No name is all
    /// keys, and `SUBKEY!` is that subkey alone. They leave with packet headers as gpg writes them.
    Matching(&'a [String]),
}

/// Keys that shall leave.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// Whose keys.
    pub names: Names<'a>,
    /// What leaves of each.
    pub part: Part,
    /// Whether a secret key may leave without a passphrase.
    pub unprotected: bool,
    /// Whether they are armored.
    pub armor: bool,
    /// The file to write, if the caller does not take the bytes.
    pub output: Option<NewFile<'a>>,
}

/// A file that is written.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'a> {
    /// Its path.
    pub path: &'a Path,
    /// Whether another file of that name is replaced.
    pub force: bool,
    /// Whether others may be able to read a secret in it.
    pub readable_by_others: bool,
}

/// Keys that left.
#[derive(Default, Serialize)]
pub struct Exported {
    /// The keys.
    pub fingerprints: Vec<Fingerprint>,
    /// The subkeys that a server has no use for.
    pub left_out: Vec<Fingerprint>,
    /// Whether there is something secret in it.
    pub secret: bool,
    /// What was written: "certificate", "secret key".
    pub what: &'static str,
    /// The file that was written.
    #[serde(serialize_with = "as_path_if")]
    pub output: Option<PathBuf>,
    /// The keys as packets or as text. They are secret if the keys are.
    #[serde(skip)]
    pub bytes: Zeroizing<Vec<u8>>,
    /// The secret keys among them that have no passphrase.
    #[serde(skip)]
    pub unprotected: Vec<Fingerprint>,
    /// Whether every file of the home could be read.
    #[serde(skip)]
    pub is_whole: bool,
}

impl Outcome for Exported {}

impl Part {
    /// Returns whether it is secret.
    pub fn is_secret(self) -> bool {
        matches!(self, Part::SecretKey | Part::SecretSubkeys)
    }

    fn name(self) -> &'static str {
        match self {
            Part::Certificate | Part::ServerCopy => "certificate",
            Part::SecretKey => "secret key",
            Part::SecretSubkeys => "secret subkeys",
        }
    }
}

impl NewFile<'_> {
    pub(super) fn secret_access(&self) -> Access {
        if self.readable_by_others { Access::SecretIfPossible } else { Access::Secret }
    }
}

impl Exported {
    pub(super) fn new(fingerprints: Vec<Fingerprint>, what: &'static str) -> Exported {
        let secret = what != Part::Certificate.name();
        Exported { fingerprints, secret, what, is_whole: true, ..Exported::default() }
    }

    /// Writes the bytes into a file, if there is one to write.
    pub(super) fn written(
        mut self,
        output: Option<NewFile<'_>>,
        by: &Publisher<'_>,
    ) -> Result<Exported> {
        let Some(file) = output else { return Ok(self) };
        let access = match self.secret {
            true => file.secret_access(),
            false => Access::Public { umask: by.umask },
        };
        let written = match file.force {
            true => by.kept.write_new(file.path, &self.bytes, access, Existing::Replace),
            false => by.kept.write_unless_same(file.path, &self.bytes, access),
        };
        match written {
            Err(error) if self.secret => return Err(secret_not_written(error)),
            written => written?,
        }
        self.output = Some(file.path.to_owned());
        Ok(self)
    }
}

impl Publisher<'_> {
    /// Hands out keys of the home. Fails if a name does not name a key or names a subkey of one, if a
    /// file of the key or the output is in the way, or if a secret key has no passphrase.
    pub fn export(&self, export: &Export<'_>) -> Result<Exported> {
        let shelf = match export.names {
            Names::One(_) => self.home()?.keys()?,
            Names::Matching(_) => self.known()?.keys,
        };
        self.export_from(&shelf, export)
    }

    /// Hands out keys of a shelf, such as keyrings. Fails as [`Publisher::export`] does.
    pub fn export_from(&self, shelf: &Shelf<HomeKey>, export: &Export<'_>) -> Result<Exported> {
        let mut exported = Exported::new(Vec::new(), export.part.name());
        let mut packets = Zeroizing::new(Vec::new());
        for (key, alone) in export.choose(shelf)? {
            packets.extend_from_slice(&export.take(key, &alone, &mut exported)?);
            exported.fingerprints.push(key.certificate.fingerprint());
            if matches!((export.names, export.part), (Names::One(_), Part::Certificate)) {
                self.warn_of_servers(&key.certificate);
            }
        }
        if matches!(export.names, Names::Matching(_)) {
            packets = with_old_headers(&packets);
        }
        exported.is_whole = shelf.unreadable.is_empty();
        self.warn_of_unreadable(shelf);
        exported.bytes = match export.armor {
            true => armor_keys(&packets, export.part.is_secret())?,
            false => packets,
        };
        exported.written(export.output, self)
    }

    /// Says so if a certificate leaves that the server can read in part only.
    fn warn_of_servers(&self, certificate: &Certificate) {
        if ServerCopy::of(certificate).is_ok_and(|copy| !copy.left_out.is_empty()) {
            let key = certificate.fingerprint();
            self.watch.warn(&format!(
                "a Mattermost server cannot read this certificate. For a server:\n  plugsign export --for-server {key}"
            ));
        }
    }
}

/// A key that leaves, and which of its subkeys are meant alone.
type Chosen<'a> = (&'a HomeKey, Vec<Fingerprint>);

impl Export<'_> {
    fn choose<'s>(&self, shelf: &'s Shelf<HomeKey>) -> Result<Vec<Chosen<'s>>> {
        let is_secret = self.part.is_secret();
        let mut chosen: Vec<Chosen<'s>> = Vec::new();
        match self.names {
            Names::One(names) => {
                for name in names {
                    let name = KeyQuery::parse(name)?;
                    let key = match is_secret {
                        true => shelf.find_secret(Some(&name))?,
                        false => shelf.find(&name)?,
                    };
                    // A certificate leaves as a whole, whichever of its keys is named. But `!`
                    // says that this one alone is meant.
                    if is_secret || name.exactly(&key.certificate).is_some() {
                        name.check_whole(&key.certificate)?;
                    }
                    let fingerprint = key.certificate.fingerprint();
                    if chosen.iter().all(|(it, _)| it.certificate.fingerprint() != fingerprint) {
                        chosen.push((key, Vec::new()));
                    }
                }
            }
            Names::Matching(names) => {
                let names = names.iter().map(|name| KeyQuery::parse_gnupg(name));
                let names = names.collect::<openpgp::Result<Vec<_>>>()?;
                for key in matching(shelf, &names, is_secret) {
                    match shelf.check_complete(&key.certificate.fingerprint()) {
                        // It was not named, and the others can leave.
                        Err(_) if names.is_empty() => continue,
                        complete => complete?,
                    }
                    // A secret key that is not meant must not leave with one that is.
                    for name in names.iter().filter(|it| is_secret && it.matches(&key.certificate))
                    {
                        shelf.find_secret(Some(name))?;
                    }
                    chosen.push((key, self.meant_alone(&names, &key.certificate)?));
                }
            }
        }
        Ok(chosen)
    }

    /// Returns the subkeys that are meant alone, as `SUBKEY!` says it; none if the key as a whole
    /// is meant. As with GnuPG, `SUBKEY` stands for the key where only what is public leaves;
    /// secrets that nobody named stay here.
    fn meant_alone(
        &self,
        names: &[KeyQuery],
        certificate: &Certificate,
    ) -> Result<Vec<Fingerprint>> {
        let mut alone = Vec::new();
        let mut is_whole = false;
        for name in names.iter().filter(|name| name.matches(certificate)) {
            let names_whole = name.check_whole(certificate);
            match (name.exactly(certificate), self.part) {
                (Some(key), Part::SecretSubkeys) => alone.push(key),
                (Some(subkey), Part::Certificate) if names_whole.is_err() => alone.push(subkey),
                (_, Part::Certificate) => is_whole = true,
                _ => {
                    names_whole?;
                    is_whole = true;
                }
            }
        }
        Ok(if is_whole { Vec::new() } else { alone })
    }

    fn take(
        &self,
        key: &HomeKey,
        alone: &[Fingerprint],
        exported: &mut Exported,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let certificate = &key.certificate;
        match self.part {
            Part::Certificate if alone.is_empty() => Ok(Zeroizing::new(certificate.to_bytes()?)),
            Part::Certificate => {
                let mut others = certificate.fingerprints().split_off(1);
                others.retain(|subkey| !alone.contains(subkey));
                Ok(Zeroizing::new(certificate.without_subkeys(&others).to_bytes()?))
            }
            Part::ServerCopy => {
                let copy = for_server(certificate)?;
                exported.left_out.extend(copy.left_out);
                Ok(Zeroizing::new(copy.certificate.to_bytes()?))
            }
            Part::SecretKey | Part::SecretSubkeys => {
                let fingerprint = certificate.fingerprint();
                let mut secret = key.secret()?.merge(certificate)?;
                if self.part == Part::SecretSubkeys {
                    secret = secret.subkeys_alone(alone)?;
                }
                check_may_leave(&secret, self.unprotected)?;
                if secret.protection() == Protection::None {
                    exported.unprotected.push(fingerprint);
                }
                Ok(secret.to_bytes()?)
            }
        }
    }
}

/// Refuses to let a secret key without a passphrase leave, unless it may.
pub(super) fn check_may_leave(secret: &SecretKey, unprotected: bool) -> openpgp::Result<()> {
    if unprotected || secret.protection() != Protection::None {
        return Ok(());
    }
    let key = secret.fingerprint().to_string();
    Err(openpgp::Error::Refused { key, weakness: Weakness::Unprotected })
}

/// Returns the copy of a certificate that a server can read, or [`Error::NotForServer`].
pub(super) fn for_server(certificate: &Certificate) -> Result<ServerCopy, Error> {
    ServerCopy::of(certificate).map_err(|refusal| Error::NotForServer {
        key: certificate.fingerprint(),
        words: refusal.words,
        advice: refusal.advice.into(),
    })
}
