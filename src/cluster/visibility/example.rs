//! Records for tests.

use std::{collections::BTreeMap, sync::Arc};

use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, WorkflowExecution},
    enums::v1::{IndexedValueType as Type, WorkflowExecutionStatus as Status},
};

use super::record::{Closed, Record};
use crate::{
    clock::Time,
    cluster::search_attributes::{Registry, Value},
};

const SECOND: i128 = 1_000_000_000;

/// One search attribute of each type: `MyKeyword`, `MyText`, `MyInt`, …
pub(super) fn registry() -> Registry {
    let attributes = [
        ("Keyword", Type::Keyword),
        ("Text", Type::Text),
        ("Int", Type::Int),
        ("Double", Type::Double),
        ("Bool", Type::Bool),
        ("Datetime", Type::Datetime),
        ("List", Type::KeywordList),
    ];
    Registry::of(&attributes.map(|(name, value_type)| (format!("My{name}"), value_type)).into())
}

/// A run that closed an hour after its start, with a value for every attribute in `attributes`.
pub(super) fn closed_run(attributes: &[(&str, &str)]) -> Record {
    let registry = registry();
    let value = |name: &str, json: &str| {
        let value_type = registry.stored_type(name).expect("the attribute is registered");
        let payload = Payload {
            metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
            data: json.as_bytes().to_vec(),
            ..Default::default()
        };
        let value = Value::decode(&payload, value_type).expect("the value fits").expect("there is one");
        (name.to_owned(), (value, value_type))
    };
    let execution = WorkflowExecution { workflow_id: "order-17".to_owned(), run_id: "the-run".to_owned() };
    Record {
        root: None,
        execution,
        workflow_type: "Order".to_owned(),
        task_queue: "orders".to_owned(),
        status: Status::Completed,
        start_time: Time::from_nanos(1_700_000_000 * SECOND),
        execution_time: Time::from_nanos(1_700_000_000 * SECOND),
        closed: Some(Closed {
            time: Time::from_nanos(1_700_003_600 * SECOND),
            history_length: 11,
            history_size_bytes: 2000,
            state_transition_count: 0,
        }),
        parent: None,
        memo: Arc::default(),
        payloads: Arc::default(),
        search_attributes: attributes
            .iter()
            .map(|(name, json)| value(name, json))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// The same run before it closed, without search attributes.
pub(super) fn open_run() -> Record {
    Record { status: Status::Running, closed: None, ..closed_run(&[]) }
}
