//! Ages and durations, formatted for people.

use jiff::{SignedDuration, Timestamp};

/// Returns how long ago a time was, in whole seconds: `2h 5m 7s`.
pub(crate) fn age(since: Timestamp) -> String {
    text(Timestamp::now().duration_since(since))
}

/// Returns a duration in whole seconds; a negative one counts as 0.
pub(crate) fn text(time: SignedDuration) -> String {
    // Clocks differ: a time in the future counts as now.
    let whole = SignedDuration::from_secs(time.as_secs().max(0));
    format!("{whole:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (seconds, expected) in [
            (0, "0s"),
            (-3, "0s"),
            (59, "59s"),
            (125, "2m 5s"),
            (90_000, "25h"),
        ] {
            assert_eq!(text(SignedDuration::from_secs(seconds)), expected);
        }
    }
}
