//! The conformance runner itself, tried against a server that only says what it was told to.

#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/compare.rs"]
mod compare;
#[path = "conformance/exceptions.rs"]
mod exceptions;
#[path = "conformance/normalise.rs"]
mod normalise;
#[path = "conformance/options.rs"]
mod options;
#[path = "conformance/run.rs"]
mod run;
#[path = "conformance/template.rs"]
mod template;

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use serde_json::{Value, json};
use temporal_sim::conformance::Status;
use tokio::time::{Instant, sleep};

use crate::{case::Case, exceptions::Exceptions, options::Options, run::Outcome, template::fill_in};

/// Answers what it was told to, each answer after some time, and remembers what it was asked.
#[derive(Clone)]
struct Script(Rc<RefCell<State>>);

struct State {
    answers: VecDeque<(Duration, Result<Value, Status>)>,
    asked: Vec<(String, Value)>,
    epoch: Instant,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = (u64, Result<Value, Status>)>) -> Self {
        let answers = answers.into_iter().map(|(millis, answer)| (Duration::from_millis(millis), answer));
        Self(Rc::new(RefCell::new(State {
            answers: answers.collect(),
            asked: Vec::new(),
            epoch: Instant::now(),
        })))
    }

    fn asked(&self) -> Vec<(String, Value)> {
        self.0.borrow().asked.clone()
    }
}

impl run::Server for Script {
    async fn call(
        &self,
        _service: &str,
        rpc: &str,
        request: Value,
        deadline: Duration,
    ) -> Result<Result<Value, Status>, String> {
        let answer = {
            let mut state = self.0.borrow_mut();
            state.asked.push((rpc.to_owned(), request));
            state.answers.pop_front()
        };
        let (delay, answer) = answer.ok_or("the script has no more answers")?;
        sleep(delay.min(deadline)).await;
        if delay > deadline {
            return Ok(Err(status("DEADLINE_EXCEEDED", "context deadline exceeded")));
        }
        Ok(answer)
    }

    fn request_has_field(&self, _service: &str, rpc: &str, field: &str) -> bool {
        matches!((rpc, field), (_, "namespace") | ("StartWorkflowExecution", "identity" | "requestId"))
    }

    fn now(&self) -> f64 {
        self.0.borrow().epoch.elapsed().as_secs_f64() + 1_704_067_200.0
    }
}

fn status(code: &str, message: &str) -> Status {
    Status { code: code.to_owned(), message: message.to_owned(), details: Vec::new() }
}

/// Runs a case on virtual time against a script, and gives what was asked and what came out.
fn run(case: Value, script: impl FnOnce() -> Script) -> (Vec<(String, Value)>, Outcome) {
    let case = serde_json::from_value(case).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let script = script();
        let outcome = run::run(&case, script.clone(), run::NONCE).await;
        (script.asked(), outcome)
    })
}

#[test]
fn a_case_configures_what_is_known_and_nothing_else() {
    let limits = |config: Value| {
        let case = json!({"doc": "", "steps": [], "config": config});
        serde_json::from_value::<Case>(case).expect("a case").limits()
    };
    assert_eq!(limits(json!({"limit.historyCount.error": 12})).expect("known").history_count, 12);
    assert_eq!(
        limits(json!({"limit.historyCount.error": "x"})).unwrap_err(),
        r#"limit.historyCount.error cannot be set to "x""#
    );
    assert_eq!(limits(json!({"limit.unheardOf": 1})).unwrap_err(), "limit.unheardOf cannot be set to 1");
}

#[test]
fn answers_are_saved_and_used_in_later_requests() {
    let case = json!({"doc": "", "steps": [
        {"rpc": "StartWorkflowExecution", "as": "start", "request": {"workflowId": "wf~"}},
        {"rpc": "TerminateWorkflowExecution", "request": {"execution": {"runId": "${start.runId}"}}},
    ]});
    let (asked, outcome) = run(case, || Script::new([(0, Ok(json!({"runId": "r"}))), (0, Ok(json!({})))]));
    assert_eq!(
        asked[0].1,
        json!({
            "workflowId": "wf-5eed5eed",
            "namespace": "default",
            "identity": "conformance",
            "requestId": "00000000-0000-4000-8000-000000000001",
        })
    );
    assert_eq!(asked[1].1, json!({"execution": {"runId": "r"}, "namespace": "default"}));
    assert_eq!(
        outcome.transcript,
        json!([
            {"step": 0, "as": "start", "rpc": "StartWorkflowExecution", "ok": {"runId": "r"}},
            {"step": 1, "rpc": "TerminateWorkflowExecution", "ok": {}},
        ])
    );
}

