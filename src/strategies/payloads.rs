//! Payloads.

use proptest::prelude::*;
use temporalio_common::protos::temporal::api::common::v1::Payload;

/// Payloads as data converters make them, empty ones and ones that no data converter can read.
pub fn payloads() -> impl Strategy<Value = Payload> + Clone {
    let encoding = |name: &str| [("encoding".to_owned(), name.as_bytes().to_vec())];
    let json = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        "[a-z]{0,8}".prop_map(|text| format!("{text:?}")),
        Just("null".to_owned()),
        Just("{}".to_owned()),
        Just("{\"truncated\":".to_owned()),
    ];
    prop_oneof![
        8 => json.prop_map(move |text| Payload {
            metadata: encoding("json/plain").into(),
            data: text.into_bytes(),
            ..Default::default()
        }),
        2 => proptest::collection::vec(any::<u8>(), 0..32).prop_map(move |data| Payload {
            metadata: encoding("binary/plain").into(),
            data,
            ..Default::default()
        }),
        1 => Just(Payload { metadata: encoding("binary/null").into(), ..Default::default() }),
        1 => Just(Payload::default()),
    ]
}
