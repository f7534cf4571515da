//! The events of the past hour, by the way that they took to the bus.

use std::collections::VecDeque;

use devstack_api::{CommitToPublish, PastHour, Publisher, Way};
use jiff::{SignedDuration, Timestamp};

/// How many events of each way are kept.
const MOST_EVENTS: usize = 20_000;

/// What the bus has accepted.
#[derive(Debug, Default)]
pub(super) struct PublishedEvents {
    /// `None` before the first one.
    at_once: Option<Accepted>,
    relay: Accepted,
    sweeper: Accepted,
}

/// The events that took one way, the oldest first.
#[derive(Debug, Default)]
struct Accepted(VecDeque<AcceptedEvent>);

#[derive(Debug)]
struct AcceptedEvent {
    at: Timestamp,
    /// How long after its commit; `None` if that isn't known.
    after: Option<SignedDuration>,
}

impl PublishedEvents {
    /// Adds an event that the bus has accepted now.
    pub(super) fn add(&mut self, by: &Publisher, committed_at: Option<Timestamp>, now: Timestamp) {
        let way = match by {
            Publisher::Relay => &mut self.relay,
            Publisher::Sweeper => &mut self.sweeper,
            Publisher::Function(_) => self.at_once.get_or_insert_default(),
            // An operator's events took none of these ways.
            Publisher::Unknown => return,
        };
        let after = committed_at.map(|committed_at| now.duration_since(committed_at));
        way.add(AcceptedEvent { at: now, after });
    }

    pub(super) fn past_hour(&self, now: Timestamp) -> PastHour {
        let since = now - SignedDuration::from_hours(1);
        PastHour {
            at_once: self.at_once.as_ref().map(|way| way.since(since)),
            relay: self.relay.since(since),
            sweeper: self.sweeper.since(since),
        }
    }
}

impl Accepted {
    fn add(&mut self, event: AcceptedEvent) {
        if self.0.len() == MOST_EVENTS {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    fn since(&self, since: Timestamp) -> Way {
        let events = self.0.iter().filter(|event| event.at >= since);
        let mut times: Vec<u64> = events
            .clone()
            .filter_map(AcceptedEvent::milliseconds)
            .collect();
        times.sort_unstable();
        let commit_to_publish = (!times.is_empty()).then(|| CommitToPublish {
            p50_milliseconds: percentile(&times, 50),
            p99_milliseconds: percentile(&times, 99),
        });
        Way {
            events: events.count() as u64,
            commit_to_publish,
        }
    }
}

impl AcceptedEvent {
    fn milliseconds(&self) -> Option<u64> {
        u64::try_from(self.after?.as_millis()).ok()
    }
}

/// Returns the least of these times that so many percent don't exceed. They are in order, and
/// there is one at least.
fn percentile(times: &[u64], percent: usize) -> u64 {
    let rank = (times.len() * percent).div_ceil(100);
    times[rank.saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_way_has_its_events_and_times() {
        let mut published = PublishedEvents::default();
        for number in 1..=200 {
            let now = at(10_000) + SignedDuration::from_millis(number);
            published.add(&Publisher::Relay, Some(at(10_000)), now);
        }
        let function = Publisher::Function("create-order".to_owned());
        published.add(&function, Some(at(10_000)), at(10_002));
        published.add(&Publisher::Sweeper, None, at(10_000));
        published.add(&Publisher::Unknown, Some(at(10_000)), at(10_000));
        let way = |events, times: Option<(u64, u64)>| Way {
            events,
            commit_to_publish: times.map(|(p50_milliseconds, p99_milliseconds)| CommitToPublish {
                p50_milliseconds,
                p99_milliseconds,
            }),
        };
        let expected = PastHour {
            at_once: Some(way(1, Some((2_000, 2_000)))),
            relay: way(200, Some((100, 198))),
            sweeper: way(1, None),
        };
        assert_eq!(published.past_hour(at(10_010)), expected);
    }

    #[test]
    fn an_hour_later_they_are_gone_and_the_way_is_still_known() {
        let mut published = PublishedEvents::default();
        assert_eq!(published.past_hour(at(10_000)), PastHour::default());
        let function = Publisher::Function("create-order".to_owned());
        published.add(&function, None, at(10_000));
        published.add(&Publisher::Relay, None, at(10_000));
        let past = published.past_hour(at(13_601));
        assert_eq!(past.at_once, Some(Way::default()));
        assert_eq!(past.relay, Way::default());
    }

    #[test]
    fn the_events_are_bounded() {
        let mut published = PublishedEvents::default();
        for _ in 0..=MOST_EVENTS {
            published.add(&Publisher::Relay, None, at(10_000));
        }
        let past = published.past_hour(at(10_000));
        assert_eq!(past.relay.events, MOST_EVENTS as u64);
    }
}
