//! One file of a release and the signature beside it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use zeroize::Zeroizing;

pub use super::beneath::Root;
use super::beneath::open_folder;
use super::checksums::is_list;
use super::file::{Links, Stamp, folder_of, is_there, open_regular, read_small, with_ending};
use super::folder::{Folder, name_of};
use super::kept::Kept;
use super::still::{Counted, hash_still};
use crate::disk::error::{Error, Result};
use crate::openpgp::certificate::Certificate;
use crate::openpgp::cleartext::MAX_CLEARTEXT;
use crate::openpgp::hash::{ContentHash, Hashed, Hasher};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::signature::{DetachedSignature, MAX_SIGNATURE_FILE};
use crate::openpgp::verdict::{Bad, Reason};

/// A file of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Where it is.
    pub path: Arc<Path>,
    /// The folder whose walk found it. None if it was named itself.
    pub root: Option<Arc<Root>>,
    /// The signature file that was named for it.
    pub signature: Option<Arc<Path>>,
    /// Whether it is a text with its signature in it, which stands for itself.
    pub is_cleartext: bool,
}

impl Artifact {
    /// Returns a file that was found when a folder was walked.
    pub fn found(path: impl Into<Arc<Path>>, root: &Arc<Root>) -> Artifact {
        Artifact { root: Some(root.clone()), ..Artifact::named(path) }
    }

    /// Returns a file that was named itself.
    pub fn named(path: impl Into<Arc<Path>>) -> Artifact {
        Artifact { path: path.into(), root: None, signature: None, is_cleartext: false }
    }

    /// Returns whether it is a list of checksums, by its name.
    pub fn is_list(&self) -> bool {
        match self.is_cleartext {
            true => is_list(&self.path.with_extension("")),
            false => is_list(&self.path),
        }
    }

    /// Returns where its signature goes: `FILE.sig`, or `FILE.asc` if armored.
    pub fn signature_path(&self, armored: bool) -> PathBuf {
        with_ending(&self.path, if armored { ".asc" } else { ".sig" })
    }

    /// Returns where a further signer's signature goes: `FILE.KEYID.sig`, or `.asc` if armored,
    /// with the key ID of the certificate. The server reads `FILE.sig` alone.
    pub fn further_signature_path(&self, signer: &Fingerprint, armored: bool) -> PathBuf {
        let ending = if armored { "asc" } else { "sig" };
        with_ending(&self.path, &format!(".{}.{ending}", signer.key_id()))
    }

