//! The RPCs that look for runs.

use temporalio_common::protos::temporal::api::{
    enums::v1::{IndexedValueType, WorkflowExecutionStatus as Status},
    filter::v1::{StartTimeFilter, StatusFilter, WorkflowExecutionFilter, WorkflowTypeFilter},
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse, ListClosedWorkflowExecutionsRequest,
        ListClosedWorkflowExecutionsResponse, ListOpenWorkflowExecutionsRequest,
        ListOpenWorkflowExecutionsResponse, ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse,
        ScanWorkflowExecutionsRequest, ScanWorkflowExecutionsResponse, count_workflow_executions_response,
        list_closed_workflow_executions_request::Filters as ClosedFilter,
        list_open_workflow_executions_request::Filters as OpenFilter,
    },
};
use tonic::Code;

use super::{
    Position, Query,
    query::{Scalar, status_name},
};
use crate::{
    clock::Time,
    cluster::{
        Cluster, Error,
        go_text::{self, Timestamp},
        limits,
        namespaces::NamespaceKey,
        search_attributes::{Registry, encode_json},
    },
};

impl Cluster {
    /// Lists runs, a page at a time.
    pub(crate) fn list_workflow_executions(
        &mut self,
        request: &ListWorkflowExecutionsRequest,
    ) -> Result<ListWorkflowExecutionsResponse, Error> {
        self.settle_visibility();
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let registry = self.registry(namespace)?;
        let query =
            Query::parse(&request.query, registry).map_err(|error| error.answer("ListWorkflowExecutions"))?;
        let page = Page::read(request.page_size, &request.next_page_token)?;
        let mut executions = Vec::new();
        let mut next_page_token = Vec::new();
        let records = self
            .visibility
            .get(namespace)
            .into_iter()
            .flat_map(|index| index.matching(&query.filter, page.behind.as_ref()))
            .take(page.size);
        for (position, record) in records {
            executions.push(record.info(registry));
            // A page that is full has a successor, even if nothing is left for it.
            if executions.len() == page.size {
                next_page_token = Page::token(position)?;
            }
        }
        Ok(ListWorkflowExecutionsResponse { executions, next_page_token })
    }

    /// The same as a list.
    pub(crate) fn scan_workflow_executions(
        &mut self,
        request: ScanWorkflowExecutionsRequest,
    ) -> Result<ScanWorkflowExecutionsResponse, Error> {
        let listed = self.list_workflow_executions(&ListWorkflowExecutionsRequest {
            namespace: request.namespace,
            page_size: request.page_size,
            next_page_token: request.next_page_token,
            query: request.query,
        })?;
        Ok(ScanWorkflowExecutionsResponse {
            executions: listed.executions,
            next_page_token: listed.next_page_token,
        })
    }

    /// Counts runs, all together or by status.
    pub(crate) fn count_workflow_executions(
        &mut self,
        request: &CountWorkflowExecutionsRequest,
    ) -> Result<CountWorkflowExecutionsResponse, Error> {
        self.settle_visibility();
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let query = Query::parse(&request.query, self.registry(namespace)?)
            .map_err(|error| error.answer("CountWorkflowExecutions"))?;
        let records =
            self.visibility.get(namespace).into_iter().flat_map(|index| index.matching(&query.filter, None));
        let Some(field) = &query.group_by else {
            return Ok(CountWorkflowExecutionsResponse {
                count: as_count(records.count()),
                groups: Vec::new(),
            });
        };
        let mut counts: Vec<(Option<Scalar>, usize)> = Vec::new();
        for (_, record) in records {
            let value = record.scalar(field);
            match counts.iter_mut().find(|(known, _)| *known == value) {
                Some((_, count)) => *count += 1,
                None => counts.push((value, 1)),
            }
        }
        counts.sort_by(|(left, _), (right, _)| match (left, right) {
            (Some(left), Some(right)) => left.compare(right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        });
        Ok(CountWorkflowExecutionsResponse {
            count: as_count(counts.iter().map(|(_, count)| count).sum()),
            groups: counts
                .into_iter()
                .map(|(value, count)| count_workflow_executions_response::AggregationGroup {
                    group_values: vec![encode_json(
                        go_text::json_string(&group_name(value)),
                        IndexedValueType::Keyword,
                    )],
                    count: as_count(count),
                })
                .collect(),
        })
    }

    /// Lists open runs, by the time at which they started, and by workflow id or type.
    pub(crate) fn list_open_workflow_executions(
        &mut self,
        request: ListOpenWorkflowExecutionsRequest,
    ) -> Result<ListOpenWorkflowExecutionsResponse, Error> {
        self.shared.namespaces.find(&request.namespace)?;
        let mut conditions = vec!["ExecutionStatus = 'Running'".to_owned()];
        conditions.extend(time_condition("StartTime", request.start_time_filter)?);
        conditions.extend(match request.filters {
            Some(OpenFilter::ExecutionFilter(by)) => Some(workflow_id_condition(&by)),
            Some(OpenFilter::TypeFilter(by)) => Some(workflow_type_condition(&by)),
            None => None,
        });
        let listed = self.list_workflow_executions(&ListWorkflowExecutionsRequest {
            namespace: request.namespace,
            page_size: request.maximum_page_size,
            next_page_token: request.next_page_token,
            query: conditions.join(" AND "),
        })?;
        Ok(ListOpenWorkflowExecutionsResponse {
            executions: listed.executions,
            next_page_token: listed.next_page_token,
        })
    }

    /// Lists closed runs, by the time at which they closed, and by workflow id, type or status.
    pub(crate) fn list_closed_workflow_executions(
        &mut self,
        request: ListClosedWorkflowExecutionsRequest,
    ) -> Result<ListClosedWorkflowExecutionsResponse, Error> {
        self.shared.namespaces.find(&request.namespace)?;
        let mut conditions = vec!["ExecutionStatus != 'Running'".to_owned()];
        conditions.extend(time_condition("CloseTime", request.start_time_filter)?);
        conditions.extend(match request.filters {
            Some(ClosedFilter::ExecutionFilter(by)) => Some(workflow_id_condition(&by)),
            Some(ClosedFilter::TypeFilter(by)) => Some(workflow_type_condition(&by)),
            Some(ClosedFilter::StatusFilter(by)) => Some(status_condition(by)?),
            None => None,
        });
        let listed = self.list_workflow_executions(&ListWorkflowExecutionsRequest {
            namespace: request.namespace,
            page_size: request.maximum_page_size,
            next_page_token: request.next_page_token,
            query: conditions.join(" AND "),
        })?;
        Ok(ListClosedWorkflowExecutionsResponse {
            executions: listed.executions,
            next_page_token: listed.next_page_token,
        })
    }

    pub(in crate::cluster) fn registry(&self, namespace: NamespaceKey) -> Result<&Registry, Error> {
        let namespace =
            self.shared.namespaces.get(namespace).ok_or_else(|| Error::namespace_not_found(""))?;
        Ok(&namespace.search_attributes)
    }
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    size: usize,
    /// The last run of the page before.
    behind: Option<Position>,
}

impl Page {
    /// What asks for the page behind a record.
    pub(crate) fn token(last: &Position) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(last)
            .map_err(|error| Error::internal(format!("cannot write the page token: {error}")))
    }

