//! What the runs of a sweep came to see.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, RetryState, WorkflowExecutionStatus},
    failure::v1::{Failure, failure::FailureInfo},
    history::v1::history_event::Attributes::{
        self, ActivityTaskFailedEventAttributes as ActivityFailed,
        ActivityTaskTimedOutEventAttributes as ActivityTimedOut,
        ChildWorkflowExecutionFailedEventAttributes as ChildFailed,
        WorkflowExecutionFailedEventAttributes as WorkflowFailed,
        WorkflowExecutionTimedOutEventAttributes as WorkflowTimedOut,
    },
};

use crate::{
    history::History,
    schedule::Choice,
    simulation::{EndedRun, Listener},
};

/// What was reached, and how often:
///
/// * events by their type, `ActivityTaskTimedOut`,
/// * `retry state MAXIMUM_ATTEMPTS_REACHED`,
/// * patches, `patch bulk-discount`,
/// * faults that happened, by kind and by what they did: `fault activity`, `fault activity lose_answer`,
/// * how workflows ended, `outcome MoneyTransfer completed`, `outcome MoneyTransfer failed: AccountClosed`,
/// * what tests say that they have [reached](crate::Simulation::reached), under the name that they give it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    pub(super) runs: u64,
    pub(super) virtual_time: Duration,
    reached: BTreeMap<String, u64>,
    /// Faults that were in a plan.
    planned: BTreeSet<String>,
}

/// Keeps what one run came to see.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observer(Arc<Mutex<Observed>>);

#[derive(Debug, Default)]
struct Observed {
    coverage: Coverage,
    /// The timelines of the executions that completed, if they are wanted.
    timelines: Option<Vec<String>>,
    choices: Vec<Choice>,
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

    /// What the last simulation has chosen that ended.
    pub(super) fn choices(&self) -> Vec<Choice> {
        self.lock().choices.clone()
    }
}

