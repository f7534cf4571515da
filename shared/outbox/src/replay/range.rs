//! Reads the part of the stream that a pointer names.

use std::{cmp::Ordering, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    RowKey,
    ports::{
        CallError, Place, ShardPosition, StreamError, StreamReader, StreamRecord, sequence_number,
    },
    relay::retry::{Pauses, within},
    replay::dead_letter::Pointer,
};

/// The pause after a page without records. A shard allows five reads a second, of which
/// Lambda's poller uses four.
const AFTER_EMPTY_PAGE: Duration = Duration::from_millis(250);

/// Returns the rows that were inserted within a pointer's range.
///
/// # Errors
///
/// [`StreamError::Gone`] unless both ends of the range were read: a part of it may have been
/// trimmed. Otherwise the error of a call.
pub(super) async fn rows_in_range<S: StreamReader>(
    stream: &S,
    pauses: &Pauses,
    pointer: &Pointer,
    deadline: Instant,
) -> Result<Vec<RowKey>, StreamError> {
    let mut range = Range {
        stream,
        pointer,
        iterator: None,
        last_read: None,
        rows: Vec::new(),
    };
    let mut failures = 0;
    loop {
        let step = within(deadline, async { Ok(range.advance().await) })
            .await
            .unwrap_or_else(|error| Err(StreamError::Call(error)));
        match step {
            Ok(Step::Done) => return Ok(range.rows),
            Ok(Step::Advanced) => failures = 0,
            Ok(Step::Nothing) => sleep(AFTER_EMPTY_PAGE).await,
            // A new iterator is opened after the last record.
            Err(StreamError::Expired) => range.iterator = None,
            Err(StreamError::Call(error)) if error.is_transient() => {
                failures += 1;
                if !pauses.pause(failures, deadline).await {
                    return Err(StreamError::Call(error));
                }
            }
            Err(error) => return Err(error),
        }
        if Instant::now() >= deadline {
            let message = "the end of the range was not reached in time".to_owned();
            return Err(StreamError::Call(CallError::Transient(message)));
        }
    }
}

/// A range, as far as it is read.
struct Range<'p, S> {
    stream: &'p S,
    /// The part of the stream to read.
    pointer: &'p Pointer,
    /// Where to read on; `None` before the first read, and after an iterator has expired.
    iterator: Option<String>,
    /// The sequence number of the last record that was read.
    last_read: Option<String>,
    /// The rows that were inserted so far.
    rows: Vec<RowKey>,
}

/// The result of one call.
enum Step {
    /// The end of the range is not reached yet.
    Advanced,
    /// There were no records; there may be more later.
    Nothing,
    /// The last record of the range was read.
    Done,
}

impl<S: StreamReader> Range<'_, S> {
    /// Opens an iterator, or reads one page.
    async fn advance(&mut self) -> Result<Step, StreamError> {
        let Some(iterator) = &self.iterator else {
            self.iterator = Some(self.stream.open(&self.place()).await?);
            return Ok(Step::Advanced);
        };
        let page = self.stream.read(iterator).await?;
        let was_empty = page.records.is_empty();
        for record in page.records {
            if self.take(record)? {
                return Ok(Step::Done);
            }
        }
        let ended = || StreamError::Gone("the shard ends before the range does".to_owned());
        self.iterator = Some(page.next.ok_or_else(ended)?);
        Ok(if was_empty {
            Step::Nothing
        } else {
            Step::Advanced
        })
    }

    /// Returns where to open an iterator.
    fn place(&self) -> Place<'_> {
        Place {
            stream_arn: &self.pointer.stream_arn,
            shard_id: &self.pointer.shard_id,
            from: match &self.last_read {
                None => ShardPosition::At(&self.pointer.start),
                Some(last_read) => ShardPosition::After(last_read),
            },
        }
    }

    /// Adds the next record. Returns whether it is the last of the range.
    fn take(&mut self, record: StreamRecord) -> Result<bool, StreamError> {
        let gone = |what: &str| {
            let message = format!("the stream does not have the {what} record of the range");
            Err(StreamError::Gone(message))
        };
        let number = record.sequence_number;
        let to_start = sequence_number::compare(&number, &self.pointer.start);
        let to_end = sequence_number::compare(&number, &self.pointer.end);
        if self.last_read.is_none() && to_start != Ordering::Equal {
            return gone("first");
        }
        if to_end == Ordering::Greater {
            return gone("last");
        }
        let inserted = record.inserted.filter(|key| !key.is_discarded());
        self.rows.extend(inserted);
        self.last_read = Some(number);
        Ok(to_end == Ordering::Equal)
    }
}
