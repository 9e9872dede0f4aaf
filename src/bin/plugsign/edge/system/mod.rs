//! What Linux and macOS do differently with processes. The rest of the program is the same on both.
//!
//! Both files have the same functions. docs/platforms.md says what the differences mean.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(target_os = "macos")]
pub use macos::*;
