//! `plugsign announce`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::file::is_there;
use plugsign::disk::shelf::{HomeKey, Shelf};
use plugsign::disk::signing::Signing;
use plugsign::disk::write::{Access, Existing, is_same, make_folder, write_new, write_unless_same};
use plugsign::judge::Judge;
use plugsign::mattermost::valid::is_web_address;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::times::show_time;
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::keys::KeySource;
use crate::edge::report::Report;
use crate::edge::world::World;
use plugsign::publisher::document::{fill, markdown, name_in, user_id};
use plugsign::publisher::export::for_server;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::path_text;

const ANNOUNCEMENT: &str = include_str!("../../../../templates/announcement.md");
const SECURITY: &str = include_str!("../../../../templates/security.md");
const SERVER_ADMIN: &str = include_str!("../../../../templates/server-admin.md");
const ROTATION: &str = include_str!("../../../../templates/rotation.md");

/// Who signed the notice of a new key: it keeps its time when it is good.
const ROTATION_SIGNATURE: &str = "ROTATION.md.sig";

/// The name of the certificate's file in all documents.
const KEY_FILE: &str = "release-key.asc";

/// Write what tells the world of a key: KEYS, an announcement, and more
///
/// KEYS with the certificates, for keeping beside releases; the certificate alone, as servers read
/// it; an announcement; a section for SECURITY.md; steps for a server's administrator; and with
/// --replaces a notice that the former key signs. Printed one after the other, or written to the
/// files of a folder.
#[derive(Args)]
pub struct Arguments {
    /// The key to announce; further ones are listed in KEYS too
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
    /// Write the documents to this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace documents that are there already
    #[arg(long, requires = "out")]
    force: bool,
    /// Also write a notice that the key takes the place of this one, which signs it
    #[arg(long, value_name = "OLDKEY", requires = "out")]
    replaces: Option<String>,
    /// Whose key it is, instead of the name in its user ID
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Where else the fingerprint can be found, for comparing
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The name of a release archive, for the examples
    #[arg(long, value_name = "NAME", default_value = "com.example.plugin-1.2.0.tar.gz")]
    artifact: String,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Announced, Failure> {
    check_arguments(&arguments)?;
    let policy = world.policy();
    let shelf = world.home()?.keys()?;
    let mut certificates = Vec::new();
    for key in arguments.keys.iter().chain(&arguments.replaces) {
        let key = find(&shelf, key)?;
        add(&mut certificates, &key.certificate);
    }
    let new = find(&shelf, &arguments.keys[0])?.certificate.clone();
    check_usable(&new, &policy)?;
    let copy = for_server(&new)?;
    let former = match &arguments.replaces {
        Some(key) => Some(find(&shelf, key)?.certificate.clone()),
        None => None,
    };
    if former.as_ref().is_some_and(|former| former.fingerprint() == new.fingerprint()) {
        return Err(Failure::Usage("--replaces names the very key that is announced".into()));
    }
    world.readable(shelf);
    let values = values(&new, former.as_ref(), &arguments, world)?;
    let mut documents = vec![
        Document::text("KEYS", keys_file(&certificates, &values, &policy)?),
        Document { name: KEY_FILE.into(), bytes: copy.certificate.to_armored()? },
        Document::text("ANNOUNCEMENT.md", fill(ANNOUNCEMENT, &values)),
        Document::text("SECURITY.md", fill(SECURITY, &values)),
        Document::text("SERVER-ADMIN.md", fill(SERVER_ADMIN, &values)),
    ];
    if former.is_some() {
        let notice = fill(ROTATION, &values).into_bytes();
        let signature = sign_by_former(&notice, &arguments, world)?;
        documents.push(Document { name: "ROTATION.md".into(), bytes: notice });
        documents.push(Document { name: ROTATION_SIGNATURE.into(), bytes: signature });
    }
    if let Some(folder) = &arguments.out {
        write(&documents, folder, arguments.force, world)?;
    }
    Ok(Announced {
        fingerprint: new.fingerprint(),
        replaces: former.map(|former| former.fingerprint()),
        left_out: copy.left_out,
        out: arguments.out,
        documents,
    })
}

/// The name of an archive and an address stand in commands and links of the documents.
fn check_arguments(arguments: &Arguments) -> Result<(), Failure> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let artifact = &arguments.artifact;
    if artifact.is_empty() || artifact.starts_with('-') || !artifact.chars().all(is_name) {
        return Err(Failure::Usage("--artifact takes a plain file name".into()));
    }
    // It stands between angle brackets in Markdown, which people paste elsewhere.
    let fits = |c: char| c.is_ascii_graphic() && !"<>()[]`\"\\".contains(c);
    let is_url = |url: &str| is_web_address(url) && url.chars().all(fits);
    match &arguments.url {
        Some(url) if !is_url(url) => Err(Failure::Usage("--url takes an http(s) address".into())),
        _ => Ok(()),
    }
}

