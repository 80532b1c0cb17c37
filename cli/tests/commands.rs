//! The binary itself: what it prints for the commands in `cmd/`, and how it behaves in pipes.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

const HISTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cmd/history.in/transfer_ok.pb");

fn temporal_sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temporal-sim"));
    command.args(arguments).env_remove("TEMPORAL_SIM_REDACTION_KEY");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The exit code, standard output and standard error of a command that is given bytes to read.
fn run(arguments: &[&str], input: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let mut child = temporal_sim(arguments).spawn().expect("cargo has built the binary");
    child.stdin.take().expect("it is piped").write_all(input).expect("it reads all of it");
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), output.stdout, String::from_utf8(output.stderr).expect("remarks are text"))
}

#[test]
fn every_command_prints_what_is_written_down() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}

#[test]
fn standard_input_and_output_make_a_pipe() {
    let protobuf = std::fs::read(HISTORY).expect("part of the repository");
    let (code, json, remarks) = run(&["history", "convert", "-"], &protobuf);
    assert_eq!((code, remarks.as_str()), (Some(0), ""));
    let (code, again, _) = run(&["history", "convert", "--format", "pb", "-"], &json);
    assert_eq!((code, again), (Some(0), protobuf));
    let (code, _, remarks) = run(&["history", "show", "-"], b"no history");
    assert_eq!(code, Some(2));
    assert!(remarks.starts_with("error: standard input: cannot decode event 1"), "{remarks}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let mut child =
        temporal_sim(&["history", "convert", HISTORY]).spawn().expect("cargo has built the binary");
    let mut first = [0];
    child.stdout.take().expect("it is piped").read_exact(&mut first).expect("it writes JSON");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let colored = |color: &str| {
        let (code, text, _) = run(&["history", "show", HISTORY, "--color", color], b"");
        assert_eq!(code, Some(0));
        text.contains(&0x1b)
    };
    assert!(!colored("auto") && !colored("never") && colored("always"));
}

#[test]
fn a_key_drawn_by_chance_is_another_one_each_time() {
    let redact = || run(&["history", "redact", HISTORY], b"");
    let ((code, one, remarks), (_, other, _)) = (redact(), redact());
    assert_eq!(code, Some(0));
    assert!(remarks.contains("drawn by chance"), "{remarks}");
    assert_ne!(one, other);
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, _) = run(&["completions", shell], b"");
        assert_eq!(code, Some(0), "{shell}");
        assert!(String::from_utf8_lossy(&script).contains("redact"), "{shell}");
    }
}
