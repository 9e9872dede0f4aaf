//! `plugsign man`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::write::{Access, Existing, make_folder};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::outcome::Outcome;
use plugsign::text::{Safe, path_text};
use serde::{Serialize, Serializer};

use crate::edge::manual;
use crate::edge::page::Page;
use crate::edge::report::Words;
use crate::edge::world::World;

/// Print the manual page, or write the pages of all commands to a folder
#[derive(Args)]
pub struct Arguments {
    /// Write plugsign.1, plugsign-sign.1 and so on into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(
    arguments: &Arguments,
    mut command: clap::Command,
    world: &World,
) -> Result<Pages, Failure> {
    command.build();
    let Some(folder) = &arguments.out else {
        let page = render(without_help(command), "plugsign")?;
        let page = Some(String::from_utf8_lossy(&page).into_owned());
        let is_on_screen = world.terminal.out_is_terminal();
        return Ok(Pages { page, written: Vec::new(), is_on_screen });
    };
    let mut pages = Vec::new();
    collect(command, "plugsign", &mut pages);
    make_folder(folder, world.umask)?;
    let mut written = Vec::new();
    for (name, page) in pages {
        let path = folder.join(format!("{name}.1"));
        let text = render(page, &name)?;
        let access = Access::Public { umask: world.umask };
        world.kept.write_new(&path, &text, access, Existing::Replace)?;
        written.push(path);
    }
    Ok(Pages { page: None, written, is_on_screen: false })
}

/// Collects the pages of a command and of all beneath it.
fn collect(command: clap::Command, name: &str, pages: &mut Vec<(String, clap::Command)>) {
    let command = without_help(command.display_name(name.to_string()));
    let subcommands: Vec<clap::Command> = command.get_subcommands().cloned().collect();
    pages.push((name.to_string(), command));
    for sub in subcommands.into_iter().filter(|sub| !sub.is_hide_set()) {
        let name = format!("{name}-{}", sub.get_name());
        collect(sub, &name, pages);
    }
}

/// Hides `help`, because it has no page.
fn without_help(command: clap::Command) -> clap::Command {
    match command.find_subcommand("help").is_some() {
        true => command.mut_subcommand("help", |help| help.hide(true)),
        false => command,
    }
}

fn render(command: clap::Command, name: &str) -> Result<Vec<u8>, Failure> {
    let write = || -> io::Result<Vec<u8>> {
        let synopsis = manual::synopsis(&command, command.get_bin_name().unwrap_or(name));
        let has_version = command.get_version().is_some();
        let further = manual::further(&command);
        let has_commands = command.has_subcommands();
        let page = clap_mangen::Man::new(command);
        let mut text = Vec::new();
        page.render_title(&mut text)?;
        page.render_name_section(&mut text)?;
        text.write_all(synopsis.as_bytes())?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
        if has_commands {
            page.render_subcommands_section(&mut text)?;
        }
        text.write_all(further.as_bytes())?;
        if has_version {
            page.render_version_section(&mut text)?;
        }
        Ok(text)
    };
    Ok(write().map_err(Error::io("write", std::path::Path::new(name)))?)
}

/// Manual pages.
#[derive(Serialize)]
pub struct Pages {
    /// The one page that goes to standard output.
    page: Option<String>,
    #[serde(serialize_with = "as_paths")]
    written: Vec<PathBuf>,
    /// Whether the page goes to a terminal, which does not lay it out.
    #[serde(skip)]
    is_on_screen: bool,
}

fn as_paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path_text(path)))
}

impl Outcome for Pages {}

impl Words for Pages {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        if let Some(page) = &self.page {
            out.write_all(page.as_bytes())?;
        }
        for path in &self.written {
            writeln!(out, "{}", Safe::path(path))?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        if self.is_on_screen {
            writeln!(talk, "This is the page's source. To read the page:")?;
            talk.command(2, "plugsign man | man -l -");
        }
        Ok(())
    }
}
