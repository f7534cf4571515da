//! A moment in the past whose age is right even if the process was frozen since.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::Clock;

/// A moment in the past, by two clocks. Lambda freezes a process between its invocations, for
/// hours at times, and the monotonic clock may stand still then. The wall clock goes on, but
/// it can be set back. So the age is the larger one of both.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    monotonic: Instant,
    wall: Timestamp,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self {
            monotonic: Instant::now(),
            wall: clock.now(),
        }
    }

    pub(crate) fn age(self, clock: &dyn Clock) -> Duration {
        let by_wall = clock.now().duration_since(self.wall);
        // Negative if the clock was set back.
        let by_wall = Duration::try_from(by_wall).unwrap_or_default();
        self.monotonic.elapsed().max(by_wall)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::SignedDuration;

    use super::*;

    struct SetClock(Mutex<Timestamp>);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_age_is_the_larger_one_of_both_clocks() {
        let clock = SetClock(Mutex::new(Timestamp::UNIX_EPOCH));
        let moment = Moment::now(&clock);
        assert_eq!(moment.age(&clock), Duration::ZERO);

        let frozen_for = SignedDuration::from_hours(3);
        *clock.0.lock().unwrap() += frozen_for;
        assert_eq!(moment.age(&clock), Duration::from_hours(3));

        *clock.0.lock().unwrap() -= SignedDuration::from_hours(9);
        assert_eq!(moment.age(&clock), Duration::ZERO);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(moment.age(&clock), Duration::from_mins(1));
    }
}
