//! Doors for fuzzers: any bytes and any messages, for everything that reads what others wrote.
//!
//! Only for this project's own tests and fuzz targets, which stand outside of the crate; not part of the public
//! interface. Nothing in here may panic, whatever comes in: that is what the fuzzers look for.

mod arbitrary;

use std::collections::BTreeSet;

use prost::Message as _;

use crate::{
    clock::Time,
    cluster::{Answer, Call, CallId, Cluster, Config},
    history::History,
    proto_json,
    replay::Replayer,
    rng::Seed,
    rpc::{self, Request, ResponseMessage},
};
use arbitrary::{Choices, Words};

/// A cluster that takes any call, with a workflow in it that has something of everything.
pub struct Target {
    cluster: Cluster,
    now: Time,
    calls: u64,
    /// Ids and task tokens that the cluster has given out, for later messages to use.
    words: Words,
    /// The RPCs that have answered something other than an error.
    answered: BTreeSet<&'static str>,
}

/// Deadlines further away than so many at a time are not waited for.
const DEADLINES: usize = 4;

impl Target {
    /// A cluster with an open workflow, whose workflow task and activity task a worker has.
    #[expect(clippy::new_without_default, reason = "it is not nothing that is made here")]
    pub fn new() -> Self {
        let mut target = Self {
            cluster: Cluster::new(Config::default(), Seed(1)),
            now: Time::from_nanos(1_000_000_000_000_000_000),
            calls: 0,
            words: Words::default(),
            answered: BTreeSet::new(),
        };
        for (rpc, request) in [
            ("StartWorkflowExecution", START),
            ("PollWorkflowTaskQueue", POLL),
            ("RespondWorkflowTaskCompleted", COMPLETE),
            ("PollActivityTaskQueue", POLL),
            ("SignalWorkflowExecution", SIGNAL),
            ("PollWorkflowTaskQueue", POLL),
        ] {
            target.call_json(rpc, request);
        }
        target
    }

