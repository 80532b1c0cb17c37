use prost::Message as _;
use prost_reflect::Kind;
use serde_json::{Value, json};
use temporalio_common::protos::temporal::api::{
    command::v1::Command,
    common::v1::{ActivityType, Payload, Payloads, RetryPolicy},
    enums::v1::{EventType, RetryState},
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::{
        ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes, History, HistoryEvent,
        history_event::Attributes,
    },
    protocol::v1::Message as ProtocolMessage,
    update::v1::Acceptance,
};

use super::*;

fn read<M: Message + Name + Default>(json: Value) -> Result<M, Error> {
    from_value(json, UnknownFields::Refuse)
}

/// An event that has something of every kind: times, durations, maps, bytes, doubles, enums, nested failures.
fn scheduled_event() -> HistoryEvent {
    HistoryEvent {
        event_id: 1 << 60,
        event_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5_000_000 }),
        event_type: EventType::ActivityTaskScheduled as i32,
        attributes: Some(Attributes::ActivityTaskScheduledEventAttributes(
            ActivityTaskScheduledEventAttributes {
                activity_id: "1".to_owned(),
                activity_type: Some(ActivityType { name: "charge".to_owned() }),
                input: Some(Payloads {
                    payloads: vec![Payload {
                        metadata: [
                            ("encoding".to_owned(), b"json/plain".to_vec()),
                            ("a".to_owned(), vec![0xff]),
                        ]
                        .into(),
                        data: b"1".to_vec(),
                        ..Default::default()
                    }],
                }),
                start_to_close_timeout: Some(prost_types::Duration { seconds: 0, nanos: 200_000_000 }),
                retry_policy: Some(RetryPolicy { backoff_coefficient: 2.0, ..Default::default() }),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

#[test]
fn a_message_is_written_as_the_cli_writes_it() {
    insta::assert_snapshot!(to_string_pretty(&scheduled_event()).unwrap(), @r#"
    {
      "eventId": "1152921504606846976",
      "eventTime": "2023-11-14T22:13:20.005Z",
      "eventType": "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED",
      "activityTaskScheduledEventAttributes": {
        "activityId": "1",
        "activityType": {
          "name": "charge"
        },
        "input": {
          "payloads": [
            {
              "metadata": {
                "a": "/w==",
                "encoding": "anNvbi9wbGFpbg=="
              },
              "data": "MQ=="
            }
          ]
        },
        "startToCloseTimeout": "0.200s",
        "retryPolicy": {
          "backoffCoefficient": 2
        }
      }
    }
    "#);
}

#[test]
fn what_is_written_can_be_read() {
    let event = scheduled_event();
    assert_eq!(read::<HistoryEvent>(to_value(&event).unwrap()).unwrap(), event);
}

/// A message with something in every field; of the fields of a `oneof`, in the last one.
fn filled(descriptor: &MessageDescriptor, depth: u32) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let Some(value) = something(&field.kind(), depth) else { continue };
        let value = match value {
            prost_reflect::Value::Message(entry) if field.is_map() => {
                let key = entry.get_field_by_name("key").unwrap().into_owned().into_map_key().unwrap();
                let value = entry.get_field_by_name("value").unwrap().into_owned();
                prost_reflect::Value::Map([(key, value)].into())
            }
            value if field.is_list() => prost_reflect::Value::List(vec![value]),
            value => value,
        };
        message.set_field(&field, value);
    }
    message
}

fn something(kind: &Kind, depth: u32) -> Option<prost_reflect::Value> {
    use prost_reflect::Value;
    Some(match kind {
        Kind::Double => Value::F64(1.5),
        Kind::Float => Value::F32(1.5),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(7),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(8),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(7),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(8),
        Kind::Bool => Value::Bool(true),
        Kind::String => Value::String("x".to_owned()),
        Kind::Bytes => Value::Bytes("x".into()),
        Kind::Enum(descriptor) => Value::EnumNumber(descriptor.values().last()?.number()),
        Kind::Message(_) if depth == 0 => return None,
        Kind::Message(descriptor) => Value::Message(filled(descriptor, depth - 1)),
    })
}

/// If a generated type lacked a field that its descriptor has, the field would get lost on the way.
#[test]
fn descriptors_and_generated_types_have_the_same_fields() {
    let event = message_type("temporal.api.history.v1.HistoryEvent").unwrap();
    let attributes: Vec<_> = event.oneofs().flat_map(|oneof| oneof.fields().collect::<Vec<_>>()).collect();
    assert!(attributes.len() > 50, "the descriptor set has only {} event types", attributes.len());
    for field in attributes {
        let mut message = filled(&event, 4);
        let Kind::Message(kind) = field.kind() else { panic!("{} is no message", field.name()) };
        message.set_field(&field, prost_reflect::Value::Message(filled(&kind, 4)));
        let generated: HistoryEvent = message.transcode_to().unwrap();
        assert_eq!(reflect(&generated).unwrap(), message);
        assert_eq!(read::<HistoryEvent>(to_value(&generated).unwrap()).unwrap(), generated);
    }
    let descriptor = POOL.get_enum_by_name("temporal.api.enums.v1.EventType").unwrap();
    for value in descriptor.values() {
        assert_eq!(EventType::try_from(value.number()).unwrap().as_str_name(), value.name());
    }
}

#[test]
fn both_spellings_of_an_enum_are_read() {
    for spelling in ["EVENT_TYPE_ACTIVITY_TASK_FAILED", "ActivityTaskFailed"] {
        for retry_state in ["RETRY_STATE_NON_RETRYABLE_FAILURE", "NonRetryableFailure"] {
            let event: HistoryEvent = read(json!({
                "eventType": spelling,
                "activityTaskFailedEventAttributes": {"retryState": retry_state},
            }))
            .unwrap();
            assert_eq!(event.event_type(), EventType::ActivityTaskFailed);
            let Some(Attributes::ActivityTaskFailedEventAttributes(attributes)) = event.attributes else {
                panic!("the attributes are lost")
            };
            assert_eq!(attributes.retry_state(), RetryState::NonRetryableFailure);
        }
    }
}

#[test]
fn enums_are_also_read_inside_of_lists_and_any() {
    let history: History = read(json!({"events": [{"eventType": "TimerFired"}, {"eventType": 19}]})).unwrap();
    assert_eq!(history.events[0].event_type(), EventType::TimerFired);
    assert_eq!(history.events[1].event_type(), EventType::TimerCanceled);

    let message: ProtocolMessage = read(json!({"body": {
        "@type": "type.googleapis.com/temporal.api.command.v1.Command",
        "commandType": "StartTimer",
    }}))
    .unwrap();
    let command = Command::decode(message.body.unwrap().value.as_slice()).unwrap();
    assert_eq!(command.command_type().as_str_name(), "COMMAND_TYPE_START_TIMER");
}

#[test]
fn the_message_in_an_any_is_written_in_full() {
    let acceptance = Acceptance { accepted_request_sequencing_event_id: 7, ..Default::default() };
    let message = ProtocolMessage {
        id: "1".to_owned(),
        body: Some(prost_types::Any {
            type_url: "type.googleapis.com/temporal.api.update.v1.Acceptance".to_owned(),
            value: acceptance.encode_to_vec(),
        }),
        ..Default::default()
    };
    let json = to_value(&message).unwrap();
    assert_eq!(
        json,
        json!({"id": "1", "body": {
            "@type": "type.googleapis.com/temporal.api.update.v1.Acceptance",
            "acceptedRequestSequencingEventId": "7",
        }})
    );
    assert_eq!(read::<ProtocolMessage>(json).unwrap(), message);
}

#[test]
fn a_deep_chain_of_causes_is_kept() {
    let deep = (0..20).fold(None, |cause, depth| {
        Some(Box::new(Failure {
            message: format!("at {depth}"),
            cause,
            failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                next_retry_delay: Some(prost_types::Duration { seconds: -1, nanos: -500_000_000 }),
                ..Default::default()
            })),
            ..Default::default()
        }))
    });
    let attributes =
        ActivityTaskFailedEventAttributes { failure: deep.map(|failure| *failure), ..Default::default() };
    assert_eq!(
        read::<ActivityTaskFailedEventAttributes>(to_value(&attributes).unwrap()).unwrap(),
        attributes
    );
}

