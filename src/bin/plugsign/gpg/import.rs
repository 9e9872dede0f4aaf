//! `gpg --import`
//!
//! Keys come in by the rules of `plugsign import`, with one difference. As with gpg, this asks for
//! no passphrase, and a secret key stays as protected as it is. A key is proven here if it has no
//! passphrase or one is given. Otherwise it is proven when it is unlocked, before each signing.

use std::path::Path;

use plugsign::disk::Error;
use plugsign::disk::shelf::HomeKey;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::facts::signature_count;
use plugsign::openpgp::key_file::{Key, MAX_KEYRING, read_keys_within};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::import::{Fate, ImportedKey, Importer, ProtectedKeys, Taking};
use plugsign::publisher::keyring::KeyringImporter;
use plugsign::publisher::store::check;
use plugsign::text::Safe;

use super::keyrings;
use super::listing;
use super::log::Log;
use super::secret::Secret;
use super::session::Session;
use super::status::Status;
use crate::edge::report::usage;
use crate::edge::world::World;

/// A certificate before and after it was added to a keyring.
type Added = (Option<Certificate>, Certificate);

/// What IMPORT_RES counts.
#[derive(Default)]
struct Counts {
    read: u32,
    imported: u32,
    unchanged: u32,
    user_ids: u32,
    subkeys: u32,
    signatures: u32,
    revocations: u32,
    secrets_read: u32,
    secrets_imported: u32,
    secrets_unchanged: u32,
    not_imported: u32,
}

pub fn run(session: &Session) -> Result<u8, Failure> {
    let secret = Secret::read(session)?;
    let Session { options, world, status, log } = session;
    let publisher = world.publisher(&secret);
    let protected = ProtectedKeys::AsItIs(secret.named.as_ref());
    let taking = Taking { no_passphrase: true, protected, ..Taking::default() };
    let mut importer = match options.dry_run || options.import_is_dry {
        true => None,
        false => Some(Importer::new(&publisher, taking)?),
    };
    let mut keyring = match keyrings::only_file(session) {
        Some(path) if importer.is_some() => match KeyringImporter::new(&publisher, &path) {
            Ok(keyring) => Some(keyring),
            Err(failure) => {
                keyrings::tell_of_unusable(session, &path, &failure);
                return Ok(2);
            }
        },
        _ => None,
    };
    let mut added = Vec::new();
    let mut telling = ImportTelling { world, status, log, counts: Counts::default() };
    let mut failed = false;
    for input in session.inputs(&options.words) {
        let mut is_packets = false;
        let keys = input.read("a key file", MAX_KEYRING).and_then(|bytes| {
            // RFC 9580, section 4.2: every packet begins so, and no text does.
            is_packets = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
            keys_in(read_keys_within(&bytes, &world.budget)?)
        });
        let keys = keys.unwrap_or_else(|error| {
            failed = true;
            telling.no_keys(input.name(), error, is_packets);
            Vec::new()
        });
        for key in keys {
            telling.counts.read += 1;
            let taken = key.map_err(Failure::from).and_then(|key| {
                if options.import_shows {
                    listing::show_key(session, &key)?;
                }
                match (&mut keyring, &mut importer) {
                    (Some(keyring), _) => {
                        added.push(telling.add(keyring, &key)?);
                        Ok(())
                    }
                    (None, Some(importer)) => telling.take(importer, &key, input.name()),
                    (None, None) => telling.look(&key),
                }
            });
            if let Err(failure) = taken {
                failed = true;
                telling.counts.not_imported += 1;
                telling.log.explain(&failure);
            }
        }
    }
    // Nothing is said to be in a keyring before it is.
    if let Some(keyring) = keyring {
        keyring.commit()?;
        added.iter().for_each(|(before, after)| telling.certificate(after, before.as_ref(), after));
    }
    // As with gpg, looking is no import.
    if !(options.import_is_dry && options.import_shows) {
        telling.report();
    }
    Ok(if failed { 2 } else { 0 })
}

