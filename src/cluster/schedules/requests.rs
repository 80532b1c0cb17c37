//! The calls about one schedule.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    errordetails::v1::QueryFailedFailure,
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    schedule::v1::{ScheduleAction, ScheduleInfo, schedule_action::Action},
    workflowservice::v1::{
        CreateScheduleRequest, CreateScheduleResponse, DeleteScheduleRequest, DeleteScheduleResponse,
        DescribeScheduleRequest, DescribeScheduleResponse, ListScheduleMatchingTimesRequest,
        ListScheduleMatchingTimesResponse, PatchScheduleRequest, PatchScheduleResponse,
        UpdateScheduleRequest, UpdateScheduleResponse,
    },
};

use tonic::Code;

use super::{
    Creation, Schedule, ScheduleKey, Update, Wake,
    schedule::{FUTURE_TIMES, INITIAL_CONFLICT_TOKEN},
    spec, validation,
};
use crate::{
    clock::Time,
    cluster::{Cluster, error::Error, execution::FollowUp, namespaces::NamespaceKey, payloads, requests},
};

/// Times that one call lists.
const MATCHING_TIMES: usize = 1000;

impl Cluster {
    /// CreateSchedule. The same request id again is no other schedule.
    pub(in crate::cluster) fn create_schedule(
        &mut self,
        now: Time,
        request: CreateScheduleRequest,
    ) -> Result<CreateScheduleResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        validation::check_schedule_id(self.limits(), &request.schedule_id)?;
        if request.request_id.is_empty() {
            return Err(Error::invalid_argument("RequestId is not set on request."));
        }
        validation::check_request_id(self.limits(), &request.request_id)?;
        let mut definition = request.schedule.unwrap_or_default();
        let spec = self.compile_spec(&request.namespace, &request.schedule_id, &definition)?;
        self.check_action(namespace, &mut definition)?;
        if request.schedule_id.is_empty() {
            return Err(no_schedule_id());
        }
        let mut search_attributes = request.search_attributes.unwrap_or_default();
        self.shared.namespaces.check_search_attributes(namespace, &mut search_attributes)?;
        search_attributes.indexed_fields.retain(|_, payload| !payloads::is_nil(payload));
        validation::check_size(self.limits(), &definition)?;
        let mut memo = request.memo.unwrap_or_default();
        if memo.encoded_len() > self.limits().memo_size {
            return Err(Error::invalid_argument("Memo size exceeds limit."));
        }
        memo.fields.retain(|_, payload| !payloads::is_nil(payload));

