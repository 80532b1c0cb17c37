//! `--db-filename`: a server that is killed has everything that it has acknowledged when it is started again.

use std::{collections::BTreeMap, time::Duration};

use temporalio_client::Connection;
use temporalio_common::protos::temporal::api::{
    command::v1::{Command, StartTimerCommandAttributes, command::Attributes},
    common::v1::{Payload, Payloads},
    enums::v1::{CommandType, EventType},
    history::v1::HistoryEvent,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest, SignalWorkflowExecutionRequest,
    },
};
use tonic::{IntoRequest as _, Status};

use crate::harness::{Running, execution, history, start_request};

/// So large that the file packs what it has.
fn large() -> Payloads {
    let payload = Payload { data: vec![7; 1_100_000], ..Default::default() };
    Payloads { payloads: vec![payload] }
}

/// What the server has told its clients.
#[derive(Default)]
struct Told {
    /// How many signals of each workflow were acknowledged, and how many were sent.
    signals: BTreeMap<String, (usize, usize)>,
    /// The histories as they were read.
    histories: BTreeMap<String, Vec<HistoryEvent>>,
    /// Workflow tasks that were handed out.
    tasks: Vec<Vec<u8>>,
}

impl Told {
    /// Makes things happen until the server is gone.
    async fn work(&mut self, connection: &Connection, round: usize) -> Result<(), Status> {
        for number in 0.. {
            let workflow_id = format!("wf-{round}-{number}");
            let mut service = connection.workflow_service();
            let mut start = start_request("default", &workflow_id);
            start.input = (number == 0).then(large);
            service.start_workflow_execution(start.into_request()).await?;
            self.signals.insert(workflow_id.clone(), (0, 0));
            for signal in 0..3 {
                let counts = self.signals.get_mut(&workflow_id).expect("it was inserted");
                counts.1 += 1;
                let request = SignalWorkflowExecutionRequest {
                    namespace: "default".into(),
                    workflow_execution: Some(execution(&workflow_id)),
                    signal_name: format!("signal {signal}"),
                    request_id: format!("{workflow_id}-{signal}"),
                    ..Default::default()
                };
                service.signal_workflow_execution(request.into_request()).await?;
                counts.0 += 1;
            }
            let poll = PollWorkflowTaskQueueRequest {
                namespace: "default".into(),
                task_queue: Some(TaskQueue { name: "q".into(), ..Default::default() }),
                ..Default::default()
            };
            let task = service.poll_workflow_task_queue(poll.into_request()).await?.into_inner();
            self.tasks.push(task.task_token);
            if number % 2 == 0 {
                self.complete(connection).await?;
            }
            self.histories.insert(workflow_id.clone(), history(connection, &workflow_id).await?);
        }
        Ok(())
    }

    /// Completes the workflow task that was handed out last, which may have been before the server was killed.
    async fn complete(&mut self, connection: &Connection) -> Result<(), Status> {
        let Some(task_token) = self.tasks.pop() else { return Ok(()) };
        let timer = StartTimerCommandAttributes {
            timer_id: "timer".into(),
            start_to_fire_timeout: Some(prost_types::Duration { seconds: 3600, nanos: 0 }),
        };
        let command = Command {
            command_type: CommandType::StartTimer as i32,
            attributes: Some(Attributes::StartTimerCommandAttributes(timer)),
            ..Default::default()
        };
        let request =
            RespondWorkflowTaskCompletedRequest { task_token, commands: vec![command], ..Default::default() };
        connection.workflow_service().respond_workflow_task_completed(request.into_request()).await?;
        Ok(())
    }

    /// Holds the server to what it has told.
    async fn check(&self, connection: &Connection) {
        for (workflow_id, (acknowledged, sent)) in &self.signals {
            let events = history(connection, workflow_id).await.expect("it was acknowledged");
            let signals = events.iter().filter(|it| it.event_type() == EventType::WorkflowExecutionSignaled);
            let signals = signals.count();
            assert!((*acknowledged..=*sent).contains(&signals), "{workflow_id}: {signals} of {acknowledged}");
            if let Some(read) = self.histories.get(workflow_id) {
                assert_eq!(events.get(..read.len()), Some(read.as_slice()), "{workflow_id}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost() {
    const ROUNDS: usize = 5;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("histories.db");
    let arguments = ["--db-filename", file.to_str().expect("its name is text")];
    let mut told = Told::default();
    for round in 0..ROUNDS {
        let mut server = Running::start_dev(&arguments);
        let connection = server.connect().await;
        told.check(&connection).await;
        // A task that was out when the server was killed is still the same task.
        told.complete(&connection).await.expect("its token was acknowledged");
        let moment = Duration::from_millis(500 + (round as u64 * 373) % 1000);
        tokio::select! {
            ended = told.work(&connection, round) => panic!("the server is gone: {ended:?}"),
            () = tokio::time::sleep(moment) => server.kill(),
        }
    }
    let server = Running::start_dev(&arguments);
    told.check(&server.connect().await).await;
    assert!(told.signals.len() > ROUNDS, "hardly anything happened");
}

#[test]
fn a_file_of_something_else_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("notes.db");
    std::fs::write(&file, "SQLite format 3, or anything else that is no journal").expect("it can be written");
    let output = crate::harness::binary()
        .args(["server", "start-dev", "--port", "0", "--db-filename"])
        .arg(&file)
        .output()
        .expect("cargo has built the binary");
    assert_eq!(output.status.code(), Some(2));
    let remarks = String::from_utf8_lossy(&output.stderr);
    assert!(remarks.contains("notes.db"), "{remarks}");
}
