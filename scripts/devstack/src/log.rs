//! The log of `make dev` and `make watch`.

use std::fmt::Display;

use jiff::Timestamp;

/// Writes a line with the time and its source, such as a function's name.
pub(crate) fn log_line(source: &str, what: impl Display) {
    let time = Timestamp::now().strftime("%H:%M:%S%.3fZ");
    println!("{time} {source:<14} {what}");
}
