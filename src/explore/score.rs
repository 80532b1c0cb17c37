//! How settings do in an outage.

use std::time::Duration;

use crate::policy::Prediction;

/// How settings do in an outage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Which part of the activities completed, from 0 to 1.
    pub success_rate: f64,
    /// How long after the end of the outage the last activity completed; zero if none completed after it.
    pub recovery: Duration,
    /// How many attempts were made altogether: the load on the system.
    pub attempts: u64,
    /// For how long nothing happened about an activity, at the longest.
    pub longest_silence: Duration,
}

/// How one activity went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Course {
    /// How many attempts a worker has started.
    pub(super) attempts: u64,
    /// For how long nothing happened about it, at the longest.
    pub(super) longest_silence: Duration,
    /// When it completed, counted from its beginning; `None` if it did not.
    pub(super) completed_after: Option<Duration>,
}

impl Course {
    /// How it goes by the model.
    pub(super) fn of(prediction: &Prediction) -> Self {
        let started = prediction.attempts.iter().filter(|attempt| attempt.started.is_some());
        Self {
            attempts: started.count() as u64,
            longest_silence: prediction.longest_silence(),
            completed_after: prediction.closed_after.filter(|_| prediction.is_completed()),
        }
    }
}

/// Adds activities up to a score.
pub(super) struct Tally {
    /// The end of the outage.
    over: Duration,
    activities: u64,
    completed: u64,
    score: Score,
}

impl Tally {
    pub(super) fn new(over: Duration) -> Self {
        let score = Score {
            success_rate: 0.0,
            recovery: Duration::ZERO,
            attempts: 0,
            longest_silence: Duration::ZERO,
        };
        Self { over, activities: 0, completed: 0, score }
    }

    /// Adds an activity that was scheduled at this time.
    pub(super) fn add(&mut self, arrival: Duration, course: &Course) {
        self.activities += 1;
        self.score.attempts = self.score.attempts.saturating_add(course.attempts);
        self.score.longest_silence = self.score.longest_silence.max(course.longest_silence);
        if let Some(completed_after) = course.completed_after {
            self.completed += 1;
            let recovery = arrival.saturating_add(completed_after).saturating_sub(self.over);
            self.score.recovery = self.score.recovery.max(recovery);
        }
    }

    pub(super) fn finish(self) -> Score {
        let success_rate =
            if self.activities == 0 { 0.0 } else { self.completed as f64 / self.activities as f64 };
        Score { success_rate, ..self.score }
    }
}
