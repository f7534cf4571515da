//! Lambda's stream mapping with the construct's settings, as in the crate
//! `stream-mapping`: one shard, bisecting, partial failures.

use crate::event::{Event, Events, union};

/// How many times a single record is retried. The construct says 30, whose further
/// retries would have the same steps.
const MAXIMUM_RETRY_ATTEMPTS: u8 = 1;

/// The progress of the mapping.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mapping {
    /// The batches to invoke the function with, in this order.
    pub(crate) batches: Vec<Batch>,
    /// Records that were given up, and whose pointer was not sent yet.
    pub(crate) given_up: Events,
}

/// A batch, and how often it has failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Batch {
    pub(crate) records: Events,
    failures: u8,
}

impl Default for Mapping {
    fn default() -> Self {
        let records = Events::all();
        Self {
            batches: vec![Batch {
                records,
                failures: 0,
            }],
            given_up: Events::empty(),
        }
    }
}

impl Mapping {
    /// Returns whether every record is done, or was given up and its pointer sent.
    pub(crate) fn is_done(&self) -> bool {
        self.backlog().is_empty()
    }

    /// Returns the records that are not done yet.
    pub(crate) fn backlog(&self) -> Events {
        self.given_up | union(self.batches.iter().map(|batch| batch.records))
    }

    /// Returns the records of the current batch.
    pub(crate) fn batch(&self) -> Events {
        let first = self.batches.first();
        first.map_or(Events::empty(), |batch| batch.records)
    }

    /// Records that the invocation has ended, and which of its records are to be retried.
    pub(crate) fn complete(&mut self, retried: Events) {
        let Batch { records, failures } = self.batches.remove(0);
        let mut push_first =
            |records, failures| self.batches.insert(0, Batch { records, failures });
        if retried.is_empty() {
            return;
        }
        if retried != records {
            // The checkpoint has moved, which resets the count of failures.
            push_first(retried, 0);
        } else if let Some(middle) = middle(retried) {
            let second_half = retried & middle.and_later();
            push_first(second_half, failures);
            push_first(retried - second_half, failures);
        } else if failures < MAXIMUM_RETRY_ATTEMPTS {
            push_first(retried, failures + 1);
        } else {
            self.given_up = retried;
        }
    }
}

/// Returns the first record of a batch's second half; `None` for a single record.
fn middle(records: Events) -> Option<Event> {
    records.iter().nth(records.len().div_ceil(2))
}
