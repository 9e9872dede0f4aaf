//! The files of the home, one by one: what they are named, how they are read, put and removed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::file::{entries, folder_of, read_own};
use super::folder::Folder;
use super::shelf::{HomeKey, Shelf, TrustedKey};
use super::write::{Access, Existing, sync_folder, write_new};
use crate::disk::error::{Error, Result};
use crate::openpgp;
use crate::openpgp::bounds::check_bounds;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::{Key, MAX_KEY_FILE, read_keys};
use crate::openpgp::set::Gathered;

/// Makes the folders of a home that are missing, for their owner alone.
pub(super) fn make(folders: &[PathBuf]) -> Result<()> {
    for path in folders.iter().filter(|path| !path.is_dir()) {
        let made = DirBuilder::new().mode(0o700).recursive(true).create(path);
        made.map_err(Error::io("create", path))?;
        sync_folder(folder_of(path))?;
    }
    Ok(())
}

/// Removes temporary files. Only the holder of the lock writes, so nobody uses them.
pub(super) fn sweep(folders: &[PathBuf]) {
    for folder in folders {
        let found = entries(folder).unwrap_or_default();
        for path in found.iter().filter(|path| is_temporary(path)) {
            let _ = fs::remove_file(path);
        }
    }
}

pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    check_bounds(bytes)?;
    write_new(path, bytes, Access::Secret, Existing::Replace)
}

/// Removes files of one folder durably.
pub(super) fn remove_all(files: &[PathBuf]) -> Result<()> {
    files.first().map_or(Ok(()), |first| Folder::of(first)?.remove_all(files))
}

/// Reads the files of secret keys, and those of certificates.
pub(super) fn read_keys_of(
    secrets: Vec<PathBuf>,
    certificates: Vec<PathBuf>,
) -> Result<Shelf<HomeKey>> {
    let mut keys = Gathered::new(|key: &mut HomeKey| &mut key.certificate);
    let mut unreadable = Vec::new();
    let secrets = secrets.into_iter().map(|path| (read_named(&path).and_then(secret_of), path));
    let certificates = certificates.into_iter().map(|path| {
        let certificate = read_named(&path).and_then(certificate_of);
        (certificate.map(|certificate| HomeKey { certificate, secret: None }), path)
    });
    for (key, path) in secrets.chain(certificates) {
        if let Err(error) = key.and_then(|key| Ok(keys.add(key, |_| Ok(()))?)) {
            unreadable.push((path, error));
        }
    }
    Ok(Shelf { items: keys.into_vec(), unreadable })
}

/// Returns the fingerprint that a file is named by.
pub(super) fn name_of(path: &Path) -> Option<Fingerprint> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".pgp")?;
    Fingerprint::from_hex(stem)
}

pub(super) fn check_folder(path: &Path) -> Result<()> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return check_missing(path),
        found => found.map_err(Error::io("read", path))?,
    };
    let problem = match metadata {
        it if !it.is_dir() => "is not a folder",
        it if it.mode() & 0o022 != 0 => "can be written to by others",
        it if it.uid() != rustix::process::geteuid().as_raw() => "belongs to another user",
        _ => return Ok(()),
    };
    Err(Error::UnsafeHome { path: path.to_owned(), problem })
}

/// Refuses a folder that is not there because a link above it, or it itself, leads nowhere. What the
/// link led to may know of a revocation: a disk that is not mounted.
fn check_missing(path: &Path) -> Result<()> {
    let nearest = path.ancestors().find(|above| fs::symlink_metadata(above).is_ok());
    match nearest.filter(|it| fs::metadata(it).is_err_and(|it| it.kind() == ErrorKind::NotFound)) {
        Some(link) => {
            let problem = "is a link that leads nowhere";
            Err(Error::UnsafeHome { path: link.to_owned(), problem })
        }
        None => Ok(()),
    }
}

/// Opens the file that is locked, and makes it if it is missing. Anything else in its place could
/// keep this waiting, or lead out of the home.
pub(super) fn open_lock(path: &Path) -> Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).custom_flags(flags.bits() as i32);
    let opened = options.open(path);
    let is_file = match &opened {
        Ok(file) => file.metadata().map_err(Error::io("read", path))?.is_file(),
        Err(_) => fs::symlink_metadata(path).map_or(true, |found| found.is_file()),
    };
    match is_file {
        true => opened.map_err(Error::io("lock", path)),
        false => Err(Error::UnsafeHome { path: path.to_owned(), problem: "is no regular file" }),
    }
}

pub(super) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(b".tmp")
}

fn no_key(why: impl Into<String>) -> Error {
    openpgp::Error::NoKey(why.into()).into()
}

/// Reads a file that is named by the fingerprint of its only key.
fn read_named(path: &Path) -> Result<Key> {
    let named = name_of(path).ok_or_else(|| no_key("its name is not a fingerprint and .pgp"))?;
    read_as(path, &named)
}

fn read_as(path: &Path, named: &Fingerprint) -> Result<Key> {
    let bytes = read_own(path, "a key file", MAX_KEY_FILE)?;
    let mut keys = read_keys(&bytes)?;
    let key = match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => key?,
        _ => return Err(no_key("it has more than one key")),
    };
    let found = match &key {
        Key::Certificate(certificate) => certificate.fingerprint(),
        Key::Secret(secret) => secret.fingerprint(),
        Key::Revocation(_) => return Err(no_key("it is a revocation certificate, and no key")),
    };
    match found == *named {
        true => Ok(key),
        false => Err(no_key(format!("it has another key than it is named for: {found}"))),
    }
}

fn secret_of(key: Key) -> Result<HomeKey> {
    match key {
        Key::Secret(secret) => {
            Ok(HomeKey { certificate: secret.certificate().clone(), secret: Some(secret) })
        }
        _ => Err(no_key("it is among the secret keys and has no secret part")),
    }
}

fn certificate_of(key: Key) -> Result<Certificate> {
    match key {
        Key::Certificate(certificate) => Ok(certificate),
        Key::Secret(_) => Err(no_key("it is a secret key among the certificates")),
        Key::Revocation(_) => Err(no_key("it is a revocation certificate")),
    }
}

pub(super) fn read_trusted(path: &Path) -> Result<TrustedKey> {
    let (name, fingerprint) =
        trusted_name(path).ok_or_else(|| no_key("its name is not NAME.FINGERPRINT.pgp"))?;
    let certificate = certificate_of(read_as(path, &fingerprint)?)?;
    Ok(TrustedKey { name, certificate })
}

/// Splits `NAME.FINGERPRINT.pgp`.
pub(super) fn trusted_name(path: &Path) -> Option<(String, Fingerprint)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".pgp")?;
    let (name, fingerprint) = stem.rsplit_once('.')?;
    Some((name.to_string(), Fingerprint::from_hex(fingerprint)?))
}

/// Checks that a name can be a part of a file name: 1 to 200 bytes, no slash, no dot in front, no
/// character that has to be escaped.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_shown_as_it_is = crate::text::Safe::text(name).to_string() == name;
    let is_plain = !name.starts_with('.') && !name.contains('/') && is_shown_as_it_is;
    match is_plain && (1..=200).contains(&name.len()) {
        true => Ok(()),
        false => Err(Error::BadName(name.to_string())),
    }
}
