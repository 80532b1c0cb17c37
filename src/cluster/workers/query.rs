//! The queries of ListWorkers and CountWorkers: the SQL of visibility queries, about other columns.

use temporalio_common::protos::temporal::api::worker::v1::WorkerHeartbeat;

use crate::{
    clock::Time,
    cluster::{
        Error,
        go_text::{self, Timestamp},
        visibility::sql::{self, Expression, Literal, Operator},
    },
};

/// Which workers are asked for.
#[derive(Debug)]
pub(super) struct Filter(Option<Expression>);

impl Filter {
    /// Reads a query; an empty one is about all workers.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if it is not of this syntax. What it says about columns is not checked: a condition that makes no sense
    /// fits no worker.
    pub(super) fn parse(query: &str) -> Result<Self, Error> {
        if query.is_empty() {
            return Ok(Self(None));
        }
        let query = query.trim();
        if query.is_empty() {
            return Err(Error::invalid_argument("malformed query: syntax error at position 1"));
        }
        let lowercase = query.to_lowercase();
        if lowercase.starts_with("where ") || lowercase.starts_with("select ") {
            return Err(Error::new(tonic::Code::Unknown, format!("invalid filter: {query}")));
        }
        let statement = sql::parse_condition(query)
            .map_err(|problem| Error::invalid_argument(format!("malformed query: {problem}")))?;
        if statement.has_limit {
            return Err(Error::invalid_argument("operation is not supported: 'limit' clause"));
        }
        Ok(Self(statement.filter))
    }

    /// Whether a worker is asked for.
    pub(super) fn fits(&self, worker: &WorkerHeartbeat) -> bool {
        self.0.as_ref().is_none_or(|condition| evaluate(condition, worker).unwrap_or(false))
    }
}

/// What a worker has in a column.
enum Value {
    Text(String),
    Time(Option<Time>),
}

/// `None` if the condition makes no sense.
fn evaluate(condition: &Expression, worker: &WorkerHeartbeat) -> Option<bool> {
    match condition {
        Expression::And(left, right) => Some(evaluate(left, worker)? && evaluate(right, worker)?),
        Expression::Or(left, right) => Some(evaluate(left, worker)? || evaluate(right, worker)?),
        Expression::Parenthesised(inner) => evaluate(inner, worker),
        Expression::Comparison { left, operator, right } => match (column(left, worker)?, &**right) {
            (Value::Text(text), Expression::Literal(Literal::String(wanted))) if !wanted.is_empty() => {
                compare_text(&text, *operator, wanted)
            }
            // A time that is not there is the epoch.
            (Value::Time(time), wanted) => {
                compare_time(time.unwrap_or(Time::from_nanos(0)), *operator, instant(wanted)?)
            }
            _ => None,
        },
        Expression::Range { operand, negated, from, to } => match column(operand, worker)? {
            Value::Time(Some(time)) => {
                let between = (instant(from)?..=instant(to)?).contains(&time);
                Some(between != *negated)
            }
            Value::Time(None) => Some(false),
            Value::Text(_) => None,
        },
        Expression::Is { operand, test } => {
            let is_null = match column(operand, worker)? {
                Value::Text(text) => text.is_empty(),
                Value::Time(time) => time.is_none(),
            };
            match *test {
                "is null" => Some(is_null),
                "is not null" => Some(!is_null),
                _ => None,
            }
        }
        _ => None,
    }
}

fn column(expression: &Expression, worker: &WorkerHeartbeat) -> Option<Value> {
    let Expression::Column(column) = expression else { return None };
    let version = worker.deployment_version.as_ref();
    let time = |time: &Option<prost_types::Timestamp>| Value::Time(time.as_ref().map(Time::from_proto));
    let text = match column.name().as_str() {
        "WorkerInstanceKey" => worker.worker_instance_key.clone(),
        "WorkerIdentity" => worker.worker_identity.clone(),
        "HostName" => worker.host_info.as_ref().map(|host| host.host_name.clone()).unwrap_or_default(),
        "TaskQueue" => worker.task_queue.clone(),
        "DeploymentName" => version.map(|version| version.deployment_name.clone()).unwrap_or_default(),
        "BuildId" => version.map(|version| version.build_id.clone()).unwrap_or_default(),
        "SdkName" => worker.sdk_name.clone(),
        "SdkVersion" => worker.sdk_version.clone(),
        // A word of SQL, which is the same in lower case.
        "WorkerStatus" | "Status" | "status" => {
            go_text::enum_name(worker.status().as_str_name(), "WORKER_STATUS_")
        }
        "StartTime" => return Some(time(&worker.start_time)),
        "HeartbeatTime" => return Some(time(&worker.heartbeat_time)),
        _ => return None,
    };
    Some(Value::Text(text))
}

