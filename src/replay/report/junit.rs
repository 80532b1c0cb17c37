//! A report as JUnit XML.

use quick_junit::{NonSuccessKind, Property, Report as Junit, TestCase, TestCaseStatus, TestSuite};

use super::{Report, Titles};
use crate::replay::{Production, Verdict};

pub(super) fn xml(report: &Report) -> String {
    let titles = report.titles();
    let mut suite = TestSuite::new(titles.folder.map_or("histories".into(), |it| it.display().to_string()));
    suite.add_test_cases(report.verdicts.iter().map(|verdict| case(titles, verdict)));
    let mut junit = Junit::new("temporal-sim replay");
    junit.add_test_suite(suite);
    junit.to_string().expect("writing to memory does not fail, and no name or text is refused")
}

fn case(titles: Titles<'_>, verdict: &Verdict) -> TestCase {
    let mut case = TestCase::new(titles.of(verdict), status(verdict));
    if !verdict.workflow_type.is_empty() {
        case.set_classname(verdict.workflow_type.as_str());
    }
    let events = verdict.events.to_string();
    for (name, value) in
        [("workflow id", &verdict.workflow_id), ("run id", &verdict.run_id), ("events", &events)]
    {
        if !value.is_empty() && value != "0" {
            case.add_property(Property::new(name, value.as_str()));
        }
    }
    if !verdict.allowed.is_empty() {
        let allowed: Vec<_> = verdict.allowed.iter().map(ToString::to_string).collect();
        case.set_system_out(format!("allowed:\n{}", allowed.join("\n")));
    }
    case
}

fn status(verdict: &Verdict) -> TestCaseStatus {
    if verdict.is_compatible() {
        return TestCaseStatus::success();
    }
    let kind = match verdict.production {
        Production::UnregisteredWorkflow { .. }
        | Production::InvalidHistory { .. }
        | Production::Unreadable { .. }
        | Production::Failed { .. } => NonSuccessKind::Error,
        _ => NonSuccessKind::Failure,
    };
    let mut status = TestCaseStatus::non_success(kind);
    let event = verdict.event_id().map(|id| format!(" at event {id}")).unwrap_or_default();
    status.set_type(verdict.name());
    status.set_message(format!("{}{event}", verdict.name()));
    status.set_description(verdict.to_string());
    status
}
