//! Completions for shells.

use clap::CommandFactory as _;

use crate::{
    Outcome, Problem,
    args::{Cli, Completions},
    output::Output,
};

pub(crate) fn run(arguments: &Completions, output: &Output) -> Result<Outcome, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "temporal-sim", &mut script);
    output.write_bytes(&script)?;
    Ok(Outcome::Fine)
}
