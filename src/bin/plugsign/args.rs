//! The command line: one variant a subcommand.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use plugsign::publisher::failure::{EXIT_COULD_NOT, EXIT_USAGE, Failure};
use plugsign::text::{Safe, is_unsafe};
use serde_json::json;

use crate::commands::{
    announce, check, completions, delete, doctor, export, extend, import, inspect, keygen, list,
    man, marketplace, passwd, refresh, revoke, rotate, sign, sopv, trust, user_ids, verify,
};
use crate::edge::global::Global;
use crate::edge::output::write_json;
use crate::edge::report::{Report, usage};
use crate::edge::streams;
use crate::edge::terminal::say;
use crate::edge::world::World;
use crate::gpg::{self, Personality};

/// Make and keep a release key, sign releases with it, and verify them
#[derive(Parser)]
#[command(
    name = "plugsign",
    bin_name = "plugsign",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "`plugsign man` prints the manual: examples, environment variables, files, exit codes. \
                  docs/environment.md has the variables, too."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Keygen(keygen::Arguments),
    List(list::Arguments),
    Export(export::Arguments),
    Import(import::Arguments),
    Sign(sign::Arguments),
    Verify(verify::Arguments),
    Inspect(inspect::Arguments),
    Trust(trust::Arguments),
    Check(check::Arguments),
    Doctor(doctor::Arguments),
    Announce(announce::Arguments),
    Marketplace(marketplace::Arguments),
    Rotate(rotate::Arguments),
    Extend(extend::Arguments),
    Revoke(revoke::Arguments),
    Passwd(passwd::Arguments),
    Adduid(user_ids::AdduidArguments),
    #[command(name = "revoke-uid")]
    RevokeUid(user_ids::RevokeUidArguments),
    Refresh(refresh::Arguments),
    Delete(delete::Arguments),
    Gpg(gpg::Arguments),
    Sopv(sopv::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

impl Command {
    pub fn run(self, world: &World) -> Result<Box<dyn Report>, Failure> {
        Ok(match self {
            Command::Keygen(arguments) => Box::new(keygen::run(arguments, world)?),
            Command::List(arguments) => list::run(arguments, world)?,
            Command::Export(arguments) => Box::new(export::run(arguments, world)?),
            Command::Import(arguments) => Box::new(import::run(arguments, world)?),
            Command::Sign(arguments) => Box::new(sign::run(arguments, world)?),
            Command::Verify(arguments) => Box::new(verify::run(arguments, world)?),
            Command::Inspect(arguments) => Box::new(inspect::run(arguments, world)?),
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
            Command::Delete(arguments) => Box::new(delete::run(arguments, world)?),
            // Its command lines never come this far, see `of_another`.
            Command::Gpg(_) | Command::Sopv(_) => {
                return usage(
                    "only --home may stand before gpg: what follows gpg are its own options",
                );
            }
            Command::Completions(arguments) => {
                Box::new(completions::run(&arguments, Cli::command()))
            }
            Command::Man(arguments) => Box::new(man::run(&arguments, Cli::command(), world)?),
        })
    }
}

/// Returns the command line as it is, the program's name first.
pub fn whole() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Another program whose command lines plugsign takes.
pub enum Other {
    Gnupg(Personality),
    Sopv,
}

impl Other {
    fn of(name: &OsStr) -> Option<Other> {
        match Personality::of(name) {
            Some(personality) => Some(Other::Gnupg(personality)),
            None => (name == "sopv").then_some(Other::Sopv),
        }
    }
}

/// Returns whose command line it is, with its arguments, if it is another program's: by the
/// program's name, or `plugsign [--home DIR] gpg`. What follows are that program's options. clap
/// must see none of them.
pub fn of_another(whole: &[OsString]) -> Option<(Other, Global, Vec<OsString>)> {
    let (program, mut rest) = whole.split_first()?;
    let mut global = Global::default();
    if let Some(other) = Path::new(program).file_name().and_then(Other::of) {
        return Some((other, global, rest.to_vec()));
    }
    loop {
        match rest {
            [option, home, after @ ..] if option == "--home" => {
                global.home = Some(home.into());
                rest = after;
            }
            [word, after @ ..] => {
                if let Some(other) = Other::of(word) {
                    return Some((other, global, after.to_vec()));
                }
                global.home = Some(word.to_str()?.strip_prefix("--home=")?.into());
                rest = after;
            }
            [] => return None,
        }
    }
}

/// Parses a command line that is plugsign's own, and returns its command's name with it. `help
/// --help` is help, which clap has no such word for.
pub fn parse(whole: Vec<OsString>) -> Result<(Cli, String), clap::Error> {
    let is_help = whole.get(1).is_some_and(|word| word == "help");
    let is_asked = |word: &OsString| word == "--help" || word == "-h";
    let words = whole.into_iter().filter(|word| !(is_help && is_asked(word)));
    let matches = Cli::command().try_get_matches_from(words)?;
    let name = matches.subcommand_name().unwrap_or_default().to_string();
    Ok((Cli::from_arg_matches(&matches)?, name))
}

/// Removes clap's advice to pass an unknown option as a file name. Nobody means that.
fn without_bad_tips(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) else {
        return error;
    };
    tips.retain(|tip| !tip.to_string().contains("as a value, use"));
    if !tips.is_empty() {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
}

/// Makes safe what clap repeats of the command line. A line end in a file name would begin a line
/// that seems to be ours.
fn with_safe_words(mut error: clap::Error) -> clap::Error {
    let safe = |text: &String| Safe::text(text).to_string();
    let foreign: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(safe(text)))),
            ContextValue::Strings(texts) => {
                Some((kind, ContextValue::Strings(texts.iter().map(safe).collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in foreign {
        error.insert(kind, value);
    }
    error
}

/// Shows clap's message. If a terminal would still obey something in it, shows it without colour,
/// line by line.
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

/// Shows clap's message, help or version. `--json` promises a document for all of them. The command
/// line was not parsed, so this looks for the option by its name.
pub fn explain(error: clap::Error) -> ExitCode {
    let error = with_safe_words(without_bad_tips(error));
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let mut before_files = std::env::args_os().take_while(|argument| argument != "--");
    let is_json = before_files.any(|argument| {
        // With a value it is wrong, but it was meant.
        argument == "--json" || argument.as_encoded_bytes().starts_with(b"--json=")
    });
    let text = || error.render().to_string().trim().to_string();
    let shown = match (is_json, is_help) {
        (true, true) => write_json(&json!({
            "schema": 1, "command": "help", "ok": true, "exit": 0, "text": text(),
        })),
        (true, false) => write_json(&Failure::Usage(text()).json("")),
        (false, true) => streams::output().and_then(|_| error.print()),
        (false, false) => {
            show(&error);
            Ok(())
        }
    };
    match (is_help, shown) {
        (true, Ok(())) => ExitCode::SUCCESS,
        (true, Err(_)) => ExitCode::from(EXIT_COULD_NOT),
        (false, _) => ExitCode::from(EXIT_USAGE),
    }
}
