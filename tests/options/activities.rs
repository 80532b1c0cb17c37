//! `ActivityOptions`: what the histories of the fixtures do not show already.

use std::sync::Arc;

use temporal_sim::{Mock, Outcome, Simulation, Worker};
use temporalio_common::{
    Priority,
    protos::temporal::api::{
        enums::v1::EventType,
        history::v1::{ActivityTaskScheduledEventAttributes, history_event::Attributes},
    },
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityCloseTimeouts, ActivityExecutionError, ActivityOptions, WorkflowContext, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};

use super::SECOND;

/// Has one thing done somewhere, and says how that ended.
#[workflow]
#[derive(Default)]
struct Errand;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Where {
    /// On the workflow's task queue, with no option but the start-to-close timeout.
    Here,
    /// The same with schedule-to-close alone.
    HereInAll,
    /// On another task queue, with a schedule-to-start timeout.
    Elsewhere,
}

#[workflow_methods]
impl Errand {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, place: Where) -> WorkflowResult<String> {
        let options = match place {
            Where::Here => ActivityOptions::start_to_close_timeout(10 * SECOND),
            Where::HereInAll => ActivityOptions::schedule_to_close_timeout(25 * SECOND),
            Where::Elsewhere => {
                ActivityOptions::with_close_timeouts(ActivityCloseTimeouts::StartToClose(SECOND))
                    .schedule_to_start_timeout(30 * SECOND)
                    .task_queue("elsewhere")
                    .summary("far away")
                    .priority(Priority::builder().priority_key(5).build())
                    .build()
            }
        };
        Ok(match ctx.execute_activity(Messenger::go, (), options).await {
            Ok(found) => found,
            Err(error) => match (error.as_timeout(), &error) {
                (Some(timeout), _) => format!("{:?}", timeout.timeout_type()),
                (None, ActivityExecutionError::Failed(failed)) => format!("{:?}", failed.retry_state()),
                (None, error) => error.to_string(),
            },
        })
    }
}

struct Messenger(&'static str);

#[activities]
impl Messenger {
    #[activity]
    async fn go(self: Arc<Self>, _ctx: ActivityContext, _nothing: ()) -> Result<String, ActivityError> {
        Ok(self.0.to_owned())
    }
}

fn scheduled(sim: &Simulation) -> anyhow::Result<ActivityTaskScheduledEventAttributes> {
    sim.history("Errand-1")?
        .events()
        .iter()
        .find_map(|event| match event.attributes.clone()? {
            Attributes::ActivityTaskScheduledEventAttributes(scheduled) => Some(scheduled),
            _ => None,
        })
        .ok_or_else(|| anyhow::anyhow!("no activity was scheduled"))
}

fn seconds(duration: Option<prost_types::Duration>) -> Option<f64> {
    duration.map(|duration| duration.seconds as f64 + f64::from(duration.nanos) / 1e9)
}

#[test]
fn without_a_retry_policy_an_activity_has_the_servers() {
    let failing =
        Mock::new(Messenger::go).script((0..4).map(|_| Outcome::fail("rain"))).returns("found".to_owned());
    let worker = Worker::new("errands").workflow::<Errand>().mock(failing.clone());
    Simulation::builder().worker(worker).run(async move |sim| {
        assert_eq!(sim.execute(Errand::run, Where::Here).await?, "found");
        assert_eq!(failing.calls(), 5);
        assert_eq!(sim.elapsed(), 15 * SECOND, "1 s, 2 s, 4 s, 8 s");
        let policy = scheduled(&sim)?.retry_policy.unwrap_or_default();
        assert_eq!(seconds(policy.initial_interval), Some(1.0));
        assert_eq!(policy.backoff_coefficient, 2.0);
        assert_eq!(seconds(policy.maximum_interval), Some(100.0));
        assert_eq!(policy.maximum_attempts, 0, "as often as it takes");
        Ok(())
    });
}

#[test]
fn a_start_to_close_timeout_is_retried() {
    let slow = Mock::new(Messenger::go).script([Outcome::never()]).returns("found".to_owned());
    let worker = Worker::new("errands").workflow::<Errand>().mock(slow);
    Simulation::builder().worker(worker).run(async |sim| {
        assert_eq!(sim.execute(Errand::run, Where::Here).await?, "found");
        assert_eq!(sim.elapsed(), 11 * SECOND, "10 s for the first attempt, and a second of backoff");
        Ok(())
    });
}

#[test]
fn schedule_to_close_holds_for_all_attempts_together() {
    let failing = Mock::new(Messenger::go).script((0..100).map(|_| Outcome::fail("rain").after(SECOND)));
    let worker = Worker::new("errands").workflow::<Errand>().mock(failing.clone());
    Simulation::builder().worker(worker).run(async move |sim| {
        let ended = sim.execute(Errand::run, Where::HereInAll).await?;
        assert_eq!(ended, "Timeout", "the retry state: no backoff fits in any more");
        // Attempts begin after 0, 2, 5 and 10 s; the fifth would begin after 19 s and does, the sixth cannot.
        assert_eq!((failing.calls(), sim.elapsed()), (5, 20 * SECOND));
        Ok(())
    });
}

#[test]
fn schedule_to_start_is_how_long_a_task_may_wait_for_a_worker_and_is_not_retried() {
    let worker = Worker::new("errands").workflow::<Errand>();
    Simulation::builder().worker(worker).run(async |sim| {
        let ended = sim.execute(Errand::run, Where::Elsewhere).await?;
        assert_eq!((ended.as_str(), sim.elapsed()), ("ScheduleToStart", 30 * SECOND));
        Ok(())
    });
}

#[test]
fn task_queue_summary_and_priority_go_with_the_activity() {
    let here = Worker::new("errands").workflow::<Errand>().activity(Messenger::go, Messenger("here"));
    let elsewhere = Worker::new("elsewhere").activity(Messenger::go, Messenger("elsewhere"));
    Simulation::builder().worker(here).worker(elsewhere).run(async |sim| {
        assert_eq!(sim.execute(Errand::run, Where::Elsewhere).await?, "elsewhere");
        let scheduled = scheduled(&sim)?;
        assert_eq!(scheduled.task_queue.map(|queue| queue.name).as_deref(), Some("elsewhere"));
        assert_eq!(scheduled.priority.map(|priority| priority.priority_key), Some(5));
        let history = sim.history("Errand-1")?;
        let event = history.events().iter().find(|it| it.event_type() == EventType::ActivityTaskScheduled);
        let summary = event.and_then(|event| event.user_metadata.clone()?.summary).unwrap_or_default();
        assert_eq!(summary.data, b"\"far away\"");
        Ok(())
    });
}
