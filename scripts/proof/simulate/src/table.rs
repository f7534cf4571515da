//! The outbox table, as a process of ours sees it.

use std::{collections::HashMap, sync::Arc};

use outbox::{
    OutboxRow, Parked, RowKey,
    ports::{
        CallError, DELETE_KEYS, LOOK_UP_KEYS, OutboxTable, Page, RowState, Segment, StoredRow,
    },
    relay::{Arrival, Unreadable},
};

use crate::{
    bugs::Bug,
    caller::Caller,
    truth::Actor,
    weather::{Fault, Operation},
    world::{Row, State},
};

/// Rows of a page.
const PAGE: usize = 50;

impl OutboxTable for Caller {
    fn name(&self) -> &str {
        "outbox"
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        expect_at_most(LOOK_UP_KEYS, keys)?;
        let lags = self.has(Bug::EventuallyConsistentLookUp);
        let absent_if_unprocessed = self.has(Bug::UnprocessedIsAbsent);
        let sees_no_marks = self.has(Bug::SweepParkedRows);
        let ignores_edits = self.has(Bug::IgnoreEdits);
        let now = self.world.now();
        let by = self.actor();
        let look_up = |state: &mut State, fault| {
            let mut found = HashMap::new();
            for key in keys {
                if fault == Some(Fault::Partial) && state.random.bool() {
                    if absent_if_unprocessed {
                        found.insert(key.clone(), RowState::Absent);
                    }
                    continue;
                }
                let committed_at = state.events.get(key).map(|truth| truth.committed_at);
                let is_new = committed_at.is_some_and(|at| now.duration_since(at).as_secs() < 10);
                let row = state.rows.get(key);
                let row = row.filter(|_| !(lags && is_new)).cloned();
                if row.is_some() {
                    state.see(by, key);
                }
                found.insert(
                    key.clone(),
                    row.map_or(RowState::Absent, |row| match row.parked {
                        Some(_) if !sees_no_marks => RowState::Parked,
                        _ => match row.row.as_ref().map_or(0, |row| row.edits) {
                            0 => RowState::Pending,
                            _ if ignores_edits => RowState::Pending,
                            edits => RowState::Edited(edits),
                        },
                    }),
                );
            }
            found
        };
        self.call(Operation::BatchGetItem, look_up).await
    }

    async fn delete(&self, keys: &[RowKey]) -> Result<Vec<RowKey>, CallError> {
        expect_at_most(DELETE_KEYS, keys)?;
        let by = self.actor();
        // Until it is known to be done.
        self.world.with(|state| {
            for key in keys {
                if let Some(truth) = state.events.get_mut(key) {
                    truth.undeleted_by.insert(by);
                }
            }
        });
        let now = self.world.now();
        let delete = |state: &mut State, fault| {
            let mut unprocessed = Vec::new();
            for key in keys {
                if fault == Some(Fault::Partial) && state.random.bool() {
                    unprocessed.push(key.clone());
                } else {
                    if state.rows.contains_key(key) {
                        state.tell_of("REMOVE", key, now);
                    }
                    state.delete(key);
                }
            }
            unprocessed
        };
        let deleted = self.call(Operation::BatchWriteItem, delete).await;
        let all_deleted = deleted.as_ref().is_ok_and(Vec::is_empty);
        self.world
            .with(|state| state.lives[by as usize].could_not_delete |= !all_deleted);
        let unprocessed = deleted?;
        self.world.with(|state| {
            for key in keys.iter().filter(|key| !unprocessed.contains(key)) {
                if let Some(truth) = state.events.get_mut(key) {
                    truth.undeleted_by.remove(&by);
                }
            }
        });
        Ok(unprocessed)
    }

    async fn park(&self, key: &RowKey, edits: Option<u64>, mark: &Parked) -> Result<(), CallError> {
        let by = self.actor();
        let is_unconditional = self.has(Bug::UnconditionalPark);
        let edits = edits.filter(|_| !self.has(Bug::IgnoreEdits));
        let now = self.world.now();
        let park = |state: &mut State, _| {
            if is_unconditional && !state.rows.contains_key(key) {
                state.bring_back(key, mark);
            }
            if state.park(key, edits, mark, by) {
                state.tell_of("MODIFY", key, now);
            }
            self.world.page();
        };
        self.call(Operation::UpdateItem, park).await
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        let sweeps_parked = self.has(Bug::SweepParkedRows);
        let by = self.actor();
        let scan = |state: &mut State, _| {
            let wanted = state
                .rows
                .iter()
                .filter(|(key, _)| segment_of(key, segment.of) == segment.index)
                .filter(|(key, _)| after.is_none_or(|after| *key > after));
            let mut page = page(wanted);
            state.see_page(by, &page);
            if sweeps_parked {
                page.rows.iter_mut().for_each(|row| row.parked = None);
            }
            page
        };
        self.call(Operation::Scan, scan).await
    }

    async fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Result<Page, CallError> {
        let by = self.actor();
        let query = |state: &mut State, _| {
            let wanted = state
                .rows
                .iter()
                .filter(|(key, _)| key.aggregate_id == aggregate_id)
                .filter(|(key, _)| after.is_none_or(|after| *key > after))
                .filter(|(key, _)| through.is_none_or(|through| *key <= through));
            let page = page(wanted);
            state.see_page(by, &page);
            page
        };
        self.call(Operation::Query, query).await
    }
}

fn page<'s>(rows: impl Iterator<Item = (&'s RowKey, &'s Row)>) -> Page {
    let rows: Vec<StoredRow> = rows.take(PAGE).map(stored).collect();
    let last = rows.last().filter(|_| rows.len() == PAGE);
    let next = last.map(|last| last.arrival.key.clone());
    Page { rows, next }
}

pub(crate) fn stored((key, row): (&RowKey, &Row)) -> StoredRow {
    StoredRow {
        arrival: Arrival {
            key: key.clone(),
            row: as_it_lies(row),
            written_at: None,
        },
        parked: row.parked.clone(),
    }
}

/// The row with its mark, which is an attribute as any other.
fn as_it_lies(row: &Row) -> Result<Arc<OutboxRow>, Unreadable> {
    let mut lies = row.row.clone()?;
    if row.parked.is_some() {
        Arc::make_mut(&mut lies).parked.clone_from(&row.parked);
    }
    Ok(lies)
}

/// A request that names too many keys is refused whole.
fn expect_at_most(most: usize, keys: &[RowKey]) -> Result<(), CallError> {
    if keys.len() > most {
        return Err(CallError::SetUp("ValidationException".into()));
    }
    Ok(())
}

fn segment_of(key: &RowKey, segments: u32) -> u32 {
    let sum: u32 = key.aggregate_id.bytes().map(u32::from).sum();
    sum % segments
}

impl State {
    fn see_page(&mut self, by: Actor, page: &Page) {
        for row in &page.rows {
            self.see(by, &row.arrival.key);
        }
    }

    /// What a park without a condition makes of a row that is gone.
    fn bring_back(&mut self, key: &RowKey, mark: &Parked) {
        self.rows.insert(
            key.clone(),
            Row {
                row: Err(Unreadable::Malformed("there is nothing but a mark".into())),
                parked: Some(mark.clone()),
            },
        );
        self.violate("brought a row back that was gone", Some(key));
    }
}
