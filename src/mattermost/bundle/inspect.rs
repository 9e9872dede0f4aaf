//! Looks at a bundle as the server does.

use std::io::{self, Read};

use super::archive;
use super::finding::Findings;
use super::manifest::{MANIFEST_NAMES, MAX_MANIFEST, Manifest};
use super::platform::Platform;
use super::rules::{self, Lost};
use crate::mattermost::json::NotRead;

/// What there is to say of a bundle.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Its manifest, if the server would find and read one.
    pub manifest: Option<Manifest>,
    /// Whether there is a manifest, readable or not, or one that only files of macOS hide. Without
    /// one it is no plugin, and nobody says that it should be one.
    pub is_plugin: bool,
    /// Whether there is a manifest anywhere in it, also where the server does not look.
    pub holds_manifest: bool,
    /// What it is in place of a gzip tar, if that can be told.
    pub other_kind: Option<&'static str>,
    /// The folder that holds the plugin, with a slash at its end, or "".
    pub root: String,
    /// What is wrong with it.
    pub findings: Findings,
}

/// Looks at a bundle as the server does. Reads it once, as a stream. Its file name says for which
/// platform it is. Errors are the reader's. What is wrong with the bytes is a finding.
pub fn inspect(bundle: impl Read, name: &str) -> io::Result<Bundle> {
    let mut findings = Findings::default();
    let contents = archive::read(bundle, name, &mut findings)?;
    let root = contents.root();
    let (is_plugin, holds_manifest) = (false, false);
    let other_kind = contents.other_kind;
    let mut bundle =
        Bundle { manifest: None, is_plugin, holds_manifest, other_kind, root, findings };
    let found = MANIFEST_NAMES.iter().find_map(|manifest| {
        let path = format!("{}{manifest}", bundle.root);
        contents
            .is_there(&path)
            .then(|| (*manifest, contents.file(&path), contents.captured(&path)))
    });
    let Some((file, mode, bytes)) = found else {
        if !contents.cut_short {
            let lost = rules::no_manifest(&contents, &mut bundle.findings);
            bundle.holds_manifest = lost != Lost::Nowhere;
            bundle.is_plugin = lost == Lost::BehindMacosFiles;
        }
        return Ok(bundle);
    };
    (bundle.is_plugin, bundle.holds_manifest) = (true, true);
    let findings = &mut bundle.findings;
    rules::check_macos(&contents, findings);
    let Some(mode) = mode else {
        let consequence = "the server cannot read it, and does not install it";
        findings.error("bad-manifest", format!("{file} is a folder"), consequence);
        return Ok(bundle);
    };
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
            if !contents.cut_short {
                rules::check_parts(&manifest, &contents, Platform::of_file(name), findings);
            }
            rules::check_name(name, &manifest, findings);
            bundle.manifest = Some(manifest);
        }
        Err(NotRead::Wrong(why)) => findings.error(
            "bad-manifest",
            format!("{file} cannot be read: {why}"),
            "the server does not install it, and does not say why",
        ),
        Err(NotRead::Unclear(why)) => findings.error(
            "bad-manifest",
            format!("{file} cannot be relied on: {why}"),
            "the server may read it, in another way than other programs",
        ),
    }
    Ok(bundle)
}
