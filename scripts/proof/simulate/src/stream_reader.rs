//! The stream of the outbox table, as a replay reads it.

use outbox::ports::{
    CallError, Place, ShardPosition, StreamError, StreamPage, StreamReader, StreamRecord,
};
use outbox_testing::{Fault, Operation};

use crate::{caller::Caller, mutants::Mutant, state::State};

impl StreamReader for Caller {
    async fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        let open = |state: &mut State, _: Option<&Fault>| state.open(place);
        let opened = self.call(Operation::GetShardIterator.into(), open).await;
        opened.map_err(StreamError::Call)?
    }

    async fn read(&self, iterator: &str) -> Result<StreamPage, StreamError> {
        let read = |state: &mut State, fault: Option<&Fault>| state.read(iterator, fault);
        let page = self.call(Operation::GetRecords.into(), read).await;
        page.map_err(|error: CallError| StreamError::Call(error))?
    }
}

impl State {
    /// Returns an iterator. A planted mistake needs its own kinds: `counted`, with how many
    /// records it still reads and the number that the last one pretends to have, or `fake`,
    /// which pretends to read the whole range.
    fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        let opened = self.services.stream.open(place, self.now());
        let (ShardPosition::At(number) | ShardPosition::After(number)) = place.from;
        let (end, size) = self.pointer_at(place.shard_id, number);
        match (self.mutant, &opened) {
            (Some(Mutant::TrimmedIsSettled), Err(StreamError::Gone(why))) if why == "trimmed" => {
                Ok(format!("fake {number} {end}"))
            }
            (Some(Mutant::BatchSizeAsStop), Ok(iterator))
                if matches!(place.from, ShardPosition::At(_)) =>
            {
                Ok(format!("counted {size} {end} {iterator}"))
            }
            _ => opened,
        }
    }

    fn read(&mut self, iterator: &str, fault: Option<&Fault>) -> Result<StreamPage, StreamError> {
        let parts: Vec<&str> = iterator.splitn(4, ' ').collect();
        match parts[..] {
            ["fake", start, end] => Ok(StreamPage {
                records: [start, end].map(not_an_insert).to_vec(),
                next: None,
            }),
            ["counted", left, end, iterator] => {
                let page = self.read_page(iterator, fault)?;
                Ok(counted(page, left.parse().unwrap_or(0), end))
            }
            _ => self.read_page(iterator, fault),
        }
    }

    /// Reads a page of any size; some are empty.
    fn read_page(
        &mut self,
        iterator: &str,
        fault: Option<&Fault>,
    ) -> Result<StreamPage, StreamError> {
        let most = match fault {
            Some(Fault::Page(most)) => *most,
            _ if self.random.u8(..5) == 0 => 0,
            _ => 1 + self.random.usize(..20),
        };
        self.services.stream.read(iterator, Some(most), self.now())
    }

    /// Returns the end of the range of a pointer in the queue, and its number of records.
    fn pointer_at(&self, shard: &str, start: &str) -> (String, usize) {
        let mut latest_first = self.services.queue.messages().iter().rev();
        let pointer = latest_first.find_map(|queued| {
            let body: serde_json::Value = serde_json::from_str(&queued.message.body).ok()?;
            let batch = body.get("DDBStreamBatchInfo")?.clone();
            let is_it = batch["shardId"] == shard && batch["startSequenceNumber"] == start;
            is_it.then_some(batch)
        });
        pointer.map_or((start.to_owned(), 1), |batch| {
            let end = batch["endSequenceNumber"].as_str().unwrap_or(start);
            let size = batch["batchSize"].as_u64().unwrap_or(1);
            (end.to_owned(), usize::try_from(size).unwrap_or(1))
        })
    }
}

fn not_an_insert(number: &str) -> StreamRecord {
    StreamRecord {
        sequence_number: number.to_owned(),
        inserted: None,
    }
}

/// Returns a page of which at most so many records are read, the last with this number.
fn counted(mut page: StreamPage, left: usize, end: &str) -> StreamPage {
    if page.records.len() >= left {
        page.records.truncate(left);
        if let Some(last) = page.records.last_mut() {
            end.clone_into(&mut last.sequence_number);
        }
    }
    let left = left.saturating_sub(page.records.len());
    let next = page.next.map(|next| format!("counted {left} {end} {next}"));
    StreamPage { next, ..page }
}