    /// Records on the page, at most.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The last record of the page before.
    pub(crate) fn behind(&self) -> Option<&Position> {
        self.behind.as_ref()
    }

    /// A size that is not positive is the largest, and a larger one, too.
    pub(crate) fn read(size: i32, token: &[u8]) -> Result<Self, Error> {
        let size = match usize::try_from(size) {
            Ok(size @ 1..=limits::VISIBILITY_PAGE) => size,
            _ => limits::VISIBILITY_PAGE,
        };
        let behind = match token {
            [] => None,
            token => Some(
                serde_json::from_slice(token)
                    // The server takes that for a fault of its own.
                    .map_err(|_| {
                        Error::new(Code::Unknown, "something went wrong, please retry (620ff7e0)")
                    })?,
            ),
        };
        Ok(Self { size, behind })
    }
}

fn as_count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How a group of counted runs is called. A run that has no value belongs to the group without a name.
fn group_name(value: Option<Scalar>) -> String {
    match value {
        Some(Scalar::Text(text)) => text,
        Some(Scalar::Integer(number)) => {
            let status = i32::try_from(number).ok().and_then(|number| Status::try_from(number).ok());
            status.map_or_else(|| number.to_string(), status_name)
        }
        Some(Scalar::Real(number)) => go_text::number(number),
        None => String::new(),
    }
}

// The server writes queries for these and puts the names into them as they are, so a name with a quote in
// it is a syntax error.

fn workflow_id_condition(by: &WorkflowExecutionFilter) -> String {
    format!("WorkflowId = '{}'", by.workflow_id)
}

fn workflow_type_condition(by: &WorkflowTypeFilter) -> String {
    format!("WorkflowType = '{}'", by.name)
}

fn status_condition(by: StatusFilter) -> Result<String, Error> {
    match by.status() {
        Status::Unspecified | Status::Running => {
            Err(Error::invalid_argument("StatusFilter must be specified and must be not Running."))
        }
        status => Ok(format!("ExecutionStatus = '{}'", status_name(status))),
    }
}

/// Only runs within a span of time, which may be open at either end.
fn time_condition(attribute: &str, times: Option<StartTimeFilter>) -> Result<Option<String>, Error> {
    /// The beginning of the year 1, which stands for no time at all.
    const ZERO_TIME: Time = Time::from_nanos(-62_135_596_800 * 1_000_000_000);
    let times = times.unwrap_or_default();
    let time = |timestamp: Option<&prost_types::Timestamp>| {
        timestamp.map(Time::from_proto).filter(|time| *time != ZERO_TIME)
    };
    let (earliest, latest) = (time(times.earliest_time.as_ref()), time(times.latest_time.as_ref()));
    let written = Timestamp::utc;
    Ok(match (earliest, latest) {
        (Some(earliest), Some(latest)) if earliest > latest => {
            let message = "EarliestTime in StartTimeFilter should not be larger than LatestTime.";
            return Err(Error::invalid_argument(message));
        }
        (Some(earliest), Some(latest)) => {
            Some(format!("{attribute} BETWEEN '{}' AND '{}'", written(earliest), written(latest)))
        }
        (Some(earliest), None) => Some(format!("{attribute} >= '{}'", written(earliest))),
        (None, Some(latest)) => Some(format!("{attribute} <= '{}'", written(latest))),
        (None, None) => None,
    })
}
