//! A plugin bundle: would the server install it, and could it run?
//!
//! The rules are the server's own, read from its source: `extractTarGz` and `extractPlugin`
//! (server/channels/app), `FindManifest` and `Manifest.IsValid` (server/public/model/manifest.go),
//! and what it asks when it starts a plugin. The server has no limits of its own; here a bundle
//! that unpacks to more than any honest one is an error, in bounded time and memory.

mod archive;
mod finding;
mod gzip;
mod manifest;
mod rules;
mod yaml;

use std::io::{self, Read};

pub use self::archive::{MAX_ENTRIES, MAX_UNPACKED};
pub use self::finding::{Finding, Findings, Severity};
pub use self::manifest::{MANIFEST_NAMES, MAX_MANIFEST, Manifest};
pub use self::rules::is_valid_url;

/// What there is to say of a bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Its manifest, if the server would find and read one.
    pub manifest: Option<Manifest>,
    /// Whether there is a manifest, readable or not: else it is no plugin at all, and nobody
    /// says that it should be one.
    pub is_plugin: bool,
    /// The folder that the plugin is in, with a slash behind it, or nothing.
    pub root: String,
    /// What is wrong with it.
    pub findings: Findings,
}

/// A platform that a bundle is for, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// As file names have it: `osx-amd64`.
    pub in_file_names: &'static str,
    /// As Go and the marketplace have it: `darwin-amd64`.
    pub name: &'static str,
}

const PLATFORMS: [Platform; 7] = {
    const fn platform(in_file_names: &'static str, name: &'static str) -> Platform {
        Platform { in_file_names, name }
    }
    [
        platform("linux-amd64", "linux-amd64"),
        platform("linux-arm64", "linux-arm64"),
        platform("osx-amd64", "darwin-amd64"),
        platform("osx-arm64", "darwin-arm64"),
        platform("darwin-amd64", "darwin-amd64"),
        platform("darwin-arm64", "darwin-arm64"),
        platform("windows-amd64", "windows-amd64"),
    ]
};

impl Platform {
    /// Returns the platform that a file name ends in, before `.tar.gz`.
    pub fn of_file(name: &str) -> Option<Platform> {
        let stem = name.strip_suffix(".tar.gz")?;
        PLATFORMS.into_iter().find(|platform| {
            stem.strip_suffix(platform.in_file_names).is_some_and(|rest| rest.ends_with('-'))
        })
    }
}

/// Looks at a bundle as the server would, reading it once as a stream.
///
/// `name` is the bundle's file name, which says what platform it is for and should say what it
/// holds.
///
/// # Errors
///
/// Only the reader's own. Whatever is wrong with the bytes is a finding.
pub fn inspect(bundle: impl Read, name: &str) -> io::Result<Bundle> {
    let mut findings = Findings::default();
    let contents = archive::read(bundle, &mut findings)?;
    let root = contents.root();
    let mut bundle = Bundle { manifest: None, is_plugin: false, root, findings };
    let found = MANIFEST_NAMES.iter().find_map(|manifest| {
        let path = format!("{}{manifest}", bundle.root);
        Some((*manifest, contents.file(&path)?, contents.captured(&path)))
    });
    let findings = &mut bundle.findings;
    let Some((file, mode, bytes)) = found else {
        if !contents.is_cut_short() {
            rules::no_manifest(&contents, findings);
        }
        return Ok(bundle);
    };
    bundle.is_plugin = true;
    if mode & 0o400 == 0 {
        findings.error(
            "bad-manifest",
            format!("{file} has no permission to be read (mode {mode:04o})"),
            "the server cannot open it",
        );
    }
    let Some(bytes) = bytes else {
        findings.error(
            "bad-manifest",
            format!("{file} is larger than {} KiB", MAX_MANIFEST >> 10),
            "the server may install it, but plugsign reads no more",
        );
        return Ok(bundle);
    };
    match Manifest::read(file, bytes) {
        Ok(manifest) => {
            rules::check_manifest(&manifest, findings);
            if !contents.is_cut_short() {
                rules::check_parts(&manifest, &contents, Platform::of_file(name), findings);
            }
            rules::check_name(name, &manifest, findings);
            bundle.manifest = Some(manifest);
        }
        Err(why) => findings.error(
            "bad-manifest",
            format!("{file} cannot be read: {why}"),
            "the server does not install it, and does not say why",
        ),
    }
    Ok(bundle)
}

/// Returns a file of a bundle by its path, if it is there and not larger than `limit` bytes. The
/// path is cleaned as Go would.
///
/// # Errors
///
/// Only the reader's own.
pub fn read_file(bundle: impl Read, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    archive::read_file(bundle, path, limit)
}
