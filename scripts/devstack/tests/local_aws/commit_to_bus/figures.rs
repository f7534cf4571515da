//! The figures of a measurement.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    time::Duration,
};

use super::calls::Calls;

/// The measurement of a round.
pub(super) struct Round {
    /// The time of each response, in milliseconds.
    pub(super) responses: Vec<f64>,
    /// The calls of services, by which its events are followed.
    pub(super) calls: Calls,
    /// The processor time of `create-order`.
    pub(super) writer: Duration,
    /// The processor time of `publish-events`.
    pub(super) relay: Duration,
}

/// The figures of all rounds in which events were published in one way.
pub(super) struct Figures {
    commit_to_bus: Quantiles,
    response: Quantiles,
    writer_milliseconds_per_order: f64,
    relay_milliseconds_per_order: f64,
    /// By the action's name.
    calls_per_event: BTreeMap<String, f64>,
    events: u32,
    /// How often the bus accepted an event again.
    duplicates: u32,
}

/// Quantiles of milliseconds.
struct Quantiles {
    p50: f64,
    p99: f64,
}

/// The least, the middle and the most of a few figures, in milliseconds.
pub(super) struct Spread {
    least: f64,
    middle: f64,
    most: f64,
}

impl Figures {
    pub(super) fn of(rounds: &[Round]) -> Self {
        let sum = |of: fn(&Round) -> u32| rounds.iter().map(of).sum::<u32>();
        let events = sum(|round| round.calls.events());
        let per_event = |figure: f64| figure / f64::from(events);
        let processor = |of: fn(&Round) -> Duration| {
            let time: Duration = rounds.iter().map(of).sum();
            per_event(time.as_secs_f64() * 1e3)
        };
        let mut calls_per_event = BTreeMap::new();
        for round in rounds {
            for (action, calls) in &round.calls.actions {
                *calls_per_event.entry(action.clone()).or_insert(0.0) +=
                    per_event(f64::from(*calls));
            }
        }
        Self {
            commit_to_bus: Quantiles::of(rounds.iter().flat_map(|it| it.calls.commit_to_bus())),
            response: Quantiles::of(rounds.iter().flat_map(|it| it.responses.iter().copied())),
            writer_milliseconds_per_order: processor(|round| round.writer),
            relay_milliseconds_per_order: processor(|round| round.relay),
            calls_per_event,
            events,
            duplicates: sum(|round| round.calls.duplicates()),
        }
    }

    /// Returns by how much the median response of one way is later than the other's, in each
    /// pair of rounds.
    pub(super) fn added_response_times(stream: &[Round], at_once: &[Round]) -> Spread {
        let median = |round: &Round| Quantiles::of(round.responses.iter().copied()).p50;
        let pairs = stream.iter().zip(at_once);
        Spread::of(pairs.map(|(stream, at_once)| median(at_once) - median(stream)))
    }
}

impl Display for Figures {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "commit to bus {}; response {}; processor time an order: create-order {:.2} ms, \
             publish-events {:.2} ms; {} of {} events twice; calls an event:",
            self.commit_to_bus,
            self.response,
            self.writer_milliseconds_per_order,
            self.relay_milliseconds_per_order,
            self.duplicates,
            self.events,
        )?;
        for (action, calls) in &self.calls_per_event {
            write!(f, " {action} {calls:.2}")?;
        }
        Ok(())
    }
}

impl Quantiles {
    fn of(milliseconds: impl Iterator<Item = f64>) -> Self {
        let sorted = sorted(milliseconds);
        let quantile = |percent: usize| sorted[(sorted.len() - 1) * percent / 100];
        Self {
            p50: quantile(50),
            p99: quantile(99),
        }
    }
}

impl Display for Quantiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.1} ms, p99 {:.1} ms", self.p50, self.p99)
    }
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let sorted = sorted(figures);
        Self {
            least: sorted[0],
            middle: sorted[sorted.len() / 2],
            most: sorted[sorted.len() - 1],
        }
    }
}

impl Display for Spread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            least,
            middle,
            most,
        } = self;
        write!(f, "{middle:+.1} ms ({least:+.1} to {most:+.1})")
    }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}
