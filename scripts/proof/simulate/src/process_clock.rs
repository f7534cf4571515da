//! The wall clock of a process.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use outbox::Clock;
use outbox_testing::TestClock;

use crate::simulation::Simulation;

/// How often the clock is corrected before an invocation.
const CORRECTED: f64 = 0.1;

/// A wall clock that is up to half a second wrong, and now and then is corrected, which can set
/// it back. Clones are corrected together.
#[derive(Clone)]
pub(crate) struct ProcessClock {
    simulation: Simulation,
    wall: TestClock,
    /// How far it is ahead, in milliseconds.
    ahead: Arc<AtomicI64>,
}

impl ProcessClock {
    pub(crate) fn new(simulation: &Simulation) -> Self {
        let clock = Self {
            simulation: simulation.clone(),
            wall: simulation.wall_clock(),
            ahead: Arc::default(),
        };
        clock.correct();
        clock
    }

    /// Corrects it at times.
    pub(crate) fn may_be_corrected(&self) {
        if self.simulation.chance(CORRECTED) {
            self.correct();
        }
    }

    fn correct(&self) {
        let ahead = i64::try_from(self.simulation.between(0..1_000)).unwrap_or(0) - 500;
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}

impl Clock for ProcessClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        let now = self.wall.now().saturating_add(ahead);
        now.unwrap_or(Timestamp::MAX)
    }
}