#[test]
fn a_call_that_was_begun_is_answered_when_it_is_awaited() {
    let case = json!({"doc": "", "steps": [
        {"begin": "poll", "rpc": "PollWorkflowTaskQueue"},
        {"rpc": "GetSystemInfo"},
        {"await": "poll"},
        {"rpc": "GetClusterInfo", "request": {"token": "${poll.taskToken}"}},
    ]});
    let answers = [(1_000, Ok(json!({"taskToken": "x"}))), (0, Ok(json!({}))), (0, Ok(json!({})))];
    let (asked, outcome) = run(case, || Script::new(answers));
    let rpcs: Vec<_> = asked.iter().map(|(rpc, _)| rpc.as_str()).collect();
    assert_eq!(rpcs, ["PollWorkflowTaskQueue", "GetSystemInfo", "GetClusterInfo"]);
    assert_eq!(asked[2].1["token"], "x");
    let steps: Vec<_> = outcome.transcript.as_array().unwrap().iter().map(|entry| &entry["step"]).collect();
    assert_eq!(steps, [1, 2, 3]);
    assert_eq!(
        outcome.transcript[1],
        json!({
            "step": 2, "as": "poll", "rpc": "PollWorkflowTaskQueue", "ok": {"taskToken": "<token>"},
        })
    );
}

#[test]
fn a_poll_that_finds_nothing_is_empty_and_any_other_late_call_an_error() {
    let case = json!({"doc": "", "steps": [
        {"rpc": "PollActivityTaskQueue"},
        {"rpc": "QueryWorkflow", "deadline": "1.5s"},
    ]});
    let (_, outcome) =
        run(case, || Script::new([(60_000, Ok(json!({"attempt": 1}))), (60_000, Ok(json!({})))]));
    assert_eq!(outcome.transcript[0]["ok"], json!({}));
    assert_eq!(outcome.transcript[1]["error"]["code"], "DEADLINE_EXCEEDED");
}

#[test]
fn eventually_asks_again_until_the_value_is_there() {
    let case = json!({"doc": "", "steps": [{
        "eventually": {"rpc": "CountWorkflowExecutions"}, "path": "groups[-1].count", "equals": "2", "as": "c",
    }]});
    let count = |count| Ok(json!({"groups": [{"count": "9"}, {"count": count}]}));
    let answers = [(0, Ok(json!({}))), (0, count("1")), (0, count("2"))];
    let (asked, outcome) = run(case, || Script::new(answers));
    assert_eq!(asked.len(), 3);
    assert_eq!(outcome.transcript[0]["ok"]["groups"][1]["count"], "2");
}

#[test]
fn histories_are_fetched_run_by_run_and_page_by_page() {
    let answers = [
        Ok(json!({"workflowExecutionInfo": {"firstRunId": "one", "execution": {"runId": "two"}}})),
        Ok(json!({"history": {"events": [{"eventId": "1"}]}, "nextPageToken": "p"})),
        Ok(json!({"history": {"events": [{"eventId": "2", "attributes": {"newExecutionRunId": "two"}}]}})),
        Ok(json!({"history": {"events": [{"eventId": "1"}]}})),
    ];
    let case = json!({"doc": "", "steps": [], "histories": ["wf~"]});
    let (asked, outcome) = run(case, || Script::new(answers.map(|answer| (0, answer))));
    assert_eq!(asked[2].1["nextPageToken"], "p");
    assert_eq!(asked[3].1["execution"], json!({"workflowId": "wf-5eed5eed", "runId": "two"}));
    assert_eq!(
        outcome.transcript,
        json!([{"histories": "wf~", "runs": [
            [{"eventId": "1"}, {"eventId": "2", "attributes": {"newExecutionRunId": "two"}}],
            [{"eventId": "1"}],
        ]}])
    );
}

