//! What came of an exploration, as a page with heat maps.

use maud::{DOCTYPE, PreEscaped, html};
use plotters::{
    coord::Shift,
    prelude::{
        Color as _, DrawingArea, HSLColor, IntoDrawingArea as _, Rectangle, SVGBackend, Text, TextStyle,
    },
    style::{
        BLACK, IntoFont as _, RGBColor, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{Explored, Row, Score};
use crate::policy::text;

/// The size of a cell of a heat map, in pixels.
const CELL: (i32, i32) = (110, 36);

/// The room for the labels of the rows and for those of the columns, in pixels.
const MARGIN: (i32, i32) = (130, 48);

/// A number to be shown, and whether more of it is better.
struct Metric {
    name: &'static str,
    more_is_better: bool,
    value: fn(&Score) -> f64,
    label: fn(&Score) -> String,
}

const METRICS: [Metric; 4] = [
    Metric {
        name: "success rate",
        more_is_better: true,
        value: |score| score.success_rate,
        label: |score| format!("{:.0} %", score.success_rate * 100.0),
    },
    Metric {
        name: "recovery",
        more_is_better: false,
        value: |score| score.recovery.as_secs_f64(),
        label: |score| text(score.recovery),
    },
    Metric {
        name: "attempts",
        more_is_better: false,
        value: |score| score.attempts as f64,
        label: |score| score.attempts.to_string(),
    },
    Metric {
        name: "longest silence",
        more_is_better: false,
        value: |score| score.longest_silence.as_secs_f64(),
        label: |score| text(score.longest_silence),
    },
];

/// Rows that differ in the first two settings only.
struct Sheet<'a> {
    /// The values of the other settings.
    others: &'a [String],
    rows: Vec<&'a Row>,
}

impl Explored {
    /// A page that needs nothing else: for each metric a heat map over the first two settings, green for better, and for
    /// each combination of the other settings one of each.
    pub fn to_html(&self) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { "Settings in an outage" }
                    style { "body { font-family: sans-serif; margin: 2em } td, th { padding: 0 1em 0 0; text-align: left }" }
                }
                body {
                    h1 { "Settings in an outage" }
                    @for sheet in self.sheets() {
                        @for (name, value) in self.axes().skip(2).zip(sheet.others) { h2 { (name) " " (value) } }
                        @for metric in &METRICS {
                            h3 { (metric.name) }
                            (PreEscaped(self.heat_map(&sheet, metric)))
                        }
                    }
                    h2 { "All combinations" }
                    table {
                        tr { @for name in self.axes() { th { (name) } } @for metric in &METRICS { th { (metric.name) } } }
                        @for row in self.rows() {
                            tr {
                                @for value in &row.values { td { (value) } }
                                @for metric in &METRICS { td { ((metric.label)(&row.score)) } }
                            }
                        }
                    }
                }
            }
        };
        page.into_string()
    }

    fn sheets(&self) -> Vec<Sheet<'_>> {
        let mut sheets: Vec<Sheet<'_>> = Vec::new();
        for row in self.rows() {
            let others = row.values.get(2..).unwrap_or_default();
            match sheets.iter_mut().find(|sheet| sheet.others == others) {
                Some(sheet) => sheet.rows.push(row),
                None => sheets.push(Sheet { others, rows: vec![row] }),
            }
        }
        sheets
    }

    fn heat_map(&self, sheet: &Sheet<'_>, metric: &Metric) -> String {
        let values = |axis: usize| self.axes.get(axis).map_or(&[][..], |(_, values)| values);
        let (down, across) = (values(0), values(1));
        let size = |count: usize, cell: i32, margin: i32| {
            i32::try_from(count.max(1)).unwrap_or(i32::MAX).saturating_mul(cell).saturating_add(margin)
        };
        let width = size(across.len(), CELL.0, MARGIN.0);
        let height = size(down.len(), CELL.1, MARGIN.1);
        let mut svg = String::new();
        {
            let backend = SVGBackend::with_string(&mut svg, (width.unsigned_abs(), height.unsigned_abs()));
            // Drawing into a text cannot fail; a map that is not there is better than no page.
            let _ = self.draw(&backend.into_drawing_area(), sheet, metric);
        }
        svg
    }

    fn draw(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        sheet: &Sheet<'_>,
        metric: &Metric,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let numbers = sheet.rows.iter().map(|row| (metric.value)(&row.score));
        let (least, most) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        let centred = Pos::new(HPos::Center, VPos::Center);
        let style = TextStyle::from(("sans-serif", 13).into_font()).pos(centred);
        area.fill(&WHITE)?;
        let names: Vec<_> = self.axes().collect();
        if let Some(name) = names.get(1) {
            let above = (MARGIN.0 + CELL.0 / 2, MARGIN.1 / 4);
            area.draw(&Text::new((*name).to_owned(), above, style.clone()))?;
        }
        if let Some(name) = names.first() {
            let beside = (MARGIN.0 / 2, MARGIN.1 * 3 / 4);
            area.draw(&Text::new((*name).to_owned(), beside, style.clone()))?;
        }
        for row in &sheet.rows {
            let index = |axis: usize| {
                let values = self.axes.get(axis).map_or(&[][..], |(_, values)| values);
                let position =
                    row.values.get(axis).and_then(|value| values.iter().position(|it| it == value));
                i32::try_from(position.unwrap_or(0)).unwrap_or(i32::MAX)
            };
            let left = index(1).saturating_mul(CELL.0).saturating_add(MARGIN.0);
            let top = index(0).saturating_mul(CELL.1).saturating_add(MARGIN.1);
            let middle = (left + CELL.0 / 2, top + CELL.1 / 2);
            let colour = colour((metric.value)(&row.score), least, most, metric.more_is_better);
            area.draw(&Rectangle::new(
                [(left, top), (left + CELL.0 - 2, top + CELL.1 - 2)],
                colour.filled(),
            ))?;
            area.draw(&Text::new((metric.label)(&row.score), middle, style.clone().color(&BLACK)))?;
            if let Some(value) = row.values.get(1).filter(|_| index(0) == 0) {
                area.draw(&Text::new(value.clone(), (middle.0, MARGIN.1 * 3 / 4), style.clone()))?;
            }
            if let Some(value) = row.values.first().filter(|_| index(1) == 0) {
                area.draw(&Text::new(value.clone(), (MARGIN.0 / 2, middle.1), style.clone()))?;
            }
        }
        area.present()?;
        Ok(())
    }
}

/// From red for the worst value to green for the best.
fn colour(value: f64, least: f64, most: f64, more_is_better: bool) -> RGBColor {
    let share = if most > least { (value - least) / (most - least) } else { 1.0 };
    let goodness = if more_is_better || most <= least { share } else { 1.0 - share };
    let (red, green, blue) = HSLColor(goodness / 3.0, 0.6, 0.75).to_backend_color().rgb;
    RGBColor(red, green, blue)
}
