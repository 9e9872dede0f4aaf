//! What the fuzzers run: tests/replay/targets.rs, with the parts of the program that it needs.

#[path = "../../src/bin/plugsign/gpg/argv.rs"]
pub mod argv;
#[path = "../../src/bin/plugsign/gpg/dates.rs"]
pub mod dates;
#[path = "../../src/bin/plugsign/gpg/parameters.rs"]
pub mod parameters;
#[path = "../../src/bin/plugsign/gpg/table.rs"]
pub mod table;
#[path = "../../tests/replay/targets.rs"]
pub mod targets;