#[test]
fn ids_times_and_tokens_are_normalised() {
    const ONE: &str = "11111111-1111-4111-8111-111111111111";
    const TWO: &str = "22222222-2222-4222-8222-222222222222";
    let answer = json!({
        "zRunId": ONE,
        "aRunId": TWO,
        "message": format!("run {ONE}:  gone"),
        "eventTime": "2024-01-01T00:00:01.500Z",
        "fixed": "0001-01-01T00:00:00Z",
        "taskId": "77",
        "boring": true,
        "nextPageToken": "",
        "data": base64(&format!("\"wf-5eed5eed {TWO}\"")),
        "metadata": {"data": base64("plain")},
    });
    let case = json!({"doc": "", "ignore": ["boring"], "steps": [{"rpc": "GetSystemInfo"}]});
    let (_, outcome) = run(case, || Script::new([(0, Ok(answer))]));
    assert_eq!(
        outcome.transcript[0]["ok"],
        json!({
            "aRunId": "<id:1>",
            "zRunId": "<id:2>",
            "message": "run <id:2>: gone",
            "eventTime": "t+1.50",
            "fixed": "0001-01-01T00:00:00Z",
            "nextPageToken": "",
            "data": "<data:\"wf~ <id:1>\">",
            "metadata": {"data": base64("plain")},
        })
    );
}

#[test]
fn error_details_are_named_by_their_type() {
    let error = Status {
        details: vec![
            json!({"@type": "type.googleapis.com/temporal.api.errordetails.v1.NotFoundFailure", "currentCluster": "c"}),
            json!({"@type": "type.googleapis.com/google.rpc.Other", "field": 1}),
        ],
        ..status("NOT_FOUND", "gone")
    };
    let (_, outcome) =
        run(json!({"doc": "", "steps": [{"rpc": "GetSystemInfo"}]}), || Script::new([(0, Err(error))]));
    assert_eq!(
        outcome.transcript[0]["error"],
        json!({"code": "NOT_FOUND", "message": "gone", "details": [
            {"type": "NotFoundFailure", "currentCluster": "c"},
            {"type": "Other"},
        ]})
    );
}

#[test]
fn a_broken_case_says_what_it_missed() {
    let case = json!({"doc": "", "steps": [
        {"rpc": "PollWorkflowTaskQueue", "as": "t"},
        {"rpc": "RespondWorkflowTaskCompleted", "request": {"taskToken": "${t.taskToken}"}},
    ]});
    let (_, outcome) = run(case, || Script::new([(0, Ok(json!({})))]));
    let expected =
        json!([{"step": 0, "as": "t", "rpc": "PollWorkflowTaskQueue", "ok": {"taskToken": "<token>"}}, {}]);
    insta::assert_snapshot!(compare::difference(&expected, &outcome, compare::TOLERANCE).unwrap(), @r#"
    step 0 PollWorkflowTaskQueue (t)
    @@ -1,8 +1,6 @@
     {
       "as": "t",
    -  "ok": {
    -    "taskToken": "<token>"
    -  },
    +  "ok": {},
       "rpc": "PollWorkflowTaskQueue",
       "step": 0
     }
    step 1: `${t.taskToken}` leads nowhere in the answer saved as `t`: {}
    "#);
}

#[test]
fn placeholders_make_payloads_and_repetitions() {
    let fill = |template| fill_in(&template, &template::Saved::new(), "-n").unwrap();
    assert_eq!(
        fill(json!({"input": {"$payloads": [{"a": [1, "é~"]}]}})),
        json!({"input": {"payloads": [{
            "metadata": {"encoding": base64("json/plain")},
            "data": base64(r#"{"a": [1, "\u00e9-n"]}"#),
        }]}})
    );
    assert_eq!(fill(json!({"$repeat": [3, "ab"]})), json!("ababab"));
    assert_eq!(fill(json!({"$repeat": [2, {"id": "t#~"}]})), json!([{"id": "t0-n"}, {"id": "t1-n"}]));
}

#[test]
fn times_may_be_a_little_off_and_nothing_else() {
    let differs = |expected: Value, actual: Value| {
        let transcript = |value| json!([{"step": 0, "rpc": "R", "ok": value}]);
        let outcome = Outcome { transcript: transcript(actual), broken: None };
        compare::difference(&transcript(expected), &outcome, compare::TOLERANCE).is_some()
    };
    assert!(!differs(json!({"eventTime": "t+2.00"}), json!({"eventTime": "t+3.10"})));
    assert!(differs(json!({"eventTime": "t+2.00"}), json!({"eventTime": "t+3.20"})));
    assert!(!differs(json!({"currentRetryInterval": "2s"}), json!({"currentRetryInterval": "1.500s"})));
    assert!(differs(json!({"startToCloseTimeout": "2s"}), json!({"startToCloseTimeout": "1.500s"})));
    assert!(!differs(json!({"backoffCoefficient": 2.0}), json!({"backoffCoefficient": 2})));
    assert!(differs(json!({"attempt": 2}), json!({"attempt": 3})));
    assert!(differs(json!({"attempt": 2}), json!({})));
    assert!(differs(json!([1, 2]), json!([1])));
}

#[test]
fn a_difference_shows_its_surroundings() {
    let entry = |state: &str, time: &str| {
        json!([{"step": 4, "as": "d", "rpc": "DescribeWorkflowExecution", "ok": {
            "executionConfig": {"taskQueue": {"name": "tq~"}},
            "pendingActivities": [{"activityId": "a", "attempt": 2, "scheduledTime": time, "state": state}],
        }}])
    };
    let outcome = Outcome { transcript: entry("SCHEDULED", "t+1.00"), broken: None };
    insta::assert_snapshot!(compare::difference(&entry("STARTED", "t+1.20"), &outcome, compare::TOLERANCE).unwrap(), @r#"
    step 4 DescribeWorkflowExecution (d)
    @@ -11,7 +11,7 @@
             "activityId": "a",
             "attempt": 2,
             "scheduledTime": "t+1.20",
    -        "state": "STARTED"
    +        "state": "SCHEDULED"
           }
         ]
       },
    "#);
}

