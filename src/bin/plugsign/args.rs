//! The command line: one variant a subcommand.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use plugsign::safe::{Safe, is_unsafe};

use crate::commands::{
    announce, check, completions, doctor, export, extend, import, keygen, list, man, marketplace,
    passwd, refresh, revoke, rotate, sign, trust, user_ids, verify,
};
use crate::failure::{EXIT_USAGE, Failure};
use crate::report::Report;
use crate::terminal::{print_json, say};
use crate::world::World;

/// Make an organisation's key, keep it, hand out its certificate, sign releases, verify them
#[derive(Parser)]
#[command(name = "plugsign", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone)]
pub struct Global {
    /// Use this folder as the home, instead of $PLUGSIGN_HOME or the user's data folder
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print exactly one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub enum Command {
    Keygen(keygen::Arguments),
    List(list::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    Sign(sign::Arguments),
    Verify(verify::Arguments),
    Trust(trust::Arguments),
    Check(check::Arguments),
    Doctor(doctor::Arguments),
    Announce(announce::Arguments),
    Marketplace(marketplace::Arguments),
    Rotate(rotate::Arguments),
    Extend(extend::Arguments),
    Revoke(revoke::Arguments),
    Passwd(passwd::Arguments),
    Adduid(user_ids::AddArguments),
    #[command(name = "revoke-uid")]
    RevokeUid(user_ids::RevokeArguments),
    Refresh(refresh::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    pub fn name(&self) -> &'static str {
        match self {
            Command::Keygen(_) => "keygen",
            Command::List(_) => "list",
            Command::Export(_) => "export",
            Command::Import(_) => "import",
            Command::Sign(_) => "sign",
            Command::Verify(_) => "verify",
            Command::Trust(_) => "trust",
            Command::Check(_) => "check",
            Command::Doctor(_) => "doctor",
            Command::Announce(_) => "announce",
            Command::Marketplace(_) => "marketplace",
            Command::Rotate(_) => "rotate",
            Command::Extend(_) => "extend",
            Command::Revoke(_) => "revoke",
            Command::Passwd(_) => "passwd",
            Command::Adduid(_) => "adduid",
            Command::RevokeUid(_) => "revoke-uid",
            Command::Refresh(_) => "refresh",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }

    pub fn run(self, world: &World) -> Result<Box<dyn Report>, Failure> {
        Ok(match self {
            Command::Keygen(arguments) => Box::new(keygen::run(arguments, world)?),
            Command::List(arguments) => Box::new(list::run(arguments, world)?),
            Command::Export(arguments) => Box::new(export::run(arguments, world)?),
            Command::Import(arguments) => Box::new(import::run(arguments, world)?),
            Command::Sign(arguments) => Box::new(sign::run(arguments, world)?),
            Command::Verify(arguments) => Box::new(verify::run(arguments, world)?),
            Command::Trust(arguments) => trust::run(arguments, world)?,
            Command::Check(arguments) => Box::new(check::run(arguments, world)?),
            Command::Doctor(arguments) => Box::new(doctor::run(arguments, world)?),
            Command::Announce(arguments) => Box::new(announce::run(arguments, world)?),
            Command::Marketplace(arguments) => marketplace::run(arguments, world)?,
            Command::Rotate(arguments) => Box::new(rotate::run(arguments, world)?),
            Command::Extend(arguments) => Box::new(extend::run(arguments, world)?),
            Command::Revoke(arguments) => Box::new(revoke::run(arguments, world)?),
            Command::Passwd(arguments) => Box::new(passwd::run(arguments, world)?),
            Command::Adduid(arguments) => Box::new(user_ids::add(arguments, world)?),
            Command::RevokeUid(arguments) => Box::new(user_ids::revoke(arguments, world)?),
            Command::Refresh(arguments) => Box::new(refresh::run(arguments, world)?),
            Command::Completions(arguments) => Box::new(completions::run(&arguments)),
            Command::Man(arguments) => Box::new(man::run(&arguments, world)?),
        })
    }
}

/// Shows clap's message. It repeats arguments, which may be the names of files: without colour
/// and made safe if there is something in them that a terminal obeys.
fn show(error: &clap::Error) {
    let text = error.render().to_string();
    let is_tame = |character: char| character == '\n' || !is_unsafe(character);
    if text.chars().all(is_tame) {
        let _ = error.print();
        return;
    }
    let lines: Vec<String> = text.lines().map(|line| Safe::text(line).to_string()).collect();
    say(&lines.join("\n"));
}

/// Shows clap's message, or help and version, which are no errors. `--json` promises a document
/// for wrong usage too; the command line could not be parsed, so it is looked for by its name.
pub fn explain(error: &clap::Error) -> ExitCode {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_help {
        return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::from(3) };
    }
    let before_files = std::env::args_os().take_while(|argument| argument != "--");
    if before_files.into_iter().any(|argument| argument == "--json") {
        let failure = Failure::Usage(error.render().to_string().trim().to_string());
        print_json(&failure.json(""));
    } else {
        show(error);
    }
    ExitCode::from(EXIT_USAGE)
}
