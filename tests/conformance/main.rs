//! Does the cluster answer what a real Temporal server answers?
//!
//! ```text
//! cargo test --test conformance                       # every case
//! cargo test --test conformance -- timers             # those with `timers` in their name
//! cargo test --test conformance -- timers/fires
//! CONFORMANCE_CASES=/other/cases cargo test --test conformance
//! CONFORMANCE_ADDRESS=127.0.0.1:7233 cargo test --test conformance    # against any server, in real time
//! ```
//!
//! A case in `histories/conformance/cases/<area>/<name>.json` is a program of calls; the file of the same
//! name in `expected`, beside `cases`, is what a real server answered, with ids and times made comparable.
//! Each case runs against a cluster of its own, on virtual time. What is not served yet is listed, with the
//! reason, in `histories/conformance/exceptions.txt`; a listed case that passes is a failure.
//!
//! With an address the cases share the server that listens there, a few at a time. It needs the namespace `default` with the
//! search attributes of [`temporal_sim::conformance::SEARCH_ATTRIBUTES`]. Cases with a configuration of their own are skipped.

#![allow(clippy::print_stdout)]

mod case;
mod compare;
mod exceptions;
mod normalise;
mod options;
mod remote;
mod run;
mod template;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
};

use futures::StreamExt as _;
use serde_json::Value;
use temporal_sim::conformance::{Frontend, Status};

use crate::{
    case::{Case, CaseFile},
    exceptions::Exceptions,
    options::Options,
    remote::Remote,
    run::{Outcome, Server},
};

/// The folder of this project's own cases.
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/conformance/cases");
const EXCEPTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/conformance/exceptions.txt");

/// How many cases run at a time against a server on a port; more of them delay each other, which shows in recorded times.
const AT_A_TIME: usize = 8;

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
    let chosen: Vec<_> = cases.iter().filter(|case| options.wants(&case.name)).collect();
    if options.list {
        chosen.iter().for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    let mut tally = Tally::default();
    if let Some(address) = std::env::var_os("CONFORMANCE_ADDRESS") {
        if let Err(problem) = check_remotely(&address.to_string_lossy(), &chosen, exceptions, &mut tally) {
            println!("{problem}");
            return ExitCode::FAILURE;
        }
        return tally.conclude();
    }
    for name in exceptions.stale(cases.iter().map(|case| case.name.as_str())) {
        tally
            .fail(&format!("{name} is listed in exceptions.txt, but there is no such case: remove the line"));
    }
    for case in chosen {
        match (check(case), exceptions.reason(&case.name)) {
            (Verdict::Passed, Some(_)) => {
                tally
                    .fail(&format!("{} passes although exceptions.txt lists it: remove the line", case.name));
            }
            (verdict, reason) => tally.add(&case.name, verdict, reason),
        }
    }
    tally.conclude()
}

/// What came of a case.
enum Verdict {
    Passed,
    /// What differs, for a person to read.
    Failed(String),
    /// Why it did not run.
    Skipped(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// Says what came of each case, and counts.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    listed: usize,
    skipped: usize,
}

impl Tally {
    fn add(&mut self, name: &str, verdict: Verdict, listed: Option<&str>) {
        match (verdict, listed) {
            (Verdict::Passed, _) => {
                self.passed += 1;
                println!("ok      {name}");
            }
            (Verdict::Skipped(reason), _) => {
                self.skipped += 1;
                println!("skipped {name}: {reason}");
            }
            (Verdict::Failed(_), Some(reason)) => {
                self.listed += 1;
                println!("listed  {name}: {reason}");
            }
            (Verdict::Failed(difference), None) => self.fail(&format!("{name}\n{}", indented(&difference))),
        }
    }

    fn fail(&mut self, text: &str) {
        self.failed += 1;
        println!("FAILED  {text}");
    }

    fn conclude(&self) -> ExitCode {
        if self.listed > 0 {
            println!("{} listed in exceptions.txt", self.listed);
        }
        if self.skipped > 0 {
            println!("{} skipped", self.skipped);
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs one case against a cluster of its own.
fn check(file: &CaseFile) -> Verdict {
    let in_memory = |case: &Case| {
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
                Ok(run::run(case, Cluster(frontend), run::NONCE).await)
            })
        }));
        ran.unwrap_or_else(|_| Err("the cluster panicked; its message is above".to_owned()))
    };
    let compared = file.case().and_then(|case| compared(file, &case, &in_memory(&case)?, compare::TOLERANCE));
    compared.into()
}

/// Runs cases against the server at an address, in real time.
fn check_remotely(
    address: &str,
    cases: &[&CaseFile],
    exceptions: &Exceptions,
    tally: &mut Tally,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let server = Remote::connect(address).await?;
        let verdicts = futures::stream::iter(cases.iter().enumerate())
            .map(|(number, file)| {
                let server = server.clone();
                async move { (file, check_on(&server, number, file).await.unwrap_or_else(Verdict::Failed)) }
            })
            .buffered(AT_A_TIME);
        verdicts
            .for_each(|(file, verdict)| {
                tally.add(&file.name, verdict, exceptions.reason(&file.name));
                std::future::ready(())
            })
            .await;
        Ok(())
    })
}

async fn check_on(server: &Remote, number: usize, file: &CaseFile) -> Result<Verdict, String> {
    let case = file.case()?;
    if !case.config.is_empty() {
        let names: Vec<_> = case.config.keys().map(String::as_str).collect();
        return Ok(Verdict::Skipped(format!("needs a server with another {}", names.join(", "))));
    }
    let outcome = run::run(&case, server.clone(), &server.nonce(number)).await;
    Ok(compared(file, &case, &outcome, remote::TOLERANCE).into())
}

/// The error is what differs from the recorded answers.
fn compared(file: &CaseFile, case: &Case, outcome: &Outcome, tolerance: f64) -> Result<(), String> {
    match compare::difference(&file.expected()?, outcome, tolerance) {
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

    fn now(&self) -> f64 {
        self.0.now()
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("        {line}\n")).collect()
}
