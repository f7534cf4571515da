//! The part of a shard that is with the function in order. A shard has as many
//! lanes as its `ParallelizationFactor` says; an item's records share a lane.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::{
    batch::Batch, on_failure::OnFailure, record::Record, settings::Settings,
    undocumented::MOST_BATCH_BYTES,
};

#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Read and not in a batch yet.
    buffer: VecDeque<Record>,
    /// When the batching window of the next batch began.
    window_began: Option<Timestamp>,
    /// To be tried, in order; the first may be with the function now.
    pub(crate) batches: VecDeque<Batch>,
    pub(crate) invoked: bool,
    /// Given up, waiting for the destination.
    pub(crate) on_failure: Option<OnFailure>,
}

/// Whether the next batch can be made.
pub(crate) enum Cut {
    Batch(Batch),
    NotBefore(Timestamp),
    Nothing,
}

impl Lane {
    pub(crate) fn push(&mut self, record: Record, settings: &Settings, now: Timestamp) {
        let is_over = |began: Timestamp| began + settings.maximum_batching_window <= now;
        if self.buffer.is_empty() && self.window_began.is_none_or(is_over) {
            self.window_began = Some(now);
        }
        self.buffer.push_back(record);
    }

    /// An invocation has ended and nothing of its batch is left: "the next
    /// batching window begins as soon as the previous function invocation
    /// completes".
    pub(crate) fn begin_window(&mut self, now: Timestamp) {
        if self.batches.is_empty() {
            self.window_began = Some(now);
        }
    }

    /// The next batch: as soon as it is full, or its window is over.
    pub(crate) fn cut_batch(&mut self, settings: &Settings, now: Timestamp) -> Cut {
        if self.buffer.is_empty() {
            return Cut::Nothing;
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
            .max(1);
        let is_full = fitting == settings.batch_size || fitting < self.buffer.len();
        let window_ends = window_began + settings.maximum_batching_window;
        if !is_full && now < window_ends {
            return Cut::NotBefore(window_ends);
        }
        let batch = Batch::new(self.buffer.drain(..fitting).collect());
        self.window_began = None;
        Cut::Batch(batch)
    }

    /// Records not done yet.
    pub(crate) fn backlog(&self) -> usize {
        let in_batches: usize = self.batches.iter().map(|batch| batch.records.len()).sum();
        let given_up = self.on_failure.as_ref();
        self.buffer.len() + in_batches + given_up.map_or(0, |failure| failure.batch.records.len())
    }
}
