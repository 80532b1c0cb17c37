//! What visibility knows of a run.

use std::{collections::BTreeMap, sync::Arc};

use temporalio_common::protos::temporal::api::{
    common::v1::{Memo, Payload, SearchAttributes, WorkflowExecution, WorkflowType},
    enums::v1::{IndexedValueType as Type, WorkflowExecutionStatus},
    workflow::v1::WorkflowExecutionInfo,
};

use super::{
    full_text::{ELEMENT_SEPARATOR, Tokenizer, Tokens},
    query::{Field, Scalar, System},
};
use crate::{
    clock::{self, Time},
    cluster::{
        execution::Run,
        go_text::Timestamp,
        search_attributes::{Registry, Value},
    },
};

/// What visibility knows of a run.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) execution: WorkflowExecution,
    pub(crate) workflow_type: String,
    pub(crate) task_queue: String,
    pub(crate) status: WorkflowExecutionStatus,
    pub(crate) start_time: Time,
    /// When the first workflow task may be scheduled.
    pub(crate) execution_time: Time,
    /// What is known of a run only when it has closed.
    pub(crate) closed: Option<Closed>,
    pub(crate) parent: Option<WorkflowExecution>,
    /// The root of the tree of children that it belongs to; `None` if it is the root itself.
    pub(crate) root: Option<WorkflowExecution>,
    pub(crate) memo: Arc<BTreeMap<String, Payload>>,
    /// The payloads that [`Self::search_attributes`] were made of.
    pub(crate) payloads: Arc<BTreeMap<String, Payload>>,
    /// Values and types by name.
    pub(crate) search_attributes: BTreeMap<String, (Value, Type)>,
}

/// What is known of a run when it has closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) time: Time,
    pub(crate) history_length: i64,
    pub(crate) history_size_bytes: i64,
    /// How many transactions have changed it.
    pub(crate) state_transition_count: i64,
}

/// Search attributes as visibility stores them. What is not registered is left out.
pub(crate) fn stored_attributes(
    registry: &Registry,
    payloads: &BTreeMap<String, Payload>,
) -> BTreeMap<String, (Value, Type)> {
    let stored = |(name, payload): (&String, &Payload)| {
        let value_type = registry.stored_type(name)?;
        let value = Value::decode(payload, value_type).ok()??;
        Some((name.clone(), (value, value_type)))
    };
    payloads.iter().filter_map(stored).collect()
}

impl Record {
    /// What there is to know of a run. Search attributes that are not registered are left out.
    pub(super) fn of(run: &Run, registry: &Registry) -> Self {
        let started = run.started();
        let payloads = run.state.search_attributes.clone();
        Self {
            execution: run.execution(),
            workflow_type: run.info.workflow_type.clone(),
            task_queue: run.info.task_queue.clone(),
            status: run.state.visible_status(),
            start_time: run.info.start_time,
            execution_time: run.info.execution_time,
            closed: closed(run),
            parent: started.parent_workflow_execution.clone(),
            root: started.root_workflow_execution.clone(),
            memo: run.state.memo.clone(),
            search_attributes: stored_attributes(registry, &payloads),
            payloads,
        }
    }

    /// Takes over what has changed. What a run was started with never does.
    pub(super) fn bring_up_to_date(&mut self, run: &Run, registry: &Registry) {
        self.status = run.state.visible_status();
        self.closed = closed(run);
        self.memo = run.state.memo.clone();
        self.payloads = run.state.search_attributes.clone();
        self.search_attributes = stored_attributes(registry, &self.payloads);
    }

    fn root(&self) -> &WorkflowExecution {
        self.root.as_ref().unwrap_or(&self.execution)
    }

    /// Whether this is still all there is to know of the run.
    pub(super) fn is_up_to_date(&self, run: &Run) -> bool {
        self.status == run.state.visible_status()
            && Arc::ptr_eq(&self.memo, &run.state.memo)
            && Arc::ptr_eq(&self.payloads, &run.state.search_attributes)
    }

    /// The value of an attribute as it is compared; `None` if the run has none.
    pub(super) fn scalar(&self, field: &Field) -> Option<Scalar> {
        let text = |text: &str| Some(Scalar::Text(text.to_owned()));
        match field {
            Field::System(system) => match system {
                System::WorkflowId => text(&self.execution.workflow_id),
                System::RunId => text(&self.execution.run_id),
                System::WorkflowType => text(&self.workflow_type),
                System::StartTime => text(&stored_time(self.start_time)),
                System::ExecutionTime => text(&stored_time(self.execution_time)),
                System::CloseTime => text(&stored_time(self.closed?.time)),
                System::ExecutionStatus => Some(Scalar::Integer(self.status as i64)),
                System::TaskQueue => text(&self.task_queue),
                System::HistoryLength => Some(Scalar::Integer(self.closed?.history_length)),
                System::ExecutionDuration => {
                    let nanos = self.closed?.time.since(self.execution_time).as_nanos();
                    Some(Scalar::Integer(i64::try_from(nanos).unwrap_or(i64::MAX)))
                }
                System::StateTransitionCount => Some(Scalar::Integer(self.closed?.state_transition_count)),
                System::HistorySizeBytes => Some(Scalar::Integer(self.closed?.history_size_bytes)),
                System::ParentWorkflowId => text(&self.parent.as_ref()?.workflow_id),
                System::ParentRunId => text(&self.parent.as_ref()?.run_id),
                System::RootWorkflowId => text(&self.root().workflow_id),
                System::RootRunId => text(&self.root().run_id),
            },
            Field::Stored(name) => match &self.search_attributes.get(name)?.0 {
                Value::Bool(value) => Some(Scalar::Integer((*value).into())),
                Value::Int(value) => Some(Scalar::Integer(*value)),
                Value::Double(value) => Some(Scalar::Real(*value)),
                Value::Datetime(time) => text(&stored_attribute_time(time.time())),
                Value::String(value) => text(value),
                Value::KeywordList(items) => text(&items.join(&ELEMENT_SEPARATOR.to_string())),
            },
            Field::Unused => None,
        }
    }

