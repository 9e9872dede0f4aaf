//! Taking secret parts to other places: a signing subkey to a CI, the primary key off-line.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::Publisher;
use super::change::{of_home, off_line_name};
use super::export::{Exported, NewFile, check_may_leave};
use super::failure::{Failure, Result};
use super::keys::one_secret;
use super::show::first_user_id;
use crate::disk::Error;
use crate::disk::file::{Links, folder_of, open_regular, read_bounded};
use crate::disk::write::{Access, Existing, sync_file, sync_folder};
use crate::openpgp;
use crate::openpgp::key_file::{MAX_KEY_FILE, armor_keys, base64_line, read_keys_within};
use crate::openpgp::query::KeyQuery;
use crate::openpgp::secret_key::SecretKey;

/// What leaves in a whole key with its primary key.
pub const WHOLE: &str = "whole secret key";

impl Publisher<'_> {
    /// Hands out one signing subkey for a CI, under a new passphrase: the newest, or the one that
    /// `SUBKEY!` names. It is armored, or one line of base64. Fails if there is none, if the file
    /// cannot be written, or as [`Ask`](super::ask::Ask) does.
    pub fn export_for_ci(
        &self,
        name: &str,
        armor: bool,
        output: Option<NewFile<'_>>,
    ) -> Result<Exported> {
        let query = KeyQuery::parse(name)?;
        let shelf = self.home()?.keys()?;
        let key = shelf.find_secret(Some(&query))?;
        let secret = key.secret()?.merge(&key.certificate)?;
        let exactly = query.exactly(&key.certificate);
        if exactly.is_none() {
            // The newest subkey, which leaves otherwise, may be another than the one that is named.
            query.check_whole(&key.certificate)?;
        }
        let policy = self.policy();
        secret.check_can_sign(exactly.as_ref(), &policy)?;
        let old = self.proven_passphrase(&secret, &key.certificate)?;
        let new = self.new_passphrase(&format!("{} in CI", first_user_id(&key.certificate)))?;
        if old.as_deref().is_some_and(|old| old.same_as(&new)) {
            self.watch
                .warn("the passphrase is the home's: whoever reads the CI's secrets has that too");
        }
        let (one, subkey) = secret.for_ci(old.as_deref(), &new, exactly.as_ref(), &policy)?;
        let packets = one.to_bytes()?;
        let mut exported = Exported::new(vec![subkey], "signing subkey");
        exported.bytes = match armor {
            true => armor_keys(&packets, true)?,
            false => base64_line(&packets),
        };
        exported.written(output, self)
    }

    /// Moves the primary key out of the home. The whole key goes into a file first, durably, and is
    /// read back; then the home's copy loses it. Fails if it is not here or alone can sign, if the
    /// file cannot be written, or as [`Ask`](super::ask::Ask) does.
    pub fn move_primary(
        &self,
        name: &str,
        folder: NewFile<'_>,
        unprotected: bool,
    ) -> Result<Exported> {
        let query = KeyQuery::parse(name)?;
        let home = self.home()?;
        let shelf = home.keys()?;
        let fingerprint = shelf.find_secret_whole(&query)?.certificate.fingerprint();
        let policy = self.policy();
        let key = of_home(home, &fingerprint)?;
        let secret = key.secret()?;
        secret.without_primary(&policy).map_err(|error| match error {
            openpgp::Error::PrimaryElsewhere(_) => Failure::advised(
                error,
                "it was taken off this machine already: copy the file that was written then",
            ),
            error => error.into(),
        })?;
        check_may_leave(secret, unprotected)?;
        // Nobody finds out in the vault that the passphrase was another one.
        self.proven_passphrase(secret, &key.certificate)?;

        let lock = self.lock()?;
        let key = of_home(home, &fingerprint)?;
        let secret = key.secret()?;
        let whole = secret.merge(&key.certificate)?;
        let without = secret.without_primary(&policy)?;
        make_folder(folder.path)?;
        let name = off_line_name(&fingerprint);
        remove_leftovers(folder.path, &name);
        let path = folder.path.join(name);
        self.store_whole(&path, &whole, folder.secret_access())?;
        home.put_secret(&lock, &without)?;
        let exported = Exported::new(vec![fingerprint], WHOLE);
        Ok(Exported { output: Some(path), ..exported })
    }

    /// Writes the whole key, or takes what an interrupted run wrote, if nothing is missing in it.
    fn store_whole(&self, path: &Path, whole: &SecretKey, access: Access) -> Result<()> {
        let budget = self.budget;
        let bytes = whole.to_armored()?;
        // An interrupted run may have left it, where a name cannot be taken in one step.
        let is_empty = |it: &fs::Metadata| it.is_file() && it.len() == 0;
        let existing = match fs::symlink_metadata(path).is_ok_and(|it| is_empty(&it)) {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        match self.kept.write_new(path, &bytes, access, existing) {
            Ok(()) | Err(Error::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        // What an interrupted run wrote, or a person copied, must be on the disk before the home's goes.
        // Anything but a file could be another user's, who reads along.
        let (file, _) = open_regular(path, Links::Refuse)?;
        sync_file(&file, path)?;
        sync_folder(folder_of(path))?;
        let there = read_bounded(file, &path.to_string_lossy(), "a key file", MAX_KEY_FILE)?;
        let same = *there == *bytes || {
            let stored = one_secret(read_keys_within(&there, budget)?, None, budget)?;
            stored.has_all_secrets_of(whole) && stored.certificate().same_as(whole.certificate())
        };
        match same {
            true => Ok(()),
            false => Err(Failure::advised(
                Error::Exists(path.to_owned()),
                "it may be the only copy of a primary key, and is never replaced: name another folder",
            )),
        }
    }
}

fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).create(folder).map_err(Error::io("create", folder))?;
    Ok(sync_folder(folder_of(folder))?)
}

/// Removes what a killed run left. Only who has the home's lock writes such files.
fn remove_leftovers(folder: &Path, name: &str) {
    let prefix = format!(".{name}.");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name().to_string_lossy().into_owned();
        if found.starts_with(&prefix) && found.ends_with(".tmp") {
            let _ = fs::remove_file(entry.path());
        }
    }
}
