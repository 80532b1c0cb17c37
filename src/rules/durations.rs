//! Protobuf durations as the server reads them: saturated to 64-bit nanoseconds, never negative, at most 100
//! years.

use prost_types::Duration;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The longest timeout: 100 years of 365 days, in seconds. Longer ones are taken for this.
const MAXIMUM_SECONDS: i64 = 100 * 365 * 24 * 60 * 60;

/// Why a duration is no valid timeout, in the server's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    /// Less than zero.
    #[error("negative duration")]
    Negative,
    /// Seconds and nanoseconds pull in different directions.
    #[error("duration has seconds and nanos with different signs")]
    MismatchedSigns,
}

/// Nanoseconds, saturated at the ends of `i64` (292 years); an absent duration is zero.
pub(crate) fn nanos(duration: Option<&Duration>) -> i64 {
    duration.map_or(0, |duration| {
        let nanos = i64::from(duration.nanos);
        let sum = duration.seconds.checked_mul(NANOS_PER_SECOND).and_then(|whole| whole.checked_add(nanos));
        // The two may have different signs, so that neither product nor sum can be saturated by itself.
        sum.unwrap_or_else(|| {
            let exact = i128::from(duration.seconds) * i128::from(NANOS_PER_SECOND) + i128::from(nanos);
            exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
        })
    })
}

/// The protobuf form of a number of nanoseconds.
pub(crate) fn from_nanos(nanos: i64) -> Duration {
    Duration { seconds: nanos / NANOS_PER_SECOND, nanos: (nanos % NANOS_PER_SECOND) as i32 }
}

/// Refuses a duration that cannot be a timeout and caps one above 100 years. An absent one is fine.
pub(crate) fn validate(duration: Option<&mut Duration>) -> Result<(), Invalid> {
    let Some(duration) = duration else { return Ok(()) };
    if (duration.seconds > 0 && duration.nanos < 0) || (duration.seconds < 0 && duration.nanos > 0) {
        return Err(Invalid::MismatchedSigns);
    }
    let nanos = nanos(Some(duration));
    if nanos < 0 {
        return Err(Invalid::Negative);
    }
    if nanos > MAXIMUM_SECONDS.saturating_mul(NANOS_PER_SECOND) {
        *duration = Duration { seconds: MAXIMUM_SECONDS, nanos: 0 };
    }
    Ok(())
}

/// The shorter of the two, an absent one being zero. Of two equal ones, the first.
pub(crate) fn min(left: Option<Duration>, right: Option<Duration>) -> Duration {
    let shorter = if nanos(left.as_ref()) <= nanos(right.as_ref()) { left } else { right };
    shorter.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validated(seconds: i64, nanos: i32) -> Result<Duration, Invalid> {
        let mut duration = Duration { seconds, nanos };
        validate(Some(&mut duration)).map(|()| duration)
    }

    #[test]
    fn a_timeout_is_not_negative_and_at_most_100_years() {
        assert_eq!(validated(5, 1), Ok(Duration { seconds: 5, nanos: 1 }));
        assert_eq!(validated(0, 0), Ok(Duration::default()));
        assert_eq!(validated(0, -1), Err(Invalid::Negative));
        assert_eq!(validated(1, -1), Err(Invalid::MismatchedSigns));
        assert_eq!(validated(-1, 1), Err(Invalid::MismatchedSigns));
        assert_eq!(validated(3_153_600_000, 0), Ok(Duration { seconds: 3_153_600_000, nanos: 0 }));
        assert_eq!(validated(3_153_600_000, 1), Ok(Duration { seconds: 3_153_600_000, nanos: 0 }));
        assert_eq!(validated(i64::MAX, 0), Ok(Duration { seconds: 3_153_600_000, nanos: 0 }));
        assert_eq!(validate(None), Ok(()));
    }

    #[test]
    fn nanoseconds_saturate() {
        assert_eq!(nanos(Some(&Duration { seconds: i64::MAX, nanos: 0 })), i64::MAX);
        assert_eq!(nanos(Some(&Duration { seconds: i64::MIN, nanos: 0 })), i64::MIN);
        assert_eq!(nanos(Some(&Duration { seconds: -2, nanos: -5 })), -2_000_000_005);
        assert_eq!(nanos(None), 0);
    }

    #[test]
    fn nanoseconds_and_back() {
        for n in [0, 1, 999_999_999, 1_000_000_000, -1, -1_500_000_000, i64::MAX, i64::MIN] {
            assert_eq!(nanos(Some(&from_nanos(n))), n);
        }
    }
}
