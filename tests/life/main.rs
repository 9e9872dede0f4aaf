//! A key in the course of its life: what changes it, what refuses to, and what everybody says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../interop/gpg.rs"]
#[allow(dead_code)]
mod gpg;
#[path = "../interop/plugsign.rs"]
#[allow(dead_code)]
mod plugsign;

mod changes;
mod kill;
mod peers;
mod refusals;
