//! `plugsign doctor`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::publisher::advice::on_one_line;
use plugsign::publisher::diagnose::{Diagnosing, PassphraseFrom};
use plugsign::publisher::diagnosed::{Diagnosis, Health, Row};
use plugsign::publisher::failure::Failure;

use crate::edge::asking::{Asking, PassphraseSource};
use crate::edge::keys::KeySource;
use crate::edge::page::{BAD, GOOD, Page, WARN};
use crate::edge::report::{Words, usage};
use crate::edge::terminal::Conversation;
use crate::edge::world::World;

/// Tell, before a long build, whether signing will work at its end
///
/// Checks the clock, the home, the key, the passphrase and its source, and what the Mattermost
/// server reads. Then signs and verifies a few bytes in memory. Takes the same options and
/// variables as sign, writes nothing, and exits with 1 if a check fails.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    key: KeySource,
    /// Fail if the key expires in fewer days. Without it, warn if fewer than 30 are left
    #[arg(long, value_name = "N")]
    min_days: Option<u32>,
    /// Also check this plugin bundle, as `plugsign check` does. It need not have a signature yet
    #[arg(long = "bundle", value_name = "FILE")]
    bundles: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Diagnosis, Failure> {
    if arguments.key.keys.len() > 1 {
        return usage("doctor looks at one key at a time");
    }
    if arguments.key.uses_stdin() && arguments.passphrase.uses_stdin() {
        return usage("standard input cannot be both the key and the passphrase");
    }
    let asking = Asking::new(world).key(&arguments.passphrase);
    let tokens = arguments.key.tokens(None)?;
    world.publisher_with(&asking, &tokens).diagnose(Diagnosing {
        keys: &arguments.key.keys,
        text: arguments.key.text(world),
        key_file: arguments.key.key_file.as_deref(),
        passphrase: origin(&arguments.passphrase, world),
        min_days: arguments.min_days,
        bundles: &arguments.bundles,
        created: world.time(None),
    })
}

/// Says where the passphrase would come from, without reading it.
fn origin(source: &PassphraseSource, world: &World) -> PassphraseFrom {
    match (source.passphrase_fd, &source.passphrase_file) {
        (Some(number), _) => PassphraseFrom::Descriptor(number),
        (None, Some(path)) => PassphraseFrom::File(path.clone()),
        (None, None) if world.variable("PLUGSIGN_PASSPHRASE").is_some() => {
            PassphraseFrom::Environment
        }
        (None, None) if world.is_ci() => PassphraseFrom::NobodyInCi,
        (None, None) if Conversation::open().is_some() => PassphraseFrom::Terminal,
        (None, None) => PassphraseFrom::Nobody,
    }
}

impl Words for Diagnosis {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        let widest = self.checks.iter().map(|row| row.name.len()).max().unwrap_or_default();
        for Row { name, found } in &self.checks {
            let (style, word) = match found.state {
                Health::Ok if out.look.quiet => continue,
                Health::Ok => (GOOD, "ok"),
                Health::Warn => (WARN, "warn"),
                Health::Fail => (BAD, "FAIL"),
            };
            let mark = format!("{style}{word}{style:#}{:1$}", "", 6 - word.len());
            match (out.is_screen(), &found.mend) {
                (true, mend) => {
                    out.entry(&format!("{mark}{name:widest$}  "), &found.detail);
                    mend.iter().for_each(|mend| out.steps("      ", mend));
                }
                (false, Some(mend)) => {
                    writeln!(out, "{mark}{name}: {}; {}", found.detail, on_one_line(mend))?;
                }
                (false, None) => writeln!(out, "{mark}{name}: {}", found.detail)?,
            }
        }
        Ok(())
    }
}
