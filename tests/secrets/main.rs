//! What is secret stays secret: on disk, in what is said, and in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;

mod memory;
mod needles;
mod traces;
mod writes;
