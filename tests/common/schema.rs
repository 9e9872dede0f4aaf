//! The schemas in templates/schema, against which every JSON document is held.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

/// The schemas, by the commands that they are for.
static SCHEMAS: LazyLock<BTreeMap<String, Validator>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/schema");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            (name, jsonschema::validator_for(&schema).unwrap())
        })
        .collect()
});

/// Returns the names of all schemas.
pub fn names() -> BTreeSet<String> {
    SCHEMAS.keys().cloned().collect()
}

/// Parses standard output as exactly one JSON document, and holds it against the schema of its
/// command, and its exit code against the program's.
#[track_caller]
pub fn parse(stdout: &[u8], exit: Option<i32>, what: &dyn Debug) -> Value {
    let document: Value = serde_json::from_slice(stdout)
        .unwrap_or_else(|error| panic!("not one JSON document: {error}: {what:?}"));
    let errors: Vec<String> = SCHEMAS[name_of(&document)]
        .iter_errors(&document)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what:?}: {errors:?}\n{document:#}");
    assert_eq!(document["exit"].as_i64(), exit.map(i64::from), "{what:?}\n{document:#}");
    assert_eq!(document["ok"].as_bool(), Some(exit == Some(0)), "{what:?}\n{document:#}");
    document
}

/// Returns the name of a document's schema.
pub fn name_of(document: &Value) -> &str {
    match document.get("error") {
        Some(_) => "failure",
        None => document["command"].as_str().unwrap(),
    }
}
