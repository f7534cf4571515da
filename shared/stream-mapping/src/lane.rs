//! A part of a shard whose batches are processed one after the other. A shard has
//! as many lanes as its `ParallelizationFactor`; an item's records share a lane.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::{
    batch::Batch, on_failure::OnFailure, record::Record, settings::Settings,
    undocumented::MOST_BATCH_BYTES,
};

/// The state of one lane.
#[derive(Debug, Default)]
pub(crate) struct LaneState {
    /// Records that are not in a batch yet.
    buffer: VecDeque<Record>,
    /// When the batching window of the next batch began.
    window_began: Option<Timestamp>,
    /// Batches to process, in order; the first may be in flight.
    pub(crate) batches: VecDeque<Batch>,
    /// Whether the first batch is in flight.
    pub(crate) invoked: bool,
    /// Records that were given up and are not sent to the destination yet.
    pub(crate) on_failure: Option<OnFailure>,
}

/// The result of an attempt to form the next batch.
pub(crate) enum NextBatch {
    Batch(Batch),
    /// The batching window ends at this time.
    NotBefore(Timestamp),
    /// There are no records.
    Nothing,
}

impl LaneState {
    /// Adds a record. The first one starts the batching window.
    pub(crate) fn push(&mut self, record: Record, settings: &Settings, now: Timestamp) {
        let is_over = |began: Timestamp| began + settings.maximum_batching_window <= now;
        if self.buffer.is_empty() && self.window_began.is_none_or(is_over) {
            self.window_began = Some(now);
        }
        self.buffer.push_back(record);
    }

    /// Starts the next batching window, if nothing of the batch is left after its
    /// invocation: "the next batching window begins as soon as the previous function
    /// invocation completes".
    pub(crate) fn begin_window(&mut self, now: Timestamp) {
        if self.batches.is_empty() {
            self.window_began = Some(now);
        }
    }

    /// Forms the next batch, if it is full or its window has ended.
    pub(crate) fn next_batch(&mut self, settings: &Settings, now: Timestamp) -> NextBatch {
        if self.buffer.is_empty() {
            return NextBatch::Nothing;
        }
        let window_began = *self.window_began.get_or_insert(now);
        let mut bytes = 0;
        let fitting = self
            .buffer
            .iter()
            .take(settings.batch_size)
            .take_while(|record| {
                bytes += record.bytes + 1;
                bytes <= MOST_BATCH_BYTES
            })
            .count()
            // A record above the limit is sent alone, or the lane would never go on.
            .max(1);
        let is_full = fitting == settings.batch_size || fitting < self.buffer.len();
        let window_ends = window_began + settings.maximum_batching_window;
        if !is_full && now < window_ends {
            return NextBatch::NotBefore(window_ends);
        }
        let batch = Batch::new(self.buffer.drain(..fitting).collect());
        self.window_began = None;
        NextBatch::Batch(batch)
    }

    /// Returns the number of records that are not done yet.
    pub(crate) fn backlog(&self) -> usize {
        let in_batches: usize = self.batches.iter().map(|batch| batch.records.len()).sum();
        let given_up = self.on_failure.as_ref();
        self.buffer.len() + in_batches + given_up.map_or(0, |failure| failure.batch.records.len())
    }
}
