//! `temporal-sim`: event histories of Temporal workflows on the command line.
//!
//! All that it does is in the library; here are the arguments, the files and the exit codes.

mod args;
mod completions;
mod history;
mod input;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

use self::{
    args::{Cli, Command},
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
    let cli = Cli::parse();
    cli.color.write_global();
    let output = Output::default();
    let outcome = match cli.command {
        Command::History(command) => history::run(command, &output),
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
