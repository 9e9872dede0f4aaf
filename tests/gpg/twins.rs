//! Two sandboxes with a program called gpg: in one it is plugsign, in the other gpg itself.

use std::fs;

use crate::common::sandbox::{Done, Sandbox};

/// What gpg says to programs.
pub trait StatusLines {
    /// The exit code; no signal ended it.
    fn exit(&self) -> i32;
    /// The status lines on either stream, without their prefix.
    fn status(&self) -> Vec<String>;
    /// The status lines that decide: gpg considers keys more often, for its trust database.
    fn verdict(&self) -> Vec<String>;
    /// The deciding status lines without what is another in every run: the key, times, the name of
    /// the signature, and the hash, for gpg's is the key's favourite and plugsign's is SHA-256.
    fn shape(&self, key: &str) -> Vec<String>;
    /// The fields of the one status line with a keyword.
    #[track_caller]
    fn fields(&self, keyword: &str) -> Vec<String>;
    #[track_caller]
    fn lacks(&self, keyword: &str);
}

impl StatusLines for Done {
    #[track_caller]
    fn exit(&self) -> i32 {
        self.code().expect("no signal ended it")
    }

    fn status(&self) -> Vec<String> {
        let (out, err) = (self.out(), self.err());
        out.lines()
            .chain(err.lines())
            .filter_map(|line| line.strip_prefix("[GNUPG:] ").map(str::to_string))
            .collect()
    }

    fn verdict(&self) -> Vec<String> {
        let lines = self.status().into_iter();
        lines.filter(|line| !line.starts_with("KEY_CONSIDERED ")).collect()
    }

    fn shape(&self, key: &str) -> Vec<String> {
        let without = |line: String| {
            let line = line.replace(key, "KEY").replace(&key[24..], "KEYID");
            let fields: Vec<&str> = line.split(' ').collect();
            let drop: &[usize] = match fields[0] {
                "BEGIN_SIGNING" => &[1],
                "SIG_CREATED" => &[3, 5],
                "SIG_ID" => &[1, 2, 3],
                "VALIDSIG" => &[2, 3, 8],
                _ => &[],
            };
            let kept = fields.iter().enumerate().filter(|(place, _)| !drop.contains(place));
            kept.map(|(_, field)| *field).collect::<Vec<_>>().join(" ")
        };
        self.verdict().into_iter().map(without).collect()
    }

    #[track_caller]
    fn fields(&self, keyword: &str) -> Vec<String> {
        let found: Vec<Vec<String>> = self
            .status()
            .iter()
            .map(|line| line.split(' ').map(str::to_string).collect::<Vec<_>>())
            .filter(|fields| fields[0] == keyword)
            .collect();
        assert_eq!(found.len(), 1, "{keyword}: {}", self.shown());
        found[0].clone()
    }

    #[track_caller]
    fn lacks(&self, keyword: &str) {
        let has = self.status().iter().any(|line| line.split(' ').next() == Some(keyword));
        assert!(!has, "{keyword}: {}", self.shown());
    }
}

/// Keys by gpg's command lines.
pub trait GpgKeys {
    /// Has a key without a passphrase, and returns its fingerprint.
    #[track_caller]
    fn gpg_key(&self, user_id: &str) -> String;

    #[track_caller]
    fn gpg_import(&self, key: &[u8]);
}

impl GpgKeys for Sandbox {
    #[track_caller]
    fn gpg_key(&self, user_id: &str) -> String {
        self.made_by_gpg(user_id, || {
            let said = self.must(&format!(
                "gpg --batch --status-fd 1 --pinentry-mode loopback --passphrase '' --quick-generate-key '{user_id}' rsa3072 sign 0"
            ));
            said.fields("KEY_CREATED")[2].clone()
        })
    }

    #[track_caller]
    fn gpg_import(&self, key: &[u8]) {
        self.write("imported", key);
        self.must("gpg --batch --import imported");
        fs::remove_file(self.path("imported")).unwrap();
    }
}

/// Both desks with the same secret key, made by gpg, and the same file on them.
pub struct Twins {
    pub ours: Sandbox,
    pub theirs: Sandbox,
    pub fingerprint: String,
}

pub const USER_ID: &str = "Acme Release <r@acme.test>";

impl Twins {
    pub fn new() -> Option<Twins> {
        let theirs = Sandbox::of_gpg()?;
        let fingerprint = theirs.gpg_key(USER_ID);
        let ours = Sandbox::in_place_of_gpg();
        ours.gpg_import(&theirs.must("gpg --batch --export-secret-keys").stdout);
        let twins = Twins { ours, theirs, fingerprint };
        twins.write("data", b"a release archive");
        Some(twins)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.ours.write(name, bytes.as_ref());
        self.theirs.write(name, bytes.as_ref());
    }

    /// Copies a file from gpg's desk to the other.
    pub fn share(&self, name: &str) {
        self.ours.write(name, self.theirs.read(name));
    }

    /// Runs a line at both.
    pub fn sh(&self, line: &str) -> (Done, Done) {
        (self.ours.sh(line), self.theirs.sh(line))
    }

    /// Runs a line at both, and holds exit code and deciding status lines against each other.
    #[track_caller]
    pub fn same(&self, line: &str) -> (Done, Done) {
        let (ours, theirs) = self.sh(line);
        assert_eq!(ours.exit(), theirs.exit(), "{line}\n{}\n{}", ours.shown(), theirs.shown());
        assert_eq!(
            ours.verdict(),
            theirs.verdict(),
            "{line}\n{}\n{}",
            ours.shown(),
            theirs.shown()
        );
        (ours, theirs)
    }
}