    /// Returns its signature file: `FILE.sig`, else `FILE.asc`, else none.
    pub(super) fn find_signature(&self) -> Result<Option<PathBuf>> {
        for path in [false, true].map(|armored| self.signature_path(armored)) {
            if is_there(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Opens it. A file that a walk found must still be a file in the same place. A named one may
    /// be a link, unless it leads out of its folder.
    pub(crate) fn open(&self) -> Result<(File, Stamp)> {
        let links = self.root.as_deref().map_or(Links::Follow, Links::RefuseBeneath);
        self.check_link()?;
        let (file, metadata) = open_regular(&self.path, links)?;
        Ok((file, Stamp::from(&metadata)))
    }

    fn check_link(&self) -> Result<()> {
        let is_link = || fs::symlink_metadata(&self.path).is_ok_and(|it| it.is_symlink());
        if self.root.is_none() && is_link() {
            let canonical =
                |path: &Path| path.canonicalize().map_err(Error::io("read", &self.path));
            if !canonical(&self.path)?.starts_with(canonical(folder_of(&self.path))?) {
                return Err(Error::LinkOutside(self.path.to_path_buf()));
            }
        }
        Ok(())
    }

    /// Opens the folder that it is in. What is read there and what is written there then go
    /// together, whatever takes the folder's path meanwhile.
    pub(crate) fn place(&self) -> Result<Place<'_>> {
        let folder = match &self.root {
            Some(root) => open_folder(root, folder_of(&self.path))
                .map(Folder::new)
                .map_err(Error::io("read", &self.path))?,
            None => Folder::to_look_in(&self.path)?,
        };
        Ok(Place { artifact: self, folder })
    }

    /// Reads it once with `read`, and makes sure that it did not change meanwhile.
    pub(crate) fn read_once<T>(&self, read: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T> {
        self.read_opened(self.open()?, read)
    }

    fn read_opened<T>(
        &self,
        (mut file, before): (File, Stamp),
        read: impl FnOnce(&mut File) -> io::Result<T>,
    ) -> Result<T> {
        let value = read(&mut file).map_err(Error::io("read", &self.path))?;
        let after = file.metadata().map_err(Error::io("read", &self.path))?;
        if before != Stamp::from(&after) {
            return Err(Error::Changed(self.path.to_path_buf()));
        }
        Ok(value)
    }

    /// Hashes it in these ways, in one pass. `read` counts the bytes as they are read.
    pub fn hash(
        &self,
        ways: impl IntoIterator<Item = ContentHash>,
        read: &AtomicU64,
    ) -> Result<Hashed> {
        self.read_once(|file| Hasher::new(ways).read_ahead(Counted { reader: file, count: read }))
    }

    /// Reads it as a text with its signatures.
    /// Fails if it cannot be read, is larger than such files may be, or changes meanwhile.
    pub fn read_text(&self) -> Result<Vec<u8>> {
        self.read_within("a text", MAX_CLEARTEXT)
    }

    /// Reads it whole. Fails as [`Artifact::read_text`] does.
    pub(crate) fn read_within(&self, what: &'static str, limit: u64) -> Result<Vec<u8>> {
        self.read_opened_within(self.open()?, what, limit)
    }

    fn read_opened_within(
        &self,
        opened: (File, Stamp),
        what: &'static str,
        limit: u64,
    ) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_opened(opened, |file| file.take(limit + 1).read_to_end(&mut bytes))?;
        match bytes.len() as u64 > limit {
            false => Ok(bytes),
            true => {
                let name = self.path.display().to_string();
                Err(Error::TooLarge { name, what, limit })
            }
        }
    }

    /// Reads the signature file that was named, or the one beside it.
    pub fn read_signature(&self) -> Result<SignatureFile> {
        let named = self.signature.as_deref().map(|path| Ok(Some(path.to_owned())));
        match named.unwrap_or_else(|| self.find_signature())? {
            Some(path) => read_signature(&path),
            None => Ok(SignatureFile::Bad(Bad::new(
                Reason::MissingSignature,
                "there is neither a .sig nor an .asc file for it",
            ))),
        }
    }

    /// Reads the signature file that was named, or the one beside it that the server looks for.
    pub(crate) fn read_signature_for_server(&self) -> Result<SignatureFile> {
        let is_armored_alone = self.signature.is_none()
            && !is_there(&self.signature_path(false))?
            && is_there(&self.signature_path(true))?;
        match is_armored_alone {
            false => self.read_signature(),
            true => Ok(SignatureFile::Bad(Bad::new(Reason::MissingSignature, ONLY_ARMORED))),
        }
    }

    /// Reads the signatures of these signers beside the first one. One that cannot be read does not
    /// count.
    pub fn read_further(&self, signers: &[Certificate]) -> Vec<SignatureFile> {
        let paths = signers.iter().map(Certificate::fingerprint).flat_map(|signer| {
            [false, true].map(|armored| self.further_signature_path(&signer, armored))
        });
        paths.filter_map(|path| read_signature(&path).ok()).collect()
    }
}

/// The folder of an artifact that is to be signed, held open.
pub(crate) struct Place<'a> {
    artifact: &'a Artifact,
    folder: Folder,
}

impl Place<'_> {
    fn open(&self) -> Result<(File, Stamp)> {
        let path = &*self.artifact.path;
        let (file, metadata) = match &self.artifact.root {
            Some(_) => self.folder.open_regular(path)?,
            None => {
                self.artifact.check_link()?;
                self.folder.open_through_links(name_of(path), path)?
            }
        };
        Ok((file, Stamp::from(&metadata)))
    }

