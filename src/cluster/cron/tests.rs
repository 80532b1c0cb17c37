use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Time {
    Time::from_nanos(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond())
}

fn text(time: Time) -> String {
    jiff::Timestamp::from_nanosecond(time.as_nanos()).unwrap().to_string()
}

/// The next three times, as text.
fn next_three(schedule: &CronSchedule, after: Time) -> String {
    let times: Vec<_> =
        std::iter::successors(schedule.next(after), |time| schedule.next(*time)).take(3).map(text).collect();
    if times.is_empty() { "never".to_owned() } else { times.join(" ") }
}

#[test]
fn agrees_with_the_library_of_the_server() {
    let rows = include_str!("library_answers.tsv").lines().filter(|line| !line.starts_with('#'));
    for row in rows {
        let mut columns = row.split('\t');
        let expression: String = serde_json::from_str(columns.next().unwrap()).unwrap();
        let schedule = CronSchedule::parse(&expression);
        match columns.next().unwrap() {
            "invalid" => assert_eq!(schedule, None, "{expression:?} should be refused"),
            after => {
                let schedule = schedule.unwrap_or_else(|| panic!("{expression:?} should be accepted"));
                let next = next_three(&schedule, time(after));
                assert_eq!(next, columns.next().unwrap(), "{expression:?} after {after}");
            }
        }
    }
}

#[test]
fn a_zone_needs_fields_after_it() {
    assert_eq!(CronSchedule::parse("TZ=UTC"), None);
}

#[test]
fn validation_speaks_as_the_server_does() {
    let now = time("2024-01-01T00:00:00Z");
    let check = |expression| validate(expression, now).map_err(|error| error.to_string());
    assert_eq!(check(""), Ok(()));
    assert_eq!(check("0 12 * * MON"), Ok(()));
    assert_eq!(check("nonsense"), Err("invalid CronSchedule.".into()));
    assert_eq!(
        check("0 0 30 2 *"),
        Err("invalid CronSchedule, no time can be found to satisfy the schedule".into())
    );
}

#[test]
fn the_backoff_counts_from_now_in_whole_seconds_and_skips_times_that_have_passed() {
    let backoff = |expression, scheduled, now| {
        backoff(expression, time(scheduled), time(now)).map(|backoff| backoff.as_secs())
    };
    let start = "2024-01-01T00:00:00Z";
    assert_eq!(backoff("*/10 * * * *", start, start), Some(600));
    assert_eq!(backoff("*/10 * * * *", start, "2024-01-01T00:00:00.25Z"), Some(600));
    // The run took 25 minutes: two times went by.
    assert_eq!(backoff("*/10 * * * *", start, "2024-01-01T00:25:00Z"), Some(300));
    // A time that is just now is not missed.
    assert_eq!(backoff("*/10 * * * *", start, "2024-01-01T00:20:00Z"), Some(0));
    assert_eq!(backoff("@every 7m", start, "2024-01-01T00:25:00Z"), Some(180));
    // The run ended before it was due.
    assert_eq!(backoff("*/10 * * * *", "2024-01-01T00:10:00Z", start), Some(600));
    assert_eq!(backoff("", start, start), None);
    assert_eq!(backoff("0 0 30 2 *", start, start), None);
}

/// Expressions that are often valid.
fn expressions() -> impl Strategy<Value = String> {
    let field = |values: &'static str| {
        prop_oneof![
            3 => Just("*".to_owned()),
            3 => values.prop_map(|value| value),
            1 => (values, 1_u32..40).prop_map(|(value, step)| format!("{value}/{step}")),
            1 => (values, values).prop_map(|(a, b)| format!("{a},{b}")),
            1 => (values, values).prop_map(|(a, b)| format!("{a}-{b}")),
        ]
    };
    let zone = prop::sample::select(vec!["", "CRON_TZ=America/New_York ", "TZ=Asia/Kathmandu "]);
    (
        zone,
        field("[0-9]|[1-5][0-9]"),
        field("[0-9]|1[0-9]"),
        field("[1-9]|[12][0-9]"),
        field("[1-9]"),
        field("[0-6]"),
    )
        .prop_map(|(zone, minute, hour, day, month, weekday)| {
            format!("{zone}{minute} {hour} {day} {month} {weekday}")
        })
}

proptest! {
    #[test]
    fn the_next_time_is_the_first_that_matches(
        expression in expressions(),
        after in 1_500_000_000_i64..1_900_000_000,
    ) {
        let Some(CronSchedule::Matching(fields)) = CronSchedule::parse(&expression) else { return Ok(()) };
        let matches = |at: i64| {
            let wall = fields.zone.wall_clock(at);
            wall.second == 0
                && fields.minute.has(wall.minute)
                && fields.hour.has(wall.hour)
                && fields.month.has(wall.month)
                && fields.day_matches(&wall)
        };
        let Some(next) = fields.next(after) else { return Ok(()) };
        prop_assert!(next > after && matches(next), "{expression}: {next}");
        let before = (after + 1..next).rev().take(4000).find(|at| matches(*at));
        prop_assert_eq!(before, None, "{}", expression);
    }

    #[test]
    fn going_straight_to_the_next_time_from_now_is_going_there_step_by_step(
        expression in prop_oneof![expressions(), (1_u32..100_000).prop_map(|n| format!("@every {n}s"))],
        scheduled in 1_500_000_000_000_000_000_i128..1_900_000_000_000_000_000,
        elapsed in 0_i128..40_000_000_000_000,
    ) {
        let Some(schedule) = CronSchedule::parse(&expression) else { return Ok(()) };
        let (scheduled, now) = (Time::from_nanos(scheduled), Time::from_nanos(scheduled + elapsed));
        let mut stepped = schedule.next(scheduled);
        while let Some(time) = stepped.filter(|time| *time < now) {
            stepped = schedule.next(time);
        }
        prop_assert_eq!(schedule.first_from(scheduled, now), stepped);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}", after in any::<i128>()) {
        let after = Time::from_nanos(after >> 4);
        let _ = backoff(&text, Time::default(), after);
        let _ = validate(&format!("CRON_TZ={text}"), after);
        let _ = validate("0 0 29 2 *", after);
    }
}
