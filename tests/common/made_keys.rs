//! Keys that most tests only need to have. Making one takes half a second or two, so a process
//! makes each of them once, and other tests get copies of its files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// What `keygen` is told: its arguments, and the environment but for the home.
pub(super) type Order = (Vec<OsString>, BTreeMap<OsString, OsString>);

/// A key that was made, with all that it put into its home.
struct Made {
    fingerprint: String,
    folders: BTreeMap<PathBuf, u32>,
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

/// A home is given each key once.
type Keys = BTreeMap<(Order, usize), Arc<OnceLock<Made>>>;
static MADE: Mutex<Keys> = Mutex::new(BTreeMap::new());

thread_local! {
    /// How many keys of each order a home was given by this thread, on which one test runs.
    static GIVEN: RefCell<BTreeMap<(PathBuf, Order), usize>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// Brings a key into a home and returns its fingerprint. `keygen` makes it there and returns that,
/// if it is the first of its order.
pub(super) fn bring(order: Order, home: &Path, keygen: impl FnOnce() -> String) -> String {
    let place = GIVEN.with_borrow_mut(|given| {
        let next = given.entry((home.to_owned(), order.clone())).or_default();
        *next += 1;
        *next
    });
    let made = MADE.lock().unwrap().entry((order, place)).or_default().clone();
    let mut is_first = false;
    let made = made.get_or_init(|| {
        is_first = true;
        let before: BTreeSet<PathBuf> = walk(home).into_iter().map(|(path, _)| path).collect();
        let fingerprint = keygen();
        let mut made = Made { fingerprint, folders: BTreeMap::new(), files: BTreeMap::new() };
        for (path, mode) in walk(home) {
            if home.join(&path).is_dir() {
                made.folders.insert(path, mode);
            } else if home.join(&path).is_file() && !before.contains(&path) {
                let content = fs::read(home.join(&path)).unwrap();
                made.files.insert(path, (mode, content));
            }
        }
        made
    });
    if !is_first {
        made.copy_into(home);
    }
    made.fingerprint.clone()
}

impl Made {
    fn copy_into(&self, home: &Path) {
        let parents = home.parent().unwrap();
        DirBuilder::new().recursive(true).mode(0o700).create(parents).unwrap();
        for (folder, mode) in &self.folders {
            let folder = home.join(folder);
            if !folder.exists() {
                fs::create_dir(&folder).unwrap();
                fs::set_permissions(&folder, Permissions::from_mode(*mode)).unwrap();
            }
        }
        for (file, (mode, content)) in &self.files {
            let file = home.join(file);
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(*mode)).unwrap();
        }
    }
}

/// Lists a folder, itself first, folders before what is in them.
fn walk(home: &Path) -> Vec<(PathBuf, u32)> {
    walkdir::WalkDir::new(home)
        .into_iter()
        .filter_map(Result::ok)
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            (entry.path().strip_prefix(home).unwrap().to_owned(), mode)
        })
        .collect()
}
