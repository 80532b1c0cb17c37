//! What the network is about: reflection and health, limits, pings, and an end that leaves nobody waiting.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use prost::Message as _;
use temporal_sim::server::{Options, Server};
use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, Payloads},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        GetSystemInfoRequest, PollWorkflowTaskQueueRequest, StartWorkflowExecutionRequest,
    },
};
use tokio::sync::oneshot;
use tonic::{Code, IntoRequest as _, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::harness::{Running, connect, start_request};

/// Serves for as long as the client takes, and says how the server ended.
async fn serve(change: impl FnOnce(&mut Options), client: impl AsyncFnOnce(SocketAddr)) {
    let (_, stopped) = oneshot::channel();
    serve_until(change, stopped, client).await;
}

/// Serves until it is told to stop, or the client has ended.
async fn serve_until(
    change: impl FnOnce(&mut Options),
    stopped: oneshot::Receiver<()>,
    client: impl AsyncFnOnce(SocketAddr),
) {
    let mut options = Options::default();
    options.address.set_port(0);
    change(&mut options);
    let server = Server::bind(options).await.expect("a free port");
    let address = server.address();
    let (done, is_done) = oneshot::channel::<()>();
    let stop = async {
        // The sender of somebody who never stops the server is gone from the beginning.
        match stopped.await {
            Ok(()) => {}
            Err(_) => drop(is_done.await),
        }
    };
    let client = async {
        client(address).await;
        drop(done);
    };
    let (ended, ()) = tokio::join!(server.run(stop), client);
    ended.expect("nothing that a server could end for has happened");
}

async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).expect("a URL").connect().await.expect("it listens")
}

fn poll() -> PollWorkflowTaskQueueRequest {
    PollWorkflowTaskQueueRequest {
        namespace: "default".into(),
        task_queue: Some(TaskQueue { name: "q".into(), ..Default::default() }),
        ..Default::default()
    }
}

/// Long enough for an answer that comes at once; a server that is too slow makes no test fail.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// What is needed of a `google.protobuf.FileDescriptorProto` to find the files that it needs.
#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "3")]
    dependency: Vec<String>,
}

async fn reflect(client: &mut ServerReflectionClient<Channel>, request: MessageRequest) -> MessageResponse {
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let mut answers =
        client.server_reflection_info(stream::iter([request])).await.expect("it is served").into_inner();
    let answer = answers.next().await.expect("an answer").expect("an answer");
    answer.message_response.expect("an answer of some kind")
}

