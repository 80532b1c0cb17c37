use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::proto_json::{self, UnknownFields};

fn at(text: &str) -> Time {
    Time::from_nanos(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond())
}

fn text(time: Time) -> String {
    jiff::Timestamp::from_nanosecond(time.as_nanos()).unwrap().to_string()
}

fn compile_json(spec: &str) -> Result<CompiledSpec, SpecError> {
    compile(proto_json::from_value(serde_json::from_str(spec).unwrap(), UnknownFields::Refuse).unwrap())
}

fn compile(spec: ScheduleSpec) -> Result<CompiledSpec, SpecError> {
    CompiledSpec::new(&spec, Jitter { seed: Seed(1), schedule: "default-s".to_owned() })
}

/// The next times after `after`.
fn times(spec: &CompiledSpec, after: Time) -> impl Iterator<Item = ActionTime> {
    std::iter::successors(spec.next(after), |time| spec.next(time.actual))
}

/// The same, as text.
fn next_times(spec: &CompiledSpec, after: Time, count: usize) -> String {
    let times: Vec<_> = times(spec, after).take(count).map(|time| text(time.actual)).collect();
    if times.is_empty() { "never".to_owned() } else { times.join(" ") }
}

#[test]
fn agrees_with_the_server() {
    let mut spec = ("", Err(SpecError(String::new())));
    for row in include_str!("server_answers.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [text, what, answer] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        if !text.is_empty() {
            spec = (text, compile_json(text));
        }
        let (text, compiled) = &spec;
        match (what, compiled) {
            ("error", compiled) => {
                let message: String = serde_json::from_str(answer).unwrap();
                assert_eq!(compiled.as_ref().err(), Some(&SpecError(message)), "{text}");
            }
            (_, Err(error)) => panic!("{text}: {error}"),
            ("canonical", Ok(compiled)) => {
                let expected: Value = serde_json::from_str(answer).unwrap();
                assert_eq!(proto_json::to_value(compiled.canonical()).unwrap(), expected, "{text}");
            }
            (after, Ok(compiled)) => {
                assert_eq!(next_times(compiled, at(after), 4), answer, "{text} after {after}");
            }
        }
    }
}

#[test]
fn jitter_stays_within_its_bounds_and_before_the_next_time() {
    let short = compile_json(r#"{"interval":[{"interval":"60s"}],"jitter":"20s"}"#).unwrap();
    let long = compile_json(r#"{"interval":[{"interval":"60s"}],"jitter":"3600s"}"#).unwrap();
    let start = at("2024-01-01T00:00:00Z");
    let delays = |spec: &CompiledSpec| -> Vec<Duration> {
        times(spec, start).take(200).map(|time| time.actual.since(time.nominal)).collect()
    };
    assert!(delays(&short).iter().all(|delay| *delay < Duration::from_secs(20)));
    assert!(delays(&long).iter().all(|delay| *delay < Duration::from_secs(60)));
    assert!(delays(&short).iter().any(|delay| *delay > Duration::from_secs(15)));
    assert_eq!(delays(&long), delays(&long), "the same time always has the same jitter");
}

#[test]
fn a_far_time_and_a_wide_exclusion_are_no_work() {
    // Every second, but for a month a year, in which the search must not try each second of eleven others.
    let spec = compile_json(
        r#"{"interval": [{"interval": "1s"}],
            "excludeCalendar": [{"second": "*", "minute": "*", "hour": "*", "month": "2-12"}]}"#,
    )
    .unwrap();
    assert_eq!(next_times(&spec, at("2024-02-01T00:00:00Z"), 1), "2025-01-01T00:00:00Z");

    let never = compile_json(
        r#"{"interval": [{"interval": "1s"}], "excludeCalendar": [{"second": "*", "minute": "*", "hour": "*"}]}"#,
    )
    .unwrap();
    assert_eq!(never.next(at("2024-01-01T00:00:00Z")), None);

    let seconds = compile_json(
        r#"{"interval": [{"interval": "1s"}], "excludeCalendar": [{"second": "*/2", "minute": "*", "hour": "*"},
            {"second": "1/2", "minute": "*", "hour": "*"}]}"#,
    )
    .unwrap();
    assert_eq!(seconds.next(at("2024-01-01T00:00:00Z")), None, "the search gives up");
}

