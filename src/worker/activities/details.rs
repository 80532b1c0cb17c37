//! Heartbeat details: typed values on their way to payloads.
//!
//! The activity context that a test can make hands heartbeat details out as `Box<dyn Any>`, so the types
//! that activities use must be known beforehand. The common ones are; others are registered with
//! [`Worker::heartbeat_details`](crate::Worker::heartbeat_details).

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    sync::LazyLock,
};

use temporalio_common::{
    data_converters::{
        ActivitySerializationContext, GenericPayloadConverter as _, PayloadConversionError, PayloadConverter,
        RawValue, SerializationContext, SerializationContextData, TemporalSerializable,
    },
    protos::temporal::api::common::v1::Payload,
};

type Serialise = fn(&dyn Any, &PayloadConverter) -> Option<Result<Vec<Payload>, PayloadConversionError>>;

/// By type. Only ever looked up: the order of type ids differs from build to build.
type Serialisers = BTreeMap<TypeId, Serialise>;

/// What every worker knows: several hundred types, which are collected once for all workers.
static COMMON: LazyLock<Serialisers> = LazyLock::new(common);

/// The types of heartbeat details that can be turned into payloads.
#[derive(Clone, Default)]
pub(crate) struct HeartbeatDetails {
    /// Those that one worker knows beside the common ones.
    registered: Serialisers,
}

/// Why heartbeat details could not be turned into payloads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DetailsError {
    /// Nobody registered the type.
    #[error(
        "the activity recorded a heartbeat whose details are of a type that the worker does not know; register \
         it with Worker::heartbeat_details::<T>(), where T is the type of the value that the activity gives to \
         record_heartbeat"
    )]
    UnknownType,
    /// The payload converter refused the value.
    #[error("the details of a heartbeat cannot be converted: {0}")]
    Conversion(PayloadConversionError),
}

impl HeartbeatDetails {
    /// Makes a type known.
    pub(crate) fn register<T: TemporalSerializable + 'static>(&mut self) {
        register::<T>(&mut self.registered);
    }

    /// Turns details into payloads as a worker does.
    pub(crate) fn to_payloads(
        &self,
        details: &dyn Any,
        converter: &PayloadConverter,
    ) -> Result<Vec<Payload>, DetailsError> {
        let type_id = details.type_id();
        self.registered
            .get(&type_id)
            .or_else(|| COMMON.get(&type_id))
            .and_then(|serialise| serialise(details, converter))
            .ok_or(DetailsError::UnknownType)?
            .map_err(DetailsError::Conversion)
    }
}

impl std::fmt::Debug for HeartbeatDetails {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HeartbeatDetails").field("types", &self.registered.len()).finish()
    }
}

fn register<T: TemporalSerializable + 'static>(known: &mut Serialisers) {
    known.insert(TypeId::of::<T>(), serialise::<T>);
}

fn serialise<T: TemporalSerializable + 'static>(
    details: &dyn Any,
    converter: &PayloadConverter,
) -> Option<Result<Vec<Payload>, PayloadConversionError>> {
    let details = details.downcast_ref::<T>()?;
    let kind = SerializationContextData::Activity(ActivitySerializationContext::new());
    Some(converter.to_payloads(&SerializationContext::new(&kind, converter), details))
}

/// Registers each type, alone and in `Option`, `Vec` and pairs with the types that name or count things.
macro_rules! register_common {
    ($known:ident: $($common:ty),* $(,)?) => { $(
        register::<$common>(&mut $known);
        register::<Option<$common>>(&mut $known);
        register::<Vec<$common>>(&mut $known);
        register::<Option<Vec<$common>>>(&mut $known);
        register_pairs!($known: $common, (i32, i64, u32, u64, usize, f64, bool, String, &'static str));
    )* };
}

macro_rules! register_pairs {
    ($known:ident: $first:ty, ($($second:ty),*)) => { $(
        register::<($first, $second)>(&mut $known);
    )* };
}

/// Registers all triples of numbers and strings.
macro_rules! register_triples {
    ($known:ident: $($first:ty),*) => { $(
        register_triples!(@second $known: $first, (i32, i64, u32, u64, usize, String));
    )* };
    (@second $known:ident: $first:ty, ($($second:ty),*)) => { $(
        register::<($first, $second, i32)>(&mut $known);
        register::<($first, $second, i64)>(&mut $known);
        register::<($first, $second, u32)>(&mut $known);
        register::<($first, $second, u64)>(&mut $known);
        register::<($first, $second, usize)>(&mut $known);
        register::<($first, $second, bool)>(&mut $known);
        register::<($first, $second, String)>(&mut $known);
    )* };
}

fn common() -> Serialisers {
    let mut known = Serialisers::new();
    register::<()>(&mut known);
    register::<RawValue>(&mut known);
    register_common!(known:
        bool, char, String, &'static str,
        i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64,
        serde_json::Value,
    );
    register_triples!(known: i32, i64, u32, u64, usize, String);
    register::<Vec<Vec<u8>>>(&mut known);
    register::<serde_json::Map<String, serde_json::Value>>(&mut known);
    register::<BTreeMap<String, String>>(&mut known);
    register::<std::time::Duration>(&mut known);
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(details: impl Any) -> Result<String, String> {
        HeartbeatDetails::default()
            .to_payloads(&details, &PayloadConverter::default())
            .map(|payloads| {
                String::from_utf8_lossy(&payloads.into_iter().flat_map(|p| p.data).collect::<Vec<_>>())
                    .into_owned()
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn common_types_are_known() {
        assert_eq!(json(7_u32), Ok("7".to_owned()));
        assert_eq!(json("page 3"), Ok("\"page 3\"".to_owned()));
        assert_eq!(json(Some(String::from("x"))), Ok("\"x\"".to_owned()));
        assert_eq!(json((3_usize, "rows".to_owned())), Ok("[3,\"rows\"]".to_owned()));
        assert_eq!(json((1_u64, 2_u64, true)), Ok("[1,2,true]".to_owned()));
        assert_eq!(json(serde_json::json!({"done": 4})), Ok("{\"done\":4}".to_owned()));
    }

    #[test]
    fn raw_payloads_stay_as_they_are() {
        let payload = Payload { data: b"kept".to_vec(), ..Default::default() };
        let details = RawValue::new(vec![payload.clone(), payload.clone()]);
        let payloads =
            HeartbeatDetails::default().to_payloads(&details, &PayloadConverter::default()).expect("raw");
        assert_eq!(payloads, [payload.clone(), payload]);
    }

    #[test]
    fn an_unknown_type_says_how_to_register_it() {
        #[derive(serde::Serialize)]
        struct Checkpoint {
            row: u32,
        }
        let refused = json(Checkpoint { row: 9 }).expect_err("nobody registered it");
        assert!(refused.contains("Worker::heartbeat_details::<T>()"), "{refused}");

        let mut known = HeartbeatDetails::default();
        known.register::<Checkpoint>();
        let payloads = known.to_payloads(&Checkpoint { row: 9 }, &PayloadConverter::default());
        assert_eq!(payloads.expect("registered")[0].data, b"{\"row\":9}");
    }
}
