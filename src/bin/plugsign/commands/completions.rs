//! `plugsign completions`

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;
use plugsign::publisher::outcome::Outcome;
use serde::Serialize;

use crate::edge::report::Words;

/// Print completions for a shell
///
/// For bash: plugsign completions bash > ~/.local/share/bash-completion/completions/plugsign
#[derive(Args)]
pub struct Arguments {
    /// Which shell
    #[arg(ignore_case = true)]
    shell: Shell,
}

pub fn run(arguments: &Arguments, command: &mut clap::Command) -> Script {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, command, "plugsign", &mut text);
    Script { script: String::from_utf8_lossy(&text).into_owned() }
}

/// A completion script.
#[derive(Serialize)]
pub struct Script {
    script: String,
}

impl Outcome for Script {}

impl Words for Script {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.script.as_bytes())
    }
}
