//! The options that every command has.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where help shows the options that every command has.
const GLOBAL: &str = "Global options";

#[derive(Args, Clone, Default)]
pub struct Global {
    /// Use this folder as the home, instead of $PLUGSIGN_HOME or your data folder
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print exactly one JSON document on standard output
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Print only what the command makes, and what went wrong: no good verdicts, no remarks
    #[arg(short, long, global = true, help_heading = GLOBAL, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more details
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}
