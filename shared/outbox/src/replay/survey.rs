//! Reads the whole table.

use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, timeout_at};

use crate::{
    RowKey,
    ports::{CallError, DeadLetters, EventBus, OutboxTable, Page, Segment, StoredRow},
    relay::Relay,
};

/// How many segments of the table are read at once.
const SEGMENTS: u32 = 4;

impl<B: EventBus, T: OutboxTable, D: DeadLetters> Relay<B, T, D> {
    /// Reads the whole table, or as much of it as can be read by `until`, and passes every row
    /// to `show`, those of an aggregate in sequence. Returns whether the whole table was
    /// read.
    ///
    /// ```no_run
    /// # use outbox::{
    /// #     aws::{DynamoDbTable, EventBridgeBus, SqsQueue},
    /// #     ports::CallError,
    /// #     relay::Relay,
    /// # };
    /// # async fn count(
    /// #     relay: Relay<EventBridgeBus, DynamoDbTable, SqsQueue>,
    /// # ) -> Result<(), CallError> {
    /// let mut parked = 0;
    /// relay
    ///     .survey(None, |row| parked += usize::from(row.parked.is_some()))
    ///     .await?;
    /// println!("{parked} rows are parked");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the table cannot be read.
    pub async fn survey(
        &self,
        until: Option<Instant>,
        mut show: impl FnMut(StoredRow),
    ) -> Result<bool, CallError> {
        let read = async |segment: Segment, after: Option<RowKey>| {
            let scan = || self.table().scan(segment, after.as_ref());
            (segment, self.patiently(scan).await)
        };
        let segments = (0..SEGMENTS).map(|index| Segment {
            index,
            of: SEGMENTS,
        });
        let mut reads: FuturesUnordered<_> = segments.map(|segment| read(segment, None)).collect();
        loop {
            let next = match until {
                None => reads.next().await,
                Some(until) => match timeout_at(until, reads.next()).await {
                    Ok(next) => next,
                    Err(_) => return Ok(false),
                },
            };
            let Some((segment, page)) = next else {
                return Ok(true);
            };
            let Page { rows, next } = page?;
            rows.into_iter().for_each(&mut show);
            if next.is_some() {
                reads.push(read(segment, next));
            }
        }
    }
}
