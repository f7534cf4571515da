//! The rows in the outbox table, as far as one reading gets.

use jiff::Timestamp;
use outbox::{
    RowKey,
    ports::{OutboxTable, Segment, StoredRow},
};

use crate::{
    commands::status::{Backlog, BacklogCount},
    context::Context,
    error::Error,
    failure_group::Failure,
};

/// How many rows are read before the counts are "at least". A page of a scan has 1 MB at most,
/// which is about this many rows: a reading takes one request, or a few for small rows.
const MOST_ROWS: usize = 1_000;

/// How many rows are shown as the oldest.
const MOST_SHOWN: usize = 10;

/// The counts of a part of the table, and the rows that matter most.
#[derive(Debug, Clone)]
pub(in super::super) struct BacklogReading {
    pub(in super::super) backlog: Backlog,
    /// The oldest of the pending and held rows that were read.
    pub(in super::super) oldest: Vec<Waiting>,
    /// The parked rows that were read.
    pub(in super::super) parked: Vec<ParkedName>,
}

/// A row that is not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Waiting {
    pub(in super::super) key: RowKey,
    pub(in super::super) event_type: String,
    pub(in super::super) committed_at: Option<Timestamp>,
    pub(in super::super) is_held: bool,
}

/// A parked row, and why it is parked. Its event isn't kept: it may be large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct ParkedName {
    pub(in super::super) key: RowKey,
    pub(in super::super) code: String,
    pub(in super::super) message: String,
    pub(in super::super) at: Timestamp,
}

impl BacklogReading {
    /// Reads the first rows of the table.
    pub(super) async fn read(context: &Context) -> Result<Self, Error> {
        let whole = Segment { index: 0, of: 1 };
        let relay = context.parts.relay();
        let mut count = BacklogCount::of(context.deployment.order);
        let (mut oldest, mut parked) = (Vec::new(), Vec::new());
        let (mut read, mut next) = (0, None);
        loop {
            let scan = || relay.table().scan(whole, next.as_ref());
            let page = relay.patiently(scan).await.map_err(Error::aws)?;
            read += page.rows.len();
            for row in page.rows {
                let is_held = count.add(&row).is_some();
                match ParkedName::of(&row) {
                    Some(name) => parked.push(name),
                    None => oldest.push(Waiting::of(row, is_held)),
                }
            }
            keep_oldest(&mut oldest);
            next = page.next;
            if next.is_none() || read >= MOST_ROWS {
                break;
            }
        }
        Ok(Self {
            backlog: count.finish(next.is_none()),
            oldest,
            parked,
        })
    }
}

fn keep_oldest(rows: &mut Vec<Waiting>) {
    rows.sort_by(|a, b| {
        a.committed_at
            .cmp(&b.committed_at)
            .then_with(|| a.key.cmp(&b.key))
    });
    rows.truncate(MOST_SHOWN);
}

impl Waiting {
    fn of(row: StoredRow, is_held: bool) -> Self {
        let committed_at = row.candidate.committed_at();
        Self {
            event_type: match &row.candidate.row {
                Ok(row) => row.detail_type.clone(),
                Err(_) => "unknown".to_owned(),
            },
            committed_at,
            is_held,
            key: row.candidate.key,
        }
    }
}

impl ParkedName {
    pub(in super::super) fn of(row: &StoredRow) -> Option<Self> {
        let mark = row.parked.as_ref()?;
        let code = mark.code().to_owned();
        let message = mark.reason[code.len()..].trim_start_matches(':');
        Some(Self {
            key: row.candidate.key.clone(),
            message: message.trim_start().to_owned(),
            code,
            at: mark.at,
        })
    }

    pub(in super::super) fn failure(&self) -> Failure {
        Failure {
            code: self.code.clone(),
            message: self.message.clone(),
            from: None,
            name: self.key.to_string(),
            row: Some(self.key.clone()),
            at: Some(self.at),
        }
    }
}
