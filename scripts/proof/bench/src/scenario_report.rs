//! The figures of the contestants in one scenario.

use comfy_table::Table;
use serde::Serialize;

use crate::{contestant::Contestant, markdown, statistics::Figures};

/// The figures of each contestant in one scenario.
#[derive(Serialize)]
pub(crate) struct ScenarioReport {
    pub(crate) name: &'static str,
    pub(crate) contestants: Vec<(Contestant, Figures)>,
}

impl ScenarioReport {
    /// Returns the table with a row for each contestant.
    pub(crate) fn table(&self) -> Table {
        let mut table = markdown::table([
            self.name,
            "events a second",
            "p50",
            "p99",
            "PutEvents an event",
            "DynamoDB requests an event",
            "CPU an event",
            "memory",
        ]);
        for (contestant, figures) in &self.contestants {
            table.add_row([
                contestant.to_string(),
                format!("{:.0}", figures.events_per_second),
                format!("{:.1} ms", figures.p50_milliseconds),
                format!("{:.1} ms", figures.p99_milliseconds),
                format!("{:.2}", figures.put_events_per_event),
                format!("{:.3}", figures.dynamodb_requests_per_event),
                format!("{:.0} µs", figures.cpu_microseconds_per_event),
                format!("{:.0} MB", figures.peak_megabytes),
            ]);
        }
        table
    }

    /// Returns the figures of a contestant, if it was measured.
    pub(crate) fn figures(&self, wanted: Contestant) -> Option<&Figures> {
        let mut all = self.contestants.iter();
        let (_, figures) = all.find(|(contestant, _)| *contestant == wanted)?;
        Some(figures)
    }

    /// Returns the median of a contestant's events per second, if it was measured.
    pub(crate) fn events_per_second(&self, wanted: Contestant) -> Option<f64> {
        Some(self.figures(wanted)?.events_per_second.median)
    }

    /// Returns a contestant's events per second and its processor time an event, both divided by
    /// those of another.
    pub(crate) fn ratios(&self, of: Contestant, to: Contestant) -> Option<(f64, f64)> {
        let (of, to) = (self.figures(of)?, self.figures(to)?);
        let speed = of.events_per_second.median / to.events_per_second.median;
        let cpu = of.cpu_microseconds_per_event.median / to.cpu_microseconds_per_event.median;
        Some((speed, cpu))
    }
}