#[test]
fn ranges_are_shown_with_their_ends_and_steps() {
    let mut spec =
        compile_json(r#"{"calendar": [{"hour": "9-17/4", "year": "2024"}]}"#).unwrap().canonical().clone();
    fill_in_ranges(&mut spec);
    let calendar = &spec.structured_calendar[0];
    assert_eq!(calendar.hour, [Range { start: 9, end: 17, step: 4 }]);
    assert_eq!(calendar.year, [Range { start: 2024, end: 2024, step: 1 }]);
    assert_eq!(calendar.minute, [Range { start: 0, end: 0, step: 1 }]);
}

fn field(max: i32) -> impl Strategy<Value = Vec<Range>> {
    prop_oneof![
        2 => Just(vec![Range { start: 0, end: max, step: 1 }]),
        3 => prop::collection::vec(
            (0..=max, 0..=max, 0..4).prop_map(|(start, end, step)| Range { start, end, step }),
            1..3
        ),
    ]
}

prop_compose! {
    fn calendars()(
        second in field(59),
        minute in field(59),
        hour in field(23),
        day_of_month in field(31),
        month in field(12),
        day_of_week in field(6),
    ) -> StructuredCalendarSpec {
        StructuredCalendarSpec { second, minute, hour, day_of_month, month, day_of_week, ..Default::default() }
    }
}

/// Zones whose clocks change by whole hours, at midnight and at other times.
fn zone_names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["UTC", "America/New_York", "America/Sao_Paulo", "Europe/Dublin"])
}

proptest! {
    #[test]
    fn the_next_time_of_a_calendar_is_the_first_that_matches(
        calendar in calendars(),
        zone_name in zone_names(),
        after in 1_500_000_000_i64..1_800_000_000,
    ) {
        let calendar = Calendar::new(&calendar, Zone::named(zone_name).unwrap());
        let Some(next) = calendar.next(after) else { return Ok(()) };
        prop_assert!(next > after && calendar.matches(next));
        let nearer = (after + 1..next).take(5000).chain((after + 1..next).rev().take(5000));
        prop_assert_eq!(nearer.into_iter().find(|at| calendar.matches(*at)), None);
    }

    // Where the clock changes by half an hour the server's search misses times and finds others that do not
    // match, and so does this one. It must only go on.
    #[test]
    fn a_clock_that_changes_by_half_an_hour_does_not_stop_the_search(
        calendar in calendars(),
        after in 1_500_000_000_i64..1_800_000_000,
    ) {
        let calendar = Calendar::new(&calendar, Zone::named("Australia/Lord_Howe").unwrap());
        let times: Vec<_> = std::iter::successors(Some(after), |after| calendar.next(*after)).take(50).collect();
        prop_assert!(times.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn an_exclusion_is_skipped_only_as_far_as_it_matches(
        calendar in calendars(),
        zone_name in zone_names(),
        after in 1_500_000_000_i64..1_800_000_000,
    ) {
        let calendar = Calendar::new(&calendar, Zone::named(zone_name).unwrap());
        let Some(at) = calendar.next(after) else { return Ok(()) };
        let end = calendar.skip_matching(at);
        prop_assert!(end > at);
        prop_assert!((at..end).step_by(7).take(20_000).all(|at| calendar.matches(at)));
    }

    #[test]
    fn no_text_makes_it_panic(field in "[0-9*/,a-z@# -]{0,12}", after in any::<i128>()) {
        let calendar = temporalio_common::protos::temporal::api::schedule::v1::CalendarSpec {
            second: field.clone(), day_of_week: field.clone(), month: field.clone(), year: field.clone(),
            ..Default::default()
        };
        let spec = ScheduleSpec {
            calendar: vec![calendar],
            cron_string: vec![field.clone()],
            timezone_name: field.clone(),
            timezone_data: field.into_bytes(),
            ..Default::default()
        };
        if let Ok(spec) = compile(spec) {
            let _ = spec.next(Time::from_nanos(after >> 8));
        }
    }

    #[test]
    fn no_numbers_make_it_panic(
        calendar in calendars(),
        start in any::<i32>(),
        step in any::<i32>(),
        seconds in any::<i64>(),
        nanos in any::<i32>(),
    ) {
        let mut exclusion = calendar.clone();
        exclusion.year.push(Range { start, end: i32::MAX, step });
        exclusion.hour.push(Range { start, end: i32::MAX, step });
        let duration = prost_types::Duration { seconds, nanos };
        let spec = ScheduleSpec {
            structured_calendar: vec![calendar],
            exclude_structured_calendar: vec![exclusion],
            interval: vec![IntervalSpec { interval: Some(duration), phase: None }],
            start_time: Some(prost_types::Timestamp { seconds, nanos }),
            jitter: Some(duration),
            ..Default::default()
        };
        if let Ok(spec) = compile(spec) {
            let _ = spec.next(Time::default());
        }
    }
}
