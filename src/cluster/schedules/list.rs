//! Finding schedules: the calls that list and count them, with the queries of visibility.

use std::{collections::BTreeMap, sync::Arc};

use temporalio_common::protos::temporal::api::{
    common::v1::{SearchAttributes, WorkflowExecution},
    enums::v1::{IndexedValueType, WorkflowExecutionStatus},
    schedule::v1::{ScheduleListEntry, ScheduleListInfo, schedule_action::Action},
    workflowservice::v1::{
        CountSchedulesRequest, CountSchedulesResponse, ListSchedulesRequest, ListSchedulesResponse,
    },
};

use super::{Schedule, schedule::LISTED, spec};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        error::Error,
        namespaces::NamespaceKey,
        search_attributes::{Builtin, Registry, encode_json},
        visibility::{Filter, Index, Page, Query, Record, stored_attributes},
    },
};

/// Schedules are workflows to the server: this is how it finds them among all others.
const SCHEDULES: &str = "TemporalNamespaceDivision = 'TemporalScheduler' AND ExecutionStatus = 'Running'";
/// The attributes that the server itself gives to schedules.
const DIVISION: &str = "TemporalNamespaceDivision";
const PAUSED: &str = "TemporalSchedulePaused";
/// Calendars, intervals and exclusions that are listed.
const LISTED_CALENDARS: usize = 10;

impl Cluster {
    /// ListSchedules: the schedules that match a query, the newest first, a page at a time.
    pub(in crate::cluster) fn list_schedules(
        &self,
        now: Time,
        request: &ListSchedulesRequest,
    ) -> Result<ListSchedulesResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let registry = self.registry(namespace)?;
        let filter = filter(&request.query, registry, "ListWorkflowExecutions")?;
        let page = Page::read(request.maximum_page_size, &request.next_page_token)?;
        let index = self.schedule_index(now, namespace, registry)?;
        let mut response = ListSchedulesResponse::default();
        for (position, record) in index.matching(&filter, page.behind()) {
            let Some((_, schedule)) = self.schedules.find(namespace, &record.execution.workflow_id) else {
                continue;
            };
            response.schedules.push(ScheduleListEntry {
                schedule_id: schedule.id.clone(),
                memo: Some(schedule.memo.clone()),
                search_attributes: shown_search_attributes(record, registry),
                info: Some(schedule.list_info()),
            });
            // A page that is full has a successor, even if nothing is left for it.
            if response.schedules.len() == page.size() {
                response.next_page_token = Page::token(position)?;
                break;
            }
        }
        Ok(response)
    }

    /// CountSchedules: how many schedules match a query.
    pub(in crate::cluster) fn count_schedules(
        &self,
        now: Time,
        request: &CountSchedulesRequest,
    ) -> Result<CountSchedulesResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let registry = self.registry(namespace)?;
        let filter = filter(&request.query, registry, "CountWorkflowExecutions")?;
        let index = self.schedule_index(now, namespace, registry)?;
        let count = i64::try_from(index.matching(&filter, None).count()).unwrap_or(i64::MAX);
        Ok(CountSchedulesResponse { count, groups: Vec::new() })
    }

    /// The open schedules of a namespace as visibility knows them.
    fn schedule_index(
        &self,
        now: Time,
        namespace: NamespaceKey,
        registry: &Registry,
    ) -> Result<Index, Error> {
        let mut index = Index::default();
        for schedule in self.schedules.iter(namespace).filter(|schedule| schedule.is_open(now)) {
            index.put(record(schedule, registry)?);
        }
        Ok(index)
    }
}

/// What a query asks of a schedule.
///
/// # Errors
///
/// INVALID_ARGUMENT if the query is wrong, or asks for an attribute that the server keeps for workflows.
fn filter(query: &str, registry: &Registry, operation: &str) -> Result<Filter, Error> {
    let parse = |text: &str| Query::parse(text, registry).map_err(|error| error.answer(operation));
    if query.trim().is_empty() {
        return Ok(parse(SCHEDULES)?.filter);
    }
    for name in parse(query)?.names {
        if Builtin::is_reserved(&name) && name != PAUSED {
            return Err(Error::invalid_argument(format!(
                "invalid query filter for schedules: cannot filter on {name:?}"
            )));
        }
    }
    Ok(parse(&format!("{SCHEDULES} AND ({query})"))?.filter)
}

fn record(schedule: &Schedule, registry: &Registry) -> Result<Record, Error> {
    let execution = WorkflowExecution { workflow_id: schedule.id.clone(), run_id: schedule.run_id.clone() };
    let mut payloads: BTreeMap<_, _> =
        schedule.search_attributes.indexed_fields.clone().into_iter().collect();
    let division = encode_json("\"TemporalScheduler\"".to_owned(), IndexedValueType::Keyword);
    payloads.insert(DIVISION.to_owned(), division);
    let paused = encode_json(schedule.state().paused.to_string(), IndexedValueType::Bool);
    payloads.insert(PAUSED.to_owned(), paused);
    let start_time = schedule.info.create_time.as_ref().map_or(Time::default(), Time::from_proto);
    Ok(Record {
        root: None,
        execution,
        workflow_type: "temporal-sys-scheduler-workflow".to_owned(),
        task_queue: "temporal-sys-per-ns-tq".to_owned(),
        status: WorkflowExecutionStatus::Running,
        start_time,
        execution_time: start_time,
        closed: None,
        parent: None,
        memo: Arc::default(),
        search_attributes: stored_attributes(registry, &payloads),
        payloads: Arc::new(payloads),
    })
}

fn shown_search_attributes(record: &Record, registry: &Registry) -> Option<SearchAttributes> {
    let mut attributes = record.info(registry).search_attributes?;
    attributes.indexed_fields.retain(|name, _| name != DIVISION && name != PAUSED);
    Some(attributes).filter(|attributes| !attributes.indexed_fields.is_empty())
}

impl Schedule {
    /// What a list tells about the schedule.
    fn list_info(&self) -> ScheduleListInfo {
        let mut spec = self.spec.canonical().clone();
        spec::fill_in_ranges(&mut spec);
        spec.timezone_data.clear();
        spec.structured_calendar.truncate(LISTED_CALENDARS);
        spec.exclude_structured_calendar.truncate(LISTED_CALENDARS);
        spec.interval.truncate(LISTED_CALENDARS);
        let action = self.definition.action.as_ref().and_then(|action| action.action.as_ref());
        let recent = &self.info.recent_actions;
        ScheduleListInfo {
            spec: Some(spec),
            workflow_type: action.and_then(|Action::StartWorkflow(template)| template.workflow_type.clone()),
            notes: self.state().notes.clone(),
            paused: self.state().paused,
            recent_actions: recent.get(recent.len().saturating_sub(LISTED)..).unwrap_or_default().to_vec(),
            future_action_times: self.future_times(LISTED),
            ..Default::default()
        }
    }
}
