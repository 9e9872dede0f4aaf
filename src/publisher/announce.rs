//! What tells the world of a key: KEYS, an announcement, and more.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::json;

use super::Publisher;
pub use super::announce_texts::{Announcing, KEY_FILE};
use super::announce_texts::{announcement, keys_file, unfilled, values};
use super::document::fill;
use super::export::for_server;
use super::failure::{Failure, Result};
use super::keys::Found;
use super::outcome::Outcome;
use super::signer::Form;
use super::store::refused;
use crate::disk::Error;
use crate::disk::file::is_there;
use crate::disk::shelf::{HomeKey, Shelf};
use crate::disk::write::{Access, Existing, is_same, make_folder};
use crate::mattermost::valid::is_web_address;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::hash::ContentHash;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::Policy;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::token::is_token_uri;
use crate::text::path_text;

const SECURITY: &str = include_str!("../../templates/security.md");
const SERVER_ADMIN: &str = include_str!("../../templates/server-admin.md");
const ROTATION: &str = include_str!("../../templates/rotation.md");
const REVOCATION: &str = include_str!("../../templates/revocation.md");

/// Who signed the notice of a new key: it keeps its time when it is good.
const ROTATION_SIGNATURE: &str = "ROTATION.md.sig";

/// The documents.
#[derive(Serialize)]
pub struct Announced {
    /// The key that is announced.
    pub fingerprint: Fingerprint,
    /// The key whose place it takes.
    pub replaces: Option<Fingerprint>,
    /// Whether that key is revoked, so that nobody signs the notice.
    pub replaces_revoked: bool,
    /// The options without which the documents have something general in a place.
    pub unfilled: Vec<&'static str>,
    /// The documents, in their order.
    pub documents: Vec<Document>,
    /// The subkeys that servers do not get.
    #[serde(skip)]
    pub left_out: Vec<Fingerprint>,
}

/// One document.
pub struct Document {
    /// Its file's name.
    pub name: &'static str,
    /// Where it was written, if it was.
    pub path: Option<PathBuf>,
    /// What it says.
    pub bytes: Vec<u8>,
}

impl Document {
    fn new(name: &'static str, text: impl Into<Vec<u8>>) -> Document {
        Document { name, path: None, bytes: text.into() }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(&self.bytes).ok();
        let path = self.path.as_deref().map(path_text);
        json!({"name": self.name, "path": path, "text": text}).serialize(serializer)
    }
}

impl Outcome for Announced {}

