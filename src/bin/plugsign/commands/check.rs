//! `plugsign check`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::mattermost::bundle::{Finding, Severity};
use plugsign::publisher::check::{BundleSignature, Check, Checked, CheckedBundle};
use plugsign::publisher::check_for_server::OnServer;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::server_keys::ServerFile;
use plugsign::text::Safe;

use crate::edge::asking::Asking;
use crate::edge::page::{BAD, GOOD, Page};
use crate::edge::report::{Words, usage};
use crate::edge::streams::is_dash;
use crate::edge::world::World;

/// Tell whether the Mattermost server would install these plugins and could start them
///
/// Looks at the archive, the manifest, the files that it names, the bundle's name and the signature
/// beside it. The same signers count as in verify. If there are none, check looks only at the
/// signature's shape. Says `good` only if the signature was verified, else `unsigned`, `unverified`
/// or `BAD`. For a bad signature, it says why plugsign refuses it and what the server does, which
/// accepts more. Exits with 1 if the server would not install a plugin or plugsign refuses its
/// signature, else with 0. With --require-signature, only `good` exits with 0.
#[derive(Args)]
pub struct Arguments {
    /// Plugin bundles (*.tar.gz), and folders with them
    #[arg(value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
    /// Accept signatures by this certificate file or key of the home. Without it, those by the
    /// trusted certificates and the home's own secret keys count
    #[arg(long = "key", value_name = "FILE|KEY")]
    keys: Vec<String>,
    /// Also ask the server that has this configuration file: would its keys and settings let it
    /// install the bundle? Signatures by its own key files count, too, unless --key names others
    #[arg(long, value_name = "CONFIG.JSON")]
    config: Option<PathBuf>,
    /// Say no if a bundle has no signature or its signer is not known
    #[arg(long)]
    require_signature: bool,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Checked, Failure> {
    let Arguments { bundles, keys, config, require_signature } = arguments;
    if bundles.iter().any(|path| is_dash(path)) {
        return usage(
            "check takes files, not standard input, because it also checks a bundle's name",
        );
    }
    let environment = world.variable("MM_CONFIG").unwrap_or_default();
    let environment = &environment.to_string_lossy();
    let server = config.as_deref().map(|config| ServerFile { config, environment });
    let check = Check { paths: &bundles, keys: &keys, require_signature, server };
    world.publisher(&Asking::new(world)).check(&check)
}

impl Words for Checked {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for line in &self.bundles {
            let Ok(seen) = &line.result else { continue };
            let findings = &seen.bundle.findings;
            let word = match seen.verdict() {
                "bad" => format!("{BAD}BAD{BAD:#} "),
                "good" if out.look.quiet && findings.iter().next().is_none() => continue,
                "good" => format!("{GOOD}good{GOOD:#}"),
                // The server installs it, but nobody answers for it.
                other => other.to_string(),
            };
            let plugin = seen.bundle.manifest.as_ref().map(|manifest| {
                let or = |text: &str, none: &str| {
                    let shown = Safe::text(text).to_string();
                    if text.is_empty() { none.into() } else { shown }
                };
                let (id, version) = (&manifest.id, &manifest.version);
                format!("{} {}", or(id, "(no id)"), or(version, "(no version)"))
            });
            let path = Safe::path(&line.path);
            let signed = signature_words(&seen.signature, out);
            match out.is_screen() {
                true => {
                    writeln!(out, "{word}  {path}")?;
                    let facts = plugin.iter().chain(&signed);
                    facts.for_each(|fact| out.entry("      ", fact));
                }
                false => {
                    let facts = plugin.iter().chain(&signed).map(|fact| format!("  {fact}"));
                    writeln!(out, "{word}  {path}{}", facts.collect::<String>())?;
                }
            }
            if let Some(on_server) = &seen.on_server {
                out.entry("  this server: ", &server_words(on_server));
            }
            for Finding { severity, what, consequence, .. } in findings.iter() {
                let level = match severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                let (what, consequence) = (Safe::text(what), Safe::text(consequence));
                out.entry(&format!("  {level}: "), &format!("{what}; {consequence}"));
            }
            if findings.left_out() > 0 {
                writeln!(out, "  and {} more of these", findings.left_out())?;
            }
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        for path in &self.passed_over {
            writeln!(talk, "{} is passed over: it is no plugin", Safe::path(path))?;
        }
        let is_unjudged = |line: &CheckedBundle| {
            let seen = line.result.as_ref();
            seen.is_ok_and(|seen| matches!(seen.signature, BundleSignature::NotVerified { .. }))
        };
        if !self.has_signers && self.bundles.iter().any(is_unjudged) {
            writeln!(
                talk,
                "no signature was verified, because nobody is trusted: name a signer with --key FILE"
            )?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        if self.bundles.is_empty() {
            writeln!(talk, "there is nothing to check: no plugin bundles (*.tar.gz)")?;
        }
        talk.failures(self.bundles.iter().filter_map(|line| {
            let failure = line.result.as_ref().err()?;
            Some((format!("cannot check {}", Safe::path(&line.path)), failure))
        }));
        Ok(())
    }
}

fn server_words(server: &OnServer) -> String {
    let signature = match &server.accepted_by {
        Some(key) => format!("accepts its signature with {}", Safe::text(key)),
        None => "accepts no signature of it".into(),
    };
    match &server.upload_refused {
        Some(why) => format!("{signature}; refuses an upload: {why}"),
        None => format!("{signature}; takes an upload"),
    }
}

fn signature_words(signature: &BundleSignature, out: &Page) -> Vec<String> {
    let words = match signature {
        BundleSignature::Good { certificate, user_id, created, .. } => {
            let certificate = out.fingerprint(certificate);
            let signer = format!("signed by {certificate}");
            return vec![signer, user_id.clone(), created.clone()];
        }
        BundleSignature::NotVerified { issuers } => {
            let issuers: Vec<String> = issuers.iter().map(ToString::to_string).collect();
            format!("has a signature by {}, not verified", issuers.join(", "))
        }
        BundleSignature::Bad { .. } => "signature not good".into(),
        BundleSignature::Missing => "not signed".into(),
    };
    vec![words]
}
