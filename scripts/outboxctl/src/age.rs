//! Times as people read them.

use jiff::{SignedDuration, Timestamp};

/// How long ago something was, in whole seconds: `2h 5m 7s`.
pub(crate) fn age(since: Timestamp) -> String {
    text(Timestamp::now().duration_since(since))
}

/// A length of time in whole seconds.
pub(crate) fn text(time: SignedDuration) -> String {
    // Clocks differ: what is in the future is now.
    let whole = SignedDuration::from_secs(time.as_secs().max(0));
    format!("{whole:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
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