/// Returns the keys of a file, or why it has none at all: words may look like base64.
fn keys_in(keys: Vec<openpgp::Result<Key>>) -> Result<Vec<openpgp::Result<Key>>, Error> {
    let is_none = |key: &openpgp::Result<Key>| matches!(key, Err(openpgp::Error::NoKey(_)));
    match keys.first() {
        Some(_) if keys.iter().all(is_none) => {
            // The first of these errors stands for all.
            let keys: openpgp::Result<Vec<Key>> = keys.into_iter().collect();
            Ok(keys?.into_iter().map(Ok).collect())
        }
        _ => Ok(keys),
    }
}

/// Tells what becomes of keys, as gpg does.
struct ImportTelling<'a> {
    world: &'a World,
    status: &'a Status,
    log: &'a Log,
    counts: Counts,
}

impl ImportTelling<'_> {
    fn no_keys(&mut self, file: &Path, error: Error, is_packets: bool) {
        let is_data = matches!(error, Error::OpenPgp(openpgp::Error::NoKey(_)));
        self.log.say(&format!("{}:", Safe::path(file)));
        self.log.explain(&error.into());
        if is_data && !is_packets {
            self.log.say("no valid OpenPGP data found.");
            self.status.say("NODATA 1");
        }
    }

    /// Says what would keep a key out, and takes nothing. A passphrase is not tried.
    fn look(&mut self, key: &Key) -> Result<(), Failure> {
        let (certificate, is_secret) = match key {
            Key::Certificate(certificate) => (certificate, false),
            Key::Secret(secret) => (secret.certificate(), true),
            Key::Revocation(_) => return Ok(()),
        };
        self.counts.secrets_read += u32::from(is_secret);
        if let Err(error) = check(certificate, &self.world.policy()) {
            self.status.say(&format!("IMPORT_PROBLEM 0 {}", certificate.fingerprint()));
            return Err(error.into());
        }
        Ok(())
    }

    /// Takes a key. The certificate of a secret key gets its own lines.
    fn take(&mut self, importer: &mut Importer<'_>, key: &Key, file: &Path) -> Result<(), Failure> {
        let (certificate, is_secret) = match key {
            Key::Certificate(certificate) => (certificate, false),
            Key::Secret(secret) => (secret.certificate(), true),
            Key::Revocation(_) => return self.revocation(importer.key(key, file)),
        };
        self.counts.secrets_read += u32::from(is_secret);
        let fingerprint = certificate.fingerprint();
        let before = self.stored(certificate)?;
        let had_secret = before.as_ref().is_some_and(|before| before.secret.is_some());
        let before = before.map(|before| before.certificate);
        if let Some(failure) = importer.key(key, file).error {
            self.status.say(&format!("IMPORT_PROBLEM 0 {fingerprint}"));
            return Err(failure);
        }
        let after = self.stored(certificate)?.map(|after| after.certificate);
        self.certificate(certificate, before.as_ref(), after.as_ref().unwrap_or(certificate));
        if is_secret {
            self.status.say(&format!("KEY_CONSIDERED {fingerprint} 0"));
            self.log.remark(&format!("key {}: secret key imported", fingerprint.key_id()));
            let (count, flags) = match had_secret {
                true => (&mut self.counts.secrets_unchanged, 16),
                false => (&mut self.counts.secrets_imported, 17),
            };
            *count += 1;
            self.status.say(&format!("IMPORT_OK {flags} {fingerprint}"));
        }
        Ok(())
    }

    /// Tells what became of a revocation certificate.
    fn revocation(&mut self, imported: ImportedKey) -> Result<(), Failure> {
        if let Some(fingerprint) = &imported.fingerprint {
            self.status.say(&format!("KEY_CONSIDERED {fingerprint} 0"));
        }
        if let Some(failure) = imported.error {
            return Err(failure);
        }
        let (count, words) = match imported.outcome {
            Fate::Updated => (&mut self.counts.revocations, "revocation certificate imported"),
            _ => (&mut self.counts.unchanged, "not changed"),
        };
        *count += 1;
        if let (Some(key), Some(user_id)) = (imported.fingerprint, imported.user_id) {
            self.log.remark(&format!("key {}: \"{user_id}\" {words}", key.key_id()));
        }
        Ok(())
    }

    /// Adds a certificate to a keyring. Returns what was there of it, and what is there now.
    fn add(&mut self, keyring: &mut KeyringImporter<'_>, key: &Key) -> Result<Added, Failure> {
        let certificate = match key {
            Key::Certificate(certificate) => certificate,
            Key::Secret(secret) => {
                self.counts.secrets_read += 1;
                return usage(format!(
                    "{} is a secret key, and a keyring takes certificates only; leave --keyring out to import it",
                    secret.fingerprint()
                ));
            }
            Key::Revocation(_) => {
                return usage(
                    "a revocation certificate is imported into plugsign's home; leave --keyring out, and export the certificate then",
                );
            }
        };
        keyring.add(certificate).inspect_err(|_| {
            self.status.say(&format!("IMPORT_PROBLEM 0 {}", certificate.fingerprint()));
        })
    }

    fn stored(&self, certificate: &Certificate) -> Result<Option<HomeKey>, Failure> {
        let fingerprint = certificate.fingerprint();
        let shelf = self.world.home()?.keys_of(std::slice::from_ref(&fingerprint))?;
        Ok(shelf.items.into_iter().find(|key| key.certificate.fingerprint() == fingerprint))
    }

    /// Tells what became of a certificate: what was there of it before, and what is there now.
    fn certificate(
        &mut self,
        certificate: &Certificate,
        before: Option<&Certificate>,
        after: &Certificate,
    ) {
        let fingerprint = certificate.fingerprint();
        let key_id = fingerprint.key_id();
        let user_id = certificate.name_at(self.world.now).unwrap_or_default();
        let shown = Safe::bytes(&user_id);
        let considered = format!("KEY_CONSIDERED {fingerprint} 0");
        let Some(before) = before else {
            self.counts.imported += 1;
            self.status.say(&considered);
            self.log.remark(&format!("key {key_id}: public key \"{shown}\" imported"));
            self.status.say_of(&format!("IMPORTED {key_id}"), &user_id);
            self.status.say(&format!("IMPORT_OK 1 {fingerprint}"));
            return;
        };
        let more = |count: &dyn Fn(&Certificate) -> usize| {
            count(after).saturating_sub(count(before)) as u32
        };
        let user_ids = more(&|it| it.user_ids().len());
        let signatures = more(&signature_count);
        let subkeys = more(&|it| it.fingerprints().len());
        self.counts.user_ids += user_ids;
        self.counts.signatures += signatures;
        self.counts.subkeys += subkeys;
        let mut flags = 0;
        let new = [(2, user_ids, "user ID"), (4, signatures, "signature"), (8, subkeys, "subkey")];
        for (flag, count, what) in new.into_iter().filter(|(_, count, _)| *count > 0) {
            flags |= flag;
            let plural = if count == 1 { "" } else { "s" };
            self.log.remark(&format!("key {key_id}: \"{shown}\" {count} new {what}{plural}"));
        }
        // gpg considers the key for its words: before them if there are any, and in passing if not.
        let mut lines = [considered, format!("IMPORT_OK {flags} {fingerprint}")];
        if flags == 0 {
            self.counts.unchanged += 1;
            self.log.remark(&format!("key {key_id}: \"{shown}\" not changed"));
            lines.reverse();
        }
        for line in lines {
            self.status.say(&line);
        }
    }

    fn report(&mut self) {
        let (counts, log) = (&self.counts, self.log);
        log.remark(&format!("Total number processed: {}", counts.read));
        for (what, count) in [
            ("              imported", counts.imported),
            ("             unchanged", counts.unchanged),
            ("          new user IDs", counts.user_ids),
            ("           new subkeys", counts.subkeys),
            ("        new signatures", counts.signatures),
            ("   new key revocations", counts.revocations),
            ("      secret keys read", counts.secrets_read),
            ("  secret keys imported", counts.secrets_imported),
            (" secret keys unchanged", counts.secrets_unchanged),
            ("          not imported", counts.not_imported),
        ] {
            if count > 0 {
                log.remark(&format!("{what}: {count}"));
            }
        }
        self.status.say(&format!(
            "IMPORT_RES {} 0 {} 0 {} {} {} {} {} {} {} {} 0 {} 0",
            counts.read,
            counts.imported,
            counts.unchanged,
            counts.user_ids,
            counts.subkeys,
            counts.signatures,
            counts.revocations,
            counts.secrets_read,
            counts.secrets_imported,
            counts.secrets_unchanged,
            counts.not_imported,
        ));
    }
}
