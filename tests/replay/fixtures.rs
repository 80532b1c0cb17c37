//! No false alarm: every history that the fixtures recorded on a real cluster is what their code still does.

use crate::{embedded::Embedded, histories};
use std::{collections::BTreeMap, fs};
use temporal_sim::{
    Worker,
    replay::{Production, Replayer},
};
use temporal_sim_fixtures::scenarios;

/// A replayer for the code of each scenario.
fn replayers() -> anyhow::Result<BTreeMap<&'static str, Replayer>> {
    let replayer = |scenario: scenarios::Scenario| {
        let worker = Worker::new(scenario.name).data_converter((scenario.data_converter)());
        let mut worker = Embedded::new(worker);
        (scenario.world)().register(&mut worker)?;
        anyhow::Ok((scenario.name, Replayer::of_worker(&worker.into_worker())))
    };
    scenarios::all().into_iter().map(replayer).collect()
}

/// They failed their first workflow task on the cluster, and still do.
const MISTAKES: &[&str] = &["mistake_forced", "mistake_panic", "mistake_unserializable"];

#[test]
fn every_fixture_does_what_it_recorded() -> anyhow::Result<()> {
    let replayers = replayers()?;
    let mut wrong = Vec::new();
    let mut replayed = 0;
    for entry in fs::read_dir(histories().join("fixtures"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let scenario = name.split('.').next().unwrap_or_default();
        let Some(replayer) = replayers.get(scenario) else { continue };
        replayed += 1;
        let verdict = replayer.replay_file(&path);
        if MISTAKES.contains(&scenario) {
            assert!(matches!(verdict.production, Production::TaskFailure { .. }), "{verdict}");
            assert_eq!(verdict.differences, [], "nothing was recorded that could be missing");
        } else if !verdict.is_compatible() {
            wrong.push(verdict.to_string());
        }
    }
    assert!(replayed > 90, "only {replayed} histories have a scenario");
    assert!(wrong.is_empty(), "{} of {replayed}:\n\n{}", wrong.len(), wrong.join("\n\n"));
    Ok(())
}
