//! The platforms that bundles are made for.

/// A platform that a bundle is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// Its name in file names: `osx-amd64`.
    pub in_file_names: &'static str,
    /// Its name in Go and in the marketplace: `darwin-amd64`.
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
    /// Returns the platform that a file name has before `.tar.gz`.
    pub fn of_file(name: &str) -> Option<Platform> {
        let stem = name.strip_suffix(".tar.gz")?;
        PLATFORMS.into_iter().find(|platform| {
            stem.strip_suffix(platform.in_file_names).is_some_and(|rest| rest.ends_with('-'))
        })
    }
}
