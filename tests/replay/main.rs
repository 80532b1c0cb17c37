//! Replaying histories: what verdicts say, and what happens to histories and code that are not in order.

mod batches;
#[path = "../workflows/support/embedded.rs"]
mod embedded;
mod fixtures;
mod fuzz;
mod itself;
mod reports;
mod resume;
mod robustness;
mod verdicts;

use std::path::{Path, PathBuf};
use temporal_sim::history::History;

/// The recorded histories of the repository.
fn histories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("histories")
}

/// One of the histories of production.
fn production(name: &str) -> History {
    History::load(histories().join("production").join(format!("{name}.json"))).expect("a recorded history")
}