#[test]
fn fields_of_a_later_api_are_ignored_or_refused() {
    let json = json!({"eventId": "3", "fieldOfTheFuture": {"a": [1]}});
    let event: HistoryEvent = from_value(json.clone(), UnknownFields::Ignore).unwrap();
    assert_eq!(event.event_id, 3);
    insta::assert_snapshot!(read::<HistoryEvent>(json).unwrap_err(), @"`.`: unrecognized field name 'fieldOfTheFuture'");
}

#[test]
fn errors_say_where() {
    let wrong_number = read::<History>(json!({"events": [{}, {"eventId": "three"}]}));
    insta::assert_snapshot!(wrong_number.unwrap_err(), @"`events[1].eventId`: invalid digit found in string");
    let wrong_enum = read::<History>(json!({"events": [{"eventType": "NoSuchEvent"}]}));
    insta::assert_snapshot!(wrong_enum.unwrap_err(), @"`events[0].eventType`: `NoSuchEvent` is no value of EventType in this version of the API");
    let later_enum = json!({"events": [{"eventId": "1"}, {"eventType": "EVENT_TYPE_NEXT_YEARS"}]});
    let later_enum = from_value::<History>(later_enum, UnknownFields::Ignore);
    insta::assert_snapshot!(later_enum.unwrap_err(), @"`events[1].eventType`: `EVENT_TYPE_NEXT_YEARS` is no value of EventType in this version of the API");
    let wrong_time = read::<HistoryEvent>(json!({"eventTime": "yesterday"}));
    insta::assert_snapshot!(wrong_time.unwrap_err(), @"`eventTime`: invalid rfc3339 timestamp: invalid date");
    let wrong_json = from_text("{\n  \"eventId\": }");
    insta::assert_snapshot!(wrong_json.unwrap_err(), @"not valid JSON at line 2, column 14: expected value");
    let wrong_name = encode("temporal.api.history.v1.Histroy", json!({}), UnknownFields::Ignore);
    insta::assert_snapshot!(wrong_name.unwrap_err(), @"`temporal.api.history.v1.Histroy` is no message type of the Temporal API");
}

#[test]
fn the_types_of_an_rpc_are_found_by_its_name() {
    let (request, response) =
        rpc_types("temporal.api.workflowservice.v1.WorkflowService", "StartWorkflowExecution").unwrap();
    assert_eq!(request.name(), "StartWorkflowExecutionRequest");
    assert_eq!(response.name(), "StartWorkflowExecutionResponse");
    assert!(rpc_types("temporal.api.workflowservice.v1.WorkflowService", "Stop").is_none());
}
