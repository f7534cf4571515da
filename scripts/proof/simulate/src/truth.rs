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
    /// As it lay in the table, edit by edit: first as it was committed.
    versions: Vec<Arc<OutboxRow>>,
    /// What was to be told, before anybody spoiled the row.
    pub(crate) told: String,
    /// When it was last edited.
    edited_at: Option<Instant>,
    pub(crate) committed_at: Timestamp,
    /// Each time the bus took it.
    pub(crate) accepted: Vec<Accepted>,
    /// When its row was deleted.
    pub(crate) deleted_at: Option<Instant>,
    /// The processes that asked for a delete of its row in vain, or were not told
    /// that it was done.
    pub(crate) undeleted_by: BTreeSet<Actor>,
    /// It went to a bus that had just been deleted: the one loss nobody promises
    /// to prevent.
    pub(crate) excused: bool,
    /// A person has decided that it is not published.
    pub(crate) is_discarded: bool,
    /// The processes that have sent a dead letter of it.
    pub(crate) letters: BTreeSet<Actor>,
    /// When it was last set aside.
    pub(crate) parked_at: Option<Instant>,
    /// When a person last made it pending again after it was set aside.
    pub(crate) released_at: Option<Instant>,
    /// The bus has refused it alone of a request, for now: those behind it may have
    /// been taken.
    pub(crate) was_refused: bool,
    /// The bus has once refused it for its content without need.
    pub(crate) was_wronged: bool,
    /// How often a consumer has written what it made of it.
    pub(crate) effects: u32,
}

/// The bus has taken an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) by: Actor,
    pub(crate) at: Timestamp,
    /// Whether the process was told.
    pub(crate) is_answered: bool,
}

impl Truth {
    pub(crate) fn committed(row: Arc<OutboxRow>, told: String, at: Timestamp) -> Self {
        Self {
            versions: vec![row],
            told,
            edited_at: None,
            committed_at: at,
            accepted: Vec::new(),
            deleted_at: None,
            undeleted_by: BTreeSet::new(),
            excused: false,
            is_discarded: false,
            letters: BTreeSet::new(),
            parked_at: None,
            released_at: None,
            was_refused: false,
            was_wronged: false,
            effects: 0,
        }
    }

    /// The row as it should be now.
    pub(crate) fn current(&self) -> &Arc<OutboxRow> {
        // There is one from the commit on.
        &self.versions[self.versions.len() - 1]
    }

    /// The row as it was after so many edits.
    pub(crate) fn version(&self, edits: u64) -> Option<&Arc<OutboxRow>> {
        self.versions.get(usize::try_from(edits).ok()?)
    }

    pub(crate) fn edit(&mut self, row: Arc<OutboxRow>) {
        self.versions.push(row);
        self.edited_at = Some(Instant::now());
    }

    /// Whether somebody who saw the row then saw it as it is now.
    pub(crate) fn is_unedited_since(&self, seen: Instant) -> bool {
        self.edited_at.is_none_or(|edited| edited < seen)
    }

    pub(crate) fn is_settled(&self) -> bool {
        !self.accepted.is_empty() || self.is_discarded || self.excused
    }
}

/// What a process was doing: when it began, and whether it has ended well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) begun: Instant,
    pub(crate) begun_at: Timestamp,
    /// It publishes from the table, however young a row is.
    pub(crate) is_by_hand: bool,
    pub(crate) ended: Option<(Instant, End)>,
    /// A delete failed: it may not have asked for others any more.
    pub(crate) could_not_delete: bool,
}

impl Life {
    pub(crate) fn is_over_before(&self, time: Instant) -> bool {
        self.ended.is_some_and(|(ended, _)| ended < time)
    }

    pub(crate) fn has_died(&self) -> bool {
        matches!(self.ended, Some((_, End::Died | End::OutOfTime)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Answered,
    Died,
    OutOfTime,
}

/// Something that must never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) what: &'static str,
    pub(crate) key: Option<RowKey>,
}
