//! `plugsign inspect`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::openpgp::hash::HashAlgorithm;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::inspect::{Claims, Content, Inspected, InspectedKey, InspectedSignature};
use plugsign::text::Safe;

use crate::edge::asking::Asking;
use crate::edge::page::Page;
use crate::edge::report::Words;
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
    fn results(&self, out: &mut Page) -> io::Result<()> {
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
                    refused.iter().for_each(|why| out.entry("  refused: ", why));
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

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        talk.failures(self.files.iter().filter_map(|file| match &file.content {
            Content::Unreadable { error } => {
                Some((format!("cannot inspect {}", Safe::path(&file.path)), error))
            }
            _ => None,
        }));
        Ok(())
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn claims(out: &mut Page, signatures: &[InspectedSignature]) -> io::Result<()> {
    for signature in signatures {
        match signature {
            InspectedSignature::Read(claims) => claim(out, claims)?,
            InspectedSignature::Bad(bad) => {
                out.entry("  ", &format!("{}: {}", bad.reason(), bad.detail()));
            }
        }
    }
    Ok(())
}

fn claim(out: &mut Page, claims: &Claims) -> io::Result<()> {
    let by = match (&claims.fingerprint, &claims.key_ids[..]) {
        (Some(fingerprint), _) => out.fingerprint(fingerprint),
        (None, []) => "nobody that it names".into(),
        (None, ids) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let hash = match HashAlgorithm::from_id(claims.hash) {
        Some(hash) => format!("{hash:?}").to_uppercase(),
        None => format!("hash {}", claims.hash),
    };
    let what = format!("type {}, {hash}, {}", claims.class, claims.created);
    match out.is_screen() {
        true => {
            out.entry("  ", &what);
            out.entry("  claims to be by ", &by);
        }
        false => out.entry("  ", &format!("{what}, claims to be by {by}")),
    }
    match &claims.known {
        None => out.entry("    ", "no key here is that one"),
        Some(known) => {
            let how = match (known.secret, known.trusted) {
                (true, _) => "your own key",
                (false, true) => "trusted",
                (false, false) => "known here, not trusted",
            };
            let certificate = out.fingerprint(&known.certificate);
            match out.is_screen() {
                true => {
                    out.entry("    ", &certificate);
                    out.entry("    ", &format!("{} ({how})", known.user_id));
                }
                false => out.entry("    ", &format!("{certificate} {} ({how})", known.user_id)),
            }
        }
    }
    Ok(())
}

fn show(out: &mut Page, key: &InspectedKey) -> io::Result<()> {
    let (primary, certificate) = (&key.certificate.primary, &key.certificate);
    let what = if key.has_secret { "secret key" } else { "certificate" };
    let fingerprint = out.fingerprint(&primary.fingerprint);
    writeln!(out, "  {what} {fingerprint}")?;
    for user_id in &certificate.user_ids {
        writeln!(out, "    {}", Safe::bytes(user_id))?;
    }
    let all = std::iter::once(primary).chain(&certificate.subkeys);
    for (place, key) in all.enumerate() {
        let name = match place {
            0 => "primary key".into(),
            _ => format!("subkey {}", out.fingerprint(&key.fingerprint)),
        };
        let end = key.expires.as_ref().map_or("never expires".into(), |it| format!("expires {it}"));
        let problem = key.problem.as_ref().map_or(String::new(), |it| format!(": {it}"));
        let facts =
            format!("{}, created {}, {end}, {}{problem}", key.algorithm, key.created, key.status);
        match out.is_screen() {
            true => {
                writeln!(out, "    {name}")?;
                out.entry("      ", &facts);
            }
            false => writeln!(out, "    {name}: {facts}")?,
        }
    }
    Ok(())
}
