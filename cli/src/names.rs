//! The names under which this program is started.
//!
//! SDKs start the executable of Temporal's test server with nothing but a port, and keep it under a name that begins with
//! `temporal-test-server`. Both mean `temporal-sim test-server`.

use std::{ffi::OsString, path::Path};

const TEST_SERVER: &str = "temporal-test-server";

/// The arguments as if the program had been started under its own name.
pub(crate) fn arguments(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = given.into_iter().collect();
    let name = arguments.first().and_then(|path| Path::new(path).file_name()).unwrap_or_default();
    let is_test_server = name.to_string_lossy().starts_with(TEST_SERVER);
    let is_port = |argument: &OsString| argument.to_str().is_some_and(|text| text.parse::<u16>().is_ok());
    if is_test_server || arguments.get(1).is_some_and(is_port) {
        arguments.insert(1.min(arguments.len()), "test-server".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: &[&str]) {
        assert_eq!(arguments(given.iter().map(OsString::from)), expected);
    }

    #[test]
    fn a_port_alone_means_the_test_server() {
        check(&["/bin/temporal-sim", "7233"], &["/bin/temporal-sim", "test-server", "7233"]);
        let full = ["temporal-sim", "7233", "--enable-time-skipping"];
        check(&full, &["temporal-sim", "test-server", "7233", "--enable-time-skipping"]);
    }

    #[test]
    fn the_name_of_a_download_means_the_test_server() {
        let name = "/tmp/temporal-test-server-sdk-python-1.31.0";
        check(&[name, "41699"], &[name, "test-server", "41699"]);
        check(&["temporal-test-server"], &["temporal-test-server", "test-server"]);
    }

    #[test]
    fn everything_else_is_as_it_was_given() {
        check(&[], &[]);
        check(&["temporal-sim"], &["temporal-sim"]);
        check(&["temporal-sim", "history", "7233"], &["temporal-sim", "history", "7233"]);
        check(&["temporal-sdk-python-1.31.0", "server"], &["temporal-sdk-python-1.31.0", "server"]);
    }
}
