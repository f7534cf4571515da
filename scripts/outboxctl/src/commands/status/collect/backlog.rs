//! The rows in the outbox table.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use outbox::ports::StoredRow;
use serde::Serialize;
use tokio::time::Instant;

use crate::{context::Context, error::Error};

/// How long the table is read, so that `status` answers within 2 s. The counts of a
/// backlog that takes longer are shown as "at least".
const READING_TIME: Duration = Duration::from_millis(800);

/// Counts of the rows in the table.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Backlog {
    pub(crate) pending: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oldest_pending: Option<Timestamp>,
    pub(crate) parked: usize,
    pub(crate) parked_by_reason: BTreeMap<String, usize>,
    /// Whether the counts are "at least", because the table was not read to its end.
    pub(crate) at_least: bool,
}

impl Backlog {
    /// Reads the table for at most 800 ms.
    pub(crate) async fn read(context: &Context<'_>) -> Result<Self, Error> {
        let mut backlog = Self::default();
        let until = Instant::now() + READING_TIME;
        let relay = context.parts.relay();
        let survey = relay.survey(Some(until), |row| backlog.count(&row));
        let is_whole = survey.await.map_err(Error::aws)?;
        backlog.at_least = !is_whole;
        Ok(backlog)
    }

    fn count(&mut self, row: &StoredRow) {
        if let Some(mark) = &row.parked {
            self.parked += 1;
            let code = mark.code().to_owned();
            *self.parked_by_reason.entry(code).or_default() += 1;
            return;
        }
        self.pending += 1;
        if let Some(committed_at) = row.candidate.committed_at() {
            let oldest = self.oldest_pending.unwrap_or(committed_at);
            self.oldest_pending = Some(oldest.min(committed_at));
        }
    }
}