impl Listener for Observer {
    fn ended(&self, run: EndedRun<'_>) {
        let EndedRun { elapsed, executions, faults: (plan, fired), reached, choices: chosen } = run;
        let mut observed = self.lock();
        let Observed { coverage, timelines, choices } = &mut *observed;
        chosen.clone_into(choices);
        coverage.virtual_time = coverage.virtual_time.saturating_add(elapsed);
        for execution in executions {
            if let Some(timelines) = timelines
                && execution.is_completed()
                && timelines.len() < SHOWN
            {
                timelines.push(execution.to_string());
            }
            coverage.look_at(&execution.history);
        }
        for (fault, fired) in plan.faults.iter().zip(fired) {
            for name in BTreeSet::from([fault.kind().to_owned(), fault.name()]) {
                let name = format!("fault {name}");
                coverage.reach(name.clone(), *fired);
                coverage.planned.insert(name);
            }
        }
        for (name, times) in reached {
            coverage.reach(name.clone(), *times);
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

    /// What was never reached: event types, retry states, and faults that were in a plan and never happened. What patches
    /// and outcomes there could be nobody knows; [`assert_reached`](super::Report::assert_reached) demands some.
    pub fn never(&self) -> Vec<String> {
        let events = (0..=EVENT_TYPES).filter_map(|number| EventType::try_from(number).ok());
        let events = events.filter(|it| *it != EventType::Unspecified).map(event_name);
        let states = (0..=RETRY_STATES).filter_map(|number| RetryState::try_from(number).ok());
        let states = states.filter(|it| *it != RetryState::Unspecified).map(retry_state_name);
        let faults = self.planned.iter().cloned();
        events.chain(states).chain(faults).filter(|name| self.times(name) == 0).collect()
    }

    pub(super) fn add(&mut self, observer: &Observer) {
        let other = &observer.lock().coverage;
        self.runs += 1;
        self.virtual_time = self.virtual_time.saturating_add(other.virtual_time);
        for (name, times) in &other.reached {
            match self.reached.get_mut(name) {
                Some(reached) => *reached += times,
                None => self.reach(name.clone(), *times),
            }
        }
        for name in &other.planned {
            if !self.planned.contains(name) {
                self.planned.insert(name.clone());
            }
        }
    }

    /// Notes what a history has.
    fn look_at(&mut self, history: &History) {
        let mut events: BTreeMap<EventType, u64> = BTreeMap::new();
        for event in history.events() {
            *events.entry(event.event_type()).or_default() += 1;
            let Some(attributes) = &event.attributes else { continue };
            if let Some(patch) = patch(attributes) {
                self.reach(format!("patch {patch}"), 1);
            }
            if let Some(retry_state) = retry_state(attributes) {
                self.reach(retry_state_name(retry_state), 1);
            }
        }
        for (event_type, times) in events {
            self.reach(event_name(event_type), times);
        }
        let status = history.status();
        if status != WorkflowExecutionStatus::Running {
            let how = status.as_str_name().trim_start_matches("WORKFLOW_EXECUTION_STATUS_").to_lowercase();
            let outcome = format!("outcome {} {how}", history.workflow_type());
            self.reach(
                match history.events().last().and_then(|event| event.attributes.as_ref()).and_then(cause) {
                    Some(cause) => format!("{outcome}: {cause}"),
                    None => outcome,
                },
                1,
            );
        }
    }

    fn reach(&mut self, name: String, times: u64) {
        if times > 0 {
            *self.reached.entry(name).or_default() += times;
        }
    }
}

/// One line for each thing that was reached, and then what never was.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", super::summary(self))?;
        self.reached.iter().try_for_each(|(name, times)| writeln!(f, "{times:>8}  {name}"))?;
        let never = self.never();
        let (faults, never): (Vec<_>, Vec<_>) = never.iter().partition(|name| name.starts_with("fault "));
        let (states, events): (Vec<_>, Vec<_>) =
            never.iter().partition(|name| name.starts_with("retry state "));
        // What was looked for and not found says most.
        [faults, states, events].into_iter().try_for_each(|names| write_never(f, &names))
    }
}

/// How long the lines of a list are.
const LINE: usize = 110;

/// The names after one another, on as many lines as it takes.
fn write_never(f: &mut fmt::Formatter<'_>, names: &[&String]) -> fmt::Result {
    let mut line = String::new();
    for name in names {
        if !line.is_empty() && line.len() + name.len() > LINE {
            writeln!(f, "   never  {line},")?;
            line.clear();
        }
        line.push_str(if line.is_empty() { "" } else { ", " });
        line.push_str(name);
    }
    if line.is_empty() { Ok(()) } else { writeln!(f, "   never  {line}") }
}

/// The highest numbers that the API has given to event types and to retry states.
const EVENT_TYPES: i32 = 100;
const RETRY_STATES: i32 = 20;

fn event_name(event_type: EventType) -> String {
    camel_case(event_type.as_str_name(), "EVENT_TYPE_")
}

fn retry_state_name(retry_state: RetryState) -> String {
    format!("retry state {}", retry_state.as_str_name().trim_start_matches("RETRY_STATE_"))
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

/// What a failed workflow failed with in the end: the type of the innermost application failure, or the timeout.
fn cause(attributes: &Attributes) -> Option<String> {
    let WorkflowFailed(failed) = attributes else { return None };
    let mut failure: &Failure = failed.failure.as_ref()?;
    while let Some(cause) = failure.cause.as_deref() {
        failure = cause;
    }
    match failure.failure_info.as_ref()? {
        FailureInfo::ApplicationFailureInfo(info) if !info.r#type.is_empty() => Some(info.r#type.clone()),
        FailureInfo::TimeoutFailureInfo(info) => {
            Some(camel_case(info.timeout_type().as_str_name(), "TIMEOUT_TYPE_") + " timeout")
        }
        FailureInfo::CanceledFailureInfo(_) => Some("cancelled".to_owned()),
        _ => None,
    }
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
