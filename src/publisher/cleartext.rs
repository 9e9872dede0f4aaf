//! Texts that carry their signature: made and judged.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::signed::{SignedFile, State};
use super::signer::UnlockedSigner;
use super::signing::Signing;
use crate::disk::artifact::Artifact;
use crate::disk::file::{is_there, read_bounded, read_small};
use crate::disk::folder::Folder;
use crate::disk::write::{Access, Existing};
use crate::disk::{Error, Result};
use crate::openpgp;
use crate::openpgp::cleartext::{Cleartext, Escaped, MAX_CLEARTEXT};
use crate::openpgp::hash::ContentHash;
use crate::openpgp::sign::sign_hashed_with;
use crate::openpgp::verdict::{Bad, Reason};
use crate::openpgp::verify::Good;

/// What a file is called in errors.
const SIGNED_TEXT: &str = "a signed text";

impl UnlockedSigner {
    /// Signs a text. Returns the text and its signature in one file, which was read and judged as
    /// its readers do it.
    ///
    /// # Errors
    ///
    /// [`openpgp::Error::Malformed`] for a text that cannot be signed this way,
    /// [`openpgp::Error::NotGood`] if the signature does not pass, and as [`sign_hashed_with`].
    pub fn sign_cleartext(&self, text: &[u8]) -> openpgp::Result<Vec<u8>> {
        let algorithm = self.form.way.algorithm;
        let escaped = Escaped::new(text, algorithm)?;
        let way = ContentHash { algorithm, text: true };
        let signature = sign_hashed_with(&escaped.content, way, &self.key, self.form.created)?;
        let file = escaped.with_signature(&signature.to_armored()?);
        let not_good = openpgp::Error::NotGood;
        let read = Cleartext::read(&file).map_err(not_good)?;
        match read.is_of(text) {
            true => self.judge.all_good(&read).map(|_| file).map_err(not_good),
            false => Err(not_good(Bad::new(Reason::Malformed, "its text was not kept"))),
        }
    }

    /// Returns whether a file is this text with a good signature that does as well as a new one.
    fn has_signed(&self, text: &[u8], file: &Path, existing: Existing) -> Result<bool> {
        let bytes = read_small(file, SIGNED_TEXT, MAX_CLEARTEXT)?;
        let Ok(read) = Cleartext::read(&bytes) else { return Ok(false) };
        let does = |good: &Good| match existing {
            Existing::Keep => self.does_as_well(&good.signer().key),
            Existing::Replace => good.signer().key == self.key.fingerprint(),
        };
        Ok(read.is_of(text) && self.judge.all_good(&read).is_ok_and(|all| all.iter().any(does)))
    }
}

impl Signing<'_> {
    /// Signs a text: `FILE.asc` has it and its signature.
    pub fn sign_text(&self, artifact: &Artifact) -> Vec<SignedFile> {
        let read = artifact.place().and_then(|place| Ok((place.read_text()?, place)));
        let (text, place) = match read {
            Ok(read) => read,
            Err(error) => return vec![SignedFile::new(&artifact.path, None, Err(error))],
        };
        self.put_text(&artifact.path, &text, self.outputs(Some(artifact)), |output| {
            place.folder_for(output, self.kept)
        })
    }

    /// Signs a text that comes from a stream.
    ///
    /// # Errors
    ///
    /// That it cannot be read, or is too long.
    pub fn sign_text_stream(&self, stream: File) -> Result<Vec<SignedFile>> {
        let text = read_bounded(stream, "standard input", "a text", MAX_CLEARTEXT)?;
        Ok(self.put_text(&Path::new("-").into(), &text, self.outputs(None), |output| {
            self.kept.folder(output)
        }))
    }

    fn put_text(
        &self,
        path: &Arc<Path>,
        text: &[u8],
        outputs: Vec<Option<PathBuf>>,
        folder_of: impl Fn(&Path) -> Result<Folder>,
    ) -> Vec<SignedFile> {
        let signed = |(signer, output): (&UnlockedSigner, Option<PathBuf>)| match output {
            Some(output) => {
                let state = folder_of(&output)
                    .and_then(|folder| self.place_text(signer, text, &folder, &output));
                SignedFile::new(path, Some(output), state)
            }
            None => SignedFile::returned(path, signer.sign_cleartext(text), self.dry_run),
        };
        self.signers.iter().zip(outputs).map(signed).collect()
    }

    fn place_text(
        &self,
        signer: &UnlockedSigner,
        text: &[u8],
        folder: &Folder,
        output: &Path,
    ) -> Result<State> {
        if is_there(output)? {
            match (signer.has_signed(text, output, self.existing)?, self.existing) {
                (true, _) => return Ok(State::UpToDate),
                (false, Existing::Replace) => {}
                (false, Existing::Keep) => return Err(Error::Exists(output.to_owned())),
            }
        }
        let signed = signer.sign_cleartext(text)?;
        if self.dry_run {
            return Ok(State::WouldSign);
        }
        let access = Access::Public { umask: self.umask };
        folder.prepare(output, &signed, access, self.existing)?.appear()?;
        Ok(State::Signed)
    }
}
