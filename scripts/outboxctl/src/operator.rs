//! Who runs a command: at a terminal, or with the console's page.

use crate::text::Text;

/// The operator who runs a command. It is told what happens, and can stop what takes long.
pub(crate) trait Operator: Send + Sync {
    /// Reports something besides the result.
    fn note(&self, text: Text);

    /// Says that the command can be stopped from now on: it asks
    /// [`is_stop_wanted`](Self::is_stop_wanted) before each thing that it does.
    fn offer_stop(&self);

    /// Returns whether the command should stop before the next thing.
    fn is_stop_wanted(&self) -> bool;

    /// Says that the command begins to do something to about this many things; `what` is a
    /// verb, as in "replaying".
    fn begin(&self, what: &'static str, about: usize);

    /// Counts one more thing as done.
    fn advance(&self);

    /// Says that all of it is done, or that the command has stopped.
    fn finish(&self);
}

/// An operator who waits for the result alone, such as that of a dry run.
pub(crate) struct Unattended;

impl Operator for Unattended {
    fn note(&self, _: Text) {}

    fn offer_stop(&self) {}

    fn is_stop_wanted(&self) -> bool {
        false
    }

    fn begin(&self, _: &'static str, _: usize) {}

    fn advance(&self) {}

    fn finish(&self) {}
}
