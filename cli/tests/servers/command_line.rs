//! How the servers are started: by people, by SDKs, and under other names.

use std::{
    fs, io,
    process::{Command, Stdio},
    time::Duration,
};

use temporalio_common::protos::temporal::api::{
    testservice::v1::{LockTimeSkippingRequest, UnlockTimeSkippingRequest},
    workflowservice::v1::{DescribeNamespaceRequest, GetSystemInfoRequest},
};
use tonic::{Code, IntoRequest as _};

use crate::harness::{Running, binary, now, pause, start_request, used_port};

#[tokio::test]
async fn a_dev_server_takes_what_the_sdks_pass() {
    let server = Running::start_dev(&[
        "--namespace",
        "payments",
        "--ip",
        "127.0.0.1",
        "--log-format",
        "pretty",
        "--log-level",
        "warn",
        "--dynamic-config-value",
        "frontend.enableUpdateWorkflowExecution=true",
        "--dynamic-config-value",
        "limit.historyCount.error=100",
        "--headless",
        "--http-port",
        "0",
        "--metrics-port",
        "0",
        "--search-attribute",
        "CustomerId=Keyword",
    ]);
    let mut service = server.connect().await.workflow_service();
    for namespace in ["default", "payments"] {
        let request = DescribeNamespaceRequest { namespace: namespace.into(), ..Default::default() };
        let described = service.describe_namespace(request.into_request()).await.expect("it is there");
        let config = described.into_inner().config.expect("it has one");
        assert!(config.custom_search_attribute_aliases.values().any(|name| name == "CustomerId"));
    }
    let request = DescribeNamespaceRequest { namespace: "others".into(), ..Default::default() };
    let error = service.describe_namespace(request.into_request()).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test]
async fn an_sdk_starts_the_test_server_with_a_port_that_the_system_remembers() {
    let server = Running::test_server(env!("CARGO_BIN_EXE_temporal-sim").as_ref(), used_port(), &[]);
    let connection = server.connect().await;
    let mut service = connection.workflow_service();
    let start = start_request("any-namespace-at-all", "wf");
    service.start_workflow_execution(start.into_request()).await.expect("any namespace will do");
    // Time is locked, once.
    let mut test = connection.test_service();
    test.unlock_time_skipping(UnlockTimeSkippingRequest::default().into_request())
        .await
        .expect("it was locked");
    let error =
        test.unlock_time_skipping(UnlockTimeSkippingRequest::default().into_request()).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
}

#[cfg(unix)]
#[tokio::test]
async fn under_the_name_of_a_download_it_is_the_test_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("temporal-test-server-sdk-python-1.35.0");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_temporal-sim"), &program).expect("a link can be made");
    let server = Running::test_server(&program, used_port(), &["--enable-time-skipping"]);
    let mut test = server.connect().await.test_service();
    let error =
        test.unlock_time_skipping(UnlockTimeSkippingRequest::default().into_request()).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition, "time is not locked");
}

#[tokio::test]
async fn a_dev_server_has_no_test_service() {
    let server = Running::start_dev(&[]);
    let error = server
        .connect()
        .await
        .test_service()
        .lock_time_skipping(LockTimeSkippingRequest::default().into_request())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
}

#[tokio::test]
async fn endless_deadlines_are_no_problem() {
    let server = Running::start_dev(&[]);
    let mut service = server.connect().await.workflow_service();
    for timeout in ["99999999H", "9223372036854775807S", "nonsense"] {
        let mut request = GetSystemInfoRequest::default().into_request();
        request.metadata_mut().insert("grpc-timeout", timeout.parse().expect("a header value"));
        service.get_system_info(request).await.expect("it has time");
    }
}

#[test]
fn a_port_that_is_taken_is_said() {
    let server = Running::start_dev(&[]);
    let output = binary()
        .args(["server", "start-dev", "--port", &server.address.port().to_string()])
        .output()
        .expect("cargo has built the binary");
    assert_eq!(output.status.code(), Some(2));
    let remarks = String::from_utf8_lossy(&output.stderr);
    assert!(remarks.contains(&format!("cannot listen at {}", server.address)), "{remarks}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_test_server_does_not_survive_who_has_started_it() {
    let port = used_port();
    let script = format!("{} {port} & echo $!; exec sleep 30", env!("CARGO_BIN_EXE_temporal-sim"));
    let mut parent =
        Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().expect("there is a shell");
    let mut line = String::new();
    let stdout = parent.stdout.as_mut().expect("it is piped");
    io::BufRead::read_line(&mut io::BufReader::new(stdout), &mut line).expect("the shell says its child");
    let child = format!("/proc/{}", line.trim());
    let begin = now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it does not start");
        pause(Duration::from_millis(20));
    }
    parent.kill().expect("it runs");
    parent.wait().expect("it was killed");
    let begin = now();
    while fs::metadata(&child).is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it is still there");
        pause(Duration::from_millis(50));
    }
}