fn find<'a>(shelf: &'a Shelf<HomeKey>, key: &str) -> Result<&'a HomeKey, Failure> {
    Ok(shelf.find_whole(&KeyQuery::parse(key)?)?)
}

fn add(certificates: &mut Vec<Certificate>, certificate: &Certificate) {
    if certificates.iter().all(|other| other.fingerprint() != certificate.fingerprint()) {
        certificates.push(certificate.clone());
    }
}

/// Refuses to tell the world of a key that nobody would accept.
fn check_usable(certificate: &Certificate, policy: &Policy) -> Result<(), Failure> {
    let description = certificate.describe(policy);
    let weakness = certificate.check_signer(policy).err();
    match weakness.or_else(|| description.weakness().cloned()) {
        Some(weakness) => {
            let key = certificate.fingerprint().to_string();
            Err(openpgp::Error::Refused { key, weakness }.into())
        }
        None => Ok(()),
    }
}

fn values(
    new: &Certificate,
    former: Option<&Certificate>,
    arguments: &Arguments,
    world: &World,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let time = show_time(world.time(None)?);
    let date = time.split('T').next().unwrap_or_default().to_string();
    let shown = user_id(new);
    let organisation = match &arguments.organisation {
        Some(name) => Safe::text(name).to_string(),
        None => name_in(&shown).to_string(),
    };
    let second_place = match &arguments.url {
        Some(url) => format!("<{url}>"),
        None => "a page of ours that you know already".into(),
    };
    let mut values = vec![
        ("DATE", date),
        ("ORGANISATION", markdown(&organisation.replace("-----", "- - -"))),
        ("FINGERPRINT", new.fingerprint().to_string()),
        ("USER_ID", shown),
        ("KEY_FILE", KEY_FILE.into()),
        ("SECOND_PLACE", second_place),
        ("ARTIFACT", arguments.artifact.clone()),
    ];
    if let Some(former) = former {
        values.push(("OLD_FINGERPRINT", former.fingerprint().to_string()));
        values.push(("OLD_USER_ID", user_id(former)));
    }
    Ok(values)
}

