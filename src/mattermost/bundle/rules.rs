//! What the server asks of a manifest and of the files around it.

use semver::Version;

use super::contents::{Contents, clean};
use super::finding::Findings;
use super::manifest::{MANIFEST_NAMES, Manifest, ServerPart};
use super::platform::Platform;
use crate::mattermost::valid::{is_valid_id, is_web_address};

/// The code of the finding that the server finds no manifest.
pub const NO_MANIFEST: &str = "no-manifest";

/// The code of the finding that macOS put files of its own into the archive.
pub const MACOS_FILES: &str = "macos-files";

/// Where there is a manifest that the server does not find.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// There is none.
    Nowhere,
    /// In a folder where the server does not look.
    Elsewhere,
    /// In the plugin's folder, which would be the only one without the files of macOS.
    BehindMacosFiles,
}

/// Says that the server finds no manifest, and where there is one.
pub(super) fn no_manifest(contents: &Contents, findings: &mut Findings) -> Lost {
    let elsewhere = contents
        .files()
        .find(|path| MANIFEST_NAMES.contains(&path.rsplit('/').next().unwrap_or_default()));
    let top = contents.top_names();
    let from_macos = elsewhere.is_some() && top.iter().any(|name| name.starts_with("._"));
    let what = match elsewhere {
        None => "there is no plugin.json, plugin.yaml or plugin.yml".to_string(),
        Some(path) => {
            let why = match from_macos {
                true => "macOS put ._ files beside its folder: use tar --disable-copyfile",
                false if top.len() > 1 => "its folder is not the only thing at the top",
                false => "only the top and a single folder there are looked into",
            };
            format!("{path} is not where the server looks: {why}")
        }
    };
    findings.error(NO_MANIFEST, what, "the server does not install it");
    match elsewhere {
        None => Lost::Nowhere,
        Some(_) if from_macos => Lost::BehindMacosFiles,
        Some(_) => Lost::Elsewhere,
    }
}

/// Warns of the files in which macOS keeps attributes of other files.
pub(super) fn check_macos(contents: &Contents, findings: &mut Findings) {
    let name = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with("._"));
    let found = contents.files().filter(|path| name(path)).count();
    if found > 0 {
        findings.warning(
            MACOS_FILES,
            format!("macOS put ._ files into it ({found})"),
            "the server unpacks them too: use tar --disable-copyfile",
        );
    }
}

/// Checks what the manifest says. The identifier decides whether the server installs it. Then
/// comes what decides whether it starts, then what the marketplace asks (`Manifest.IsValid`).
pub(super) fn check_manifest(manifest: &Manifest, findings: &mut Findings) {
    if !is_valid_id(&manifest.id) {
        let wanted = "3 to 190 letters, digits, dots, hyphens and underscores";
        let what = format!("the id \"{}\" is not {wanted}", manifest.id);
        findings.error("bad-id", what, "the server does not install it");
    }
    let oldest = &manifest.min_server_version;
    if !oldest.is_empty() && Version::parse(oldest).is_err() {
        findings.error(
            "bad-min-server-version",
            format!("min_server_version \"{oldest}\" is not like 9.0.0"),
            "no server can start it: \"failed to parse MinServerVersion\"",
        );
    }
    if manifest.version.is_empty() {
        findings.warning(
            "no-version",
            "the manifest has no version",
            "a marketplace with it does not start, and servers cannot tell newer from older",
        );
    } else if Version::parse(&manifest.version).is_err() {
        findings.warning(
            "bad-version",
            format!("the version \"{}\" is not like 1.2.0, without a v", manifest.version),
            "the marketplace calls it invalid, and servers cannot tell newer from older",
        );
    }
    let invalid = "the marketplace calls the manifest invalid";
    if manifest.name.trim().is_empty() {
        findings.warning("no-name", "the manifest has no name", invalid);
    }
    for (field, url) in [
        ("homepage_url", &manifest.homepage_url),
        ("support_url", &manifest.support_url),
        ("release_notes_url", &manifest.release_notes_url),
    ] {
        if !url.is_empty() && !is_web_address(url) {
            findings.warning("bad-url", format!("{field} \"{url}\" is no web address"), invalid);
        }
    }
    const TYPES: [&str; 9] = [
        "bool",
        "dropdown",
        "generated",
        "radio",
        "text",
        "number",
        "longtext",
        "username",
        "custom",
    ];
    for kind in manifest.setting_types.iter().filter(|kind| !TYPES.contains(&kind.as_str())) {
        let what = format!("there is no type \"{kind}\" of settings");
        findings.warning("bad-setting", what, invalid);
    }
}

