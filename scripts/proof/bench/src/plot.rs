//! The plot in docs/performance.md.

use std::path::Path;

use miette::{Result, miette};
use plotters::prelude::*;

use crate::{contestant::Contestant, scenario_report::ScenarioReport, statistics::Spread};

const SIZE: (u32, u32) = (760, 60);
const BAR: i32 = 34;
const NAMES: i32 = 190;
const WIDEST: i32 = 420;

/// Draws the events per second of each contestant, as bars.
pub(crate) fn draw(scenario: &ScenarioReport, file: &Path) -> Result<()> {
    let bars: Vec<(Contestant, Spread)> = scenario
        .contestants
        .iter()
        .map(|(contestant, figures)| (*contestant, figures.events_per_second))
        .collect();
    let rows = u32::try_from(bars.len()).unwrap_or(u32::MAX);
    let size = (SIZE.0, SIZE.1 + rows * BAR.unsigned_abs());
    let area = SVGBackend::new(file, size).into_drawing_area();
    let most = bars
        .iter()
        .map(|(_, spread)| spread.most)
        .fold(1.0, f64::max);
    draw_bars(&area, scenario.name, &bars, most)
        .map_err(|error| miette!("drawing {}: {error}", file.display()))
}

fn draw_bars(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    bars: &[(Contestant, Spread)],
    most: f64,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let title = format!("Events a second, {title} (median; line: least to most)");
    area.draw(&Text::new(title, (10, 14), ("sans-serif", 15)))?;
    #[expect(clippy::cast_possible_truncation, reason = "a coordinate of the plot")]
    let x = |events: f64| NAMES + (events / most * f64::from(WIDEST)).round() as i32;
    for (index, (contestant, spread)) in (0..).zip(bars) {
        let top = 44 + index * BAR;
        let middle = top + BAR / 2 - 4;
        let style = ("sans-serif", 14);
        area.draw(&Text::new(contestant.to_string(), (10, middle - 6), style))?;
        let color = if contestant.is_ours() {
            RGBColor(46, 110, 180)
        } else {
            RGBColor(150, 150, 150)
        };
        let bar = [(NAMES, top), (x(spread.median), top + BAR - 10)];
        area.draw(&Rectangle::new(bar, color.filled()))?;
        let line = vec![(x(spread.least), middle), (x(spread.most), middle)];
        area.draw(&PathElement::new(line, BLACK))?;
        let label = format!("{:.0}", spread.median);
        area.draw(&Text::new(label, (x(spread.most) + 8, middle - 6), style))?;
    }
    area.present()?;
    Ok(())
}
