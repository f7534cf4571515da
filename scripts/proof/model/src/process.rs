//! The processes that publish, and what each remembers.

use crate::{event::Events, run::Run};

/// A function or command that publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Publisher {
    /// The function behind the stream.
    Stream,
    /// The scheduled function.
    Sweeper,
    /// An operator's command.
    Replay,
    /// The function that has committed some of the events, if it publishes at once.
    Writer,
}

/// The process of a publisher.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    /// Events that it has published, and whose rows it has not deleted yet. It remembers
    /// nothing else between its runs.
    pub(crate) undeleted: Events,
    /// The current run, if there is one.
    pub(crate) run: Option<Run>,
}

impl Process {
    /// Returns whether a crash would lose anything.
    pub(crate) fn has_memory(&self) -> bool {
        self.run.is_some() || !self.undeleted.is_empty()
    }
}
