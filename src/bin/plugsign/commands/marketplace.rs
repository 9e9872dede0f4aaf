//! `plugsign marketplace`

#[path = "marketplace_add.rs"]
mod add;
#[path = "marketplace_check.rs"]
mod check;
#[path = "marketplace_remove.rs"]
mod remove;

use clap::{Args, Subcommand};

use crate::edge::report::Report;
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;

/// Write and check the database of a plugin marketplace of your own
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Add(add::Arguments),
    Check(check::Arguments),
    Remove(remove::Arguments),
}

pub fn run(arguments: Arguments, world: &World) -> Result<Box<dyn Report>, Failure> {
    Ok(match arguments.action {
        Action::Add(arguments) => Box::new(add::run(arguments, world)?),
        Action::Check(arguments) => Box::new(check::run(&arguments, world)?),
        Action::Remove(arguments) => Box::new(remove::run(arguments, world)?),
    })
}
