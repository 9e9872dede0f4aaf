//! Faults: killed, refused and interrupted at every call, and disks that are full, read-only or
//! somebody else's. Whatever happens, the home can be used, what is there is whole, and the same
//! command works once the fault is gone.

mod changes;
mod commands;
mod disks;
mod parallel;
mod sweep;
mod trace;
