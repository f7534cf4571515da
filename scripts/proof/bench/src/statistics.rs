//! Medians and spread.

use std::time::Duration;

use serde::Serialize;

use crate::scenario::{Measured, Round};

/// The median of rounds, and how far they lie apart.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one value.
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

/// The value that this part of the sorted ones do not exceed; 0 of none.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list"
    )]
    let place = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// What is told of a contestant in a scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// While it is invoked; the time in between is the bench's own.
    pub(crate) events_per_second: Spread,
    /// Of all invocations.
    pub(crate) p50_milliseconds: f64,
    pub(crate) p99_milliseconds: f64,
    pub(crate) put_events_per_event: f64,
    pub(crate) dynamodb_requests_per_event: f64,
    pub(crate) cpu_microseconds_per_event: Spread,
    pub(crate) peak_megabytes: f64,
    pub(crate) out_of_order: u64,
}

impl Figures {
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
                let lasted: Duration = round.invocations.iter().sum();
                number(round.events) / lasted.as_secs_f64()
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
    reason = "what is counted here is far below 2^52"
)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
