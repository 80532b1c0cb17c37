//! Download: an activity that resumes where its last attempt got to.

use insta::assert_snapshot;
use std::time::Duration;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    download::{Download, File, Mirror, Probe, Progress, Request},
    outside::Outage,
};

fn worker(mirror: &Mirror) -> Worker {
    Worker::new("files")
        .workflow::<Download>()
        .workflow::<Probe>()
        .activities(mirror.clone(), (Mirror::fetch, Mirror::probe))
        .heartbeat_details::<Progress>()
}

fn file() -> File {
    File {
        url: "https://mirror.example/ledger.csv".into(),
        size: 1000,
        chunk: 100,
        chunk_time: Duration::from_secs(60),
        heartbeat_timeout: Duration::from_secs(300),
    }
}

#[test]
fn after_a_lost_connection_only_the_rest_is_copied() {
    let mirror = Mirror::default();
    mirror.fail_at(700, Outage::Unavailable);
    Simulation::builder().worker(worker(&mirror)).run(async move |sim| {
        let end = sim.execute(Download::run, file()).await?;

        assert_eq!(end.copied, 1000);
        assert_eq!(mirror.requests(), [Request { attempt: 1, from: 0 }, Request { attempt: 2, from: 700 }]);
        assert_eq!(sim.elapsed(), Duration::from_secs(10 * 60 + 1), "every chunk once, and a pause");
        assert_snapshot!(sim.history("Download-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted    Download({"url":"https://mirror.example/ledger.csv","size":1000,"chunk":100,"chunk_time"…)
         5  +00:00:00.000  ActivityTaskScheduled       #1 Mirror::fetch({"url":"https://mirror.example/ledger.csv","size":1000,"chunk":100,"chunk_time"…)
            +00:07:00.000  attempt 1 failed            #1 Mirror::fetch: SystemUnavailable: connection lost at byte 700, next attempt after 1s
         6  +00:07:01.000  ActivityTaskStarted         #1 Mirror::fetch, attempt 2, after SystemUnavailable: connection lost at byte 700
         7  +00:10:01.000  ActivityTaskCompleted       #1 Mirror::fetch -> {"copied":1000,"checksum":7319682685665710980}
        11  +00:10:01.000  WorkflowExecutionCompleted  -> {"copied":1000,"checksum":7319682685665710980}
        "#);
        Ok(())
    });
}

#[test]
fn a_silent_mirror_is_given_up_after_the_heartbeat_timeout() {
    let mirror = Mirror::default();
    mirror.fail_at(700, Outage::Slow(Duration::from_secs(7 * 24 * 3600)));
    Simulation::builder().worker(worker(&mirror)).run(async move |sim| {
        sim.execute(Download::run, file()).await?;

        assert_eq!(mirror.requests()[1], Request { attempt: 2, from: 700 });
        assert!(sim.elapsed() < Duration::from_secs(3600), "{:?}", sim.elapsed());
        assert_snapshot!(sim.history("Download-1")?.timeline(), @r#"
         1  +00:00:00.000  WorkflowExecutionStarted    Download({"url":"https://mirror.example/ledger.csv","size":1000,"chunk":100,"chunk_time"…)
         5  +00:00:00.000  ActivityTaskScheduled       #1 Mirror::fetch({"url":"https://mirror.example/ledger.csv","size":1000,"chunk":100,"chunk_time"…)
            +00:12:00.000  attempt 1 timed out         #1 Mirror::fetch: heartbeat timeout, next attempt after 1s
         6  +00:12:01.000  ActivityTaskStarted         #1 Mirror::fetch, attempt 2, after heartbeat timeout
         7  +00:15:01.000  ActivityTaskCompleted       #1 Mirror::fetch -> {"copied":1000,"checksum":7319682685665710980}
        11  +00:15:01.000  WorkflowExecutionCompleted  -> {"copied":1000,"checksum":7319682685665710980}
        "#);
        Ok(())
    });
}

#[test]
fn the_checksum_does_not_depend_on_the_interruptions() {
    let checksum = |interruptions: &[u64]| {
        let mirror = Mirror::default();
        for at in interruptions {
            mirror.fail_at(*at, Outage::Unavailable);
        }
        Simulation::builder()
            .worker(worker(&mirror))
            .run(async |sim| Ok(sim.execute(Download::run, file()).await?.checksum))
    };
    assert_eq!(checksum(&[]), checksum(&[200, 300, 900]));
}

#[test]
fn details_may_be_a_plain_number() {
    let mirror = Mirror::default();
    mirror.fail_at(400, Outage::Unavailable);
    Simulation::builder().worker(worker(&mirror)).run(async move |sim| {
        assert_eq!(sim.execute(Probe::run, file()).await?, 1000);
        assert_eq!(mirror.requests()[1].from, 400);
        Ok(())
    });
}
