//! Does the cluster answer what a real Temporal server answers?
//!
//! ```text
//! cargo test --test conformance                       # every case
//! cargo test --test conformance -- timers             # those with `timers` in their name
//! cargo test --test conformance -- timers/fires
//! CONFORMANCE_CASES=/other/cases cargo test --test conformance
//! ```
//!
//! A case in `histories/conformance/cases/<area>/<name>.json` is a program of calls; the file of the same
//! name in `expected`, beside `cases`, is what a real server answered, with ids and times made comparable.
//! Each case runs against a cluster of its own, on virtual time. What is not served yet is listed, with the
//! reason, in `histories/conformance/exceptions.txt`; a listed case that passes is a failure.

#![allow(clippy::print_stdout)]

mod case;
mod compare;
mod exceptions;
mod normalise;
mod options;
mod run;
mod template;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
};

use serde_json::Value;
use temporal_sim::conformance::{Frontend, Status};

use crate::{case::CaseFile, exceptions::Exceptions, options::Options, run::Server};

/// The folder of this project's own cases.
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/conformance/cases");
const EXCEPTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/conformance/exceptions.txt");

fn main() -> ExitCode {
    let options = Options::parse(std::env::args().skip(1));
    let foreign = std::env::var_os("CONFORMANCE_CASES").map(PathBuf::from);
    // The exceptions speak of this project's own cases, not of those of another folder.
    let exceptions = match foreign {
        Some(_) => Ok(Exceptions::default()),
        None => Exceptions::load(EXCEPTIONS.as_ref()),
    };
    let cases = case::find(&foreign.unwrap_or_else(|| CASES.into()));
    match (cases, exceptions) {
        (Ok(cases), Ok(exceptions)) => run_all(&cases, &exceptions, &options),
        (Err(problem), _) | (_, Err(problem)) => {
            println!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(cases: &[CaseFile], exceptions: &Exceptions, options: &Options) -> ExitCode {
    let chosen = cases.iter().filter(|case| options.wants(&case.name));
    if options.list {
        chosen.for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut listed) = (0, 0);
    let stale = exceptions.stale(cases.iter().map(|case| case.name.as_str()));
    let mut failed = stale.len();
    for name in stale {
        println!("FAILED  {name} is listed in exceptions.txt, but there is no such case: remove the line");
    }
    for case in chosen {
        match (check(case), exceptions.reason(&case.name)) {
            (Ok(()), None) => {
                passed += 1;
                println!("ok      {}", case.name);
            }
            (Ok(()), Some(_)) => {
                failed += 1;
                println!("FAILED  {} passes although exceptions.txt lists it: remove the line", case.name);
            }
            (Err(_), Some(reason)) => {
                listed += 1;
                println!("listed  {}: {reason}", case.name);
            }
            (Err(difference), None) => {
                failed += 1;
                println!("FAILED  {}\n{}", case.name, indented(&difference));
            }
        }
    }
    if listed > 0 {
        println!("{listed} listed in exceptions.txt");
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one case against a cluster of its own. The error is what differs, for a person to read.
fn check(file: &CaseFile) -> Result<(), String> {
    let (case, expected) = (file.case()?, file.expected()?);
    let limits = case.limits()?;
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| format!("cannot start a runtime: {error}"))?;
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let frontend = Frontend::start(1, limits);
            let driver = frontend.clone();
            tokio::task::spawn_local(async move { driver.drive().await });
            Ok(run::run(&case, Cluster(frontend)).await)
        })
    }));
    let outcome = ran.unwrap_or_else(|_| Err("the cluster panicked; its message is above".to_owned()))?;
    match compare::difference(&expected, &outcome) {
        None => Ok(()),
        Some(difference) => Err(format!("{}\n{difference}", case.doc)),
    }
}

/// The cluster under test.
#[derive(Clone)]
struct Cluster(Frontend);

impl Server for Cluster {
    async fn call(
        &self,
        service: &str,
        rpc: &str,
        request: Value,
        deadline: std::time::Duration,
    ) -> Result<Result<Value, Status>, String> {
        self.0.call(service, rpc, request, deadline).await
    }

    fn request_has_field(&self, service: &str, rpc: &str, field: &str) -> bool {
        self.0.request_has_field(service, rpc, field)
    }

    fn now(&self) -> f64 {
        self.0.now()
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("        {line}\n")).collect()
}
