//! Virtual time: an instant that no clock of the machine has any part in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant of virtual time, in nanoseconds since the Unix epoch.
///
/// Wide enough that no duration which a protobuf message can carry overflows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Time(i128);

const NANOS_PER_SECOND: i128 = 1_000_000_000;

impl Time {
    pub(crate) const fn from_nanos(nanos: i128) -> Self {
        Self(nanos)
    }

    pub(crate) const fn as_nanos(self) -> i128 {
        self.0
    }

    /// Milliseconds since the Unix epoch; zero before it.
    pub(crate) fn as_millis(self) -> u64 {
        u64::try_from(self.0 / 1_000_000).unwrap_or_default()
    }

    /// How long after `earlier` this is; zero if it is not.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        nanos_to_duration(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn to_proto(self) -> prost_types::Timestamp {
        prost_types::Timestamp {
            seconds: i64::try_from(self.0.div_euclid(NANOS_PER_SECOND)).unwrap_or(i64::MAX),
            nanos: self.0.rem_euclid(NANOS_PER_SECOND) as i32,
        }
    }

    pub(crate) fn from_proto(timestamp: &prost_types::Timestamp) -> Self {
        Self(i128::from(timestamp.seconds) * NANOS_PER_SECOND + i128::from(timestamp.nanos))
    }

    /// The same instant as the standard library's type, the epoch if it is earlier.
    pub(crate) fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH.checked_add(nanos_to_duration(self.0)).unwrap_or(UNIX_EPOCH)
    }

    pub(crate) fn from_system_time(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(after.as_nanos() as i128),
            Err(before) => Self(-(before.duration().as_nanos() as i128)),
        }
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration.as_nanos() as i128)
    }
}

fn nanos_to_duration(nanos: i128) -> Duration {
    // All but the longest fit into 64 bits, which are divided many times as fast.
    if let Ok(nanos) = u64::try_from(nanos) {
        return Duration::from_nanos(nanos);
    }
    if nanos <= 0 {
        return Duration::ZERO;
    }
    let seconds = u64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanos % NANOS_PER_SECOND) as u32)
}

/// A protobuf duration as the standard library's; negative ones and absent ones are zero.
pub(crate) fn duration(proto: Option<&prost_types::Duration>) -> Duration {
    proto.map_or(Duration::ZERO, |proto| match (u64::try_from(proto.seconds), u32::try_from(proto.nanos)) {
        (Ok(seconds), Ok(nanos @ 0..1_000_000_000)) => Duration::new(seconds, nanos),
        _ => nanos_to_duration(i128::from(proto.seconds) * NANOS_PER_SECOND + i128::from(proto.nanos)),
    })
}

/// The protobuf form of a duration.
pub(crate) fn to_proto(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos() as i32,
    }
}
