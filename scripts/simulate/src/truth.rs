use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use outbox::{OutboxRow, RowKey};
use tokio::time::Instant;

/// A process of ours that was invoked once; it can be told from others.
pub(crate) type Actor = u32;

/// What really became of an event.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each has happened or not")]
pub(crate) struct Truth {
    /// As it was committed.
    pub(crate) row: Arc<OutboxRow>,
    /// As a person has mended it.
    pub(crate) mended: Option<Arc<OutboxRow>>,
    pub(crate) committed_at: Timestamp,
    /// Each time the bus took it.
    pub(crate) accepted: Vec<Accepted>,
    /// It went to a bus that had just been deleted: the one loss nobody promises
    /// to prevent.
    pub(crate) excused: bool,
    /// A person has decided that it is not published.
    pub(crate) is_discarded: bool,
    /// The processes that have sent a dead letter of it.
    pub(crate) letters: BTreeSet<Actor>,
    /// A person has made it pending again after it was set aside.
    pub(crate) was_released: bool,
    /// The bus has refused it alone of a request, for now: those behind it may have
    /// been taken.
    pub(crate) was_refused: bool,
    /// When a delete of its row was last asked for in vain.
    pub(crate) kept_at: Option<Instant>,
}

/// The bus has taken an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) by: Actor,
    pub(crate) at: Instant,
    /// Whether the process was told.
    pub(crate) is_answered: bool,
}

impl Truth {
    /// The row as it should be now.
    pub(crate) fn current(&self) -> &Arc<OutboxRow> {
        self.mended.as_ref().unwrap_or(&self.row)
    }

    /// Whether the event was ever like this.
    pub(crate) fn may_be(&self, row: &OutboxRow) -> bool {
        let mended = self.mended.as_ref();
        self.row.detail == row.detail || mended.is_some_and(|mended| mended.detail == row.detail)
    }

    pub(crate) fn is_settled(&self) -> bool {
        !self.accepted.is_empty() || self.is_discarded || self.excused
    }
}

/// What a process was doing: when it began, and whether it has ended well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) begun: Instant,
    pub(crate) ended: Option<(Instant, End)>,
    /// A delete failed: it may not have asked for others any more.
    pub(crate) could_not_delete: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    Died,
}

/// Something that must never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) what: &'static str,
    pub(crate) key: Option<RowKey>,
}
