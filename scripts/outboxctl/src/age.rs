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

/// Returns a duration with milliseconds as long as they matter: `38 ms`, `1.2 s`, `2m 5s`.
pub(crate) fn short(time: SignedDuration) -> String {
    match time.as_millis() {
        milliseconds @ ..1_000 => format!("{milliseconds} ms"),
        milliseconds @ 1_000..60_000 => {
            format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
        }
        _ => text(time),
    }
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

    #[test]
    fn short_durations_have_milliseconds() {
        for (milliseconds, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (59_999, "59.9 s"),
            (125_000, "2m 5s"),
        ] {
            assert_eq!(short(SignedDuration::from_millis(milliseconds)), expected);
        }
    }
}
