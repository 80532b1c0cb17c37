//! What the runs of a sweep came to see.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use temporalio_common::protos::temporal::api::{
    enums::v1::RetryState,
    history::v1::history_event::Attributes::{
        self, ActivityTaskFailedEventAttributes as ActivityFailed,
        ActivityTaskTimedOutEventAttributes as ActivityTimedOut,
        ChildWorkflowExecutionFailedEventAttributes as ChildFailed,
        WorkflowExecutionFailedEventAttributes as WorkflowFailed,
        WorkflowExecutionTimedOutEventAttributes as WorkflowTimedOut,
    },
};

use crate::{faults::Plan, simulation::Execution};

/// How often something was reached: events by their type (`ActivityTaskTimedOut`), retry states (`retry state
/// MAXIMUM_ATTEMPTS_REACHED`), patches (`patch bulk-discount`), faults that happened (`fault activity`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    pub(super) runs: u64,
    pub(super) virtual_time: Duration,
    pub(super) reached: BTreeMap<String, u64>,
}

/// Keeps what one run came to see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observer(Arc<Mutex<Observed>>);

#[derive(Debug, Default)]
struct Observed {
    coverage: Coverage,
    /// The timelines of the executions that completed, if they are wanted.
    timelines: Option<Vec<String>>,
}

/// More timelines than this help nobody.
const SHOWN: usize = 10;

impl Observer {
    /// One that keeps timelines as well.
    pub(super) fn with_timelines() -> Self {
        Self(Arc::new(Mutex::new(Observed { timelines: Some(Vec::new()), ..Default::default() })))
    }

    /// The timelines of the executions that completed; those that did not are in the report of the failure.
    pub(super) fn timelines(&self) -> Vec<String> {
        self.lock().timelines.clone().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Observed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A simulation has ended.
    pub(crate) fn record(&self, elapsed: Duration, executions: &[Execution], plan: &Plan, fired: &[u64]) {
        let mut observed = self.lock();
        let Observed { coverage, timelines } = &mut *observed;
        coverage.virtual_time = coverage.virtual_time.saturating_add(elapsed);
        for execution in executions {
            if let Some(timelines) = timelines
                && execution.is_completed()
                && timelines.len() < SHOWN
            {
                timelines.push(execution.to_string());
            }
            for event in execution.history.events() {
                coverage.reach(camel_case(event.event_type().as_str_name(), "EVENT_TYPE_"), 1);
                if let Some(patch) = event.attributes.as_ref().and_then(patch) {
                    coverage.reach(format!("patch {patch}"), 1);
                }
                if let Some(retry_state) = event.attributes.as_ref().and_then(retry_state) {
                    let name = retry_state.as_str_name().trim_start_matches("RETRY_STATE_");
                    coverage.reach(format!("retry state {name}"), 1);
                }
            }
        }
        for (fault, fired) in plan.faults.iter().zip(fired) {
            coverage.reach(format!("fault {}", fault.kind()), *fired);
        }
    }
}

impl Coverage {
    /// How many simulations there were.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// How much virtual time passed in all of them together.
    pub fn virtual_time(&self) -> Duration {
        self.virtual_time
    }

    /// How often something was reached, by its name.
    pub fn times(&self, name: &str) -> u64 {
        self.reached.get(name).copied().unwrap_or(0)
    }

    /// Everything that was reached, with how often.
    pub fn reached(&self) -> impl Iterator<Item = (&str, u64)> {
        self.reached.iter().map(|(name, times)| (name.as_str(), *times))
    }

    pub(super) fn add(&mut self, observer: &Observer) {
        let other = &observer.lock().coverage;
        self.runs += 1;
        self.virtual_time = self.virtual_time.saturating_add(other.virtual_time);
        for (name, times) in &other.reached {
            self.reach(name.clone(), *times);
        }
    }

    fn reach(&mut self, name: String, times: u64) {
        if times > 0 {
            *self.reached.entry(name).or_default() += times;
        }
    }
}

/// One line for each thing that was reached.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} runs, {:.1} virtual years", self.runs, super::years(self.virtual_time))?;
        self.reached.iter().try_for_each(|(name, times)| writeln!(f, "{times:>8}  {name}"))
    }
}

fn retry_state(attributes: &Attributes) -> Option<RetryState> {
    let retry_state = match attributes {
        ActivityFailed(failed) => failed.retry_state(),
        ActivityTimedOut(timed_out) => timed_out.retry_state(),
        ChildFailed(failed) => failed.retry_state(),
        WorkflowFailed(failed) => failed.retry_state(),
        WorkflowTimedOut(timed_out) => timed_out.retry_state(),
        _ => return None,
    };
    Some(retry_state)
}

/// The id of the patch that a marker is for.
fn patch(attributes: &Attributes) -> Option<String> {
    let Attributes::MarkerRecordedEventAttributes(marker) = attributes else { return None };
    let data = marker.details.get("patch-data").filter(|_| marker.marker_name == "core_patch")?;
    let data: serde_json::Value = serde_json::from_slice(&data.payloads.first()?.data).ok()?;
    Some(data.get("id")?.as_str()?.to_owned())
}

/// `ActivityTaskTimedOut` for `EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT`.
fn camel_case(name: &str, prefix: &str) -> String {
    let words = name.trim_start_matches(prefix).split('_');
    words
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_owned() + &rest.to_lowercase()
        })
        .collect()
}
