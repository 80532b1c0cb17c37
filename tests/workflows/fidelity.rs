//! The same program, the same history: every scenario of the fixtures runs in a simulation, and its histories are compared
//! with those that a real server and the official worker recorded for it.

use crate::support::{embedded::Embedded, normal_form};
use std::{collections::BTreeMap, fs, path::Path};
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    features::attributes,
    scenarios::{self, Scenario, Session},
};
use temporalio_client::ClientOptions;
use temporalio_common::{protos::temporal::api::history::v1::History, worker::WorkerDeploymentOptions};

/// Runs a scenario; returns the normal forms of its histories, by the names under which they are recorded.
fn simulated(scenario: Scenario) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let world = (scenario.world)();
    let worker = Worker::new(scenario.name)
        .deployment_options(WorkerDeploymentOptions::from_build_id("fixtures".to_owned()))
        .data_converter((scenario.data_converter)());
    let mut worker = Embedded::new(worker);
    world.register(&mut worker)?;
    let simulation = Simulation::builder()
        .worker(worker.into_worker())
        .search_attribute(&attributes::CUSTOMER)
        .search_attribute(&attributes::URGENCY)
        .search_attribute(&attributes::OPEN)
        .tolerate_workflow_task_failures(scenario.name.starts_with("mistake_"))
        .replays_itself(true)
        .budget(20_000);
    let histories = simulation.try_run(async move |sim| {
        let options = ClientOptions::new("default").data_converter((scenario.data_converter)()).build();
        let session = Session { client: sim.client_with(options)?, world, name: scenario.name };
        let mut histories = BTreeMap::new();
        for workflow_id in (scenario.drive)(&session).await? {
            for (history, name) in names(scenario.name, &workflow_id, session.histories(&workflow_id).await?)
            {
                histories.insert(name, history);
            }
        }
        Ok(histories)
    })?;
    Ok(histories.into_iter().map(|(name, history)| (name, normal_form::lines(&history))).collect())
}

/// The file names of the runs of one execution.
pub(crate) fn names(
    scenario: &str,
    workflow_id: &str,
    runs: Vec<(String, History)>,
) -> Vec<(History, String)> {
    let relative = workflow_id.strip_prefix(scenario).unwrap_or_default().trim_start_matches('/');
    let mut name = scenario.to_owned();
    if !relative.is_empty() {
        name = format!("{name}.{}", relative.replace('+', "companion"));
    }
    let single = runs.len() == 1;
    let numbered = |number: usize| if single { name.clone() } else { format!("{name}.run{}", number + 1) };
    runs.into_iter().enumerate().map(|(number, (_, history))| (history, numbered(number))).collect()
}

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/histories/fixtures");

/// What was recorded under this name.
fn recorded(name: &str) -> anyhow::Result<Vec<String>> {
    Ok(normal_form::lines(&read(&Path::new(RECORDINGS).join(format!("{name}.pb")))?))
}

fn read(file: &Path) -> anyhow::Result<History> {
    use prost::Message as _;
    Ok(History::decode(fs::read(file)?.as_slice())?)
}

/// How long a scenario took on the real server, from its first event to its last.
#[cfg(feature = "server")]
pub(crate) fn real_time(scenario: &str) -> anyhow::Result<std::time::Duration> {
    let mut times = Vec::new();
    for file in fs::read_dir(RECORDINGS)? {
        let file = file?.path();
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.split('.').next() == Some(scenario) && name.ends_with(".pb") {
            times.extend(read(&file)?.events.iter().filter_map(|event| event.event_time));
        }
    }
    let nanos = times.iter().map(|time| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos));
    let (first, last) = (nanos.clone().min().unwrap_or_default(), nanos.max().unwrap_or_default());
    Ok(std::time::Duration::from_nanos(u64::try_from(last - first)?))
}

/// The first difference between two histories, or nothing.
fn difference(name: &str, ordered: bool, recorded: &[String], simulated: &[String]) -> Option<String> {
    if !ordered {
        let (recorded, simulated) = (event_types(recorded), event_types(simulated));
        return (recorded != simulated)
            .then(|| format!("{name}\n  recorded:  {recorded:?}\n  simulated: {simulated:?}"));
    }
    let longest = recorded.len().max(simulated.len());
    let end = "the end".to_owned();
    let (recorded, simulated) = (0..longest)
        .map(|at| (recorded.get(at).unwrap_or(&end), simulated.get(at).unwrap_or(&end)))
        .find(|(recorded, simulated)| recorded != simulated)?;
    Some(format!("{name}\n  recorded:  {recorded}\n  simulated: {simulated}"))
}

/// How many events there are of each type that does not depend on which of several activities was faster.
fn event_types(lines: &[String]) -> BTreeMap<&str, usize> {
    let mut types = BTreeMap::new();
    for name in lines.iter().filter_map(|line| line.split(' ').nth(1)) {
        if !name.starts_with("WORKFLOW_TASK") {
            *types.entry(name).or_default() += 1;
        }
    }
    types
}

/// What differs between the recorded histories of a scenario and those that a run of it has left.
pub(crate) fn differences(
    scenario: Scenario,
    histories: anyhow::Result<BTreeMap<String, Vec<String>>>,
) -> Vec<String> {
    let histories = match histories {
        Ok(histories) => histories,
        Err(error) => return vec![format!("{}: {error:#}", scenario.name)],
    };
    let compare = |(name, simulated): (String, Vec<String>)| match recorded(&name) {
        Ok(recorded) => difference(&name, scenario.ordered, &recorded, &simulated),
        Err(error) => Some(format!("{name}: no recording: {error}")),
    };
    histories.into_iter().filter_map(compare).collect()
}

#[test]
fn every_scenario_leaves_the_recorded_histories() {
    let simulate = |scenario| differences(scenario, simulated(scenario));
    let report: Vec<_> = scenarios::all().into_iter().flat_map(simulate).collect();
    assert!(report.is_empty(), "{} differences:\n\n{}\n", report.len(), report.join("\n\n"));
}
