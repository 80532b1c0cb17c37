//! The command that runs a failed test again with the same seed.

use std::{env, path::Path, thread};

use super::builder::SEED_VARIABLE;
use crate::rng::Seed;

/// The shell command that reproduces the test which runs on the current thread.
pub(crate) fn command(seed: Seed) -> String {
    let executable = env::args().next().unwrap_or_default();
    let package = env::var("CARGO_PKG_NAME").ok();
    render(seed, package.as_deref(), &executable, thread::current().name())
}

/// A test binary lies in `deps` and is called like its target, a dash and a hash; libtest names each
/// thread after its test.
fn render(seed: Seed, package: Option<&str>, executable: &str, thread: Option<&str>) -> String {
    let path = Path::new(executable);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let in_deps = path.parent().is_some_and(|parent| parent.ends_with("deps"));
    let mut command = format!("{SEED_VARIABLE}={} cargo ", seed.0);
    match stem.rsplit_once('-') {
        Some((target, hash))
            if in_deps && hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            command += "test";
            if let Some(package) = package {
                command += &format!(" -p {package}");
                // The unit tests of a library have its name, with underscores.
                command += &if target == package.replace('-', "_") {
                    " --lib".to_owned()
                } else {
                    format!(" --test {target}")
                };
            }
        }
        _ => {
            command += &format!("run --bin {stem}");
        }
    }
    match thread {
        Some(test) if test != "main" && !test.starts_with("tokio-") => {
            command + &format!(" {test} -- --exact")
        }
        _ => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integration_test_is_named_with_its_target() {
        let executable = "/home/me/shop/target/debug/deps/transfers-0123456789abcdef";
        assert_eq!(
            render(Seed(7), Some("shop"), executable, Some("refunds::after_an_outage")),
            "TEMPORAL_SIM_SEED=7 cargo test -p shop --test transfers refunds::after_an_outage -- --exact"
        );
    }

    #[test]
    fn a_unit_test_is_named_with_its_library() {
        let executable = "target/debug/deps/my_shop-0123456789abcdef";
        assert_eq!(
            render(Seed(7), Some("my-shop"), executable, Some("tests::refunds")),
            "TEMPORAL_SIM_SEED=7 cargo test -p my-shop --lib tests::refunds -- --exact"
        );
    }

    #[test]
    fn a_program_is_run() {
        assert_eq!(
            render(Seed(7), Some("shop"), "target/debug/simulate", Some("main")),
            "TEMPORAL_SIM_SEED=7 cargo run --bin simulate"
        );
    }
}
