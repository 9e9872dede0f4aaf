//! `plugsign trust`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstyle::Style;
use clap::{Args, Subcommand};
use plugsign::publisher::advice::on_one_line;
use plugsign::publisher::check_server::{Checkup, KeyState};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::CertificateView;
use plugsign::publisher::trust::{Trust, TrustEntry, TrustResult, Truster, Wanted};
use plugsign::text::{Safe, quoted};
use serde_json::Value;

use crate::edge::asking::Asking;
use crate::edge::page::{BAD, GOOD, Page};
use crate::edge::report::{Report, Words, usage};
use crate::edge::streams::is_dash;
use crate::edge::world::World;

/// Choose whose signatures count
///
/// The home keeps the trusted certificates, each under the name of its key file. With --config, a
/// Mattermost server keeps them: as key files beside its config.json, which lists them. Run this as
/// the server's user or as root. If an ordinary user in its own group owns config.json, only that
/// user can read the key files. Otherwise, whoever can read config.json can read them.
#[derive(Args)]
pub struct Arguments {
    /// Work on the server that has this configuration file, instead of on the home
    #[arg(long, global = true, value_name = "CONFIG.JSON")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    action: TrustAction,
}

#[derive(Subcommand)]
enum TrustAction {
    /// Trust the certificates in these files
    ///
    /// Refuses a file that the Mattermost server cannot read or should not have, and says why.
    Add {
        /// Key files, as `plugsign export` writes them
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Use this name instead of the file's base name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Refuse the certificate unless it has this fingerprint
        #[arg(long, value_name = "FINGERPRINT")]
        fingerprint: Option<String>,
        /// Replace another certificate of the same name. A newer copy of the same one needs no
        /// --force
        #[arg(long)]
        force: bool,
    },
    /// List the trusted certificates
    List,
    /// Stop trusting these certificates
    Remove {
        /// The names that they were added under
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Check a server's key files and the settings about them
    ///
    /// Exits with 1 if a key file is missing, cannot be used or expires soon.
    Check {
        /// How many days a key must still be valid
        #[arg(long, value_name = "N", default_value_t = 30)]
        min_days: u32,
    },
}

pub fn run(arguments: Arguments, world: &World) -> Result<Box<dyn Report>, Failure> {
    let asking = Asking::new(world);
    let publisher = world.publisher(&asking);
    let environment = world.variable("MM_CONFIG").unwrap_or_default();
    let environment = environment.to_string_lossy();
    let truster = match &arguments.config {
        Some(config) => Truster::Server(config, &environment),
        None => Truster::Home,
    };
    Ok(match arguments.action {
        TrustAction::Add { files, name, fingerprint, force } => {
            if (name.is_some() || fingerprint.is_some()) && files.len() > 1 {
                return usage("--name and --fingerprint go with exactly one file");
            }
            if files.iter().any(|file| is_dash(file)) {
                return usage(
                    "trust add takes files, not standard input, because it lists their names",
                );
            }
            let wanted = Wanted { files: &files, name, fingerprint, force };
            Box::new(publisher.trust(truster, &wanted)?)
        }
        TrustAction::List => Box::new(publisher.list_trusted(truster)?),
        TrustAction::Remove { names } => Box::new(publisher.distrust(truster, &names)?),
        TrustAction::Check { min_days } => match &arguments.config {
            Some(config) => Box::new(publisher.check_server(config, &environment, min_days)?),
            None => return usage("trust check needs --config CONFIG.JSON"),
        },
    })
}

/// Why `trust add` also adds a certificate that has ended.
const ADDED_TO_HOME: &str = "plugsign still added it, because a revocation in it also counts for other copies. If you expected a good certificate, ask its owner";
const ADDED_TO_SERVER: &str =
    "plugsign still added it. Remove any older copy: it would keep the key alive on this server";

impl Words for Trust {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for entry in &self.entries {
            let (word, name) = (entry.outcome, Safe::text(&entry.name));
            match &entry.result {
                TrustResult::Done { certificate: Some(certificate), warning } => {
                    let (fingerprint, user_id) = certificate.names();
                    let warning = warning.as_ref().map(|it| format!("  {it}")).unwrap_or_default();
                    if !out.is_screen() {
                        writeln!(out, "{word}  {name}  {fingerprint}  {user_id}{warning}")?;
                        continue;
                    }
                    writeln!(out, "{word}  {name}")?;
                    for fact in [&out.fingerprint(fingerprint), user_id, warning.trim()] {
                        if !fact.is_empty() {
                            out.entry("  ", fact);
                        }
                    }
                }
                TrustResult::Done { .. } => writeln!(out, "{word}  {name}")?,
                TrustResult::Failed { error: error @ Failure::Unfit(unfit) } => {
                    let lead = format!("{word}  {name}: {error}");
                    match out.is_screen() {
                        true => {
                            out.entry("", &format!("{lead}:"));
                            out.steps("  ", &unfit.advice);
                        }
                        false => writeln!(out, "{lead}. {}", on_one_line(&unfit.advice))?,
                    }
                }
                TrustResult::Failed { error } => {
                    out.entry("", &format!("{word}  {name}: {}", error.one_line()));
                }
            }
        }
        Ok(())
    }

