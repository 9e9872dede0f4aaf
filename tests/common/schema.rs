//! The schemas in templates/schema, against which every JSON document is held.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The schemas, and their places among them by the commands that they are for.
static SCHEMAS: LazyLock<(Schemas, BTreeMap<String, SchemaIndex>)> = LazyLock::new(|| {
    let (mut schemas, mut places) = (Schemas::new(), BTreeMap::new());
    let mut compiler = Compiler::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/schema");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let schema: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let id = schema["$id"].as_str().unwrap().to_owned();
        compiler.add_resource(&id, schema).unwrap();
        places.insert(name, compiler.compile(&id, &mut schemas).unwrap());
    }
    (schemas, places)
});

/// Returns the names of all schemas.
pub fn names() -> BTreeSet<String> {
    SCHEMAS.1.keys().cloned().collect()
}

/// Says what of a document is not as its schema has it.
pub fn faults(document: &Value) -> Result<(), String> {
    let (schemas, places) = &*SCHEMAS;
    schemas.validate(document, places[name_of(document)]).map_err(|fault| format!("{fault:#}"))
}

/// Parses standard output as exactly one JSON document, and holds it against the schema of its
/// command, and its exit code against the program's.
#[track_caller]
pub fn parse(stdout: &[u8], exit: Option<i32>, what: &dyn Debug) -> Value {
    let document: Value = serde_json::from_slice(stdout)
        .unwrap_or_else(|error| panic!("not one JSON document: {error}: {what:?}"));
    if let Err(faults) = faults(&document) {
        panic!("{what:?}: {faults}\n{document:#}");
    }
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
