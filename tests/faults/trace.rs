//! What a process asked of the system, as strace writes it down.

use std::path::Path;

/// Every call that looks at files or changes them.
pub const CALLS: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "read",
    "pread64",
    "readv",
    "write",
    "pwrite64",
    "writev",
    "close",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "lseek",
    "getdents64",
    "readlink",
    "readlinkat",
    "fsync",
    "fdatasync",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "flock",
    "ftruncate",
    "fallocate",
    "copy_file_range",
    "sendfile",
    "statfs",
    "fstatfs",
    "utimensat",
    "fadvise64",
];

/// Those of them that change what is on the disk, or that tell of it.
const CHANGES: &[&str] = &[
    "open",
    "openat",
    "creat",
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "fchownat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "flock",
    "ftruncate",
    "fallocate",
    "copy_file_range",
    "sendfile",
];

/// Calls that a signal may interrupt, and that are made again then.
pub const RESTARTED: &[&str] = &["openat", "openat2", "read", "pread64", "write", "fsync", "flock"];

/// One call of the first thread.
pub struct Traced {
    pub name: String,
    /// The how manieth of its name it is, from 1 on.
    pub nth: usize,
    pub text: String,
}

impl Traced {
    /// Reads a trace that was made with `-y`, so that descriptors have their files' names.
    pub fn read(trace: &str) -> Vec<Traced> {
        let mut all: Vec<Traced> = Vec::new();
        for text in trace.lines() {
            let Some((name, _)) = text.split_once('(') else { continue };
            if !CALLS.contains(&name) {
                continue;
            }
            let nth = all.iter().filter(|call| call.name == name).count() + 1;
            all.push(Traced { name: name.into(), nth, text: text.into() });
        }
        all
    }

    /// Returns whether the call is about something in a folder that is also the current one, or
    /// about standard output.
    pub fn touches(&self, folder: &Path) -> bool {
        let folder = folder.to_str().unwrap();
        let paths = self.paths();
        if paths.first().is_some_and(|path| !path.is_empty()) {
            return paths.iter().any(|path| !path.starts_with('/') || path.starts_with(folder));
        }
        self.is_told() || self.descriptor().is_some_and(|path| path.starts_with(folder))
    }

    /// Returns whether the call says something on standard output.
    pub fn is_told(&self) -> bool {
        self.text.starts_with("write(1<")
    }

    /// Returns the file that the first argument is a descriptor of.
    pub fn descriptor(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once('(')?;
        let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit());
        rest.strip_prefix('<')?.split_once('>').map(|(path, _)| path)
    }

    /// Returns the paths among the arguments, each with the folder that it is relative to, if the
    /// call names one. The bytes that are read and written are not.
    pub fn paths(&self) -> Vec<String> {
        const NAMELESS: &[&str] = &["read", "pread64", "readv", "write", "pwrite64", "writev"];
        if NAMELESS.contains(&self.name.as_str()) {
            return Vec::new();
        }
        let parts: Vec<&str> = self.text.split('"').collect();
        let path = |pair: &[&str]| {
            let folder = pair[0].strip_suffix(">, ").and_then(|before| before.rsplit_once('<'));
            match folder {
                Some((_, folder)) if !pair[1].is_empty() && !pair[1].starts_with('/') => {
                    format!("{folder}/{}", pair[1])
                }
                _ => pair[1].to_owned(),
            }
        };
        parts.chunks_exact(2).map(path).collect()
    }

    /// No file system refuses to close a folder, and Rust's library would not survive it.
    pub fn closes_a_folder(&self) -> bool {
        self.name == "close" && self.descriptor().is_some_and(|path| Path::new(path).is_dir())
    }

    pub fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    /// Returns whether it changes what is on the disk, or tells of it. Between two such calls a
    /// kill makes no difference.
    pub fn changes(&self) -> bool {
        let opens = self.is_one_of(&["open", "openat"]);
        self.is_one_of(CHANGES) && (!opens || self.text.contains("O_CREAT"))
    }

    /// Returns whether it gave this name to a file that had none.
    fn names(&self, path: &str) -> bool {
        let paths = self.paths();
        let is_nameless = paths.first().is_some_and(|it| it.starts_with("/proc/self/fd/"));
        self.succeeded() && is_nameless && paths.last().is_some_and(|it| it == path)
    }

    pub fn succeeded(&self) -> bool {
        !self.text.contains(") = -1 ")
    }
}

/// Returns whether the file that has this descriptor was synced since it was opened.
fn is_nameless_synced(calls: &[Traced], number: &str) -> bool {
    let opened = calls.iter().rposition(|call| call.text.contains(&format!(" = {number}<")));
    let since = opened.map_or(&[][..], |place| &calls[place..]);
    since.iter().any(|call| call.text.starts_with(&format!("fsync({number}<")) && call.succeeded())
}

/// Asserts of a run that succeeded: whatever took its final name was synced before, its folder
/// was synced after, as it was after a file was removed, and only then was anything said. Returns
/// how many files that was.
pub fn assert_order(calls: &[Traced], folder: &Path, line: &str) -> usize {
    let absolute = |path: &str| folder.join(path).to_str().unwrap().replace("/./", "/");
    let synced = |calls: &[Traced], path: &str| {
        calls
            .iter()
            .any(|call| call.is_one_of(&["fsync", "fdatasync"]) && call.descriptor() == Some(path))
    };
    let mut changed = 0;
    for (place, call) in calls.iter().enumerate() {
        let is_removed = call.is_one_of(&["unlink", "unlinkat"]);
        let is_final = call.is_one_of(&["rename", "renameat", "renameat2", "link", "linkat"]);
        if !(is_final || is_removed) || !call.succeeded() || !call.touches(folder) {
            continue;
        }
        let paths: Vec<String> = call.paths().iter().map(|path| absolute(path)).collect();
        // A lock is there while a command works, and need not outlast a power cut.
        if is_removed && paths[0].ends_with(".plugsign.lock") {
            continue;
        }
        let parent = paths.last().unwrap().rsplit_once('/').unwrap().0;
        if is_final {
            let before = &calls[..place];
            let is_synced = match paths[0].strip_prefix("/proc/self/fd/") {
                Some(number) => is_nameless_synced(before, number),
                // What had no name got this one, and then was synced already.
                None => synced(before, &paths[0]) || before.iter().any(|it| it.names(&paths[0])),
            };
            assert!(is_synced, "{line}: {} was not synced", paths[0]);
        }
        let after = &calls[place..];
        let told = after.iter().position(Traced::is_told).unwrap_or(after.len());
        assert!(
            synced(&after[..told], parent),
            "{line}: {parent} was not synced before it was said"
        );
        changed += 1;
    }
    let opened = calls.iter().filter(|call| call.touches(folder) && call.text.contains("O_CREAT"));
    for call in opened {
        let is_new = call.text.contains("O_EXCL");
        let is_hidden =
            is_new && [".tmp\"", ".plugsign.lock\""].iter().any(|it| call.text.contains(it));
        assert!(is_hidden || call.text.contains("/lock\""), "{line}: {}", call.text);
    }
    changed
}
