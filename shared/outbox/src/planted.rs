//! Deliberate mistakes, which the simulation has to find. The feature that
//! compiles them in is the simulation's alone.

use std::cell::Cell;

/// A mistake that other implementations make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Sequence numbers are compared as text.
    SequenceNumbersAsText,
    /// Failures are answered at once, while what was published is too young to be
    /// looked up.
    AnswerTooEarly,
}

thread_local! {
    static PLANTED: Cell<Option<Mistake>> = const { Cell::new(None) };
}

/// Plants a mistake for everything this thread does from now on, or takes it away.
pub fn plant(mistake: Option<Mistake>) {
    PLANTED.set(mistake);
}

pub(crate) fn is_planted(mistake: Mistake) -> bool {
    PLANTED.get() == Some(mistake)
}