fn compare_text(text: &str, operator: Operator, wanted: &str) -> Option<bool> {
    match operator {
        Operator::Equal => Some(text == wanted),
        Operator::NotEqual => Some(text != wanted),
        Operator::StartsWith => Some(text.starts_with(wanted)),
        Operator::NotStartsWith => Some(!text.starts_with(wanted)),
        _ => None,
    }
}

fn compare_time(time: Time, operator: Operator, wanted: Time) -> Option<bool> {
    match operator {
        Operator::Equal => Some(time == wanted),
        Operator::NotEqual => Some(time != wanted),
        Operator::Less => Some(time < wanted),
        Operator::LessOrEqual => Some(time <= wanted),
        Operator::Greater => Some(time > wanted),
        Operator::GreaterOrEqual => Some(time >= wanted),
        _ => None,
    }
}

/// A time as RFC 3339, or as nanoseconds since the epoch.
fn instant(expression: &Expression) -> Option<Time> {
    match expression {
        Expression::Literal(Literal::Integer(nanos)) => Some(Time::from_nanos(nanos.parse().ok()?)),
        Expression::Literal(Literal::String(text)) => Some(Timestamp::parse(text)?.time()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::{
        enums::v1::WorkerStatus,
        worker::v1::{WorkerHeartbeat, WorkerHostInfo},
    };

    use super::Filter;

    fn fits(query: &str) -> bool {
        let worker = WorkerHeartbeat {
            worker_identity: "alice@host".to_owned(),
            host_info: Some(WorkerHostInfo { host_name: "host".to_owned(), ..Default::default() }),
            task_queue: "payments".to_owned(),
            status: WorkerStatus::Running as i32,
            start_time: Some(prost_types::Timestamp { seconds: 1_788_258_030, nanos: 0 }),
            ..Default::default()
        };
        Filter::parse(query).unwrap().fits(&worker)
    }

    #[test]
    fn conditions_are_about_what_a_worker_said() {
        for query in [
            "",
            "TaskQueue = 'payments' AND HostName != 'other'",
            "TaskQueue = 'other' OR WorkerIdentity STARTS_WITH 'alice@'",
            "(Status = 'Running')",
            "WorkerStatus = 'Running'",
            "StartTime > '2026-09-01T00:00:00Z'",
            "StartTime BETWEEN '2026-09-01T00:00:00Z' AND '2026-09-02T00:00:00Z'",
            "BuildId IS NULL AND StartTime IS NOT NULL",
            "HeartbeatTime < '2026-09-01T00:00:00Z'",
        ] {
            assert!(fits(query), "{query}");
        }
    }

    #[test]
    fn what_does_not_hold_or_makes_no_sense_fits_no_worker() {
        for query in [
            "TaskQueue = 'other'",
            "TaskQueue = 7",
            "TaskQueue = ''",
            "TaskQueue > 'a'",
            "Colour = 'red'",
            "Colour IS NULL",
            "NOT TaskQueue = 'other'",
            "TaskQueue",
            "HeartbeatTime BETWEEN '2026-09-01T00:00:00Z' AND '2026-09-02T00:00:00Z'",
            "StartTime > 'yesterday'",
        ] {
            assert!(!fits(query), "{query}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        let message = |query| Filter::parse(query).unwrap_err().message;
        assert!(message("TaskQueue =").starts_with("malformed query: syntax error"));
        assert_eq!(message("TaskQueue = 'a' LIMIT 1"), "operation is not supported: 'limit' clause");
        assert_eq!(message("where TaskQueue = 'a'"), "invalid filter: where TaskQueue = 'a'");
    }
}
