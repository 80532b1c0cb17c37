//! Which settings survive an outage?
//!
//! An [`Exploration`] runs the [model](crate::policy::Model) of an activity through an outage of the system behind it, for
//! every combination of settings: how many succeed, how soon after the outage all have, how often the system was asked,
//! and for how long nothing happened.
//!
//! ```
//! use std::time::Duration;
//! use temporal_sim::{explore::Exploration, faults::Outage, policy::ActivityOptions};
//!
//! let hours = |hours: u64| Duration::from_secs(hours * 3600);
//! let options = ActivityOptions { start_to_close_timeout: Some(Duration::from_secs(10)), ..Default::default() };
//! // The payment provider is down for four hours. Which maximum interval, which deadline?
//! let explored = Exploration::new(Outage::new("charge", hours(0), hours(4)))
//!     .axis("maximum_interval", [60, 600, 3600].map(Duration::from_secs), |options, interval| {
//!         options.retry_policy.maximum_interval = Some(interval);
//!     })
//!     .axis("schedule_to_close_timeout", [hours(3), hours(6)], |options, timeout| {
//!         options.schedule_to_close_timeout = Some(timeout);
//!     })
//!     .grid(&options)?;
//! println!("{explored}");
//! let survivors = explored.rows().iter().filter(|row| row.score.success_rate == 1.0);
//! assert_eq!(survivors.count(), 3);
//! # Ok::<(), temporal_sim::policy::InvalidOptions>(())
//! ```
//!
//! The model knows one activity. What a whole workflow makes of the settings, [`Exploration::simulate`] finds out: it runs a
//! simulation of your own for each combination, which takes some thousand times longer, and needs no model.

mod html;
mod score;
mod simulated;
mod table;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

pub use score::Score;
pub use simulated::Setting;

use crate::{
    faults::{Outage, OutageState},
    policy::{ActivityOptions, AttemptOutcome, Ending, InvalidOptions, Model},
    rng::Seed,
};
use score::Course;

/// Settings to be tried against an outage.
#[derive(Clone)]
pub struct Exploration {
    outage: Outage,
    arrivals: Vec<Duration>,
    attempt_takes: Duration,
    seed: Seed,
    axes: Vec<Axis>,
    /// How many combinations are tried, if not all.
    most: Option<usize>,
}

/// A setting and its values.
#[derive(Clone)]
struct Axis {
    name: String,
    values: Vec<Value>,
}

#[derive(Clone)]
struct Value {
    label: String,
    apply: Arc<dyn Fn(&mut ActivityOptions) + Send + Sync>,
}

/// What came of an exploration. Its [`Display`](fmt::Display) form is a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Explored {
    /// What was varied, in the order of [`Row::values`].
    axes: Vec<(String, Vec<String>)>,
    rows: Vec<Row>,
}

/// One combination of settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The value of each setting that was varied.
    pub values: Vec<String>,
    /// The options with these values.
    pub options: ActivityOptions,
    /// How they did.
    pub score: Score,
}

impl Exploration {
    /// Settings against this outage, with 100 activities that come evenly until it is over, each attempt of which takes a
    /// second.
    pub fn new(outage: Outage) -> Self {
        let every = outage.until / 100;
        let arrivals = (0..100).map(|index| every.saturating_mul(index)).collect();
        Self {
            outage,
            arrivals,
            attempt_takes: Duration::from_secs(1),
            seed: Seed(0),
            axes: Vec::new(),
            most: None,
        }
    }

    /// When activities are scheduled, counted like the times of the outage.
    #[must_use]
    pub fn arrivals(mut self, arrivals: impl IntoIterator<Item = Duration>) -> Self {
        self.arrivals = arrivals.into_iter().collect();
        self.arrivals.sort_unstable();
        self
    }

    /// How long an attempt takes, also one that fails. Default 1 s.
    #[must_use]
    pub fn attempt_takes(mut self, duration: Duration) -> Self {
        self.attempt_takes = duration;
        self
    }

    /// Tries so many of the combinations, drawn with the seed, instead of all: a look at a grid that is too large.
    #[must_use]
    pub fn sample(mut self, combinations: usize) -> Self {
        self.most = Some(combinations);
        self
    }

