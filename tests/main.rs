//! All tests of the program and of the library's public side, as one program: it is linked once, and
//! a key or a peer that several of them need is made once.
//!
//! `cargo test --test all hostile::` runs those of `tests/hostile`.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod boundaries;
mod cli;
mod common;
mod doors;
mod faults;
mod foreign_text;
mod gpg;
mod hostile;
mod interop;
mod life;
mod mattermost;
mod parity;
mod properties;
mod readme;
mod release_day;
mod replay;
mod schemas;
mod secrets;
mod server_parity;
mod server_rules;
mod supply;
mod templates;
mod tokens;
mod tools;
mod vectors;
