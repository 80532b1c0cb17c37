//! Whatever bytes come in, something comes out: an answer, an error of the server, or a call that waits.

use proptest::prelude::*;
use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, Payloads, WorkflowType},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::StartWorkflowExecutionRequest,
};
use tonic::Code;

use super::*;
use crate::{cluster::Config, rpc};

/// Calls RPCs one after the other, gives each a millisecond, and answers what came of the last one.
fn call(calls: &[(&str, &str, Vec<u8>)]) -> Option<Result<Vec<u8>, Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(async {
        let seed = Seed(1);
        let service = Service::new(Cluster::new(Config::default(), seed), seed, Time::from_nanos(0));
        let mut last = None;
        for (name, rpc, bytes) in calls {
            let answer = service.call_encoded(name, rpc, bytes, None);
            last = tokio::select! {
                biased;
                answer = answer => Some(answer),
                () = service.drive() => None,
                () = tokio::time::sleep(Duration::from_millis(1)) => None,
            };
        }
        last
    })
}

fn started() -> (&'static str, &'static str, Vec<u8>) {
    let start = StartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: "w".into(),
        workflow_type: Some(WorkflowType { name: "W".into() }),
        task_queue: Some(TaskQueue { name: "q".into(), ..Default::default() }),
        // No data converter ever made this.
        input: Some(Payloads { payloads: vec![Payload { data: vec![0xff, 0xfe], ..Default::default() }] }),
        ..Default::default()
    };
    ("temporal.api.workflowservice.v1.WorkflowService", "StartWorkflowExecution", start.encode_to_vec())
}

#[test]
fn an_rpc_that_is_not_served_says_so() {
    let error = call(&[("temporal.api.workflowservice.v1.WorkflowService", "MakeCoffee", Vec::new())]);
    let error = error.expect("an answer at once").unwrap_err();
    assert_eq!(error.code, Code::Unimplemented);
    assert_eq!(
        error.message,
        "MakeCoffee is not served by temporal-sim: see \"How faithful it is\" in its book"
    );
}

#[test]
fn bytes_that_are_no_request_are_an_error_that_names_the_rpc() {
    let (service, rpc, _) = started();
    let error = call(&[(service, rpc, vec![0xff; 7])]).expect("an answer at once").unwrap_err();
    assert!(error.message.starts_with("cannot decode the request of StartWorkflowExecution: "), "{error}");
}

#[test]
fn every_rpc_answers_an_empty_request() {
    for &(service, rpc) in rpc::ALL {
        let answer = call(&[started(), (service, rpc, Vec::new())]);
        assert!(answer.is_some(), "{rpc} waits, although it was asked for nothing");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(index in 0..rpc::ALL.len(), bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let (service, rpc) = rpc::ALL[index];
        call(&[started(), (service, rpc, bytes)]);
    }

    /// Small field numbers and short fields: most of these bytes are messages.
    #[test]
    fn no_message_makes_it_panic(
        index in 0..rpc::ALL.len(),
        fields in prop::collection::vec((1..20_u32, prop_oneof![Just(b"default".to_vec()), Just(b"w".to_vec()), prop::collection::vec(any::<u8>(), 0..12)]), 0..8),
    ) {
        let mut bytes = Vec::new();
        for (number, content) in fields {
            prost::encoding::bytes::encode(number, &content, &mut bytes);
        }
        let (service, rpc) = rpc::ALL[index];
        call(&[started(), (service, rpc, bytes)]);
    }
}
