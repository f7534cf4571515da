//! The rows in the outbox table.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use jiff::Timestamp;
use outbox::{RowKey, ports::StoredRow, relay::Order};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    context::Context,
    error::Error,
    holders::{Holder, Holders},
};

/// How long the table is read, so that `status` returns within 2 s. The counts of a
/// backlog that takes longer are shown as "at least".
const READING_TIME: Duration = Duration::from_millis(800);

/// Counts of the rows in the table.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Backlog {
    /// Rows that are neither parked nor held.
    pub(crate) pending: usize,
    /// When the oldest of them was committed, if there is one of known age.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) oldest_pending: Option<Timestamp>,
    /// Rows behind a parked one. They are not among the pending ones.
    pub(crate) held: usize,
    /// How many rows each parked one holds: the ones that hold most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) held_behind: Vec<HeldBehind>,
    /// Parked rows.
    pub(crate) parked: usize,
    /// How many rows are parked with each code.
    pub(crate) parked_by_reason: BTreeMap<String, usize>,
    /// Whether the counts are "at least", because the table was not read to its end.
    pub(crate) at_least: bool,
}

/// A parked row that holds others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeldBehind {
    /// Its name.
    pub(crate) row: String,
    /// The code with which it is parked.
    pub(crate) code: String,
    /// How many rows it holds.
    pub(crate) held: usize,
}

/// How many parked rows that hold others are named.
const MOST_HOLDERS: usize = 3;

/// Counts rows while the table is read.
pub(crate) struct BacklogCount {
    backlog: Backlog,
    holders: Holders,
    held: HashMap<RowKey, HeldBehind>,
}

impl BacklogCount {
    /// Begins for an outbox with this order.
    pub(crate) fn of(order: Order) -> Self {
        Self {
            backlog: Backlog::default(),
            holders: Holders::of(order),
            held: HashMap::new(),
        }
    }

    /// Counts a row. An aggregate's rows must be passed in sequence. Returns the parked row that
    /// holds it, if one does.
    pub(crate) fn add(&mut self, row: &StoredRow) -> Option<&Holder> {
        let holder = self.holders.holder(row);
        match holder {
            Some(holder) => held_behind(&mut self.held, holder).held += 1,
            None => self.backlog.count(row),
        }
        holder
    }

    /// Returns the counts, of the whole table or of a part.
    pub(crate) fn finish(mut self, is_whole: bool) -> Backlog {
        self.backlog.at_least = !is_whole;
        self.backlog.take_held(self.held.into_values().collect());
        self.backlog
    }
}

impl Backlog {
    /// Reads the table for at most 800 ms.
    pub(crate) async fn read(context: &Context) -> Result<Self, Error> {
        let mut count = BacklogCount::of(context.deployment.order);
        let until = Instant::now() + READING_TIME;
        let relay = context.parts.relay();
        let survey = relay.survey(Some(until), |row| {
            count.add(&row);
        });
        let is_whole = survey.await.map_err(Error::aws)?;
        Ok(count.finish(is_whole))
    }

    fn take_held(&mut self, mut held: Vec<HeldBehind>) {
        self.held = held.iter().map(|behind| behind.held).sum();
        held.sort_by(|a, b| b.held.cmp(&a.held).then(a.row.cmp(&b.row)));
        held.truncate(MOST_HOLDERS);
        self.held_behind = held;
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

fn held_behind<'h>(
    held: &'h mut HashMap<RowKey, HeldBehind>,
    holder: &Holder,
) -> &'h mut HeldBehind {
    let behind = held.entry(holder.key.clone());
    behind.or_insert_with(|| HeldBehind {
        row: holder.key.to_string(),
        code: holder.code.clone(),
        held: 0,
    })
}
