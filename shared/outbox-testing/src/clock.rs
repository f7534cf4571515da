//! The clock of a test.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use outbox::Clock;
use tokio::time::Instant;

/// A wall clock that begins at a chosen time and follows tokio's time.
///
/// In a test with paused time (`#[tokio::test(start_paused = true)]`) it stands still until
/// the test sleeps or calls `tokio::time::advance`. [`advance`](Self::advance) moves it in
/// any test. Clones move together.
#[derive(Debug, Clone)]
pub struct TestClock {
    started: Instant,
    start: Timestamp,
    /// How far this clone is ahead of the others.
    skew: SignedDuration,
    /// How far it was moved, in milliseconds.
    moved: Arc<AtomicI64>,
}

impl TestClock {
    /// Creates a clock that shows this time now.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            started: Instant::now(),
            start,
            skew: SignedDuration::ZERO,
            moved: Arc::default(),
        }
    }

    /// Moves the clock and its clones forward, in whole milliseconds. Sleeping tasks are not
    /// woken: they wait by tokio's time.
    pub fn advance(&self, time: SignedDuration) {
        let milliseconds = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.moved.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Returns a clone that is ahead by this much, as the clock of another machine may be.
    #[must_use]
    pub fn skewed_by(&self, skew: SignedDuration) -> Self {
        Self {
            skew,
            ..self.clone()
        }
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        let moved = SignedDuration::from_millis(self.moved.load(Ordering::Relaxed));
        let since_start = elapsed.saturating_add(moved).saturating_add(self.skew);
        self.start
            .saturating_add(since_start)
            .unwrap_or(Timestamp::MAX)
    }
}
