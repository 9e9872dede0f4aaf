//! Where plugsign meets a person, the system and the clock.

pub mod asking;
pub mod change;
pub mod descriptor;
pub mod dialog;
mod echo;
pub mod global;
pub mod identity;
pub mod keys;
pub mod manual;
pub mod output;
pub mod page;
mod progress;
pub mod report;
pub mod signals;
pub mod streams;
pub mod system;
pub mod terminal;
pub mod tokens;
pub mod world;
