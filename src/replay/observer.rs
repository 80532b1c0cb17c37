//! How far the replay of many histories has come.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Verdict;

/// What is told about each history of a batch: see [`Replayer::observe`](super::Replayer::observe).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BatchProgress<'a> {
    /// How many histories have a verdict, this one included.
    pub done: usize,
    /// How many there are, if that is known.
    pub total: Option<usize>,
    /// The verdict that was just found.
    pub verdict: &'a Verdict,
}

/// Somebody who wants to know.
pub(super) type Observer = Arc<dyn Fn(BatchProgress<'_>) + Send + Sync>;

/// A batch that is under way, on however many threads.
pub(super) struct Batch<'a> {
    total: Option<usize>,
    done: AtomicUsize,
    observers: &'a [Observer],
    bar: Option<ProgressBar>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(total: Option<usize>, observers: &'a [Observer], shows_bar: bool) -> Self {
        let bar = shows_bar.then(|| bar(total));
        Self { total, done: AtomicUsize::new(0), observers, bar }
    }

    /// There is one more verdict.
    pub(super) fn tell(&self, verdict: &Verdict) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            if !verdict.is_compatible() {
                bar.suspend(|| anstream::eprintln!("{}: {}", verdict.title(), verdict.name()));
            }
            bar.inc(1);
        }
        for observer in self.observers {
            observer(BatchProgress { done, total: self.total, verdict });
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar on standard error, which is not drawn unless that is a terminal.
fn bar(total: Option<usize>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        total.and_then(|it| u64::try_from(it).ok()),
        ProgressDrawTarget::stderr(),
    );
    let template = "replaying {wide_bar:.green/dim} {human_pos}/{human_len}, {eta} left";
    bar.set_style(ProgressStyle::with_template(template).expect("the template names what there is"));
    bar
}
