//! The interpreter: runs the steps of a case against a server and writes down what it answers.

use std::{collections::BTreeMap, future::Future, time::Duration};

use serde_json::{Map, Value, json};
use temporal_sim::conformance::{self, Status};
use tokio::task::JoinHandle;

use crate::{
    case::{Action, Call, Case, Step},
    normalise::normalise,
    template::{Saved, fill_in, look_up},
};

/// Something that answers RPCs on tokio's clock.
pub(crate) trait Server: Clone + 'static {
    /// Calls an RPC and waits until `deadline` from now has passed. The outer error is a mistake in the
    /// call itself.
    fn call(
        &self,
        service: &str,
        rpc: &str,
        request: Value,
        deadline: Duration,
    ) -> impl Future<Output = Result<Result<Value, Status>, String>>;

    /// Whether the request of an RPC has a field with this JSON name.
    fn request_has_field(&self, service: &str, rpc: &str, field: &str) -> bool {
        conformance::request_has_field(service, rpc, field)
    }

    /// Seconds since the Unix epoch.
    fn now(&self) -> f64;
}

/// What `~` stands for where every case has a server of its own, so that one suffix is enough.
pub(crate) const NONCE: &str = "-5eed5eed";
const NAMESPACE: &str = "default";
const IDENTITY: &str = "conformance";
const WORKFLOW_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";
const GIVE_UP_AFTER: Duration = Duration::from_secs(15);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What came out of a case.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The normalised transcript; if the case broke off, as far as it came.
    pub(crate) transcript: Value,
    /// Why the case broke off: it refers to an answer that did not come, or a request has no such field.
    pub(crate) broken: Option<String>,
}

/// Runs a case; `nonce` is what `~` stands for. Must be called within a `LocalSet`.
pub(crate) async fn run(case: &Case, server: impl Server, nonce: &str) -> Outcome {
    let started = server.now();
    let mut run = Run {
        server,
        nonce,
        saved: Saved::new(),
        begun: BTreeMap::new(),
        transcript: Vec::new(),
        request_ids: 0,
    };
    let broken = run.whole(case).await.err();
    Outcome { transcript: normalise(&Value::Array(run.transcript), &case.ignore, nonce, started), broken }
}

struct Run<'a, S> {
    server: S,
    nonce: &'a str,
    saved: Saved,
    /// Calls whose answer was not awaited yet.
    begun: BTreeMap<String, JoinHandle<Result<Answer, String>>>,
    transcript: Vec<Value>,
    /// How many request ids were made up.
    request_ids: u64,
}

struct Answer {
    rpc: String,
    outcome: Result<Value, Value>,
}

