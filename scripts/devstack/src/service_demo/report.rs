//! The result of a service's demo.

use std::fmt;

use comfy_table::{Table, presets::UTF8_FULL};

use super::calls::EventCounts;
use crate::subscriber::Delivered;

/// The result of a service's demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceReport {
    /// How many events of each type the calls have committed.
    pub(super) committed: EventCounts,
    /// How many of each type have arrived at the subscriber.
    pub(super) delivered: EventCounts,
    /// How many arrived more than once.
    pub(super) delivered_twice: usize,
    /// Rows still in the outbox.
    pub(super) pending: usize,
    /// Dead letters in the queue.
    pub(super) dead_letters: usize,
    /// Whether the service's last responses show that its consumers have handled the events.
    pub(super) handled: bool,
}

impl Default for ServiceReport {
    fn default() -> Self {
        Self {
            committed: EventCounts::new(),
            delivered: EventCounts::new(),
            delivered_twice: 0,
            pending: 0,
            dead_letters: 0,
            handled: true,
        }
    }
}

impl ServiceReport {
    /// Returns whether every event arrived and was handled, no other event did, and the outbox
    /// and the dead-letter queue are empty.
    pub fn is_success(&self) -> bool {
        self.has_arrived() && self.dead_letters == 0 && self.handled
    }

    /// Returns whether every event has arrived, and none is pending.
    pub(super) fn has_arrived(&self) -> bool {
        self.committed == self.delivered && self.pending == 0
    }

    /// Counts the events that have arrived.
    pub(super) fn count<'e>(&mut self, events: impl IntoIterator<Item = &'e Delivered>) {
        self.delivered.clear();
        self.delivered_twice = 0;
        for event in events {
            *self.delivered.entry(event.event_type.clone()).or_default() += 1;
            self.delivered_twice += usize::from(event.times > 1);
        }
    }
}

impl fmt::Display for ServiceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(UTF8_FULL);
        let types = self.committed.keys().chain(self.delivered.keys());
        let types: std::collections::BTreeSet<&String> = types.collect();
        for event in types {
            let count = |counts: &EventCounts| counts.get(event).copied().unwrap_or_default();
            let counts = format!("{} of {}", count(&self.delivered), count(&self.committed));
            table.add_row([format!("{event} delivered"), counts]);
        }
        for (name, count) in [
            ("delivered twice", self.delivered_twice),
            ("still pending", self.pending),
            ("dead letters", self.dead_letters),
        ] {
            table.add_row([name.to_owned(), count.to_string()]);
        }
        let handled = if self.handled { "yes" } else { "no" };
        table.add_row(["handled by the consumers", handled]);
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(event_type: &str, times: u32) -> Delivered {
        Delivered {
            event_type: event_type.to_owned(),
            subject: "ticket#1".to_owned(),
            times,
        }
    }

    #[test]
    fn a_demo_succeeds_only_if_exactly_the_committed_events_arrive() {
        let committed = EventCounts::from([("A".to_owned(), 2), ("B".to_owned(), 1)]);
        let all = ServiceReport {
            committed,
            ..ServiceReport::default()
        };
        let with = |types: &[&str]| {
            let mut report = all.clone();
            let events: Vec<Delivered> = types.iter().map(|event| delivered(event, 1)).collect();
            report.count(&events);
            report
        };
        assert!(with(&["A", "B", "A"]).is_success());
        assert!(!with(&["A", "B"]).is_success());
        assert!(!with(&["A", "A", "B", "C"]).is_success());
        assert!(!with(&["A", "A", "A"]).is_success());
        let complete = with(&["A", "B", "A"]);
        for failed in [
            ServiceReport {
                pending: 1,
                ..complete.clone()
            },
            ServiceReport {
                dead_letters: 1,
                ..complete.clone()
            },
            ServiceReport {
                handled: false,
                ..complete.clone()
            },
        ] {
            assert!(!failed.is_success(), "{failed}");
        }
    }

    #[test]
    fn the_report_shows_every_type_and_what_arrived_twice() {
        let mut report = ServiceReport {
            committed: EventCounts::from([("A".to_owned(), 2)]),
            ..ServiceReport::default()
        };
        report.count(&[delivered("A", 2), delivered("B", 1)]);
        let shown = report.to_string();
        for line in [
            "A delivered              ┆ 1 of 2",
            "B delivered              ┆ 1 of 0",
            "delivered twice          ┆ 1",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
    }
}