        let response = CreateScheduleResponse { conflict_token: token(INITIAL_CONFLICT_TOKEN) };
        if let Some((_, existing)) = self.schedules.find(namespace, &request.schedule_id) {
            if existing.request_id == request.request_id {
                return Ok(response);
            }
            if existing.is_open(now) {
                let message = format!("schedule {:?} is already registered", request.schedule_id);
                return Err(Error::already_started(message, String::new(), String::new(), String::new()));
            }
        }
        let creation = Creation {
            namespace: request.namespace,
            id: request.schedule_id,
            request_id: request.request_id,
            run_id: self.shared.run_ids.uuid(),
            definition,
            spec,
            memo,
            search_attributes,
        };
        let key = self.schedules.insert(namespace, Schedule::new(now, creation));
        self.wake_schedule_for(now, key, request.initial_patch.map_or(Wake::Time, Wake::Patch));
        Ok(response)
    }

    /// DescribeSchedule.
    pub(in crate::cluster) fn describe_schedule(
        &mut self,
        now: Time,
        request: &DescribeScheduleRequest,
    ) -> Result<DescribeScheduleResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let (key, schedule) = self.find_schedule(namespace, &request.schedule_id)?;
        if !schedule.is_open(now) {
            return Err(Error::not_found("schedule not found"));
        }
        let running = schedule.info.running_workflows.iter().filter(|execution| {
            self.runs
                .current(namespace, &execution.workflow_id)
                .is_some_and(|run| run.is_running() && run.info.first_execution_run_id == execution.run_id)
        });
        let running: Vec<_> = running.cloned().collect();
        let closed = running.len() < schedule.info.running_workflows.len();
        let mut definition = schedule.definition.clone();
        if let Some(spec) = &mut definition.spec {
            spec::fill_in_ranges(spec);
        }
        let response = DescribeScheduleResponse {
            schedule: Some(definition),
            info: Some(ScheduleInfo {
                running_workflows: running,
                future_action_times: schedule.future_times(FUTURE_TIMES),
                buffer_size: i64::try_from(schedule.buffer.len()).unwrap_or(i64::MAX),
                ..schedule.info.clone()
            }),
            memo: (!schedule.memo.fields.is_empty()).then(|| schedule.memo.clone()),
            search_attributes: schedule.shown_search_attributes(),
            conflict_token: token(schedule.conflict_token),
        };
        if closed {
            self.follow_ups.push_back(FollowUp::RefreshSchedule { schedule: key });
        }
        Ok(response)
    }

    /// UpdateSchedule: replaces everything but the memo. With an old conflict token nothing happens, and the
    /// caller is not told.
    pub(in crate::cluster) fn update_schedule(
        &mut self,
        now: Time,
        request: UpdateScheduleRequest,
    ) -> Result<UpdateScheduleResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        validation::check_request_id(self.limits(), &request.request_id)?;
        let mut definition = request.schedule.unwrap_or_default();
        self.check_action(namespace, &mut definition)?;
        let spec = self.compile_spec(&request.namespace, &request.schedule_id, &definition)?;
        let mut search_attributes = request.search_attributes;
        if let Some(attributes) = &mut search_attributes {
            self.shared.namespaces.check_search_attributes(namespace, attributes)?;
            attributes.indexed_fields.retain(|_, payload| !payloads::is_nil(payload));
        }
        let Some(ScheduleAction { action: Some(Action::StartWorkflow(_)) }) = &definition.action else {
            return Err(Error::invalid_argument("Only StartWorkflow action is supported for schedules"));
        };
        validation::check_size(self.limits(), &definition)?;
        if request.memo.is_some() {
            return Err(Error::failed_precondition(
                "memo updates are not supported on workflow-backed schedules",
            ));
        }
        let key = self.open_schedule(now, namespace, &request.schedule_id)?;
        let conflict_token =
            request.conflict_token.first_chunk().map_or(0, |token| i64::from_be_bytes(*token));
        let update = Update { definition, spec, search_attributes, conflict_token };
        self.wake_schedule_for(now, key, Wake::Update(Box::new(update)));
        Ok(UpdateScheduleResponse {})
    }

    /// PatchSchedule: pauses, unpauses, triggers or backfills.
    pub(in crate::cluster) fn patch_schedule(
        &mut self,
        now: Time,
        request: PatchScheduleRequest,
    ) -> Result<PatchScheduleResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let patch = request.patch.ok_or_else(|| Error::invalid_argument("Patch is not set on request."))?;
        validation::check_request_id(self.limits(), &request.request_id)?;
        validation::check_notes(&patch.pause)?;
        validation::check_notes(&patch.unpause)?;
        requests::check_blob(self.limits(), patch.encoded_len())?;
        let key = self.open_schedule(now, namespace, &request.schedule_id)?;
        self.wake_schedule_for(now, key, Wake::Patch(patch));
        Ok(PatchScheduleResponse {})
    }

    /// DeleteSchedule. The workflows that it started go on.
    pub(in crate::cluster) fn delete_schedule(
        &mut self,
        now: Time,
        request: &DeleteScheduleRequest,
    ) -> Result<DeleteScheduleResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let key = self.open_schedule(now, namespace, &request.schedule_id)?;
        if let Some(Some(schedule)) = self.schedules.schedules.get_mut(key.0) {
            schedule.deleted = true;
            if let Some(watched) = schedule.watched.take() {
                self.schedules.watched.remove(&(namespace, watched, key));
            }
        }
        Ok(DeleteScheduleResponse {})
    }

    /// ListScheduleMatchingTimes: the times after the start and up to the end of a range.
    pub(in crate::cluster) fn list_schedule_matching_times(
        &self,
        request: &ListScheduleMatchingTimesRequest,
    ) -> Result<ListScheduleMatchingTimesResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let (_, schedule) = self.find_schedule(namespace, &request.schedule_id)?;
        let (Some(start), Some(end)) = (&request.start_time, &request.end_time) else {
            return Err(missing_range());
        };
        let (start, end) = (Time::from_proto(start), Time::from_proto(end));
        let spec = &schedule.spec;
        let times = std::iter::successors(spec.next(start), |time| spec.next(time.actual))
            .map(|time| time.actual)
            .take_while(|time| *time <= end)
            .take(MATCHING_TIMES)
            .map(Time::to_proto);
        Ok(ListScheduleMatchingTimesResponse { start_time: times.collect() })
    }

    fn find_schedule(&self, namespace: NamespaceKey, id: &str) -> Result<(ScheduleKey, &Schedule), Error> {
        if id.is_empty() {
            return Err(no_schedule_id());
        }
        self.schedules.find(namespace, id).ok_or_else(|| {
            Error::not_found(format!("workflow not found for ID: {}", validation::workflow_id(id)))
        })
    }

    /// A schedule that can be changed.
    fn open_schedule(&self, now: Time, namespace: NamespaceKey, id: &str) -> Result<ScheduleKey, Error> {
        match self.find_schedule(namespace, id)? {
            (key, schedule) if schedule.is_open(now) => Ok(key),
            _ => Err(Error::already_completed()),
        }
    }
}

fn no_schedule_id() -> Error {
    Error::invalid_argument("Can't load workflow execution. WorkflowId not set.")
}

/// What the server answers to a range without a start or an end, which it finds out in a query.
fn missing_range() -> Error {
    const MESSAGE: &str = "missing or invalid query";
    let failure = Failure {
        message: MESSAGE.to_owned(),
        source: "GoSDK".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo::default())),
        ..Default::default()
    };
    let detail = QueryFailedFailure { failure: Some(failure) };
    Error::detailed(Code::InvalidArgument, MESSAGE, "QueryFailedFailure", &detail)
}

fn token(number: i64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}