#[tokio::test]
async fn tools_find_all_services_and_every_message_of_them() {
    serve(
        |_| {},
        async |address| {
            let mut client = ServerReflectionClient::new(channel(address).await);
            let MessageResponse::ListServicesResponse(services) =
                reflect(&mut client, MessageRequest::ListServices(String::new())).await
            else {
                panic!("no list of services");
            };
            let services: BTreeSet<_> = services.service.into_iter().map(|it| it.name).collect();
            assert!(services.contains("temporal.api.operatorservice.v1.OperatorService"), "{services:?}");
            // As grpcurl does: the file of each service, and whatever that needs.
            let mut wanted: Vec<_> = services.into_iter().map(MessageRequest::FileContainingSymbol).collect();
            let mut known = BTreeSet::new();
            while let Some(request) = wanted.pop() {
                let MessageResponse::FileDescriptorResponse(files) =
                    reflect(&mut client, request.clone()).await
                else {
                    panic!("nothing is known of {request:?}");
                };
                for file in files.file_descriptor_proto {
                    let file = File::decode(&*file).expect("a description of a file");
                    if known.insert(file.name) {
                        wanted.extend(file.dependency.into_iter().map(MessageRequest::FileByFilename));
                    }
                }
            }
            assert!(known.contains("temporal/api/history/v1/message.proto"), "{known:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn load_balancers_are_told_that_all_is_well() {
    serve(
        |_| {},
        async |address| {
            let mut client = HealthClient::new(channel(address).await);
            let mut check = async |service: &str| {
                let request = HealthCheckRequest { service: service.to_owned() };
                client.check(request).await.map(|answer| answer.into_inner().status())
            };
            assert_eq!(check("").await.expect("an answer"), ServingStatus::Serving);
            let service = "temporal.api.workflowservice.v1.WorkflowService";
            assert_eq!(check(service).await.expect("an answer"), ServingStatus::Serving);
            assert_eq!(check("nothing").await.unwrap_err().code(), Code::NotFound);
            let request = HealthCheckRequest { service: service.to_owned() };
            let mut watch = client.watch(request).await.expect("it is served").into_inner();
            let first = watch.next().await.expect("the status of now").expect("an answer");
            assert_eq!(first.status(), ServingStatus::Serving);
        },
    )
    .await;
}

#[tokio::test]
async fn a_server_that_stops_answers_the_polls_that_wait_and_hangs_up() {
    let (stop, stopped) = oneshot::channel();
    serve_until(
        |_| {},
        stopped,
        async |address| {
            let mut service = connect(address).await.workflow_service();
            let waiting = service.poll_workflow_task_queue(poll().into_request());
            tokio::pin!(waiting);
            tokio::select! {
                answer = &mut waiting => panic!("there is no task, but {answer:?}"),
                () = a_moment() => {}
            }
            stop.send(()).expect("the server runs");
            let answer = waiting.await.expect("an answer as if the poll had waited for long enough");
            assert!(answer.into_inner().task_token.is_empty());
            while TcpStream::connect(address).is_ok() {
                tokio::task::yield_now().await;
            }
        },
    )
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn whoever_stops_the_binary_leaves_nobody_without_an_answer() {
    let mut server = Running::start_dev(&[]);
    let mut service = server.connect().await.workflow_service();
    let mut waiting = Box::pin(service.poll_workflow_task_queue(poll().into_request()));
    tokio::select! {
        answer = &mut waiting => panic!("there is no task, but {answer:?}"),
        () = a_moment() => {}
    }
    server.terminate();
    assert!(waiting.await.expect("an answer").into_inner().task_token.is_empty());
    let ended = tokio::task::spawn_blocking(move || server.wait()).await.expect("it does not panic");
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    serve(
        |options| options.capacity.connections = 1,
        async |address| {
            let first = channel(address).await;
            HealthClient::new(first.clone()).check(HealthCheckRequest::default()).await.expect("an answer");
            let mut second = HealthClient::new(channel(address).await);
            let check = second.check(HealthCheckRequest::default());
            tokio::pin!(check);
            tokio::select! {
                answer = &mut check => panic!("there is no place for it, but {answer:?}"),
                () = a_moment() => {}
            }
            drop(first);
            check.await.expect("it has its turn when the first is gone");
        },
    )
    .await;
}

#[tokio::test]
async fn calls_of_one_connection_beyond_the_limit_wait_for_their_turn() {
    serve(
        |options| options.capacity.calls_per_connection = 1,
        async |address| {
            let connection = connect(address).await;
            let (mut service, mut other) = (connection.workflow_service(), connection.workflow_service());
            let mut waiting = Box::pin(service.poll_workflow_task_queue(poll().into_request()));
            tokio::select! {
                answer = &mut waiting => panic!("there is no task, but {answer:?}"),
                () = a_moment() => {}
            }
            let ask = other.get_system_info(GetSystemInfoRequest::default().into_request());
            tokio::pin!(ask);
            tokio::select! {
                answer = &mut ask => panic!("there is no place for it, but {answer:?}"),
                () = a_moment() => {}
            }
            drop(waiting);
            ask.await.expect("it has its turn when the poll is withdrawn");
        },
    )
    .await;
}

fn start_with(bytes: usize) -> StartWorkflowExecutionRequest {
    let payload = Payload { data: vec![0; bytes], ..Default::default() };
    StartWorkflowExecutionRequest {
        input: Some(Payloads { payloads: vec![payload] }),
        ..start_request("default", "wf")
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused_in_the_words_that_sdks_know() {
    serve(
        |_| {},
        async |address| {
            let mut service = connect(address).await.workflow_service();
            let start = start_with(5 * 1024 * 1024);
            let refused = service.start_workflow_execution(start.into_request()).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted);
            assert!(refused.message().starts_with("grpc: received message larger than max"), "{refused}");
            service.start_workflow_execution(start_with(1024).into_request()).await.expect("it is small");
        },
    )
    .await;
}

#[tokio::test]
async fn more_bytes_than_the_server_can_hold_are_refused() {
    serve(
        |options| options.capacity.bytes_in_hand = 64 * 1024,
        async |address| {
            let mut service = connect(address).await.workflow_service();
            let start = start_with(256 * 1024);
            let refused = service.start_workflow_execution(start.into_request()).await.unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted);
            service.start_workflow_execution(start_with(1024).into_request()).await.expect("there is room");
        },
    )
    .await;
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    serve(
        |options| options.capacity.header_size = 4096,
        async |address| {
            let mut service = connect(address).await.workflow_service();
            let mut request = GetSystemInfoRequest::default().into_request();
            request.metadata_mut().insert("large", "x".repeat(8192).parse().expect("a header value"));
            service.get_system_info(request).await.unwrap_err();
            let small = GetSystemInfoRequest::default().into_request();
            service.get_system_info(small).await.expect("the connection is still of use");
        },
    )
    .await;
}

/// The type of the frames that come, until the server hangs up.
fn frames(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("it hangs up before long");
    let (mut rest, mut types) = (&*bytes, Vec::new());
    while let [a, b, c, kind, ..] = *rest {
        types.push(kind);
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    types
}

#[tokio::test]
async fn a_connection_that_answers_no_ping_is_closed() {
    const PING: u8 = 6;
    let short = Duration::from_millis(50);
    serve(
        |options| {
            options.capacity.keep_alive = short;
            options.capacity.keep_alive_timeout = short;
        },
        async |address| {
            let silent = tokio::task::spawn_blocking(move || {
                let mut stream = TcpStream::connect(address).expect("it listens");
                stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it is not zero");
                let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
                let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings].concat();
                stream.write_all(&preface).expect("it reads");
                frames(&mut stream)
            });
            // Meanwhile a client that answers them goes on.
            let mut service = connect(address).await.workflow_service();
            let frames = silent.await.expect("it does not panic");
            assert!(frames.contains(&PING), "{frames:?}");
            service.get_system_info(GetSystemInfoRequest::default().into_request()).await.expect("an answer");
        },
    )
    .await;
}
