//! SDKs of other languages: their programs in `tests/interop`, run against the binary where their tools are installed. Where
//! they are not, the tests say so and pass.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::harness::Running;

const INTEROP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

#[expect(clippy::print_stderr, reason = "a test that did nothing should not look like one that did")]
fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn check(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A Python that has the SDK and pytest: that of TEMPORAL_SIM_PYTHON, or the one on the path.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("TEMPORAL_SIM_PYTHON").map_or_else(|| "python3".into(), PathBuf::from);
    succeeds(Command::new(&python).args(["-c", "import temporalio, pytest"])).then_some(python)
}

fn pytest(file: &str) {
    let Some(python) = python() else {
        return skip("no Python with `temporalio` and `pytest`; TEMPORAL_SIM_PYTHON can name one");
    };
    let output = Command::new(python)
        .args(["-B", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", file])
        .current_dir(Path::new(INTEROP).join("python"))
        .env("TEMPORAL_SIM", env!("CARGO_BIN_EXE_temporal-sim"))
        .output()
        .expect("it has just been run");
    check(&output);
}

#[test]
fn the_time_skipping_environment_of_the_python_sdk() {
    pytest("test_time_skipping.py");
}

#[test]
fn the_local_environment_of_the_python_sdk() {
    pytest("test_local.py");
}

#[test]
fn programs_of_the_go_sdk() {
    let folder = Path::new(INTEROP).join("go");
    if !succeeds(Command::new("go").args(["mod", "download"]).current_dir(&folder)) {
        return skip("no Go, or its SDK cannot be had");
    }
    let server = Running::start_dev(&["--search-attribute", "CustomKeywordField=Keyword"]);
    let output = Command::new("go")
        .args(["test", "-count=1", "-parallel=16", "-timeout=240s", "./..."])
        .current_dir(&folder)
        .env("TEMPORAL_ADDRESS", server.address.to_string())
        .output()
        .expect("it has just been run");
    check(&output);
}

#[test]
fn both_environments_of_the_typescript_sdk() {
    let folder = Path::new(INTEROP).join("typescript");
    let find_sdk = "require.resolve('@temporalio/testing'); require.resolve('@temporalio/worker')";
    if !succeeds(Command::new("node").args(["-e", find_sdk]).current_dir(&folder)) {
        return skip("no Node.js, or no SDK: `npm install` in cli/tests/interop/typescript brings it");
    }
    let output = Command::new("node")
        .args(["--test", "--test-concurrency=1"])
        .current_dir(&folder)
        .env("TEMPORAL_SIM", env!("CARGO_BIN_EXE_temporal-sim"))
        .output()
        .expect("it has just been run");
    check(&output);
}

#[test]
fn programs_of_the_java_sdk() {
    let folder = Path::new(INTEROP).join("java");
    let built = concat!("-Dbuild.folder=", env!("CARGO_TARGET_TMPDIR"), "/interop-java");
    let maven = |goal: &str| {
        let mut command = Command::new("mvn");
        command.args(["-q", "-B", built, goal]).current_dir(&folder);
        command
    };
    if !succeeds(&mut maven("test-compile")) {
        return skip("no Maven, or the SDK and JUnit cannot be had");
    }
    let server = Running::start_dev(&[]);
    let output = maven("test")
        .env("TEMPORAL_ADDRESS", server.address.to_string())
        .env("TEMPORAL_SIM", env!("CARGO_BIN_EXE_temporal-sim"))
        .output()
        .expect("it has just been run");
    check(&output);
}
