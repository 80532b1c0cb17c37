//! Replays recorded histories against code that has changed since, and writes the report in all its forms:
//! `cargo run --example replay_report`, then open `target/replay/report.html`.

use std::{fs, path::PathBuf};

use temporal_sim::replay::{Difference, Replayer};
use temporal_sim_fixtures::corpus::{approval, checkout, onboarding, order, quote, subscription, transfer};

/// The recorded histories that are there as JSON.
fn histories() -> anyhow::Result<Vec<PathBuf>> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/histories/production"))?;
    let mut paths = folder.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}

fn main() -> anyhow::Result<()> {
    let report = Replayer::new()
        .workflow::<approval::shorter_deadline::ExpenseApproval>()
        .workflow::<checkout::patched::Checkout>()
        .workflow::<onboarding::v1::Onboarding>()
        .workflow::<order::express_shipping::OrderFulfilment>()
        .workflow::<order::shipment::Shipment>()
        .workflow::<quote::v1::PriceQuote>()
        .workflow::<subscription::period_doubled::Subscription>()
        .workflow::<transfer::fraud_check_added::MoneyTransfer>()
        .allow(Difference::ChildInput)
        .show_progress()
        .replay_files(histories()?);
    report.table().print();
    for name in ["report.html", "report.xml", "report.json"] {
        report.save(format!("target/replay/{name}"))?;
    }
    anstream::println!("\nopen target/replay/report.html");
    Ok(())
}
