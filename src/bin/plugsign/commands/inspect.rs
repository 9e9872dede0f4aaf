//! `plugsign inspect`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::openpgp::hash::HashAlgorithm;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::inspect::{Claims, Content, Inspected, InspectedKey, InspectedSignature};
use plugsign::text::Safe;

use crate::edge::asking::Asking;
use crate::edge::report::{Words, cannot};
use crate::edge::world::World;

/// Say what files are, without trusting them
///
/// Knows signatures, signed texts, certificates, secret keys, lists of checksums and plugins. Says
/// what a file claims, and verifies nothing: to verify, run plugsign verify.
#[derive(Args)]
pub struct Arguments {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Inspected, Failure> {
    world.publisher(&Asking::new(world)).inspect(&arguments.files)
}

impl Words for Inspected {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            let path = Safe::path(&file.path);
            let form = if file.armored { ", armored" } else { "" };
            match &file.content {
                Content::Signature { signatures } => {
                    writeln!(out, "{path}: {}{form}", count(signatures.len(), "signature"))?;
                    claims(out, signatures)?;
                }
                Content::Cleartext { signatures, lines } => {
                    let (lines, number) = (count(*lines, "line"), signatures.len());
                    writeln!(
                        out,
                        "{path}: signed text of {lines}, {}",
                        count(number, "signature")
                    )?;
                    claims(out, signatures)?;
                }
                Content::Keys { certificates, refused } => {
                    let number = count(certificates.len() + refused.len(), "key");
                    writeln!(out, "{path}: {number}{form}")?;
                    certificates.iter().try_for_each(|key| show(out, key))?;
                    refused.iter().try_for_each(|why| writeln!(out, "  refused: {why}"))?;
                }
                Content::List { names } => {
                    writeln!(out, "{path}: list of checksums of {}", count(*names, "file"))?;
                }
                Content::Bundle { id, version } => {
                    writeln!(out, "{path}: plugin {} {}", Safe::text(id), Safe::text(version))?;
                }
                Content::Unknown => writeln!(out, "{path}: nothing that plugsign knows")?,
                Content::Unreadable { .. } => {}
            }
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            if let Content::Unreadable { error } = &file.content {
                cannot(talk, "cannot inspect", &file.path, error)?;
            }
        }
        Ok(())
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn claims(out: &mut dyn Write, signatures: &[InspectedSignature]) -> io::Result<()> {
    for signature in signatures {
        match signature {
            InspectedSignature::Read(claims) => claim(out, claims)?,
            InspectedSignature::Bad(bad) => {
                writeln!(out, "  {}: {}", bad.reason(), bad.detail())?;
            }
        }
    }
    Ok(())
}

fn claim(out: &mut dyn Write, claims: &Claims) -> io::Result<()> {
    let by = match (&claims.fingerprint, &claims.key_ids[..]) {
        (Some(fingerprint), _) => fingerprint.to_string(),
        (None, []) => "nobody that it names".into(),
        (None, ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let hash = match HashAlgorithm::from_id(claims.hash) {
        Some(hash) => format!("{hash:?}"),
        None => format!("hash {}", claims.hash),
    };
    writeln!(out, "  type {}, {hash}, {}, claims to be by {by}", claims.class, claims.created)?;
    match &claims.known {
        None => writeln!(out, "    no key here is that one"),
        Some(known) => {
            let how = match (known.secret, known.trusted) {
                (true, _) => "your own key",
                (false, true) => "trusted",
                (false, false) => "known here, not trusted",
            };
            writeln!(out, "    {} {} ({how})", known.certificate, known.user_id)
        }
    }
}

fn show(out: &mut dyn Write, key: &InspectedKey) -> io::Result<()> {
    let (primary, certificate) = (&key.certificate.primary, &key.certificate);
    let what = if key.has_secret { "secret key" } else { "certificate" };
    writeln!(out, "  {what} {}", primary.fingerprint)?;
    for user_id in &certificate.user_ids {
        writeln!(out, "    {}", Safe::bytes(user_id))?;
    }
    let all = std::iter::once(primary).chain(&certificate.subkeys);
    for (place, key) in all.enumerate() {
        let name =
            if place == 0 { "primary key".into() } else { format!("subkey {}", key.fingerprint) };
        let end = key.expires.as_ref().map_or("never expires".into(), |it| format!("expires {it}"));
        let problem = key.problem.as_ref().map_or(String::new(), |it| format!(": {it}"));
        writeln!(
            out,
            "    {name}: {}, created {}, {end}, {}{problem}",
            key.algorithm, key.created, key.status
        )?;
    }
    Ok(())
}
