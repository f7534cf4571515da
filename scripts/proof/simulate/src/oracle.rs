//! The oracle: what really happened to each event and each process, whatever they
//! themselves know. The checks are made against it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use outbox::{OutboxRow, RowKey};
use tokio::time::Instant;

use crate::caller::Role;

/// One invocation of one of our processes, by its number.
pub(crate) type Actor = u32;

/// One of our processes, by the number of its first invocation.
pub(crate) type Process = u32;

/// What really happened to an event.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each has happened or not")]
pub(crate) struct EventRecord {
    /// The row as it was committed, then as it was after each edit.
    versions: Vec<Arc<OutboxRow>>,
    /// The detail that the service meant to commit, before a fault damaged the row.
    pub(crate) intended_detail: String,
    /// When it was last edited.
    edited_at: Option<Instant>,
    pub(crate) committed_at: Timestamp,
    committed: Instant,
    /// Each time the bus accepted it.
    pub(crate) accepted: Vec<Acceptance>,
    /// When its row was deleted.
    pub(crate) deleted_at: Option<Instant>,
    /// The actors that asked for a delete of its row and have no confirmation of it.
    pub(crate) undeleted_by: BTreeSet<Actor>,
    /// It went to a bus that had just been deleted: the one loss that the library
    /// doesn't promise to prevent.
    pub(crate) is_loss_allowed: bool,
    /// An operator has discarded it.
    pub(crate) is_discarded: bool,
    /// When.
    pub(crate) discarded_at: Option<Instant>,
    /// The actors that have sent a dead letter about it.
    pub(crate) letters: BTreeSet<Actor>,
    /// When it was last parked.
    pub(crate) parked_at: Option<Instant>,
    /// When an operator last made it pending after it was parked.
    pub(crate) released_at: Option<Instant>,
    /// The bus has rejected it for now, alone of a request: later events of its
    /// aggregate may have been accepted.
    pub(crate) was_rejected_for_now: bool,
    /// The bus has once rejected it for its content, although nothing is wrong with it.
    pub(crate) was_rejected_wrongly: bool,
    /// Its record in the stream can't be read, by the relay that is deployed then.
    pub(crate) is_unreadable: bool,
    /// The attempts of each actor to publish it.
    pub(crate) attempts: BTreeMap<Actor, Attempts>,
    /// When its dead letter could last not be sent, or its row not be parked after it.
    pub(crate) unparked_at: Option<Instant>,
    /// When a read of the events before it began that has not succeeded.
    pub(crate) unread_at: Option<Instant>,
    /// How often a consumer has committed its effect.
    pub(crate) effects: u32,
}

/// What an actor has done to publish an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempts {
    pub(crate) first: Instant,
    pub(crate) last: Instant,
    /// The last attempt was rejected for another reason than "for now".
    pub(crate) is_final: bool,
    /// How often the bus accepted it and said so, sooner or later.
    pub(crate) copies: u32,
}

/// The bus has accepted an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acceptance {
    pub(crate) by: Actor,
    pub(crate) at: Timestamp,
    /// Whether the actor got the response.
    pub(crate) is_confirmed: bool,
}

impl EventRecord {
    pub(crate) fn committed(
        row: Arc<OutboxRow>,
        intended_detail: String,
        committed_at: Timestamp,
    ) -> Self {
        Self {
            versions: vec![row],
            intended_detail,
            edited_at: None,
            committed_at,
            committed: Instant::now(),
            accepted: Vec::new(),
            deleted_at: None,
            undeleted_by: BTreeSet::new(),
            is_loss_allowed: false,
            is_discarded: false,
            discarded_at: None,
            letters: BTreeSet::new(),
            parked_at: None,
            released_at: None,
            was_rejected_for_now: false,
            was_rejected_wrongly: false,
            is_unreadable: false,
            attempts: BTreeMap::new(),
            unparked_at: None,
            unread_at: None,
            effects: 0,
        }
    }

    /// An actor attempts to publish it now.
    pub(crate) fn attempt(&mut self, by: Actor) {
        let now = Instant::now();
        let attempts = self.attempts.entry(by).or_insert(Attempts {
            first: now,
            last: now,
            is_final: false,
            copies: 0,
        });
        attempts.last = now;
    }

    /// Returns the row as it should be now.
    pub(crate) fn current(&self) -> &Arc<OutboxRow> {
        // There is at least the committed version.
        &self.versions[self.versions.len() - 1]
    }

    /// Returns the row as it was after this many edits.
    pub(crate) fn version(&self, edits: u64) -> Option<&Arc<OutboxRow>> {
        self.versions.get(usize::try_from(edits).ok()?)
    }

    /// Returns how often it was edited.
    pub(crate) fn edits(&self) -> usize {
        self.versions.len() - 1
    }

    pub(crate) fn edit(&mut self, row: Arc<OutboxRow>) {
        self.versions.push(row);
        self.edited_at = Some(Instant::now());
    }

    /// Returns whether an actor that read the row at this time has the current version.
    pub(crate) fn is_unedited_since(&self, seen: Instant) -> bool {
        self.edited_at.is_none_or(|edited| edited < seen)
    }

    /// Returns whether it was committed before this moment.
    pub(crate) fn is_committed_before(&self, moment: Instant) -> bool {
        self.committed < moment
    }

    /// Returns the time from the commit to the first arrival at the bus, if it arrived.
    pub(crate) fn delay(&self) -> Option<SignedDuration> {
        let first = self.accepted.first()?;
        Some(first.at.duration_since(self.committed_at))
    }

    /// Returns whether nothing more has to happen to the event.
    pub(crate) fn is_settled(&self) -> bool {
        !self.accepted.is_empty() || self.is_discarded || self.is_loss_allowed
    }
}

/// What really happened to an actor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActorRecord {
    pub(crate) process: Process,
    pub(crate) begun: Instant,
    /// The same by the wall clock, which commits are stamped with.
    pub(crate) begun_at: Timestamp,
    pub(crate) role: Role,
    pub(crate) ended: Option<(Instant, End)>,
    /// A delete has failed: it may not have attempted the deletes after it.
    pub(crate) has_failed_delete: bool,
    /// It is the first invocation of its process.
    pub(crate) is_first: bool,
    /// How many events it knows that the bus accepted.
    pub(crate) accepted: usize,
    /// A delete has succeeded.
    pub(crate) has_deleted: bool,
}

impl ActorRecord {
    /// Returns whether it publishes from the table, however young a row is.
    pub(crate) fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.ended.is_none()
    }

    pub(crate) fn is_over_before(&self, time: Instant) -> bool {
        self.ended.is_some_and(|(ended, _)| ended < time)
    }

    pub(crate) fn has_died(&self) -> bool {
        matches!(self.ended, Some((_, End::Died | End::TimedOut)))
    }
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a response.
    Returned,
    /// The process crashed or was killed.
    Died,
    /// Lambda's timeout killed the process.
    TimedOut,
}

/// Something that must never happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) what: &'static str,
    /// The event's row, if it is about one event.
    pub(crate) key: Option<RowKey>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}", self.what),
            None => f.write_str(self.what),
        }
    }
}