    /// Whether the run has a value of an attribute.
    pub(super) fn has(&self, field: &Field) -> bool {
        match field {
            Field::Stored(name) => self.search_attributes.contains_key(name),
            field => self.scalar(field).is_some(),
        }
    }

    /// The value of an attribute as full text; nothing if the run has none.
    pub(super) fn tokens(&self, field: &Field) -> Tokens {
        let is_list = match field {
            Field::Stored(name) => {
                matches!(self.search_attributes.get(name), Some((_, Type::KeywordList)))
            }
            _ => false,
        };
        let tokenizer = if is_list { Tokenizer::Elements } else { Tokenizer::Words };
        match self.scalar(field) {
            Some(Scalar::Text(text)) => tokenizer.tokens(&text),
            _ => tokenizer.tokens(""),
        }
    }

    /// The run as a list shows it.
    pub(crate) fn info(&self, registry: &Registry) -> WorkflowExecutionInfo {
        let is_shown = |name: &String| registry.stored_type(name).is_some();
        let mut info = WorkflowExecutionInfo {
            execution: Some(self.execution.clone()),
            r#type: Some(WorkflowType { name: self.workflow_type.clone() }),
            start_time: Some(whole_micros(self.start_time).to_proto()),
            execution_time: Some(whole_micros(self.execution_time).to_proto()),
            status: self.status as i32,
            task_queue: self.task_queue.clone(),
            memo: Some(Memo {
                fields: self.memo.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            }),
            search_attributes: Some(SearchAttributes {
                indexed_fields: self
                    .search_attributes
                    .iter()
                    .filter(|(name, _)| is_shown(name))
                    .map(|(name, (value, value_type))| (name.clone(), value.encode(*value_type)))
                    .collect(),
            }),
            parent_execution: self.parent.clone(),
            root_execution: Some(self.root().clone()),
            ..Default::default()
        };
        if let Some(closed) = self.closed {
            info.close_time = Some(whole_micros(closed.time).to_proto());
            info.execution_duration = Some(clock::to_proto(closed.time.since(self.execution_time)));
            info.history_length = closed.history_length;
            info.history_size_bytes = closed.history_size_bytes;
            info.state_transition_count = closed.state_transition_count;
        }
        info
    }
}

fn closed(run: &Run) -> Option<Closed> {
    run.state.close_time.map(|time| Closed {
        time,
        history_length: run.history.next_event_id() - 1,
        history_size_bytes: i64::try_from(run.history.size()).unwrap_or(i64::MAX),
        state_transition_count: run.state.transition_count,
    })
}

const NANOS_PER_MICRO: i128 = 1_000;

/// An instant as visibility keeps it: without the nanoseconds.
pub(super) fn whole_micros(time: Time) -> Time {
    Time::from_nanos(time.as_nanos().div_euclid(NANOS_PER_MICRO) * NANOS_PER_MICRO)
}

/// The text by which the times of a run are compared: as many digits of the fraction as it takes, six at
/// most.
pub(super) fn stored_time(time: Time) -> String {
    let (seconds, fraction) = Timestamp::utc(whole_micros(time)).parts(' ');
    match fraction.trim_end_matches('0') {
        "" => format!("{seconds}+00:00"),
        fraction => format!("{seconds}.{fraction}+00:00"),
    }
}

/// The text by which a search attribute is compared that is a time: always with three digits. So a time of
/// whole seconds in a query is not equal to it, but smaller. The last digit is rounded, but never up to
/// another second.
fn stored_attribute_time(time: Time) -> String {
    let (text, fraction) = Timestamp::utc(time).parts(' ');
    let (minutes, seconds) = text.split_at(text.len().saturating_sub(2));
    let fraction = format!("0.{fraction}").parse().unwrap_or(0.0_f64).min(0.999);
    let seconds = seconds.parse().unwrap_or(0.0_f64) + fraction;
    format!("{minutes}{seconds:06.3}+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_as_text() {
        let time = Time::from_nanos(1_714_979_289_123_456_789);
        assert_eq!(stored_time(time), "2024-05-06 07:08:09.123456+00:00");
        assert_eq!(stored_attribute_time(time), "2024-05-06 07:08:09.123+00:00");
        let time = Time::from_nanos(1_714_979_289_000_000_000);
        assert_eq!(stored_time(time), "2024-05-06 07:08:09+00:00");
        assert_eq!(stored_attribute_time(time), "2024-05-06 07:08:09.000+00:00");
        for (nanos, fraction) in [(123_600_000, "124"), (123_500_000, "123"), (999_600_000, "999")] {
            let time = Time::from_nanos(1_714_979_289_000_000_000 + nanos);
            assert_eq!(stored_attribute_time(time), format!("2024-05-06 07:08:09.{fraction}+00:00"));
        }
    }
}
