//! `plugsign export --ci` and `plugsign export --offline-primary`

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use plugsign::disk::Error;
use plugsign::disk::file::{Links, folder_of, open_regular, read_bounded};
use plugsign::disk::write::{Access, Existing, sync_folder, write_new};
use plugsign::openpgp;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::key_file::{MAX_KEY_FILE, armor_keys, base64_line, read_keys};
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::{Protection, SecretKey};
use plugsign::openpgp::weakness::Weakness;
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::export::{Arguments, Exported};
use crate::edge::asking::Asking;
use crate::edge::world::World;
use plugsign::publisher::change::of_home;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::keys::one_secret;
use plugsign::publisher::show::first_user_id;

fn one_key(arguments: &Arguments) -> Result<KeyQuery, Failure> {
    match &arguments.keys[..] {
        [key] => Ok(KeyQuery::parse(key)?),
        _ => Err(Failure::Usage("one KEY at a time goes with this option".into())),
    }
}

/// Says what to do where a subkey was named for a key.
pub(super) fn of_subkey(error: impl Into<Failure>, option: &str) -> Failure {
    let whole = format!("plugsign export {option} KEY");
    error.into().or_of_subkey(&whole, "plugsign export --ci 'SUBKEY!'")
}

/// Returns the text for a CI's secret, and which subkey is in it.
pub fn for_ci(
    arguments: &Arguments,
    world: &World,
) -> Result<(Zeroizing<Vec<u8>>, Fingerprint), Failure> {
    let query = one_key(arguments)?;
    let shelf = world.home()?.keys()?;
    let key = shelf.find_secret(Some(&query))?;
    let no_secret = || openpgp::Error::NoSecret(key.certificate.fingerprint());
    let secret = key.secret.as_ref().ok_or_else(no_secret)?.merge(&key.certificate)?;
    let exactly = query.exactly(&key.certificate);
    if exactly.is_none() {
        // The newest subkey, which leaves otherwise, may be another than the one that is named.
        query.check_whole(&key.certificate).map_err(|error| of_subkey(error, "--ci"))?;
    }
    let policy = world.policy();
    secret.check_can_sign(exactly.as_ref(), &policy)?;
    let asking = Asking::new(world).key(&arguments.passphrase).replaced(&arguments.new);
    let publisher = world.publisher(&asking);
    let old = publisher.proven_passphrase(&secret, &key.certificate)?;
    let new = publisher.new_passphrase(&format!("{} in CI", first_user_id(&key.certificate)))?;
    if old.as_deref().is_some_and(|old| old.same_as(&new)) {
        world
            .terminal
            .warn("the passphrase is the home's: whoever reads the CI's secrets has that too");
    }
    let (one, subkey) = secret.for_ci(old.as_deref(), &new, exactly.as_ref(), &policy)?;
    let packets = one.to_bytes()?;
    let text = match arguments.armor {
        true => armor_keys(&packets, true)?,
        false => base64_line(&packets),
    };
    Ok((text, subkey))
}

/// Moves the primary key out of the home: the whole key goes into the folder first, durably, and
/// is read back; then the home's copy loses the primary's secret part.
pub fn to_folder(arguments: &Arguments, folder: &Path, world: &World) -> Result<Exported, Failure> {
    let query = one_key(arguments)?;
    let home = world.home()?;
    let shelf = home.keys()?;
    let key = shelf.find_secret_whole(&query);
    let key = key.map_err(|error| of_subkey(error, "--offline-primary DIR"))?;
    let fingerprint = key.certificate.fingerprint();
    let no_secret = || openpgp::Error::NoSecret(fingerprint.clone());
    let policy = world.policy();
    let key = of_home(home, &fingerprint)?;
    let secret = key.secret.as_ref().ok_or_else(no_secret)?;
    secret.without_primary(&policy).map_err(|error| match error {
        openpgp::Error::PrimaryElsewhere(_) => Failure::Advised(
            Box::new(error.into()),
            "it was taken off this machine already: copy the file that was written then".into(),
        ),
        error => error.into(),
    })?;
    if secret.protection() == Protection::None && !arguments.unprotected {
        let key = fingerprint.to_string();
        return Err(openpgp::Error::Refused { key, weakness: Weakness::Unprotected }.into());
    }
    // Nobody finds out in the vault that the passphrase was another one.
    world
        .publisher(&Asking::new(world).key(&arguments.passphrase))
        .proven_passphrase(secret, &key.certificate)?;

    let lock = world.lock()?;
    let key = of_home(home, &fingerprint)?;
    let secret = key.secret.as_ref().ok_or_else(no_secret)?;
    let whole = secret.merge(&key.certificate)?;
    let without = secret.without_primary(&policy)?;
    make_folder(folder)?;
    let name = format!("{fingerprint}.secret.asc");
    remove_leftovers(folder, &name);
    let path = folder.join(name);
    store_whole(&path, &whole, arguments.secret_access())?;
    home.put_secret(&lock, &without)?;
    let output = path.clone();
    Ok(Exported::new(vec![fingerprint.clone()], "whole secret key", Some(&output))
        .say("The home has its subkeys alone now. Copy that file to a second off-line place, and".into())
        .say(format!("take the folder off this machine. To lend the primary key for one command:\n  plugsign rotate {fingerprint} --primary {}", Safe::path(&path))))
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).create(folder).map_err(Error::io("create", folder))?;
    Ok(sync_folder(folder_of(folder))?)
}

/// Removes what a killed run left half-written. Who has the home's lock is the only one who
/// writes such files.
fn remove_leftovers(folder: &Path, name: &str) {
    let prefix = format!(".{name}.");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name().to_string_lossy().into_owned();
        if found.starts_with(&prefix) && found.ends_with(".tmp") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes the whole key, or takes what an interrupted run wrote, if nothing is missing in it.
fn store_whole(path: &Path, whole: &SecretKey, access: Access) -> Result<(), Failure> {
    let bytes = whole.to_armored()?;
    // An interrupted run may have left it, where a name cannot be taken in one step.
    let is_empty = |it: &fs::Metadata| it.is_file() && it.len() == 0;
    let existing = match fs::symlink_metadata(path).is_ok_and(|it| is_empty(&it)) {
        true => Existing::Replace,
        false => Existing::Keep,
    };
    match write_new(path, &bytes, access, existing) {
        Ok(()) | Err(Error::Exists(_)) => {}
        Err(error) => return Err(error.into()),
    }
    // What an interrupted run wrote, or a person copied, must be on the disk before the home's goes.
    // Anything but a file could be another user's, who reads along.
    let (file, _) = open_regular(path, Links::Refuse)?;
    file.sync_all().map_err(Error::io("sync", path))?;
    sync_folder(folder_of(path))?;
    let there = read_bounded(file, &path.to_string_lossy(), "a key file", MAX_KEY_FILE)?;
    let same = *there == *bytes || {
        let stored = one_secret(read_keys(&there)?, None)?;
        stored.has_all_secrets_of(whole) && stored.certificate().same_as(whole.certificate())
    };
    match same {
        true => Ok(()),
        false => Err(Failure::Advised(
            Box::new(Error::Exists(path.to_owned()).into()),
            "it may be the only copy of a primary key, and is never replaced: name another folder"
                .into(),
        )),
    }
}
