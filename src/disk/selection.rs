//! Which files of a folder are the artifacts of a release, by their names.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::checksums::is_list;
use super::names::base_name;
use crate::disk::error::{Error, Result};
use crate::text::Safe;

/// The names of a release's artifacts, whatever the case of their letters: archives; packages and
/// installers; packages of languages; images; lists of what is in them.
const ARTIFACTS: [&str; 35] = [
    "*.tar",
    "*.tar.*",
    "*.tgz",
    "*.tbz2",
    "*.txz",
    "*.tzst",
    "*.zip",
    "*.7z",
    "*.deb",
    "*.rpm",
    "*.apk",
    "*.aab",
    "*.msi",
    "*.exe",
    "*.dmg",
    "*.pkg",
    "*.appimage",
    "*.snap",
    "*.flatpak",
    "*.jar",
    "*.war",
    "*.whl",
    "*.gem",
    "*.crate",
    "*.nupkg",
    "*.vsix",
    "*.xpi",
    "*.crx",
    "*.iso",
    "*.img",
    "*.qcow2",
    // As image-1.0.img.xz and disk.qcow2.zst.
    "*.{iso,img,qcow2}.{gz,xz,bz2,zst,lz4,lzma}",
    "*.spdx.json",
    "*.cdx.json",
    "*.spdx",
];

/// The names of files that are never artifacts: signatures, checksums, unfinished files.
const NEVER: [&str; 20] = [
    ".*",
    "*~",
    "*.tmp",
    "*.part",
    "*.sig",
    "*.asc",
    "*.gpg",
    "*.pgp",
    "*.sign",
    "*.minisig",
    "*.sigstore",
    "*.sigstore.json",
    "*.md5",
    "*.sha1",
    "*.sha224",
    "*.sha256",
    "*.sha384",
    "*.sha512",
    "*SUMS",
    "*SUMS.txt",
];

/// Which files of a folder are taken.
#[derive(Clone, Debug)]
pub struct Selection {
    include: GlobSet,
    exclude: GlobSet,
    never: GlobSet,
}

impl Selection {
    /// Takes artifacts by their usual names, or what `include` names instead, without what
    /// `exclude` names. Patterns match base names. Signatures, lists of checksums, hidden and
    /// temporary files are never taken. A broken pattern is [`Error::Malformed`], and so is one
    /// that no base name can match.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Selection> {
        let include = match include.is_empty() {
            true => globs(&ARTIFACTS, true)?,
            false => globs(include, false)?,
        };
        let (exclude, never) = (globs(exclude, false)?, globs(&NEVER, false)?);
        Ok(Selection { include, exclude, never })
    }

    /// Takes all files but those that `exclude` names, and those that are never taken.
    pub fn all(exclude: &[String]) -> Result<Selection> {
        Selection::new(&["*".into()], exclude)
    }

    /// Returns whether a list of checksums is left out that the patterns match.
    pub fn leaves_out_list(&self, path: &Path) -> bool {
        let name = base_name(path);
        is_list(name) && self.include.is_match(name) && !self.exclude.is_match(name)
    }

    pub(super) fn takes(&self, name: &Path) -> bool {
        self.include.is_match(name) && self.may_take(name)
    }

    /// Returns whether nothing but its name keeps a file from being taken.
    pub(super) fn may_take(&self, name: &Path) -> bool {
        !self.exclude.is_match(name) && !self.never.is_match(name) && !is_list(name)
    }
}

fn globs(patterns: &[impl AsRef<str>], any_case: bool) -> Result<GlobSet> {
    let malformed = |error: globset::Error| {
        Error::Malformed(format!("not a pattern: {}", Safe::text(&error.to_string())))
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let pattern = pattern.as_ref();
        if pattern.contains('/') {
            let why = "a pattern matches the names of files, without their folders";
            return Err(Error::Malformed(format!("{why}: {}", Safe::text(pattern))));
        }
        let glob = GlobBuilder::new(pattern).case_insensitive(any_case).build();
        set.add(glob.map_err(malformed)?);
    }
    set.build().map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endings_of_artifacts_are_documented() {
        const PAGE: &str = include_str!("../../docs/ci.md");
        for pattern in ARTIFACTS.iter().filter(|pattern| !pattern.contains('{')) {
            let ending = format!("`{}`", pattern.trim_start_matches('*'));
            assert!(PAGE.contains(&ending), "{pattern}");
        }
    }
}