impl<S: Server> Run<'_, S> {
    async fn whole(&mut self, case: &Case) -> Result<(), String> {
        for (number, step) in case.steps.iter().enumerate() {
            self.step(number, step).await.map_err(|problem| format!("step {number}: {problem}"))?;
        }
        for id in &case.histories {
            self.fetch_chain(id).await.map_err(|problem| format!("histories of {id}: {problem}"))?;
        }
        Ok(())
    }

    async fn step(&mut self, number: usize, step: &Step) -> Result<(), String> {
        match &step.action {
            Action::Sleep { sleep } => tokio::time::sleep(*sleep).await,
            Action::Begin { begin, settle, call } => {
                let call = self.call(call)?;
                self.begun.insert(begin.clone(), tokio::task::spawn_local(call));
                tokio::task::yield_now().await;
                tokio::time::sleep(*settle).await;
            }
            Action::Await { r#await: name } => {
                let call = self.begun.remove(name).ok_or_else(|| format!("no call was begun as `{name}`"))?;
                let answer = call.await.map_err(|error| format!("the call begun as `{name}`: {error}"))??;
                self.record(number, step, Some(name), answer);
            }
            Action::Eventually { eventually, path, equals } => {
                let give_up = tokio::time::Instant::now() + GIVE_UP_AFTER;
                let answer = loop {
                    let answer = self.call(eventually)?.await?;
                    let found = answer.outcome.as_ref().ok().and_then(|answer| look_up(answer, path));
                    if found.as_ref() == Some(equals) || tokio::time::Instant::now() > give_up {
                        break answer;
                    }
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                };
                self.record(number, step, step.name.as_ref(), answer);
            }
            Action::Call(call) => {
                let answer = self.call(call)?.await?;
                self.record(number, step, step.name.as_ref(), answer);
            }
        }
        Ok(())
    }

    fn record(&mut self, number: usize, step: &Step, name: Option<&String>, answer: Answer) {
        let mut entry = json!({"step": number, "rpc": answer.rpc});
        if let Some(name) = name {
            entry["as"] = json!(name);
            if let Ok(response) = &answer.outcome {
                self.saved.insert(name.clone(), response.clone());
            }
        }
        match answer.outcome {
            Ok(response) => entry["ok"] = response,
            Err(error) => entry["error"] = error,
        }
        if !step.unrecorded {
            self.transcript.push(entry);
        }
    }

    /// Prepares a call; it is made when the future is polled.
    fn call(&mut self, call: &Call) -> Result<impl Future<Output = Result<Answer, String>> + use<S>, String> {
        let Value::Object(mut request) = fill_in(&call.request, &self.saved, self.nonce)? else {
            return Err(format!("the request of {} is no object", call.rpc));
        };
        self.request_ids += 1;
        let request_id = format!("00000000-0000-4000-8000-{:012x}", self.request_ids);
        for (field, default) in
            [("namespace", NAMESPACE), ("identity", IDENTITY), ("requestId", request_id.as_str())]
        {
            if self.server.request_has_field(call.service(), &call.rpc, field) && !request.contains_key(field)
            {
                request.insert(field.to_owned(), json!(default));
            }
        }
        let (server, call, deadline) = (self.server.clone(), call.clone(), call.deadline()?);
        Ok(async move {
            let answer = server.call(call.service(), &call.rpc, Value::Object(request), deadline).await?;
            let outcome = match answer {
                // A poll that found nothing in time.
                Err(status) if call.is_poll() && status.code == "DEADLINE_EXCEEDED" => Ok(json!({})),
                other => other.map_err(|status| described(&status)),
            };
            Ok(Answer { rpc: call.rpc, outcome })
        })
    }

    /// Fetches every run of a workflow id, oldest first, along `newExecutionRunId` from its first run.
    async fn fetch_chain(&mut self, workflow_id: &str) -> Result<(), String> {
        let workflow_id = workflow_id.replace('~', self.nonce);
        let described = self.read("DescribeWorkflowExecution", &workflow_id, None, None).await?;
        let info = &described["workflowExecutionInfo"];
        let first = info["firstRunId"].as_str().filter(|id| !id.is_empty());
        let mut run_id = first.or_else(|| info["execution"]["runId"].as_str()).map(str::to_owned);
        let mut runs = Vec::new();
        while let Some(id) = run_id {
            let events = self.fetch_run(&workflow_id, &id).await?;
            run_id = events.last().and_then(next_run);
            runs.push(Value::Array(events));
        }
        self.transcript.push(json!({"histories": workflow_id, "runs": runs}));
        Ok(())
    }

    async fn fetch_run(&self, workflow_id: &str, run_id: &str) -> Result<Vec<Value>, String> {
        let (mut events, mut token) = (Vec::new(), None);
        loop {
            let page = self.read("GetWorkflowExecutionHistory", workflow_id, Some(run_id), token).await?;
            events.extend(page["history"]["events"].as_array().cloned().unwrap_or_default());
            token = page.get("nextPageToken").cloned();
            if token.is_none() {
                return Ok(events);
            }
        }
    }

    async fn read(
        &self,
        rpc: &str,
        workflow_id: &str,
        run_id: Option<&str>,
        token: Option<Value>,
    ) -> Result<Value, String> {
        let mut request = Map::from_iter([
            ("namespace".to_owned(), json!(NAMESPACE)),
            ("execution".to_owned(), json!({"workflowId": workflow_id, "runId": run_id})),
        ]);
        if let Some(token) = token {
            request.insert("nextPageToken".to_owned(), token);
        }
        let answer =
            self.server.call(WORKFLOW_SERVICE, rpc, Value::Object(request), Duration::from_secs(10)).await?;
        answer.map_err(|status| format!("{rpc}: {}: {}", status.code, status.message))
    }
}

/// The run that an execution's last event says follows it.
fn next_run(last: &Value) -> Option<String> {
    let attributes = last.as_object()?.values();
    let ids = attributes.filter_map(|attributes| attributes.get("newExecutionRunId")?.as_str());
    ids.filter(|id| !id.is_empty()).map(str::to_owned).next()
}

fn described(status: &Status) -> Value {
    let mut error = json!({"code": status.code, "message": status.message});
    if !status.details.is_empty() {
        error["details"] = status.details.iter().map(detail).collect();
    }
    error
}

/// Details are known by the last part of their type's name; those that are not Temporal's own have no fields.
fn detail(detail: &Value) -> Value {
    let url = detail["@type"].as_str().unwrap_or_default();
    let mut fields = detail.as_object().cloned().unwrap_or_default();
    fields.remove("@type");
    if !url.contains("temporal.api.errordetails.v1.") {
        fields.clear();
    }
    fields.insert("type".to_owned(), json!(url.rsplit('.').next()));
    Value::Object(fields)
}