/// Writes a KEYS file as the Apache Software Foundation's releases have them: text, and a block
/// for each certificate.
fn keys_file(
    certificates: &[Certificate],
    values: &[(&'static str, String)],
    policy: &Policy,
) -> Result<String, Failure> {
    const HEAD: &str = "These keys sign releases. Use them with one of:\n\n    {{COMMAND}}\n    gpg --import KEYS\n\nCompare the fingerprints with those on {{SECOND_PLACE}}.\n";
    let mut values = values.to_vec();
    let artifact = values.iter().find(|(name, _)| *name == "ARTIFACT");
    let artifact = artifact.map(|(_, artifact)| artifact.as_str()).unwrap_or_default();
    // Servers read the first block of a file alone, and so it is refused as one to trust.
    let command = match certificates.len() {
        1 => "plugsign trust add KEYS".into(),
        _ => format!("plugsign verify --key KEYS {artifact}"),
    };
    values.push(("COMMAND", command));
    let mut text = fill(HEAD, &values);
    for certificate in certificates {
        let description = certificate.describe(policy);
        text.push('\n');
        for key in description.keys.iter().take(1) {
            let expires = key
                .expires
                .map_or("never expires".into(), |end| format!("expires {}", show_time(end)));
            let made = show_time(key.created);
            text.push_str(&format!("pub   {}, made {made}, {expires}\n", key.algorithm));
            text.push_str(&format!("      {}\n", key.fingerprint.grouped()));
        }
        text.push_str(&format!("uid   {}\n\n", user_id(certificate)));
        text.push_str(&String::from_utf8_lossy(&certificate.to_armored()?));
    }
    Ok(text)
}

fn sign_by_former(notice: &[u8], arguments: &Arguments, world: &World) -> Result<Vec<u8>, Failure> {
    let source = KeySource { keys: arguments.replaces.iter().cloned().collect(), key_file: None };
    let found = source.find(world)?;
    let keys =
        world.publisher(&Asking::new(world).key(&arguments.passphrase)).unlock_all(&found)?;
    let key = &keys[0];
    let judge = Judge::new(vec![key.certificate().clone()], world.policy())?;
    let signing = Signing {
        key,
        judge: &judge,
        created: world.time(None)?,
        armored: false,
        existing: Existing::Keep,
        any_key: true,
        umask: world.umask,
        dry_run: false,
    };
    let there = arguments.out.as_ref().map(|folder| folder.join(ROTATION_SIGNATURE));
    Ok(signing.sign_stream_unless_signed(notice, "ROTATION.md", there.as_deref())?)
}

/// Writes all documents, or none if one of the names is taken by something else.
fn write(documents: &[Document], folder: &Path, force: bool, world: &World) -> Result<(), Failure> {
    make_folder(folder, world.umask)?;
    let access = Access::Public { umask: world.umask };
    let paths: Vec<PathBuf> = documents.iter().map(|it| folder.join(&it.name)).collect();
    let files: Vec<(&PathBuf, &[u8])> =
        paths.iter().zip(documents.iter().map(|document| &document.bytes[..])).collect();
    if force {
        for (path, bytes) in files {
            write_new(path, bytes, access, Existing::Replace)?;
        }
        return Ok(());
    }
    for (path, bytes) in &files {
        if is_there(path)? && !is_same(path, bytes, access) {
            return Err(Error::Exists(path.to_path_buf()).into());
        }
    }
    for (path, bytes) in files {
        write_unless_same(path, bytes, access)?;
    }
    Ok(())
}

/// The documents.
pub struct Announced {
    fingerprint: Fingerprint,
    replaces: Option<Fingerprint>,
    /// The subkeys that servers do not get.
    left_out: Vec<Fingerprint>,
    out: Option<PathBuf>,
    documents: Vec<Document>,
}

struct Document {
    name: String,
    bytes: Vec<u8>,
}

impl Document {
    fn text(name: &str, text: String) -> Document {
        Document { name: name.into(), bytes: text.into_bytes() }
    }
}

impl Report for Announced {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, document) in self.documents.iter().enumerate() {
            if let Some(folder) = &self.out {
                writeln!(out, "{}", Safe::path(&folder.join(&document.name)))?;
                continue;
            }
            if place > 0 {
                writeln!(out)?;
            }
            writeln!(out, "==> {} <==\n", document.name)?;
            out.write_all(&document.bytes)?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        for subkey in &self.left_out {
            writeln!(talk, "{KEY_FILE} is without subkey {subkey}, which servers cannot read")?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let documents: Vec<Value> = self
            .documents
            .iter()
            .map(|document| {
                let path = self.out.as_ref().map(|folder| folder.join(&document.name));
                json!({
                    "name": document.name,
                    "path": path.map(|path| path_text(&path)),
                    "text": std::str::from_utf8(&document.bytes).ok(),
                })
            })
            .collect();
        let mut map = Map::new();
        map.insert("fingerprint".into(), self.fingerprint.to_string().into());
        let replaces = self.replaces.as_ref().map(ToString::to_string);
        map.insert("replaces".into(), replaces.into());
        map.insert("documents".into(), documents.into());
        map
    }
}
