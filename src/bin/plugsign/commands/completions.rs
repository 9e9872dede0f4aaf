//! `plugsign completions`

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;
use serde_json::{Map, Value};

use crate::edge::report::Report;

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
    Script { text }
}

/// A completion script.
pub struct Script {
    text: Vec<u8>,
}

impl Report for Script {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.text)
    }

    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("script".into(), String::from_utf8_lossy(&self.text).into());
        map
    }
}
