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

mod changes;
mod delete;
mod peers;
mod refusals;
mod secret_parts;

use common::gpg;
