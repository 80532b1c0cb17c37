//! How far a sweep is, on a terminal.

use std::{borrow::Cow, sync::LazyLock, thread, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Coverage;

/// The bars of all sweeps that run at the same time. It draws on a terminal only.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The bar of one sweep. It is gone when the sweep is over.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar for so many runs, with the name of the test that runs on this thread.
    pub(super) fn new(runs: usize, is_shown: bool) -> Self {
        if !is_shown {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} runs, {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let name = thread::current().name().map_or(Cow::Borrowed("sweep"), |name| name.to_owned().into());
        let bar = ProgressBar::new(runs as u64).with_style(style).with_prefix(name);
        Self(BARS.add(bar))
    }

    /// So much has been run.
    pub(super) fn show(&self, coverage: &Coverage, failures: usize) {
        self.0.set_position(coverage.runs);
        self.0.set_message(match failures {
            0 => years(coverage.virtual_time),
            _ => format!("{}, {failures} failed", years(coverage.virtual_time)),
        });
    }

    /// A failure is made smaller: so many runs were tried.
    pub(super) fn shrinking(&self, runs: usize) {
        self.0.set_message(format!("looking for less: {runs} runs"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Years of virtual time, for people.
pub(super) fn years(duration: Duration) -> String {
    format!("{:.1} virtual years", duration.as_secs_f64() / (365.25 * 24.0 * 3600.0))
}