#[test]
fn an_error_instead_of_an_answer_is_said_briefly() {
    let answer = json!([{"step": 0, "rpc": "QueryWorkflow", "ok": {"queryResult": {}}}]);
    let error =
        json!([{"step": 0, "rpc": "QueryWorkflow", "error": {"code": "NOT_FOUND", "message": "gone"}}]);
    let difference = |expected: &Value, actual: &Value| {
        compare::difference(
            expected,
            &Outcome { transcript: actual.clone(), broken: None },
            compare::TOLERANCE,
        )
        .unwrap()
    };
    insta::assert_snapshot!(difference(&answer, &error), @"step 0 QueryWorkflow: expected an answer, got NOT_FOUND: gone");
    insta::assert_snapshot!(difference(&error, &answer), @"step 0 QueryWorkflow: expected NOT_FOUND: gone, got an answer");
}

#[test]
fn exceptions_name_cases_and_areas() {
    let exceptions =
        Exceptions::parse("# comment\n\nschedules: not served\nreads/old: no such case\n").unwrap();
    assert_eq!(exceptions.reason("schedules/list"), Some("not served"));
    assert_eq!(exceptions.reason("reads/new"), None);
    assert_eq!(exceptions.stale(["schedules/list", "reads/new"].into_iter()), ["reads/old"]);
    insta::assert_snapshot!(Exceptions::parse("reads/old").unwrap_err(), @"line 1: expected `area/name: reason`, found `reads/old`");
    insta::assert_snapshot!(Exceptions::parse("a: b\na: c").unwrap_err(), @"line 2: `a` is listed twice");
}

#[test]
fn the_recorded_cases_are_well_formed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/conformance");
    let cases = case::find(format!("{folder}/cases").as_ref()).unwrap();
    for file in &cases {
        let case = file.case().unwrap();
        assert!(!case.doc.is_empty() && !case.steps.is_empty(), "{} says nothing", file.name);
        assert!(file.expected().unwrap().is_array(), "{} has no transcript", file.name);
    }
    let exceptions = Exceptions::load(format!("{folder}/exceptions.txt").as_ref()).unwrap();
    assert_eq!(exceptions.stale(cases.iter().map(|case| case.name.as_str())), Vec::<&str>::new());
}

#[test]
fn filters_are_those_of_libtest() {
    let wants = |arguments: &[&str], name: &str| {
        Options::parse(arguments.iter().map(ToString::to_string)).wants(name)
    };
    assert!(wants(&[], "timers/fires"));
    assert!(wants(&["--nocapture", "--test-threads", "1", "timers"], "timers/fires"));
    assert!(!wants(&["timers"], "signals/idle"));
    assert!(wants(&["timers/fires"], "timers/fires_late"));
    assert!(!wants(&["--exact", "timers/fires"], "timers/fires_late"));
    assert!(!wants(&["timers", "--skip", "late"], "timers/fires_late"));
    assert!(Options::parse(["--list".to_owned()]).list);
}

fn base64(text: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}