    /// The number that decides which attempts fail while the system recovers, and which combinations are in a sample.
    /// Default 0. It is the same for all settings.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed(seed);
        self
    }

    /// Varies a setting.
    #[must_use]
    pub fn axis<T>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = T>,
        apply: impl Fn(&mut ActivityOptions, T) + Send + Sync + 'static,
    ) -> Self
    where
        T: fmt::Debug + Clone + Send + Sync + 'static,
    {
        let apply = Arc::new(apply);
        let values = values.into_iter().map(|value| {
            let apply = apply.clone();
            Value {
                label: format!("{value:?}"),
                apply: Arc::new(move |options: &mut ActivityOptions| apply(options, value.clone())),
            }
        });
        self.axes.push(Axis { name: name.into(), values: values.collect() });
        self
    }

    /// Tries all combinations with the model, on all cores. What is not varied is as these options say.
    ///
    /// # Errors
    ///
    /// If the server would refuse one of the combinations; the words are the server's.
    pub fn grid(&self, options: &ActivityOptions) -> Result<Explored, InvalidOptions> {
        self.explore(options, |options| self.score(options))
    }

    /// Scores all combinations that are to be tried.
    fn explore<E: Send>(
        &self,
        options: &ActivityOptions,
        score: impl Fn(&ActivityOptions) -> Result<Score, E> + Sync,
    ) -> Result<Explored, E> {
        let rows = self
            .combinations()
            .into_par_iter()
            .map(|combination| {
                let mut options = options.clone();
                let mut values = Vec::new();
                for value in combination {
                    (value.apply)(&mut options);
                    values.push(value.label.clone());
                }
                let score = score(&options)?;
                Ok(Row { values, options, score })
            })
            .collect::<Result<Vec<_>, E>>()?;
        let labels = |axis: &Axis| axis.values.iter().map(|value| value.label.clone()).collect();
        let axes = self.axes.iter().map(|axis| (axis.name.clone(), labels(axis))).collect();
        Ok(Explored { axes, rows })
    }

    /// A value of each axis, for each combination that is to be tried; in the order of the axes.
    fn combinations(&self) -> Vec<Vec<&Value>> {
        let lengths = self.axes.iter().map(|axis| axis.values.len());
        let all = lengths.fold(1, usize::saturating_mul);
        let numbers: BTreeSet<usize> = match self.most {
            Some(most) if most < all => {
                let mut draws = self.seed.stream("sample");
                let mut drawn = BTreeSet::new();
                while drawn.len() < most {
                    drawn.insert(draws.below(all as u64) as usize);
                }
                drawn
            }
            _ => (0..all).collect(),
        };
        numbers.into_iter().map(|number| self.combination(number)).collect()
    }

    /// The combination with this number: its digits are the values, that of the last axis the last one.
    fn combination(&self, mut number: usize) -> Vec<&Value> {
        let mut values = Vec::new();
        for axis in self.axes.iter().rev() {
            let count = axis.values.len().max(1);
            values.extend(axis.values.get(number % count));
            number /= count;
        }
        values.reverse();
        values
    }

    fn score(&self, options: &ActivityOptions) -> Result<Score, InvalidOptions> {
        let model = Model::new(options.clone());
        let mut state = OutageState::new(self.seed.stream("outage"));
        let mut score = score::Tally::new(self.outage.until);
        for &arrival in &self.arrivals {
            let prediction = model.predict_with(|_, scheduled| {
                let ending = match self.outage.failure_at(arrival.saturating_add(scheduled), &mut state) {
                    Some(failure) => Ending::Fail { after: self.attempt_takes, failure },
                    None => Ending::Succeed { after: self.attempt_takes },
                };
                AttemptOutcome { ending, ..AttemptOutcome::succeed() }
            })?;
            score.add(arrival, &Course::of(&prediction));
        }
        Ok(score.finish())
    }
}

impl Explored {
    /// All combinations, in the order of the axes.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The names of the settings that were varied.
    pub fn axes(&self) -> impl Iterator<Item = &str> {
        self.axes.iter().map(|(name, _)| name.as_str())
    }
}

impl fmt::Debug for Exploration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exploration")
            .field("outage", &self.outage)
            .field("arrivals", &self.arrivals.len())
            .field("axes", &self.axes.iter().map(|axis| &axis.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
