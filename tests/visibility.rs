//! Looking for workflows by what they are and by their search attributes.

use std::time::Duration;

use futures::TryStreamExt as _;
use temporal_sim::{Simulation, Worker};
use temporal_sim_fixtures::{
    Money,
    approval::{Approval, Claim, Mailer},
};
use temporalio_client::{
    WorkflowCountOptions, WorkflowListOptions, WorkflowStartOptions, errors::WorkflowStartError,
};
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEAM: SearchAttributeKey<String> = SearchAttributeKey::keyword("Team");
const EUROS: SearchAttributeKey<i64> = SearchAttributeKey::int("Euros");

fn claim(euros: i64) -> Claim {
    Claim {
        id: format!("C-{euros}"),
        employee: "Ada".into(),
        amount: Money::euros(euros),
        approvers: vec!["Grace".into()],
        patience: 30 * DAY,
    }
}

fn office() -> Worker {
    Worker::new("office").workflow::<Approval>().activities(Mailer::default(), (Mailer::send, Mailer::pay))
}

async fn start(sim: &Simulation, team: &str, euros: i64) -> Result<(), WorkflowStartError> {
    let attributes = SearchAttributes::new([TEAM.value_set(team.to_owned()), EUROS.value_set(euros)]);
    let options =
        WorkflowStartOptions::new("office", format!("claim-{euros}")).search_attributes(attributes).build();
    sim.client().start_workflow(Approval::run, claim(euros), options).await.map(drop)
}

async fn found(sim: &Simulation, query: &str) -> anyhow::Result<Vec<String>> {
    let options = WorkflowListOptions::builder().build();
    let listed: Vec<_> = sim.client().list_workflows(query, options).try_collect().await?;
    Ok(listed.iter().map(|execution| execution.id().to_owned()).collect())
}

#[test]
fn workflows_are_found_as_soon_as_they_start_and_close() {
    let builder = Simulation::builder().search_attribute(&TEAM).search_attribute(&EUROS);
    builder.worker(office()).run(async |sim| {
        start(&sim, "compilers", 10).await?;
        sim.sleep(DAY).await;
        start(&sim, "compilers", 200).await?;
        start(&sim, "storage", 3000).await?;

        assert_eq!(found(&sim, "Team = 'compilers'").await?, ["claim-200", "claim-10"], "the latest first");
        assert_eq!(found(&sim, "Euros > 100 AND NOT Team = 'compilers'").await?, ["claim-3000"]);
        assert_eq!(found(&sim, "StartTime < '2025-01-02T00:00:00Z'").await?, ["claim-10"]);

        // Nobody answers: the first claim expires a day before the others.
        sim.sleep(29 * DAY + DAY / 2).await;
        assert_eq!(found(&sim, "ExecutionStatus = 'Completed'").await?, ["claim-10"]);
        let options = WorkflowCountOptions::builder().build();
        let counted = sim.client().count_workflows("GROUP BY ExecutionStatus", options).await?;
        assert_eq!(counted.count(), 3);
        let groups: Vec<_> = counted.groups().iter().map(|group| group.count()).collect();
        assert_eq!(groups, [2, 1], "running ones, completed ones");
        Ok(())
    });
}

#[test]
fn an_attribute_that_nobody_registered_is_refused() {
    Simulation::builder().search_attribute(&TEAM).worker(office()).run(async |sim| {
        let error = start(&sim, "compilers", 10).await.unwrap_err();
        let message = format!("{:?}", anyhow::Error::from(error));
        assert!(message.contains("no mapping defined for search attribute Euros"), "{message}");
        Ok(())
    });
}
