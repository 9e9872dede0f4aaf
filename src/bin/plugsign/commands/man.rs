//! `plugsign man`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::write::{Access, Existing, make_folder, write_new};
use plugsign::text::Safe;
use serde_json::{Map, Value};

use crate::edge::report::Report;
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::path_text;

/// Print the manual page, or write those of all commands to a folder
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
        return Ok(Pages {
            text: Some(render(without_help(command), "plugsign")?),
            written: Vec::new(),
        });
    };
    let mut pages = Vec::new();
    collect(command, "plugsign", &mut pages);
    make_folder(folder, world.umask)?;
    let mut written = Vec::new();
    for (name, page) in pages {
        let path = folder.join(format!("{name}.1"));
        let text = render(page, &name)?;
        write_new(&path, &text, Access::Public { umask: world.umask }, Existing::Replace)?;
        written.push(path);
    }
    Ok(Pages { text: None, written })
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

/// Hides `help`, which has no page that another one could refer to.
fn without_help(command: clap::Command) -> clap::Command {
    match command.find_subcommand("help").is_some() {
        true => command.mut_subcommand("help", |help| help.hide(true)),
        false => command,
    }
}

fn render(command: clap::Command, name: &str) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|error| Error::io("write", std::path::Path::new(name))(error))?;
    Ok(text)
}

/// Manual pages.
pub struct Pages {
    /// The one page that goes to standard output.
    text: Option<Vec<u8>>,
    written: Vec<PathBuf>,
}

impl Report for Pages {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(text) = &self.text {
            out.write_all(text)?;
        }
        for path in &self.written {
            writeln!(out, "{}", Safe::path(path))?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        let text = self.text.as_ref().map(|text| String::from_utf8_lossy(text).into_owned());
        let written: Vec<String> = self.written.iter().map(|path| path_text(path)).collect();
        map.insert("page".into(), text.into());
        map.insert("written".into(), written.into());
        map
    }
}
