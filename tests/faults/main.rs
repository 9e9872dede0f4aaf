//! Faults: killed, refused and interrupted at every call, and disks that are full, read-only or
//! somebody else's. Whatever happens, the home can be used, what is there is whole, and the same
//! command works once the fault is gone.

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
mod commands;
mod disks;
mod parallel;
mod sweep;
mod trace;
