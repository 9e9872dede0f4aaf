//! A plugin bundle: would the server install it, and could it run?
//!
//! The rules are the server's own, read from its source: `extractTarGz` and `extractPlugin`
//! (server/channels/app), `FindManifest` and `Manifest.IsValid` (server/public/model/manifest.go),
//! and what it asks when it starts a plugin. The server has no limits. Here a bundle that unpacks
//! to more than any honest one is an error, so that time and memory are bounded.

mod archive;
mod contents;
mod finding;
mod header;
mod inspect;
mod kind;
mod manifest;
mod pax;
mod platform;
mod rules;
mod stop;
mod stream;
mod yaml;

pub use self::archive::read_file;
pub use self::finding::{Finding, Findings, Severity};
pub use self::inspect::{Bundle, inspect};
pub(super) use self::manifest::MANIFEST;
pub use self::manifest::{MANIFEST_NAMES, MAX_MANIFEST, Manifest};
pub use self::platform::Platform;
pub use self::rules::{MACOS_FILES, NO_MANIFEST};
pub use self::stream::{MAX_ENTRIES, MAX_UNPACKED};
