//! Tools that call gpg, with plugsign as the only gpg on their PATH, and with gpg itself: what each
//! makes is the same, and each accepts what was made with the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../gpg/twins.rs"]
#[expect(dead_code, reason = "tests/gpg uses the rest")]
mod twins;

mod aptly;
mod archive;
mod checksums;
mod debian;
mod git_suite;
mod helm;
mod options;
mod python_suite;
mod reprepro;
mod workshop;
