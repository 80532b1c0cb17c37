//! What came of an exploration, as a table and as CSV.

use std::fmt;

use super::{Explored, Row};
use crate::policy::text;

/// The columns after those of the settings.
const METRICS: [&str; 4] = ["success rate", "recovery", "attempts", "longest silence"];

impl Explored {
    /// The table as comma-separated values with a header. Durations are in seconds.
    pub fn to_csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = self.axes().chain(["success_rate", "recovery_s", "attempts", "longest_silence_s"]);
        let rows = self.rows().iter().map(|Row { values, score, .. }| {
            let metrics = [
                score.success_rate.to_string(),
                score.recovery.as_secs_f64().to_string(),
                score.attempts.to_string(),
                score.longest_silence.as_secs_f64().to_string(),
            ];
            values.iter().cloned().chain(metrics).collect::<Vec<_>>()
        });
        let lines = std::iter::once(header.map(str::to_owned).collect()).chain(rows);
        for line in lines {
            writer.write_record(&line).expect("every line has as many values, and memory takes them all");
        }
        let bytes = writer.into_inner().expect("memory takes everything");
        String::from_utf8(bytes).expect("everything that was written is text")
    }
}

/// One line for each combination.
impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(self.axes().chain(METRICS));
        for Row { values, score, .. } in self.rows() {
            let metrics = [
                format!("{:.0} %", score.success_rate * 100.0),
                text(score.recovery),
                score.attempts.to_string(),
                text(score.longest_silence),
            ];
            table.add_row(values.iter().cloned().chain(metrics));
        }
        table.lines().try_for_each(|line| writeln!(f, "{}", line.trim()))
    }
}
