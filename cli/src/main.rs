//! `temporal-sim`: event histories of Temporal workflows on the command line, and servers to develop and test against.
//!
//! All that it does is in the library; here are the arguments, the files and the exit codes.

mod args;
mod completions;
mod history;
mod input;
mod names;
mod output;
mod server;

use std::process::ExitCode;

use clap::Parser as _;

use self::{
    args::{Cli, Command, Server},
    output::Output,
};

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was done, and what was compared is the same.
    Fine,
    /// What was compared differs.
    Differs,
}

/// What went wrong, for the person at the terminal: what, where, and what to do.
#[derive(Debug)]
struct Problem(String);

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse_from(names::arguments(std::env::args_os()));
    cli.color.write_global();
    let output = Output::default();
    let outcome = match cli.command {
        Command::History(command) => history::run(command, &output),
        Command::Server(Server::StartDev(arguments)) => server::start_dev(&arguments, &output),
        Command::TestServer(arguments) => server::test_server(&arguments, &output),
        Command::Completions(arguments) => completions::run(&arguments, &output),
    };
    match outcome {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Differs) => ExitCode::from(1),
        Err(Problem(text)) => {
            output.problem(&text);
            ExitCode::from(2)
        }
    }
}