    /// The names of all RPCs that are served: service and RPC.
    pub fn rpcs() -> &'static [(&'static str, &'static str)] {
        rpc::ALL
    }

    /// The RPCs that have answered something other than an error.
    pub fn answered(&self) -> impl Iterator<Item = &'static str> {
        self.answered.iter().copied()
    }

    /// Calls an RPC with any bytes for its request. Whether they were a request of it.
    pub fn call_bytes(&mut self, service: &str, rpc: &str, bytes: &[u8]) -> bool {
        match Request::decode(service, rpc, bytes) {
            Ok(request) => {
                self.call(request);
                true
            }
            Err(_) => false,
        }
    }

    /// Makes calls and lets time pass for as long as there are choices in the data. Each request is a message
    /// of the RPC's own type with any values in its fields. Gives how many calls were made.
    pub fn call_messages(&mut self, data: &[u8]) -> usize {
        let mut choices = Choices::new(data);
        let mut calls = 0;
        while !choices.is_empty() {
            let (service, rpc) = rpc::ALL[choices.below(rpc::ALL.len())];
            let Some((input, _)) = proto_json::rpc_types(service, rpc) else { continue };
            let request = arbitrary::message(&input, &mut choices, &self.words).encode_to_vec();
            // The types that were generated may refuse what a descriptor lets pass.
            calls += usize::from(self.call_bytes(service, rpc, &request));
            if choices.below(4) == 0 {
                self.advance();
            }
        }
        calls
    }

    /// Lets time pass to the next deadlines of the cluster.
    pub fn advance(&mut self) {
        for _ in 0..DEADLINES {
            let Some(deadline) = self.cluster.next_deadline() else { return };
            self.now = self.now.max(deadline);
            self.cluster.handle_timeout(deadline);
            self.take_answers();
        }
    }

    fn call_json(&mut self, rpc: &str, request: &str) {
        let service = "temporal.api.workflowservice.v1.WorkflowService";
        let (input, _) = proto_json::rpc_types(service, rpc).expect("an RPC that there is");
        let token = self.words.tokens().last().cloned().unwrap_or_default();
        let request = request.replace("TOKEN", &base64(&token));
        let request = proto_json::from_text(&request).expect("JSON");
        let request = proto_json::encode(input.full_name(), request, proto_json::UnknownFields::Refuse);
        let taken = self.call_bytes(service, rpc, &request.expect("a request of the RPC"));
        assert!(taken, "{rpc} takes its own request");
    }

    fn call(&mut self, request: Request) {
        self.calls += 1;
        let (id, rpc) = (CallId(self.calls), request.name());
        self.cluster.handle_call(self.now, Call { id, request, deadline: None });
        while let Some((answered, answer)) = self.cluster.poll_answer() {
            if answered == id && answer.is_ok() {
                self.answered.insert(rpc);
            }
            self.remember(answer);
        }
    }

    fn take_answers(&mut self) {
        while let Some((_, answer)) = self.cluster.poll_answer() {
            self.remember(answer);
        }
    }

    fn remember(&mut self, answer: Answer) {
        // What is answered has to be one that can be sent.
        let Ok(response) = answer else { return };
        drop(response.clone().encode());
        match response.message {
            ResponseMessage::StartWorkflowExecution(started) => self.words.add_string(started.run_id),
            ResponseMessage::PollWorkflowTaskQueue(task) => {
                self.words.add_token(task.task_token);
                self.words.add_token(task.next_page_token);
                task.messages.into_iter().for_each(|message| self.words.add_string(message.id));
            }
            ResponseMessage::PollActivityTaskQueue(task) => self.words.add_token(task.task_token),
            ResponseMessage::GetWorkflowExecutionHistory(page) => self.words.add_token(page.next_page_token),
            ResponseMessage::ListWorkflowExecutions(page) => self.words.add_token(page.next_page_token),
            ResponseMessage::ListSchedules(page) => self.words.add_token(page.next_page_token),
            _ => {}
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const START: &str = r#"{"namespace": "default", "workflowId": "wf", "workflowType": {"name": "W"},
    "taskQueue": {"name": "tq"}}"#;
const POLL: &str = r#"{"namespace": "default", "taskQueue": {"name": "tq"}}"#;
const SIGNAL: &str =
    r#"{"namespace": "default", "workflowExecution": {"workflowId": "wf"}, "signalName": "s"}"#;
const COMPLETE: &str = r#"{"namespace": "default", "taskToken": "TOKEN", "commands": [
    {"commandType": "COMMAND_TYPE_START_TIMER",
     "startTimerCommandAttributes": {"timerId": "1", "startToFireTimeout": "60s"}},
    {"commandType": "COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK",
     "scheduleActivityTaskCommandAttributes": {"activityId": "1", "activityType": {"name": "A"},
        "taskQueue": {"name": "tq"}, "startToCloseTimeout": "60s"}},
    {"commandType": "COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION",
     "startChildWorkflowExecutionCommandAttributes": {"workflowId": "child", "workflowType": {"name": "W"},
        "taskQueue": {"name": "tq"}}}]}"#;

/// Reads any bytes as a history: as JSON, as protobuf, and as either.
pub fn load_history(bytes: &[u8]) {
    drop(History::from_bytes(bytes));
    drop(History::from_protobuf(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(History::from_json(text));
    }
}

/// Makes a history with any values in the fields of its events, and replays it. Whether there was one to replay.
pub fn replay_history(replayer: &Replayer, data: &[u8]) -> bool {
    let Ok(history) = proto_json::message_type("temporal.api.history.v1.History") else { return false };
    let message = arbitrary::message(&history, &mut Choices::new(data), &Words::default());
    match History::from_protobuf(&message.encode_to_vec()) {
        Ok(history) => {
            drop(replayer.replay(&history).to_string());
            true
        }
        Err(_) => false,
    }
}

/// Replays a history that was good before some of its bytes were changed. Whether it was still one to replay.
pub fn replay_damaged(replayer: &Replayer, history: &[u8], damage: &[(usize, u8)]) -> bool {
    let mut bytes = history.to_vec();
    for &(index, value) in damage {
        if let Some(byte) = bytes.len().checked_sub(1).and_then(|last| bytes.get_mut(index % (last + 1))) {
            *byte = value;
        }
    }
    match History::from_protobuf(&bytes) {
        Ok(history) => {
            drop(replayer.replay(&history).to_string());
            true
        }
        Err(_) => false,
    }
}
