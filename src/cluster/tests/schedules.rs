//! Schedules in a cluster.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    command::v1::{CompleteWorkflowExecutionCommandAttributes, command::Attributes},
    common::v1::WorkflowType,
    enums::v1::{ScheduleOverlapPolicy as Policy, WorkflowExecutionStatus as Status},
    schedule::v1::{
        CalendarSpec, IntervalSpec, Schedule, ScheduleAction, SchedulePatch, SchedulePolicies, ScheduleSpec,
        schedule_action::Action,
    },
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest, DescribeScheduleResponse,
        ListSchedulesRequest, PatchScheduleRequest,
    },
};

use super::{Server, command, queue};
use crate::clock::{self, Time};

const HOUR: Duration = Duration::from_secs(60 * 60);

fn hourly() -> ScheduleSpec {
    let interval = IntervalSpec { interval: Some(clock::to_proto(HOUR)), phase: None };
    ScheduleSpec { interval: vec![interval], ..Default::default() }
}

impl Server {
    fn create_schedule(&mut self, id: &str, spec: ScheduleSpec, overlap_policy: Policy) {
        let template = NewWorkflowExecutionInfo {
            workflow_id: "wf".to_owned(),
            workflow_type: Some(WorkflowType { name: "W".to_owned() }),
            task_queue: Some(queue("tq")),
            ..Default::default()
        };
        let policies = SchedulePolicies { overlap_policy: overlap_policy as i32, ..Default::default() };
        self.call(CreateScheduleRequest {
            namespace: "default".to_owned(),
            schedule_id: id.to_owned(),
            request_id: format!("create {id}"),
            schedule: Some(Schedule {
                spec: Some(spec),
                action: Some(ScheduleAction { action: Some(Action::StartWorkflow(template)) }),
                policies: Some(policies),
                state: None,
            }),
            ..Default::default()
        })
        .expect("a schedule");
    }

    fn pause_schedule(&mut self, id: &str) {
        let patch = SchedulePatch { pause: "for a test".to_owned(), ..Default::default() };
        let namespace = "default".to_owned();
        let request = PatchScheduleRequest {
            namespace,
            schedule_id: id.to_owned(),
            patch: Some(patch),
            ..Default::default()
        };
        self.call(request).expect("a pause");
    }

    fn describe_schedule(&mut self, id: &str) -> DescribeScheduleResponse {
        let request = DescribeScheduleRequest { namespace: "default".to_owned(), schedule_id: id.to_owned() };
        self.call(request).expect("a description")
    }

    /// Workflow ids and how they ended, as far as the schedule knows.
    fn recent_actions(&mut self, id: &str) -> Vec<(String, Status)> {
        let info = self.describe_schedule(id).info.expect("info");
        let actions = info.recent_actions.into_iter().map(|action| {
            let status = action.start_workflow_status();
            (action.start_workflow_result.expect("a workflow").workflow_id, status)
        });
        actions.collect()
    }
}

fn complete() -> Attributes {
    Attributes::CompleteWorkflowExecutionCommandAttributes(
        CompleteWorkflowExecutionCommandAttributes::default(),
    )
}

#[test]
fn a_schedule_starts_workflows_and_the_end_of_one_starts_the_next() {
    let mut server = Server::new();
    server.create_schedule("s", hourly(), Policy::BufferAll);
    server.advance(HOUR * 3);
    let [first, second] = ["wf-1970-01-01T01:00:00Z", "wf-1970-01-01T02:00:00Z"].map(str::to_owned);
    assert_eq!(server.recent_actions("s"), [(first.clone(), Status::Running)]);
    assert_eq!(server.describe_schedule("s").info.unwrap().buffer_size, 2);

    let task = server.poll();
    server.complete(&task, vec![command(complete())]).unwrap();
    assert_eq!(server.recent_actions("s"), [(first, Status::Completed), (second, Status::Running)]);
}

#[test]
fn a_workflow_that_the_schedule_terminates_makes_way_at_once() {
    let mut server = Server::new();
    server.create_schedule("s", hourly(), Policy::TerminateOther);
    server.advance(HOUR * 3);
    let statuses: Vec<_> = server.cluster.runs.iter().map(|run| run.state.status).collect();
    assert_eq!(statuses, [Status::Terminated, Status::Terminated, Status::Running]);
}

#[test]
fn a_schedule_wakes_the_cluster_for_its_next_time_and_for_nothing_else() {
    let mut server = Server::new();
    let new_year = CalendarSpec {
        year: "2040".to_owned(),
        month: "1".to_owned(),
        day_of_month: "1".to_owned(),
        ..Default::default()
    };
    let spec = ScheduleSpec { calendar: vec![new_year], ..Default::default() };
    server.create_schedule("far", spec, Policy::Skip);
    assert_eq!(server.cluster.next_deadline(), Some(Time::from_nanos(2_208_988_800_000_000_000)));
    server.pause_schedule("far");
    assert_eq!(server.cluster.next_deadline(), None);
}

#[test]
fn a_deleted_schedule_does_nothing_and_leaves_its_workflows_alone() {
    let mut server = Server::new();
    server.create_schedule("s", hourly(), Policy::AllowAll);
    server.advance(HOUR);
    let request = DeleteScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: "s".to_owned(),
        identity: "test".to_owned(),
    };
    server.call(request.clone()).unwrap();
    assert_eq!(server.call(request).unwrap_err().message, "workflow execution already completed");
    server.advance(HOUR * 5);
    assert_eq!(server.cluster.runs.iter().count(), 1);
    assert!(server.cluster.runs.iter().all(|run| run.is_running()));
}

#[test]
fn lists_show_the_newest_schedule_first_a_page_at_a_time() {
    let mut server = Server::new();
    for id in ["a", "b", "c"] {
        server.create_schedule(id, hourly(), Policy::Skip);
        server.advance(Duration::from_secs(1));
    }
    server.pause_schedule("b");
    let mut list = |query: &str, next_page_token| {
        let request = ListSchedulesRequest {
            namespace: "default".to_owned(),
            query: query.to_owned(),
            maximum_page_size: 2,
            next_page_token,
        };
        let page = server.call(request).unwrap();
        let ids: Vec<_> = page.schedules.into_iter().map(|schedule| schedule.schedule_id).collect();
        (ids.join(" "), page.next_page_token)
    };
    let (first, token) = list("", Vec::new());
    let (second, _) = list("", token);
    assert_eq!((first.as_str(), second.as_str()), ("c b", "a"));
    assert_eq!(list("TemporalSchedulePaused = true", Vec::new()).0, "b");
    assert_eq!(list("ScheduleId = 'a'", Vec::new()).0, "a");
}
