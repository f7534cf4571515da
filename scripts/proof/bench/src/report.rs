//! What was measured, as tables for people and as JSON for programs.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use serde::Serialize;

use crate::{
    commit::Commit,
    contestant::Contestant,
    cost::Cost,
    start::Start,
    statistics::{Figures, Spread},
};

#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) scenarios: Vec<ScenarioReport>,
    pub(crate) starts: Vec<Start>,
    pub(crate) commit: Commit,
    pub(crate) cost: Cost,
}

#[derive(Serialize)]
pub(crate) struct ScenarioReport {
    pub(crate) name: &'static str,
    pub(crate) contestants: Vec<(Contestant, Figures)>,
}

pub(crate) fn table(header: impl IntoIterator<Item = &'static str>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(header);
    table
}

impl ScenarioReport {
    pub(crate) fn table(&self) -> Table {
        let mut table = table([
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
                spread(figures.events_per_second, 0),
                format!("{:.1} ms", figures.p50_milliseconds),
                format!("{:.1} ms", figures.p99_milliseconds),
                format!("{:.2}", figures.put_events_per_event),
                format!("{:.3}", figures.dynamodb_requests_per_event),
                format!("{} µs", spread(figures.cpu_microseconds_per_event, 0)),
                format!("{:.0} MB", figures.peak_megabytes),
            ]);
        }
        table
    }

    /// How many times as many events a second as another.
    pub(crate) fn ratio(&self, of: Contestant, to: Contestant) -> Option<f64> {
        Some(self.events_per_second(of)? / self.events_per_second(to)?)
    }

    /// The median of one who was measured.
    pub(crate) fn events_per_second(&self, wanted: Contestant) -> Option<f64> {
        let mut all = self.contestants.iter();
        let (_, figures) = all.find(|(contestant, _)| *contestant == wanted)?;
        Some(figures.events_per_second.median)
    }
}

/// The median, and in brackets the least and the most.
pub(crate) fn spread(spread: Spread, digits: usize) -> String {
    let Spread {
        median,
        least,
        most,
    } = spread;
    format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
}

pub(crate) fn starts_table(starts: &[Start]) -> Table {
    let mut table = table(["", "exec to first poll", "size"]);
    for start in starts {
        let size = start.megabytes.map_or_else(
            || "Node and its packages".to_owned(),
            |megabytes| format!("{megabytes:.1} MB"),
        );
        let time = spread(start.exec_to_first_poll_milliseconds, 1);
        table.add_row([start.contestant.to_string(), format!("{time} ms"), size]);
    }
    table
}
