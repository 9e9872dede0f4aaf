//! The platforms that bundles are made for.

/// A platform that a bundle is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// Its name in file names: `osx-amd64`.
    pub in_file_names: &'static str,
    /// Its name in Go and in the marketplace: `darwin-amd64`.
    pub name: &'static str,
}

const PLATFORMS: [(&str, &str); 7] = [
    ("linux-amd64", "linux-amd64"),
    ("linux-arm64", "linux-arm64"),
    ("osx-amd64", "darwin-amd64"),
    ("osx-arm64", "darwin-arm64"),
    ("darwin-amd64", "darwin-amd64"),
    ("darwin-arm64", "darwin-arm64"),
    ("windows-amd64", "windows-amd64"),
];

impl Platform {
    /// Returns the platform that a file name has before `.tar.gz`.
    pub fn of_file(name: &str) -> Option<Platform> {
        let stem = name.strip_suffix(".tar.gz")?;
        let found = PLATFORMS.into_iter().find(|(in_file_names, _)| {
            stem.strip_suffix(in_file_names).is_some_and(|rest| rest.ends_with('-'))
        });
        found.map(|(in_file_names, name)| Platform { in_file_names, name })
    }
}
