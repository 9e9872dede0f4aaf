//! Keys that stay in a token: SoftHSM behind p11-kit, and servers that are none.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod documents;
mod hostile;
mod made;
mod pins;
mod programs;
mod scripted;
mod servers;
mod token;
