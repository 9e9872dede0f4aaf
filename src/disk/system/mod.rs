//! What Linux and macOS do differently with files. The rest of the library is the same on both.
//!
//! Both files have the same functions. docs/platforms.md says what the differences mean.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(target_os = "macos")]
pub(crate) use macos::*;

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
compile_error!("plugsign runs on Linux and macOS: see docs/platforms.md");
