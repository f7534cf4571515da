//! Medians and spread.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::scenario::{Measured, Round};

/// The median, the minimum and the maximum of some values.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Returns the spread of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |part: f64| quantile(&values, part);
        Self {
            median: at(0.5),
            least: at(0.0),
            most: at(1.0),
        }
    }
}

impl fmt::Display for Spread {
    /// Writes the median, and the minimum and maximum in brackets, with as many decimal
    /// places as the format's precision says: none by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            median,
            least,
            most,
        } = self;
        let places = f.precision().unwrap_or_default();
        write!(f, "{median:.places$} ({least:.places$}-{most:.places$})")
    }
}

/// Returns the value that this part of the sorted values don't exceed; 0 if there are none.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a list"
    )]
    let index = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// The figures of a contestant in a scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Counts only the time of invocations: the bench itself needs the time in between.
    pub(crate) events_per_second: Spread,
    /// The median duration of all invocations.
    pub(crate) p50_milliseconds: f64,
    /// The 99th percentile of the same durations.
    pub(crate) p99_milliseconds: f64,
    pub(crate) put_events_per_event: f64,
    pub(crate) dynamodb_requests_per_event: f64,
    pub(crate) cpu_microseconds_per_event: Spread,
    pub(crate) peak_megabytes: f64,
    pub(crate) out_of_order: u64,
}

impl Figures {
    /// Computes the figures of all rounds.
    pub(crate) fn of(measured: &Measured) -> Self {
        let rounds = &measured.rounds;
        let mut milliseconds: Vec<f64> = rounds
            .iter()
            .flat_map(|round| round.invocations.iter().copied())
            .map(milliseconds)
            .collect();
        milliseconds.sort_by(f64::total_cmp);
        let events: u64 = rounds.iter().map(|round| round.events).sum();
        let per_event = |calls: fn(&Round) -> u64| {
            let calls: u64 = rounds.iter().map(calls).sum();
            number(calls) / number(events)
        };
        Self {
            events_per_second: Spread::of(rounds.iter().map(|round| {
                let duration: Duration = round.invocations.iter().sum();
                number(round.events) / duration.as_secs_f64()
            })),
            p50_milliseconds: quantile(&milliseconds, 0.5),
            p99_milliseconds: quantile(&milliseconds, 0.99),
            put_events_per_event: per_event(|round| round.calls.of("PutEvents")),
            dynamodb_requests_per_event: per_event(|round| round.calls.to_dynamodb()),
            cpu_microseconds_per_event: Spread::of(
                rounds
                    .iter()
                    .map(|round| round.cpu.as_secs_f64() * 1e6 / number(round.events)),
            ),
            peak_megabytes: number(measured.peak_memory) / f64::from(1 << 20),
            out_of_order: measured.row_outcomes.out_of_order,
        }
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(
    clippy::cast_precision_loss,
    reason = "all counts here are far below 2^52"
)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_shown_as_median_minimum_and_maximum() {
        let spread = Spread::of([4.0, 1.26, 2.0]);
        assert_eq!(format!("{spread:.0}"), "2 (1-4)");
        assert_eq!(format!("{spread:.1}"), "2.0 (1.3-4.0)");
    }
}
