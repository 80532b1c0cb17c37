//! What is a little simpler than a fault.

use std::time::Duration;

use crate::{
    faults::{
        ActivityEffect, CallEffect, Callers, Fault, LocalActivityEffect, Outage, Recovery, When, unavailable,
    },
    policy::AttemptFailure,
};

/// Faults like this one that are a little simpler, the simplest first.
pub(super) fn simpler_faults(fault: &Fault) -> Vec<Fault> {
    let mut simpler = Vec::new();
    macro_rules! vary {
        ($variant:ident, $fault:expr, $field:ident, $values:expr) => {
            simpler.extend($values.into_iter().map(|value| {
                Fault::$variant({
                    let mut fault = $fault.clone();
                    fault.$field = value;
                    fault
                })
            }))
        };
    }
    match fault {
        Fault::Activity(it) => {
            vary!(Activity, it, when, simpler_whens(it.when));
            vary!(Activity, it, effect, simpler_activity_effects(&it.effect));
        }
        Fault::LocalActivity(it) => {
            vary!(LocalActivity, it, when, simpler_whens(it.when));
            vary!(LocalActivity, it, effect, simpler_local_activity_effects(&it.effect));
        }
        Fault::WorkflowTask(it) => vary!(WorkflowTask, it, when, simpler_whens(it.when)),
        Fault::Call(it) => {
            vary!(Call, it, when, simpler_whens(it.when));
            vary!(Call, it, effect, simpler_call_effects(it.effect));
            vary!(Call, it, callers, (it.callers != Callers::Any).then_some(Callers::Any));
        }
        Fault::Outage(it) => simpler.extend(simpler_outages(it).into_iter().map(Fault::Outage)),
        Fault::WorkerDown(it) => {
            vary!(WorkerDown, it, at, earlier(it.at));
            vary!(WorkerDown, it, lasts, shorter(it.lasts));
        }
        Fault::Eviction(it) => vary!(Eviction, it, at, earlier(it.at)),
        Fault::Stall(it) => {
            vary!(Stall, it, at, earlier(it.at));
            vary!(Stall, it, lasts, shorter(it.lasts));
        }
        Fault::ClockStep(it) => {
            vary!(ClockStep, it, at, earlier(it.at));
            vary!(ClockStep, it, by, shorter(it.by));
        }
    }
    simpler
}

/// Once, from the start; or as near to that as can be.
fn simpler_whens(when: When) -> Vec<When> {
    let mut simpler = vec![When::once(), When { times: Some(1), ..when }, When { skip: 0, ..when }];
    simpler.push(When { until: None, ..when });
    simpler.extend(earlier(when.from).into_iter().map(|from| When { from, ..when }));
    simpler.push(When { skip: when.skip / 2, ..when });
    simpler
        .extend(when.times.filter(|times| *times > 1).map(|times| When { times: Some(times / 2), ..when }));
    let until = when.until.map(shorter).unwrap_or_default();
    simpler.extend(until.into_iter().map(|until| When { until: Some(until), ..when }));
    // One that is more often, or later, is no simpler one.
    simpler.retain(|it| *it != when && (when.times != Some(0) || it.times == Some(0)));
    simpler
}

fn simpler_activity_effects(effect: &ActivityEffect) -> Vec<ActivityEffect> {
    match effect {
        ActivityEffect::Fail(failure) => simpler_failure(failure).map(ActivityEffect::Fail).collect(),
        ActivityEffect::FailAfterwards(failure) => {
            simpler_failure(failure).map(ActivityEffect::FailAfterwards).collect()
        }
        // That the answer is lost has no number in it.
        ActivityEffect::Slow { by } => {
            let shorter = shorter(*by).into_iter().map(|by| ActivityEffect::Slow { by });
            [ActivityEffect::LoseAnswer].into_iter().chain(shorter).collect()
        }
        ActivityEffect::AnswerLate { by } => {
            let shorter = shorter(*by).into_iter().map(|by| ActivityEffect::AnswerLate { by });
            [ActivityEffect::LoseAnswer].into_iter().chain(shorter).collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_local_activity_effects(effect: &LocalActivityEffect) -> Vec<LocalActivityEffect> {
    match effect {
        LocalActivityEffect::Fail(failure) => {
            simpler_failure(failure).map(LocalActivityEffect::Fail).collect()
        }
        LocalActivityEffect::FailAfterwards(failure) => {
            simpler_failure(failure).map(LocalActivityEffect::FailAfterwards).collect()
        }
        LocalActivityEffect::Slow { by } => {
            shorter(*by).into_iter().map(|by| LocalActivityEffect::Slow { by }).collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_call_effects(effect: CallEffect) -> Vec<CallEffect> {
    match effect {
        CallEffect::Delay { by } => shorter(by).into_iter().map(|by| CallEffect::Delay { by }).collect(),
        CallEffect::Repeat { after } => {
            earlier(after).into_iter().map(|after| CallEffect::Repeat { after }).collect()
        }
        CallEffect::Overtaken { by } => {
            shorter(by).into_iter().map(|by| CallEffect::Overtaken { by }).collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_failure(failure: &AttemptFailure) -> impl Iterator<Item = AttemptFailure> {
    let plain = unavailable();
    (plain != *failure).then_some(plain).into_iter()
}

fn simpler_outages(outage: &Outage) -> Vec<Outage> {
    let mut simpler = Vec::new();
    simpler.extend(outage.recovery.map(|_| Outage { recovery: None, ..outage.clone() }));
    simpler.extend(earlier(outage.from).into_iter().map(|from| Outage { from, ..outage.clone() }));
    let lasts = outage.until.saturating_sub(outage.from);
    let ends = shorter(lasts).into_iter().map(|lasts| outage.from.saturating_add(lasts));
    simpler.extend(ends.map(|until| Outage { until, ..outage.clone() }));
    simpler.extend(simpler_failure(&outage.failure).map(|failure| Outage { failure, ..outage.clone() }));
    if let Some(recovery) = outage.recovery {
        let with = |recovery: Recovery| Outage { recovery: Some(recovery), ..outage.clone() };
        simpler.extend(recovery.per_second.map(|_| with(Recovery { per_second: None, ..recovery })));
        let all = (recovery.error_percent != 100).then_some(Recovery { error_percent: 100, ..recovery });
        simpler.extend(all.map(with));
    }
    simpler
}

/// Times before this one that are simpler, the earliest first.
fn earlier(time: Duration) -> Vec<Duration> {
    let mut times = vec![Duration::ZERO];
    times.extend(rounder(time));
    times.retain(|it| *it < time);
    times
}

/// Durations that are simpler and not nothing, the simplest first: a second, less and less of it, whole seconds.
fn shorter(duration: Duration) -> Vec<Duration> {
    let second = Duration::from_secs(1);
    if duration == second || duration.is_zero() {
        return Vec::new();
    }
    let mut durations = vec![second];
    durations.extend(rounder(duration).into_iter().filter(|it| *it > second && *it < duration));
    durations
}

/// Half of it, and all of it, in whole hours, minutes, or seconds.
fn rounder(duration: Duration) -> [Duration; 4] {
    let whole = |unit: u64, seconds: u64| Duration::from_secs(seconds - seconds % unit);
    let seconds = duration.as_secs();
    [whole(1, seconds / 2), whole(3600, seconds), whole(60, seconds), whole(1, seconds)]
}