    fn problems(&self, talk: &mut Page) -> io::Result<()> {
        for file in &self.unreadable {
            writeln!(talk, "cannot read {}: {}", Safe::path(&file.path), file.error.one_line())?;
        }
        if self.action == "added" {
            let why = if self.server.is_some() { ADDED_TO_SERVER } else { ADDED_TO_HOME };
            for entry in self.entries.iter().filter(|entry| entry.problem().is_some()) {
                let name = Safe::text(&entry.name);
                talk.warning(&format!("no signature by {name} is good: {why}"));
            }
        }
        self.same_keys(talk)?;
        let hint = |entry: &TrustEntry| match &entry.result {
            TrustResult::Failed { error: Failure::Unfit(_) } => None,
            TrustResult::Failed { error } => error.hint(),
            TrustResult::Done { .. } => None,
        };
        let mut hints: Vec<String> = self.entries.iter().filter_map(hint).collect();
        hints.dedup();
        hints.iter().for_each(|hint| talk.hint(0, hint));
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        let is_done = |result: &TrustResult| matches!(result, TrustResult::Done { .. });
        let any = self.entries.iter().any(|entry| is_done(&entry.result));
        if let Some(backup) = self.server.as_ref().and_then(|server| server.backup.as_ref()) {
            writeln!(
                talk,
                "for this to take effect, restart the server or run `mmctl config reload`"
            )?;
            writeln!(talk, "the former configuration: {}", Safe::path(backup))?;
        }
        match (self.action, any) {
            ("added", true) if !self.is_compared => {
                writeln!(talk, "Compare the fingerprint with one from a second place.")
            }
            ("trusted", false) if self.server.is_some() => {
                writeln!(talk, "this server trusts only Mattermost's own keys")
            }
            ("trusted", false) => {
                writeln!(talk, "nobody is trusted yet. To trust a signer:")?;
                talk.command(2, "plugsign trust add FILE");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Says that a key has further names.
trait SameKeys {
    fn same_keys(&self, talk: &mut Page) -> io::Result<()>;
}

impl SameKeys for Trust {
    fn same_keys(&self, talk: &mut Page) -> io::Result<()> {
        let place = match &self.server {
            Some(server) => format!(" --config {}", quoted(&server.config)),
            None => String::new(),
        };
        for entry in self.entries.iter().filter(|entry| !entry.same_key.is_empty()) {
            let name = Safe::text(&entry.name);
            let safe = |other: &String| Safe::text(other).to_string();
            let others: Vec<String> = entry.same_key.iter().map(safe).collect();
            let others = others.join(", ");
            let paths = entry.same_key.iter().map(|other| quoted(Path::new(other)).to_string());
            let paths = paths.collect::<Vec<_>>().join(" ");
            let words = match self.action {
                "removed" => format!("still trusted, as {others}. To remove that too"),
                _ => format!("also trusted as {others}. If that is an older copy, remove it"),
            };
            talk.warning(&format!(
                "the key of {name} is {words}:\n  plugsign trust remove{place} {paths}"
            ));
        }
        Ok(())
    }
}

impl Words for Checkup {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        for key in &self.keys {
            let style = match key.state {
                KeyState::Good => GOOD,
                KeyState::Repeated => Style::new(),
                _ => BAD,
            };
            let lead = format!("{style}{}{style:#}  {}", key.state.name(), Safe::text(&key.name));
            match key.certificate.as_ref().map(CertificateView::names) {
                Some((fingerprint, user_id)) if out.is_screen() => {
                    writeln!(out, "{lead}")?;
                    for fact in [&out.fingerprint(fingerprint), user_id, &key.detail] {
                        out.entry("  ", fact);
                    }
                }
                Some((fingerprint, user_id)) => {
                    writeln!(out, "{lead}  {fingerprint}  {user_id}  {}", key.detail)?;
                }
                None => out.entry("", &format!("{lead}: {}", key.detail)),
            }
        }
        for setting in &self.settings {
            let value = match &setting.value {
                Value::String(text) => Safe::text(text).to_string(),
                Value::Array(names) => {
                    let names = names.iter().filter_map(Value::as_str);
                    let names: Vec<String> = names.map(|n| Safe::text(n).to_string()).collect();
                    if names.is_empty() { "(none)".into() } else { names.join(", ") }
                }
                other => other.to_string(),
            };
            let default = if setting.is_default { "  (default)" } else { "" };
            out.entry(&format!("{:<24} ", setting.name), &format!("{value}{default}"));
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        self.meaning.iter().try_for_each(|line| writeln!(talk, "{line}"))
    }
}
