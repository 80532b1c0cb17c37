use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use super::*;

fn load(name: &str) -> History {
    History::load(format!("{}/histories/production/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn two_runs_that_part() {
    insta::assert_snapshot!(diff(&load("transfer_ok"), &load("transfer_refunded")), @r#"
    --- MoneyTransfer transfer_ok-261006, 29 events
    +++ MoneyTransfer transfer_refunded-261006, 35 events
    ~  1   1  WorkflowExecutionStarted    MoneyTransfer({"from":"ACC-1","to":"ACC-2","cents":12550,"reference":"INV-12550"})
                input[0].cents: 12550 -> 99900
                input[0].reference: "INV-12550" -> "INV-99900"
                input[0].to: "ACC-2" -> "CLOSED-9"
    ~  5   5  ActivityTaskScheduled       #1 Bank::validate({"account":"ACC-2","cents":12550,"reference":"INV-12550"})
                input[0].account: "ACC-2" -> "CLOSED-9"
                input[0].cents: 12550 -> 99900
                input[0].reference: "INV-12550" -> "INV-99900"
       6   6  ActivityTaskStarted         #1 Bank::validate
       7   7  ActivityTaskCompleted       #1 Bank::validate -> ()
    ~ 11  11  ActivityTaskScheduled       #2 Bank::withdraw({"account":"ACC-1","cents":12550,"reference":"INV-12550"})
                input[0].cents: 12550 -> 99900
                input[0].reference: "INV-12550" -> "INV-99900"
      12  12  ActivityTaskStarted         #2 Bank::withdraw
    ~ 13  13  ActivityTaskCompleted       #2 Bank::withdraw -> "W-INV-12550"
                result[0]: "W-INV-12550" -> "W-INV-99900"
    ~ 17  17  ActivityTaskScheduled       #3 Bank::deposit({"account":"ACC-2","cents":12550,"reference":"INV-12550"})
                input[0].account: "ACC-2" -> "CLOSED-9"
                input[0].cents: 12550 -> 99900
                input[0].reference: "INV-12550" -> "INV-99900"
      18  18  ActivityTaskStarted         #3 Bank::deposit
    - 19      ActivityTaskCompleted       #3 Bank::deposit -> "D-INV-12550"
    +     19  ActivityTaskFailed          #3 Bank::deposit: AccountClosed: account CLOSED-9 is closed (non-retryable)
    +     23  ActivityTaskScheduled       #4 Bank::refund({"account":"ACC-1","cents":99900,"reference":"INV-99900"})
    +     24  ActivityTaskStarted         #4 Bank::refund
    +     25  ActivityTaskCompleted       #4 Bank::refund -> "R-INV-99900"
    +     26  WorkflowTaskScheduled       sticky
    +     27  WorkflowTaskStarted
    +     28  WorkflowTaskCompleted
    ~ 23  29  ActivityTaskScheduled       #4 send_email(["ACC-1","transfer-done"])
                input[0][1]: "transfer-done" -> "transfer-refunded"
      24  30  ActivityTaskStarted         #4 send_email
      25  31  ActivityTaskCompleted       #4 send_email -> ()
    - 29      WorkflowExecutionCompleted  -> {"withdrawal":"W-INV-12550","deposit":"D-INV-12550"}
    +     35  WorkflowExecutionFailed     TransferRefunded: deposit failed, refunded as R-INV-99900: Activity failed: Activity task failed (non-retryable)
    21 the same, 6 changed, 2 only in ---, 8 only in +++
    "#);
}

#[test]
fn what_a_patch_adds() {
    insta::assert_snapshot!(diff(&load("checkout_before_patch"), &load("checkout_patched")), @r#"
    --- Checkout checkout_before_patch-261006, 23 events
    +++ Checkout checkout_patched-261006, 31 events
    ~  1   1  WorkflowExecutionStarted        Checkout("basket-1")
                input[0]: "basket-1" -> "basket-22"
                taskQueue: "corpus" -> "corpus-patched"
    ~  5   5  ActivityTaskScheduled           #1 Shop::reserve_basket("basket-1")
                input[0]: "basket-1" -> "basket-22"
                taskQueue: "corpus" -> "corpus-patched"
       6   6  ActivityTaskStarted             #1 Shop::reserve_basket
    ~  7   7  ActivityTaskCompleted           #1 Shop::reserve_basket -> "hold-basket-1"
                result[0]: "hold-basket-1" -> "hold-basket-22"
    +     11  MarkerRecorded                  patch fraud-screen
    +     12  UpsertWorkflowSearchAttributes  TemporalChangeVersion=["fraud-screen"]
    +     13  ActivityTaskScheduled           #2 Shop::screen_fraud("basket-22")
    +     14  ActivityTaskStarted             #2 Shop::screen_fraud
    +     15  ActivityTaskCompleted           #2 Shop::screen_fraud -> 9
    +     16  WorkflowTaskScheduled           sticky
    +     17  WorkflowTaskStarted
    +     18  WorkflowTaskCompleted
    ~ 11  19  ActivityTaskScheduled           #2 Shop::take_payment("basket-1")
                input[0]: "basket-1" -> "basket-22"
                taskQueue: "corpus" -> "corpus-patched"
      12  20  ActivityTaskStarted             #2 Shop::take_payment
    ~ 13  21  ActivityTaskCompleted           #2 Shop::take_payment -> "paid-basket-1"
                result[0]: "paid-basket-1" -> "paid-basket-22"
    ~ 17  25  ActivityTaskScheduled           #3 send_email(["basket-1","order-confirmed"])
                input[0][0]: "basket-1" -> "basket-22"
                taskQueue: "corpus" -> "corpus-patched"
      18  26  ActivityTaskStarted             #3 send_email
      19  27  ActivityTaskCompleted           #3 send_email -> ()
    ~ 23  31  WorkflowExecutionCompleted      -> "paid-basket-1"
                result[0]: "paid-basket-1" -> "paid-basket-22"
    16 the same, 7 changed, 8 only in +++
    "#);
}

#[test]
fn a_history_is_the_same_as_itself() {
    let history = load("order_eight_lines");
    let diff = diff(&history, &history);
    assert!(diff.is_same());
    insta::assert_snapshot!(diff, @r"
    --- OrderFulfilment order_eight_lines-261006, 81 events
    +++ OrderFulfilment order_eight_lines-261006, 81 events
    the same: 81 events
    ");
    assert!(DiffOptions::new().volatile(true).diff(&history, &history).is_same());
}

/// Whatever is taken out of a history is what the difference says is missing, and all else is the same.
#[test]
fn one_event_less_is_one_event_less() {
    let history = load("transfer_ok");
    for (index, removed) in history.events().iter().enumerate().skip(1) {
        let mut events = history.clone().into_events();
        events.remove(index);
        // The numbers of events, and what refers to them, change with each event that is taken out.
        let shortened = renumbered(events, removed.event_id);
        let diff = diff(&history, &shortened);
        let gone: Vec<_> = diff.rows.iter().filter(|row| row.kind != DiffKind::Same).collect();
        let is_gone = |row: &DiffRow| {
            row.kind == DiffKind::OnlyLeft && row.left.as_ref().unwrap().event_id == removed.event_id
        };
        assert!(gone.iter().any(|row| is_gone(row)), "event {}:\n{diff}", removed.event_id);
        // What became of an activity that nobody scheduled cannot be told.
        let is_scheduled =
            matches!(removed.attributes, Some(Attributes::ActivityTaskScheduledEventAttributes(_)));
        assert!(gone.len() == 1 || is_scheduled, "event {}:\n{diff}", removed.event_id);
    }
}

/// A history with its event ids counted anew after one event is gone.
fn renumbered(events: Vec<super::super::HistoryEvent>, gone: i64) -> History {
    let shift = |id: &mut i64| {
        if *id > gone {
            *id -= 1;
        }
    };
    let mut events = events;
    for event in &mut events {
        shift(&mut event.event_id);
        match event.attributes.as_mut().unwrap() {
            Attributes::ActivityTaskStartedEventAttributes(it) => shift(&mut it.scheduled_event_id),
            Attributes::ActivityTaskCompletedEventAttributes(it) => shift(&mut it.scheduled_event_id),
            _ => {}
        }
    }
    History::new(events).unwrap()
}

#[test]
fn volatile_fields_are_compared_on_request() {
    let history = load("approval_open");
    let mut events = history.clone().into_events();
    for event in &mut events {
        event.task_id += 1_000;
        event.event_time.as_mut().unwrap().seconds += 60;
    }
    let later = History::new(events).unwrap();
    assert!(diff(&history, &later).is_same());
    let all = DiffOptions::new().volatile(true).diff(&history, &later);
    assert_eq!(all.count(DiffKind::Changed), history.events().len());
    let fields: Vec<_> = all.rows[0].fields.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["eventTime", "taskId"]);
}

#[test]
fn colours_are_only_added_to_the_text() {
    let diff = diff(&load("transfer_ok"), &load("transfer_refunded"));
    let colored = diff.colored().to_string();
    assert!(colored.contains("\u{1b}[31m"));
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), diff.to_string());
}

#[test]
fn any_two_histories_can_be_compared() {
    let names = [
        "order_eight_lines",
        "subscription_last_run",
        "approval_open",
        "quote_flaky_rates",
        "scan_heartbeat_timeout",
    ];
    for left in names.map(load) {
        for right in names.map(load) {
            let diff = diff(&left, &right);
            let ids = |side: fn(&DiffRow) -> &Option<DiffEvent>| {
                let mut ids: Vec<_> =
                    diff.rows.iter().filter_map(|row| side(row).as_ref()).map(|it| it.event_id).collect();
                ids.sort_unstable();
                ids
            };
            let all = |history: &History| (1..=history.events().len() as i64).collect::<Vec<_>>();
            assert_eq!(ids(|row| &row.left), all(&left));
            assert_eq!(ids(|row| &row.right), all(&right));
        }
    }
}

/// Activities that change places have moved, with what became of them.
#[test]
fn what_comes_in_another_order_has_moved() {
    let history = load("transfer_ok");
    let mut events = history.clone().into_events();
    for (one, other) in [(11, 17), (12, 18), (13, 19)] {
        let (one_id, other_id) = (events[one - 1].event_id, events[other - 1].event_id);
        events.swap(one - 1, other - 1);
        events[one - 1].event_id = one_id;
        events[other - 1].event_id = other_id;
    }
    for event in &mut events {
        let scheduled_event_id = match event.attributes.as_mut().unwrap() {
            Attributes::ActivityTaskStartedEventAttributes(it) => &mut it.scheduled_event_id,
            Attributes::ActivityTaskCompletedEventAttributes(it) => &mut it.scheduled_event_id,
            _ => continue,
        };
        *scheduled_event_id = match *scheduled_event_id {
            11 => 17,
            17 => 11,
            other => other,
        };
    }
    insta::assert_snapshot!(diff(&history, &History::new(events).unwrap()).context(0), @r#"
    --- MoneyTransfer transfer_ok-261006, 29 events
    +++ MoneyTransfer transfer_ok-261006, 29 events
              … 4 events the same …
    - 14      WorkflowTaskScheduled  sticky
    - 15      WorkflowTaskStarted
    - 16      WorkflowTaskCompleted
              … 3 events the same …
    > 11  17  ActivityTaskScheduled  #2 Bank::withdraw({"account":"ACC-1","cents":12550,"reference":"INV-12550"})
    > 12  18  ActivityTaskStarted    #2 Bank::withdraw
    > 13  19  ActivityTaskCompleted  #2 Bank::withdraw -> "W-INV-12550"
    +     20  WorkflowTaskScheduled  sticky
    +     21  WorkflowTaskStarted
    +     22  WorkflowTaskCompleted
              … 4 events the same …
    23 the same, 3 moved, 3 only in ---, 3 only in +++
    "#);
}

/// Other values are no other events.
#[test]
fn a_redacted_history_differs_in_its_values_only() {
    for name in ["order_eight_lines", "subscription_last_run", "transfer_refunded", "scan_heartbeat_timeout"]
    {
        let history = load(name);
        let redacted = crate::history::Redaction::with_key("a secret").redact(&history);
        let diff = diff(&history, &redacted);
        assert_eq!(
            diff.count(DiffKind::Same) + diff.count(DiffKind::Changed),
            history.events().len(),
            "{diff}"
        );
        assert!(diff.count(DiffKind::Changed) > 0);
    }
}
