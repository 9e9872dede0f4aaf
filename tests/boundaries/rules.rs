//! The rules, and what breaks them.

use super::graph::Graph;
use super::sequoia;
use super::source::{LIBRARY, Module, PROGRAM, Source};

/// The layers, from the top down. Each may use those below it.
const LAYERS: [&[&str]; 8] = [
    &["commands", "gpg"],
    &["edge"],
    &["publisher"],
    &["disk"],
    &["judge"],
    &["mattermost"],
    &["openpgp"],
    &["text"],
];

/// The files above all layers: the front page of the library, the beginning of the program, and
/// its command line.
const ABOVE: [&str; 3] = ["src/lib.rs", "src/bin/plugsign/main.rs", "src/bin/plugsign/args.rs"];

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The rule and the files, in one line.
    pub name: String,
    /// Where in the file, for whoever mends it.
    pub detail: String,
}

impl Fault {
    pub fn shown(&self) -> String {
        format!("{}\n    {}", self.name, self.detail)
    }
}

/// Returns what breaks a rule in files that are given by path and text.
pub fn faults(files: &[(String, String)]) -> Vec<Fault> {
    let sources: Vec<Source> = files.iter().map(|(path, text)| Source::parse(path, text)).collect();
    let graph = Graph::of(&sources);
    let mut found = Vec::new();
    let mut add = |name: String, detail: String| found.push(Fault { name, detail });
    for source in sources.iter().filter(|it| place(it) == Place::Nowhere) {
        add(format!("layer: {} is in none", source.path), String::new());
    }
    for ((from, to), arrow) in &graph.arrows {
        let (from, to) = (&sources[*from], &sources[*to]);
        if let Some(rule) = broken_by_import(from, to) {
            let paths: Vec<&str> = arrow.paths.iter().map(String::as_str).collect();
            let detail = format!("it imports {}", paths.join(", "));
            add(format!("{rule}: {} -> {}", from.path, to.path), detail);
        }
    }
    for circle in graph.cycles() {
        let files: Vec<&str> = circle.iter().map(|file| sources[*file].path.as_str()).collect();
        add(format!("cycle: {}", files.join(" -> ")), "these files import each other".to_owned());
    }
    if let Some(way) = verifying_reaches_secrets(&graph) {
        add(format!("secrets: {} reaches {}", VERIFY, SECRET_KEY), way);
    }
    for (path, item) in sequoia::shown(&graph) {
        add(format!("sequoia: {path}: {item}"), "the item is public".to_owned());
    }
    for source in &sources {
        for words in WORDS.iter().filter(|it| (it.holds_for)(source)) {
            for word in words.words.iter().filter(|word| source.has(word)) {
                add(format!("word: {}: {}", source.path, word.trim()), words.rule.to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Where a file belongs.
#[derive(PartialEq, Eq)]
enum Place {
    Above,
    /// How far down its layer is.
    Layer(usize),
    Nowhere,
}

fn place(source: &Source) -> Place {
    if ABOVE.contains(&source.path.as_str()) {
        return Place::Above;
    }
    let name = source.module.get(1).map(String::as_str).unwrap_or_default();
    match LAYERS.iter().position(|layer| layer.contains(&name)) {
        // The first two layers are the program's, the others the library's.
        Some(layer) if (layer < 2) == (source.module[0] == PROGRAM) => Place::Layer(layer),
        _ => Place::Nowhere,
    }
}

/// Names the rule that an import breaks.
fn broken_by_import(from: &Source, to: &Source) -> Option<&'static str> {
    match (place(from), place(to)) {
        (Place::Layer(_), Place::Above) => Some("order"),
        (Place::Layer(from), Place::Layer(to)) if from > to => Some("order"),
        (Place::Layer(0), Place::Layer(0)) => {
            is_sideways(&from.module, &to.module).then_some("sideways")
        }
        _ => None,
    }
}

/// Says whether an arrow goes from a subcommand to another one, or between `commands` and `gpg`.
fn is_sideways(from: &Module, to: &Module) -> bool {
    let is_other_command = match (from.get(2), to.get(2)) {
        (Some(from), Some(to)) => from != to,
        // The folder's own file lists the subcommands.
        (None, _) | (_, None) => false,
    };
    from[1] != to[1] || (from[1] == "commands" && is_other_command)
}

pub const VERIFY: &str = "src/openpgp/verify.rs";
const SECRET_KEY: &str = "src/openpgp/secret_key.rs";

fn verifying_reaches_secrets(graph: &Graph<'_>) -> Option<String> {
    let file = |path: &str| graph.sources.iter().position(|it| it.path == path);
    let way = graph.way(file(VERIFY)?, file(SECRET_KEY)?)?;
    let way: Vec<&str> = way.iter().map(|file| graph.sources[*file].path.as_str()).collect();
    Some(way.join(" -> "))
}

/// Words that some files must not have.
struct Words {
    rule: &'static str,
    holds_for: fn(&Source) -> bool,
    words: &'static [&'static str],
}

pub const SELF_SIGNATURES: &str = "src/openpgp/change/made.rs";

pub const SYSTEMS: [&str; 2] = ["src/disk/system/", "src/bin/plugsign/edge/system/"];

const WORDS: [Words; 11] = [
    Words { rule: "a module is called as its file is", holds_for: |_| true, words: &["#[path="] },
    Words {
        rule: "only the openpgp folder names sequoia",
        holds_for: |source| !source.path.starts_with("src/openpgp"),
        words: &["sequoia_openpgp"],
    },
    Words {
        rule: "self-signatures are signed in one place, which sets their marks",
        holds_for: |source| source.path != SELF_SIGNATURES,
        words: &[
            ".sign_direct_key(",
            ".sign_userid_binding(",
            ".sign_subkey_binding(",
            ".sign_primary_key_binding(",
            "SignatureBuilder::sign_",
        ],
    },
    Words {
        rule: "only the program prints, reads the environment and the clock, and exits",
        holds_for: is_library,
        words: &[
            "println!",
            "print!",
            "io::stdout",
            "io::stderr",
            "io::stdin",
            "env::var",
            "env::args",
            "SystemTime::now",
            "Timestamp::now",
            "Instant::now",
            "process::exit",
            "umask(",
        ],
    },
    Words {
        rule: "the library does without the crates of the program",
        holds_for: is_library,
        words: &[
            "clap::",
            "rpassword::",
            "indicatif::",
            "anstream::",
            "anstyle::",
            "signal_hook::",
            "zeroizing_alloc::",
        ],
    },
    Words {
        rule: "only the program's edge reads the world",
        holds_for: |source| !is_library(source) && !reads_the_world(source),
        words: &["env::var", "SystemTime::now", "env::args"],
    },
    Words {
        rule: "what systems do differently is in the two folders that are named for it",
        holds_for: |source| !is_about_systems(source),
        words: &[
            "target_os",
            "target_vendor",
            "target_family",
            "cfg(unix",
            "os::linux",
            "os::macos",
        ],
    },
    Words {
        rule: "what one system alone has is asked of in its file",
        holds_for: |source| !is_about_systems(source) || source.path.ends_with("/mod.rs"),
        words: &[
            "OFlags::PATH",
            "OFlags::TMPFILE",
            " openat2",
            " renameat_with",
            " fstatfs",
            " pidfd_getfd",
            " mlockall",
            " set_dumpable_behavior",
        ],
    },
    Words {
        rule: "what becomes durable does so as the system wants it",
        holds_for: |source| !is_about_systems(source),
        words: &[".sync_all(", ".sync_data(", " fsync", " fdatasync", " fcntl_fullfsync"],
    },
    Words {
        rule: "verifying has no secret keys",
        holds_for: |source| source.path == VERIFY,
        words: &["secret_key", "SecretKey", " SigningKey", "rsa::"],
    },
    Words {
        rule: "nothing panics on purpose, and nothing is unsafe",
        holds_for: |_| true,
        words: &[".unwrap()", ".expect(", "panic!(", "unreachable!(", " unsafe{"],
    },
];

fn is_library(source: &Source) -> bool {
    source.module[0] == LIBRARY
}

/// The files that `cfg` chooses by the system.
fn is_about_systems(source: &Source) -> bool {
    SYSTEMS.iter().any(|folder| source.path.starts_with(folder))
}

fn reads_the_world(source: &Source) -> bool {
    let module: Vec<&str> = source.module.iter().map(String::as_str).collect();
    matches!(module[1..], ["args"] | ["edge", "world" | "terminal"])
}
