//! The same scenarios with the official client and the official worker, over a socket and in real time: what reaches the
//! cluster through the server leaves the same histories.
//!
//! Those of a minute take a minute here. So only the short ones run, unless `TEMPORAL_SIM_REAL_TIME=all` is set.

use std::{cmp::Reverse, collections::BTreeMap, env, thread, time::Duration};

use futures::{FutureExt as _, StreamExt as _, stream};
use temporal_sim::server::{Options, SearchAttributeType, Server};
use temporal_sim_fixtures::{
    features::attributes,
    scenarios::{self, Scenario, Session},
};
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};
use url::Url;

use crate::{
    fidelity::{differences, names, real_time},
    support::normal_form,
};

/// Scenarios that record one thing or the other on a real server, too: whether a worker is faster than a client, or a child
/// than the end of its parent.
const RACES: &[&str] =
    &["parent_cancels_and_abandons", "parent_starts_twice", "parent_terminates", "parent_tries_to_cancel"];

/// Workers that run beside one another.
const AT_ONCE: usize = 8;

/// How long a scenario may take to run without being asked for.
const SHORT: Duration = Duration::from_secs(2);

/// The scenarios to run, the longest first.
fn chosen() -> Vec<Scenario> {
    let all = env::var("TEMPORAL_SIM_REAL_TIME").is_ok_and(|wanted| wanted == "all");
    let mut timed: Vec<_> = scenarios::all()
        .into_iter()
        .filter(|scenario| !RACES.contains(&scenario.name))
        .map(|scenario| (real_time(scenario.name).expect("its recordings can be read"), scenario))
        .filter(|(time, _)| all || *time <= SHORT)
        .collect();
    timed.sort_by_key(|(time, scenario)| (Reverse(*time), scenario.name));
    timed.into_iter().map(|(_, scenario)| scenario).collect()
}

/// Starts a server on a thread of its own; answers with where it listens.
#[expect(clippy::disallowed_methods, reason = "a server is not part of what a test decides")]
fn start_server() -> Url {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut options = Options::default();
            options.address.set_port(0);
            options.search_attributes = BTreeMap::from([
                (attributes::CUSTOMER.name().to_owned(), SearchAttributeType::Keyword),
                (attributes::URGENCY.name().to_owned(), SearchAttributeType::Int),
                (attributes::OPEN.name().to_owned(), SearchAttributeType::Bool),
            ]);
            let server = Server::bind(options).await.unwrap();
            sender.send(server.address()).unwrap();
            server.run(std::future::pending()).await.unwrap();
        });
    });
    let address = receiver.recv().expect("the server listens");
    Url::parse(&format!("http://{address}")).unwrap()
}

/// Runs a scenario; returns the normal forms of its histories, by the names under which they are recorded.
async fn served(
    server: Url,
    runtime: &Runtime,
    scenario: Scenario,
) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let world = (scenario.world)();
    let options = ClientOptions::new("default").data_converter((scenario.data_converter)()).build();
    let connection = Connection::connect(ConnectionOptions::new(server).build()).await?;
    let client = Client::new(connection, options)?;
    let mut options = WorkerOptions::new(scenario.name)
        .deployment_options(WorkerDeploymentOptions::from_build_id("fixtures".to_owned()))
        .build();
    world.register(&mut options)?;
    let mut worker = Worker::new(runtime, client.clone(), options)?;
    let shut_down = worker.shutdown_handle();
    let session = Session { client, world, name: scenario.name };
    let drive = async {
        let mut histories = BTreeMap::new();
        for workflow_id in (scenario.drive)(&session).await? {
            for (history, name) in names(scenario.name, &workflow_id, session.histories(&workflow_id).await?)
            {
                histories.insert(name, normal_form::lines(&history));
            }
        }
        shut_down();
        anyhow::Ok(histories)
    };
    let (histories, ended) = futures::join!(drive, worker.run());
    ended?;
    histories
}

#[test]
fn every_scenario_leaves_the_recorded_histories() {
    let server = start_server();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let runtime = Runtime::from_current_tokio(Default::default()).expect("a runtime for workers");
        let runs = chosen().into_iter().map(|scenario| {
            served(server.clone(), &runtime, scenario)
                .map(move |histories| differences(scenario, histories))
                .boxed_local()
        });
        stream::iter(runs).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await.concat()
    });
    assert!(report.is_empty(), "{} differences:\n\n{}\n", report.len(), report.join("\n\n"));
}