/// Checks that the files that the manifest names are there. The server asks when it starts the
/// plugin.
pub(super) fn check_parts(
    manifest: &Manifest,
    contents: &Contents,
    platform: Option<Platform>,
    findings: &mut Findings,
) {
    if manifest.server.is_none() && manifest.webapp.is_none() {
        findings.error(
            "no-parts",
            "the manifest names neither a server nor a webapp part",
            "the server installs it and cannot start it",
        );
    }
    if let Some(server) = &manifest.server {
        check_executables(server, contents, platform, findings);
    }
    let find = |clean: &str| contents.file(&format!("{}{clean}", contents.root()));
    if let Some(path) = &manifest.webapp {
        match relative(path).filter(|clean| !clean.starts_with('.')) {
            Some(clean) if find(&clean).is_some() => {}
            Some(clean) => findings.error(
                "missing-webapp",
                format!("webapp.bundle_path names {clean}, which is not there"),
                "the server cannot start it: \"unable to read webapp bundle\"",
            ),
            None => findings.error(
                "bad-webapp-path",
                format!("webapp.bundle_path \"{path}\" is no path within the plugin"),
                "the server cannot start it: \"invalid webapp bundle path\"",
            ),
        }
    }
    let icon = &manifest.icon_path;
    if !icon.is_empty() && relative(icon).and_then(|clean| find(&clean)).is_none() {
        let what = format!("icon_path names {icon}, which is not there");
        findings.warning("missing-icon", what, "the marketplace's generator refuses it");
    }
}

fn check_executables(
    server: &ServerPart,
    contents: &Contents,
    platform: Option<Platform>,
    findings: &mut Findings,
) {
    let mut executables: Vec<(&str, &str)> =
        server.executables.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
    executables.push(("any platform", &server.executable));
    if executables.iter().all(|(_, path)| path.is_empty()) {
        findings.error(
            "no-executable",
            "the manifest has a server part without an executable",
            "the server installs it and cannot start it",
        );
    }
    // A bundle for one platform names the executables of all platforms.
    if let Some(platform) = platform
        && executables.iter().any(|(name, _)| *name == platform.name)
    {
        executables.retain(|(name, _)| *name == platform.name);
    }
    for (name, path) in executables.into_iter().filter(|(_, path)| !path.is_empty()) {
        let Some(clean) = relative(path) else {
            findings.error(
                "bad-executable-path",
                format!("the executable \"{path}\" for {name} is no path within the plugin"),
                "the server cannot start it: \"invalid backend executable\"",
            );
            continue;
        };
        match contents.file(&format!("{}{clean}", contents.root())) {
            None => findings.error(
                "missing-executable",
                format!("the executable {clean} for {name} is not there"),
                "a server on that platform installs it and cannot start it",
            ),
            Some(mode) if mode & 0o100 == 0 => findings.error(
                "not-executable",
                format!("{clean} for {name} may not be executed (mode {mode:04o})"),
                "a server on that platform installs it and cannot start it; chmod +x before tar",
            ),
            Some(_) => {}
        }
    }
}

/// Cleans a path of the manifest. Returns nothing if the path is empty or leads out of the plugin.
fn relative(path: &str) -> Option<String> {
    clean(path.as_bytes()).filter(|clean| !clean.is_empty())
}

/// Checks that the bundle's name is `<id>-<version>[-platform].tar.gz`.
pub(super) fn check_name(name: &str, manifest: &Manifest, findings: &mut Findings) {
    let Some(mut stem) = name.strip_suffix(".tar.gz") else {
        findings.warning(
            "file-name",
            format!("{name} does not end in .tar.gz"),
            "the server does not find it among prepackaged plugins or in its file store",
        );
        return;
    };
    if let Some(platform) = Platform::of_file(name) {
        let suffix = format!("-{}", platform.in_file_names);
        stem = stem.strip_suffix(suffix.as_str()).unwrap_or(stem);
    }
    let version = &manifest.version;
    // There are findings about them.
    if manifest.id.is_empty() || version.is_empty() {
        return;
    }
    let starts_with_id = stem.to_lowercase().starts_with(&format!("{}-", manifest.id));
    let ends_with_version =
        stem.ends_with(&format!("-{version}")) || stem.ends_with(&format!("-v{version}"));
    if !starts_with_id || !ends_with_version {
        findings.warning(
            "file-name",
            format!("{name} is not {}-{version}.tar.gz, with a platform or not", manifest.id),
            "the server does not mind, but people and Mattermost's own marketplace tools go by it",
        );
    }
}
