//! The events of one aggregate that wait to be sent, and what fits into a request.

use std::{collections::VecDeque, sync::Arc};

use tokio::time::Instant;

use super::attempt::REJECTED_FOR;
use crate::{OutboxRow, RowKey, ports::BusLimits};

/// The events of an aggregate, in sequence.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) rows: VecDeque<Queued>,
    /// A request with events of this aggregate is in flight.
    pub(super) busy: bool,
    /// Consecutive transient failures in this aggregate.
    pub(super) failures: u32,
    /// Nothing of the aggregate is sent before this.
    pub(super) not_before: Option<Instant>,
    /// Its rows were found while others failed, and are sent only once: the call doesn't wait
    /// for them, too.
    pub(super) is_sent_once: bool,
    /// The event that failed, and that no later one may overtake.
    pub(super) held_behind: Option<RowKey>,
}

/// An event that waits to be sent.
pub(super) struct Queued {
    pub(super) row: Arc<OutboxRow>,
    /// The size of its entry.
    pub(super) bytes: usize,
    /// The most entries of a request it may be part of. Half as many after each request
    /// that the bus rejected as a whole for its content.
    pub(super) largest_request: usize,
    /// It is known to have failed before this call, for as long as it takes to be left.
    pub(super) failed_before: bool,
    /// When it was first sent.
    pub(super) first_sent: Option<Instant>,
    /// Why the last attempt failed, if there was one.
    pub(super) last_error: Option<String>,
    /// How many requests with it got no response: the bus may have accepted it.
    pub(super) unanswered: usize,
    /// The bus rejected it for now, in this call or before, and may do so again. Then it must not
    /// accept a later event of the same request, so nothing of the aggregate is sent along.
    pub(super) goes_alone: bool,
}

impl Queue {
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        !self.busy && !self.rows.is_empty() && self.not_before.is_none_or(|time| time <= now)
    }

    /// Returns how many rows from the front may be sent together.
    pub(super) fn sendable(&self, limits: BusLimits) -> usize {
        if !limits.several_of_aggregate {
            return 1;
        }
        match self.rows.iter().position(|queued| queued.goes_alone) {
            Some(0) => 1,
            Some(before) => before,
            None => self.rows.len(),
        }
    }
}

impl Queued {
    /// Takes in that it is sent now.
    pub(super) fn sent(&mut self, now: Instant) {
        let since = if self.failed_before {
            now.checked_sub(REJECTED_FOR).unwrap_or(now)
        } else {
            now
        };
        self.first_sent.get_or_insert(since);
    }
}

/// What a request still has room for.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// How many it has.
    entries: usize,
    /// How many it may have: the least that one of its rows allows.
    most_entries: usize,
    bytes_left: usize,
}

impl Room {
    pub(super) fn of(limits: BusLimits) -> Self {
        Self {
            entries: 0,
            most_entries: limits.entries,
            bytes_left: limits.bytes,
        }
    }

    /// Returns whether the row fits into the request.
    pub(super) fn admits(&self, queued: &Queued) -> bool {
        self.entries < self.most_entries.min(queued.largest_request)
            && queued.bytes <= self.bytes_left
    }

    /// Uses the room of a row that fits.
    pub(super) fn take(&mut self, queued: &Queued) {
        self.most_entries = self.most_entries.min(queued.largest_request);
        self.entries += 1;
        self.bytes_left -= queued.bytes;
    }
}
