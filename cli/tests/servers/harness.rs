//! A server as a process of its own, and a client that speaks to it call by call.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use temporalio_client::{Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::{
    common::v1::{WorkflowExecution, WorkflowType},
    history::v1::HistoryEvent,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{GetWorkflowExecutionHistoryRequest, StartWorkflowExecutionRequest},
};
use tonic::{IntoRequest as _, Status};
use url::Url;

/// A server that runs until this is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts a dev server on a free port.
    pub(crate) fn start_dev(arguments: &[&str]) -> Self {
        let mut command = binary();
        command.args(["server", "start-dev", "--port", "0"]).args(arguments).stdout(Stdio::piped());
        let mut child = command.spawn().expect("cargo has built the binary");
        let stdout = BufReader::new(child.stdout.as_mut().expect("it is piped"));
        let address = stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Server:").map(|address| address.trim().to_owned()))
            .expect("it says where it listens");
        let address = address.replace("localhost", "127.0.0.1").parse().expect("an address");
        Self { child, address }
    }

    /// Starts a program as an SDK starts the test server: with a port and nothing else, or what somebody adds by hand.
    pub(crate) fn test_server(program: &Path, port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg(port.to_string()).args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().expect("cargo has built the binary");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let begin = now();
        while TcpStream::connect(address).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "nobody listens at {address}");
            pause(Duration::from_millis(10));
        }
        Self { child, address }
    }

    /// Ends it as SDKs and the system's out-of-memory killer do.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as whoever presses Control-C does.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("there is such a program");
        assert!(sent.success(), "it is not running any more");
    }

    /// Waits until it has ended.
    #[cfg(unix)]
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("it was started")
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn connect(&self) -> Connection {
        connect(self.address).await
    }
}

pub(crate) async fn connect(address: SocketAddr) -> Connection {
    let url = Url::parse(&format!("http://{address}")).unwrap();
    Connection::connect(ConnectionOptions::new(url).build()).await.expect("the server answers")
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_temporal-sim"))
}

/// A port that somebody has just used, as the SDKs choose one: the system remembers its last connection.
pub(crate) fn used_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut client = TcpStream::connect(address).expect("it listens");
    let (server, _) = listener.accept().expect("somebody connects");
    drop(server);
    let _ = client.read(&mut [0]);
    address.port()
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

pub(crate) fn execution(workflow_id: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: workflow_id.to_owned(), ..Default::default() }
}

pub(crate) fn start_request(namespace: &str, workflow_id: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: namespace.to_owned(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "W".into() }),
        task_queue: Some(TaskQueue { name: "q".into(), ..Default::default() }),
        request_id: workflow_id.to_owned(),
        workflow_task_timeout: Some(prost_types::Duration { seconds: 120, nanos: 0 }),
        ..Default::default()
    }
}

/// The history of a workflow as it is.
pub(crate) async fn history(connection: &Connection, workflow_id: &str) -> Result<Vec<HistoryEvent>, Status> {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: "default".into(),
        execution: Some(execution(workflow_id)),
        ..Default::default()
    };
    let mut service = connection.workflow_service();
    let answer = service.get_workflow_execution_history(request.into_request()).await?.into_inner();
    Ok(answer.history.map(|history| history.events).unwrap_or_default())
}