    /// Hashes the artifact for a signature. `read` counts the bytes as they are read.
    pub fn hash_still(&self, ways: &[ContentHash], read: &AtomicU64) -> Result<Hashed> {
        let (mut file, _) = self.open()?;
        hash_still(&mut file, &self.artifact.path, ways, read)
    }

    /// Reads the artifact as a text to sign. Fails as [`Artifact::read_text`].
    pub fn read_text(&self) -> Result<Vec<u8>> {
        self.artifact.read_opened_within(self.open()?, "a text", MAX_CLEARTEXT)
    }

    /// Opens the folder that an output goes into. Beside the artifact, that is this one.
    pub fn folder_for(&self, output: &Path, kept: &Kept) -> Result<Folder> {
        if folder_of(output) != folder_of(&self.artifact.path) {
            return kept.folder(output);
        }
        let folder = self.folder.to_write_in().map_err(Error::io("write", output))?;
        kept.check(&folder, output)?;
        Ok(folder)
    }
}

const ONLY_ARMORED: &str =
    "there is an .asc file for it, but no .sig, and the server looks for .sig only: rename it";

/// What was found in place of a signature.
pub enum SignatureFile {
    /// A file's bytes.
    Read(Zeroizing<Vec<u8>>),
    /// Nothing that could be a signature.
    Bad(Bad),
}

impl SignatureFile {
    /// Returns its bytes and the signature that they are, or why it is good for no content.
    pub fn parse(&self) -> Result<(&[u8], DetachedSignature), Bad> {
        match self {
            SignatureFile::Read(bytes) => {
                let signature = DetachedSignature::read(bytes)?;
                signature.content_hash()?;
                Ok((bytes, signature))
            }
            SignatureFile::Bad(bad) => Err(bad.clone()),
        }
    }
}

/// Reads a signature file. A file that is too large is bad.
pub fn read_signature(path: &Path) -> Result<SignatureFile> {
    match read_small(path, "a signature", MAX_SIGNATURE_FILE) {
        Ok(bytes) => Ok(SignatureFile::Read(bytes)),
        Err(Error::TooLarge { limit, .. }) => Ok(SignatureFile::Bad(Bad::new(
            Reason::Malformed,
            format!("the signature file is larger than {limit} bytes"),
        ))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::write::{Access, Existing};

    #[test]
    fn an_output_goes_into_the_folder_that_was_read_from() {
        let there = tempfile::tempdir().unwrap();
        let path = |name: &str| there.path().join(name);
        for folder in ["dist", "other"] {
            fs::create_dir(path(folder)).unwrap();
            fs::write(path(folder).join("a.zip"), folder).unwrap();
        }
        let named = Artifact::named(path("dist/a.zip"));
        let found = Artifact::found(path("dist/a.zip"), &Arc::new(Root::new(&path("dist"))));
        let places = [named.place().unwrap(), found.place().unwrap()];
        fs::rename(path("dist"), path("held")).unwrap();
        std::os::unix::fs::symlink("other", path("dist")).unwrap();
        for (place, output) in places.iter().zip(["dist/1.sig", "dist/2.sig"]) {
            let mut text = String::new();
            place.open().unwrap().0.read_to_string(&mut text).unwrap();
            assert_eq!(text, "dist");
            let folder = place.folder_for(&path(output), &Kept::default()).unwrap();
            let access = Access::Public { umask: 0o022 };
            folder.write(&path(output), b"signature", access, Existing::Keep).unwrap();
        }
        assert!(found.place().is_err() && found.open().is_err());
        let count = |folder| fs::read_dir(path(folder)).unwrap().count();
        assert_eq!((count("held"), count("other")), (3, 1));
    }
}
