//! Events as a consumer gets them: at least once, in any order.

use std::vec;

use outbox::CloudEvent;

use crate::aws::InMemoryAws;

/// Deliveries of events to a consumer.
///
/// An outbox delivers at least once, and a queue between bus and consumer keeps no order. A
/// consumer is correct if it comes to the same result for all of these:
///
/// ```
/// # use outbox_testing::InMemoryAws;
/// # let aws = InMemoryAws::new();
/// for seed in 0..100 {
///     for event in aws.deliveries().twice_each().shuffled(seed) {
///         // handle(&event).await
///     }
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Deliveries {
    events: Vec<CloudEvent>,
}

impl Deliveries {
    /// Creates deliveries of these events, in this order.
    pub fn of(events: impl IntoIterator<Item = CloudEvent>) -> Self {
        Self {
            events: events.into_iter().collect(),
        }
    }

    /// Returns the deliveries with each of them twice, one right after the other.
    #[must_use]
    pub fn twice_each(self) -> Self {
        let twice = |event: CloudEvent| [event.clone(), event];
        Self::of(self.events.into_iter().flat_map(twice))
    }

    /// Returns the deliveries in an order that the seed chooses.
    #[must_use]
    pub fn shuffled(mut self, seed: u64) -> Self {
        fastrand::Rng::with_seed(seed).shuffle(&mut self.events);
        self
    }
}

impl IntoIterator for Deliveries {
    type Item = CloudEvent;
    type IntoIter = vec::IntoIter<CloudEvent>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}

impl InMemoryAws {
    /// Returns the deliveries of the events that the bus has accepted, in their order.
    ///
    /// # Panics
    ///
    /// If an event is not a `CloudEvent`.
    pub fn deliveries(&self) -> Deliveries {
        Deliveries::of(self.published())
    }
}
