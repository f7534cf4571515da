//! How often something happens, by counts that grow.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// How many minutes are shown.
const MINUTES: usize = 60;

/// The counts of the last hour.
#[derive(Debug, Default)]
pub(super) struct Rate(VecDeque<(Timestamp, u64)>);

impl Rate {
    /// Adds the count at a time.
    pub(super) fn add(&mut self, at: Timestamp, count: u64) {
        // A smaller one is of a stack that was started again.
        if self.0.back().is_some_and(|(_, last)| *last > count) {
            self.0.clear();
        }
        self.0.push_back((at, count));
        let oldest = at - SignedDuration::from_hours(1);
        while self.0.front().is_some_and(|(at, _)| *at < oldest) {
            self.0.pop_front();
        }
    }

    /// Returns how much the count has grown in the last minute.
    pub(super) fn last_minute(&self) -> u64 {
        let Some((now, last)) = self.0.back() else {
            return 0;
        };
        let begin = *now - SignedDuration::from_mins(1);
        let first = self.0.iter().find(|(at, _)| *at >= begin);
        first.map_or(0, |(_, first)| last - first)
    }

    /// Returns how much it has grown in each minute, the oldest first.
    #[expect(clippy::cast_precision_loss, reason = "counts of a minute are small")]
    pub(super) fn minutes(&self) -> Vec<f64> {
        let mut minutes = vec![0.0; MINUTES];
        let Some((now, _)) = self.0.back() else {
            return minutes;
        };
        let samples = self.0.iter().zip(self.0.iter().skip(1));
        for ((_, before), (at, count)) in samples {
            let ago = now.as_second() / 60 - at.as_second() / 60;
            let index = usize::try_from(ago)
                .ok()
                .and_then(|ago| MINUTES.checked_sub(ago + 1));
            if let Some(index) = index {
                minutes[index] += (count - before) as f64;
            }
        }
        minutes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_counted_in_its_minute() {
        let mut rate = Rate::default();
        for (second, count) in [(0, 5), (30, 7), (60, 7), (119, 10), (120, 11)] {
            rate.add(Timestamp::from_second(second).unwrap(), count);
        }
        assert_eq!(rate.minutes()[57..], [2.0, 3.0, 1.0]);
        assert_eq!(rate.last_minute(), 4);
        rate.add(Timestamp::from_second(130).unwrap(), 1);
        assert_eq!(rate.last_minute(), 0);
    }
}
