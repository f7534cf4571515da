//! Everything that is known of one event.

use std::sync::Arc;

use devstack_api::Journey;
use jiff::Timestamp;
use outbox::{
    OutboxRow, RowKey,
    ports::{OutboxTable, ParkedRows, StoredRow},
};

use super::super::super::{app::App, search::FoundRow};
use crate::{
    commands::{
        find_row::find_row,
        history::{Shown, history},
    },
    error::Error,
    holders::Holders,
    outbox_parts::OperatorRelay,
    row_name::{Place, RowName},
};

/// How many rows of the aggregate are shown, before and from the event on.
const MOST_NEIGHBOURS: usize = 20;

/// How many batches of the local stack are searched for an event whose row is deleted.
const BATCHES: usize = 500;

pub(super) struct FoundEvent {
    pub(super) key: Option<RowKey>,
    pub(super) event_id: Option<String>,
    /// The row, while it is in the table.
    pub(super) stored: Option<StoredRow>,
    /// The parked row that holds it.
    pub(super) held_behind: Option<RowKey>,
    /// How many later rows of its aggregate it holds, if it is parked.
    pub(super) holds: usize,
    /// Rows of its aggregate around it, and itself.
    pub(super) neighbours: Vec<FoundRow>,
    /// What operators decided about it in the past 30 days.
    pub(super) decisions: Vec<Shown>,
    /// What the local stack knows of it.
    pub(super) journey: Option<Journey>,
    /// What could not be read, and why.
    pub(super) unread: Vec<String>,
}

impl FoundEvent {
    /// Reads it: two queries, and the local stack if there is one.
    pub(super) async fn find(
        app: &App,
        name: &RowName,
        event_id: Option<&str>,
    ) -> Result<Self, Error> {
        let context = &app.context;
        let relay = context.parts.relay();
        // The first rows of the aggregate, 1 MB at most: those that are left are few.
        let query = || relay.table().query(&name.aggregate_id, None, None);
        let (page, decided) = tokio::join!(relay.patiently(query), history(context, name));
        let mut found = Self {
            key: None,
            event_id: event_id.map(str::to_owned),
            stored: None,
            held_behind: None,
            holds: 0,
            neighbours: Vec::new(),
            decisions: Vec::new(),
            journey: None,
            unread: Vec::new(),
        };
        match decided {
            Ok(history) => found.decisions = history.decisions,
            // Without them the rest is still worth showing.
            Err(error) => found
                .unread
                .push(format!("What operators did is not known: {error}")),
        }
        let page = page.map_err(Error::aws)?;
        let is_whole = page.next.is_none();
        found.take_rows(context.deployment.order, page.rows, name);
        if found.stored.is_none() && !is_whole {
            // It may be behind what one request reads.
            found.take_row(&relay, name).await?;
        }
        found.take_journey(app, name).await;
        Ok(found)
    }

    fn take_rows(&mut self, order: outbox::relay::Order, rows: Vec<StoredRow>, name: &RowName) {
        let mut holders = Holders::of(order);
        let mut all: Vec<FoundRow> = Vec::new();
        let mut index = 0;
        for stored in rows {
            let held_behind = holders.holder(&stored).map(|holder| holder.key.clone());
            if is_named(name, &stored.candidate.key) && self.stored.is_none() {
                index = all.len();
                self.key = Some(stored.candidate.key.clone());
                self.stored = Some(stored.clone());
                self.held_behind.clone_from(&held_behind);
            } else if held_behind.is_some() && held_behind == self.key {
                self.holds += 1;
            }
            all.push(FoundRow {
                stored,
                held_behind,
            });
        }
        let first = index.saturating_sub(MOST_NEIGHBOURS / 2);
        let shown = all.into_iter().skip(first).take(MOST_NEIGHBOURS);
        self.neighbours = shown.collect();
        if let Some(key) = &self.key {
            self.event_id = key.event_id().map(str::to_owned);
        }
    }

    /// Looks for the row itself.
    async fn take_row(&mut self, relay: &OperatorRelay, name: &RowName) -> Result<(), Error> {
        let key = match find_row(relay, name).await {
            Ok(key) => key,
            Err(Error::NoSuchRow(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let read = || relay.table().read(&key);
        self.stored = relay.patiently(read).await.map_err(Error::aws)?;
        if self.stored.is_some() {
            self.event_id = key.event_id().map(str::to_owned);
            self.key = Some(key);
        }
        Ok(())
    }

    async fn take_journey(&mut self, app: &App, name: &RowName) {
        let Some(local) = &app.local else {
            return;
        };
        if self.event_id.is_none() {
            let row = name.to_string();
            let batches = local.batches(BATCHES).await;
            let batches = batches.unwrap_or_else(|error| self.without_local(error));
            let mut records = batches.iter().flat_map(|batch| &batch.whole.records);
            let record = records.find(|record| record.row.as_ref() == Some(&row));
            self.event_id = record.and_then(|record| record.event_id.clone());
        }
        if let Some(id) = &self.event_id {
            let journey = local.journey(id).await;
            self.journey = journey.unwrap_or_else(|error| self.without_local(error));
        }
    }

    /// Takes in that the local stack can't be asked. Returns that it knows nothing.
    fn without_local<T: Default>(&mut self, error: String) -> T {
        self.unread.push(error);
        T::default()
    }

    /// Returns the row's content, if it can be read.
    pub(super) fn content(&self) -> Option<&Arc<OutboxRow>> {
        self.stored.as_ref()?.candidate.row.as_ref().ok()
    }

    pub(super) fn event_type(&self) -> String {
        let journey = self.journey.as_ref();
        let of_row = self.content().map(|row| row.detail_type.clone());
        of_row
            .or_else(|| journey.and_then(|journey| journey.event_type.clone()))
            .unwrap_or_else(|| "Event".to_owned())
    }

    pub(super) fn committed_at(&self) -> Option<Timestamp> {
        let of_row = self
            .stored
            .as_ref()
            .and_then(|row| row.candidate.committed_at());
        of_row.or_else(|| Some(self.journey.as_ref()?.steps.first()?.at))
    }
}

fn is_named(name: &RowName, key: &RowKey) -> bool {
    match &name.place {
        Place::Sequence(sequence) => key.sequence() == Some(*sequence),
        Place::Position(position) => key.position == *position,
    }
}
