//! What commands read.

use std::{
    io::{self, Read as _},
    path::Path,
};

use temporal_sim::history::{History, LoadError, Page};

use crate::Problem;

/// Reads a history from a file, or from standard input if the file is `-`.
pub(crate) fn history(path: &Path) -> Result<History, Problem> {
    if is_standard_input(path) {
        return History::from_bytes(&standard_input()?).map_err(of_standard_input);
    }
    Ok(History::load(path)?)
}

/// Reads a page from a file, or from standard input if the file is `-`.
pub(crate) fn page(path: &Path) -> Result<Page, Problem> {
    if is_standard_input(path) {
        return Page::from_bytes(&standard_input()?).map_err(of_standard_input);
    }
    Ok(Page::load(path)?)
}

/// Whether a path stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Refuses to read standard input twice: there is nothing left the second time.
pub(crate) fn check_standard_input<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), Problem> {
    if paths.into_iter().filter(|path| is_standard_input(path)).count() > 1 {
        return Err(Problem(
            "standard input can be read only once: give `-` once, and files otherwise".to_owned(),
        ));
    }
    Ok(())
}

fn standard_input() -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Problem(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

fn of_standard_input(error: LoadError) -> Problem {
    Problem(format!("standard input: {error}"))
}
