//! One log of everything that happens in a stack that is developed with.

use std::fmt::Display;

use jiff::Timestamp;

/// Tells of something, and who or what it comes from.
pub(crate) fn tell(source: &str, what: impl Display) {
    let time = Timestamp::now().strftime("%H:%M:%S%.3fZ");
    println!("{time} {source:<14} {what}");
}