impl Publisher<'_> {
    /// Makes the documents, and writes them if there is a folder for them. Fails if a key is unknown,
    /// if nobody would accept it, or if a document is there already.
    pub fn announce(&self, announcing: &Announcing) -> Result<Announced> {
        check(announcing)?;
        let policy = self.policy();
        let shelf = self.home()?.keys()?;
        let mut certificates: Vec<Certificate> = Vec::new();
        for name in &announcing.keys {
            add(&mut certificates, &find(&shelf, name)?.certificate);
        }
        let Some(new) = certificates.first().cloned() else {
            return Err(Failure::Usage("there is no key to announce".into()));
        };
        let signer = match announcing.replaces.as_deref().filter(|name| is_token_uri(name)) {
            Some(uri) => Some(self.find_in_token(uri)?),
            None => None,
        };
        let former = match (&signer, &announcing.replaces) {
            (Some(signer), _) => Some(signer.secret.certificate().clone()),
            (None, Some(name)) => Some(find(&shelf, name)?.certificate.clone()),
            (None, None) => None,
        };
        former.iter().for_each(|former| add(&mut certificates, former));
        check_usable(&new, &policy)?;
        let copy = for_server(&new)?;
        if former.as_ref().is_some_and(|former| former.fingerprint() == new.fingerprint()) {
            return Err(Failure::Usage("--replaces names the very key that is announced".into()));
        }
        self.warn_of_unreadable(&shelf);
        let values = values(&new, former.as_ref(), announcing);
        let mut documents = vec![
            Document::new("KEYS", keys_file(&certificates, &values, &policy)?),
            Document::new(KEY_FILE, copy.certificate.to_armored()?),
            Document::new("ANNOUNCEMENT.md", announcement(&new, &values, &policy)),
            Document::new("SECURITY.md", fill(SECURITY, &values)),
            Document::new("SERVER-ADMIN.md", fill(SERVER_ADMIN, &values)),
        ];
        let is_revoked = former.as_ref().is_some_and(|former| former.revoked().is_some());
        if is_revoked {
            documents.push(Document::new("REVOCATION.md", fill(REVOCATION, &values)));
        } else if let Some(former) = &announcing.replaces {
            let notice = fill(ROTATION, &values).into_bytes();
            let signer = match signer {
                Some(signer) => signer,
                None => self.find_key(Some(&KeyQuery::parse(former)?), announcing.text.as_ref())?,
            };
            let signature = self.sign_by(&signer, &notice, announcing)?;
            documents.push(Document::new("ROTATION.md", notice));
            documents.push(Document::new(ROTATION_SIGNATURE, signature));
        }
        if let Some(folder) = &announcing.out {
            for document in &mut documents {
                document.path = Some(folder.join(document.name));
            }
            self.write_documents(&documents, folder, announcing.force)?;
        }
        Ok(Announced {
            fingerprint: new.fingerprint(),
            replaces: former.as_ref().map(Certificate::fingerprint),
            replaces_revoked: is_revoked,
            unfilled: unfilled(announcing),
            left_out: copy.left_out,
            documents,
        })
    }

    fn sign_by(&self, found: &Found, notice: &[u8], announcing: &Announcing) -> Result<Vec<u8>> {
        let created = announcing.created;
        let form = Form { way: ContentHash::SHA256, created, armored: false };
        let signer = self.signer(found, form)?;
        let there = announcing.out.as_ref().map(|folder| folder.join(ROTATION_SIGNATURE));
        Ok(signer.sign_unless_signed(notice, there.as_deref())?)
    }

    /// Writes all documents, or none if one of the names is taken by something else.
    fn write_documents(&self, documents: &[Document], folder: &Path, force: bool) -> Result<()> {
        let umask = self.umask;
        make_folder(folder, umask)?;
        let access = Access::Public { umask };
        let files = documents.iter().filter_map(|it| Some((it.path.as_ref()?, &it.bytes[..])));
        let files: Vec<(&PathBuf, &[u8])> = files.collect();
        for (path, bytes) in &files {
            if !force && is_there(path)? && !is_same(path, bytes, &access) {
                return Err(Error::Exists(path.to_path_buf()).into());
            }
        }
        for (path, bytes) in files {
            match force {
                true => self.kept.write_new(path, bytes, access.clone(), Existing::Replace)?,
                false => self.kept.write_unless_same(path, bytes, access.clone())?,
            }
        }
        Ok(())
    }
}

/// The name of an archive and an address stand in commands and links of the documents.
fn check(announcing: &Announcing) -> Result<()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let is_artifact =
        |name: &String| !name.is_empty() && !name.starts_with('-') && name.chars().all(is_name);
    if !announcing.artifact.as_ref().is_none_or(is_artifact) {
        return Err(Failure::Usage("--artifact takes a plain file name".into()));
    }
    // It stands between angle brackets in Markdown, which people paste elsewhere.
    let fits = |c: char| c.is_ascii_graphic() && !"<>()[]`\"\\".contains(c);
    let is_url = |url: &str| is_web_address(url) && url.chars().all(fits);
    match &announcing.url {
        Some(url) if !is_url(url) => Err(Failure::Usage("--url takes an http(s) address".into())),
        _ => Ok(()),
    }
}

fn find<'a>(shelf: &'a Shelf<HomeKey>, key: &str) -> Result<&'a HomeKey> {
    Ok(shelf.find_whole(&KeyQuery::parse(key)?)?)
}

fn add(certificates: &mut Vec<Certificate>, certificate: &Certificate) {
    if certificates.iter().all(|other| other.fingerprint() != certificate.fingerprint()) {
        certificates.push(certificate.clone());
    }
}

/// Refuses to tell the world of a key that nobody would accept.
fn check_usable(certificate: &Certificate, policy: &Policy) -> Result<()> {
    let weakness = certificate.check_signer(policy).err();
    match weakness.or_else(|| certificate.describe(policy).weakness()) {
        Some(weakness) => Err(refused(certificate, weakness).into()),
        None => Ok(()),
    }
}
