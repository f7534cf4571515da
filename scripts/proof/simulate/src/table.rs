//! The outbox table, as a process of ours calls it.

use std::{collections::HashMap, sync::Arc};

use outbox::{
    Candidate, OutboxRow, Parked, RowKey, Unreadable,
    ports::{
        CallError, DELETE_KEYS, LOOK_UP_KEYS, OutboxTable, Page, RowState, Segment, StoredRow,
    },
};

use crate::{
    caller::Caller,
    fault_plan::{Fault, Operation},
    mutants::Mutant,
    oracle::Actor,
    state::{Row, State},
};

/// Most rows of a page.
const PAGE: usize = 50;

impl OutboxTable for Caller {
    fn name(&self) -> &str {
        "outbox"
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        check_key_count(LOOK_UP_KEYS, keys)?;
        let lags = self.has(Mutant::EventuallyConsistentLookUp);
        let absent_if_unprocessed = self.has(Mutant::UnprocessedIsAbsent);
        let sees_no_marks = self.has(Mutant::SweepParkedRows);
        let ignores_edits = self.has(Mutant::IgnoreEdits);
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
                let committed_at = state.events.get(key).map(|event| event.committed_at);
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
        check_key_count(DELETE_KEYS, keys)?;
        let by = self.actor();
        // Until the response confirms the delete.
        self.world.with(|state| {
            for key in keys {
                if let Some(event) = state.events.get_mut(key) {
                    event.undeleted_by.insert(by);
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
                        state.add_stream_record("REMOVE", key, now);
                    }
                    state.delete(key);
                }
            }
            unprocessed
        };
        let deleted = self.call(Operation::BatchWriteItem, delete).await;
        let all_deleted = deleted.as_ref().is_ok_and(Vec::is_empty);
        self.world
            .with(|state| state.actors[by as usize].has_failed_delete |= !all_deleted);
        let unprocessed = deleted?;
        self.world.with(|state| {
            for key in keys.iter().filter(|key| !unprocessed.contains(key)) {
                if let Some(event) = state.events.get_mut(key) {
                    event.undeleted_by.remove(&by);
                }
            }
        });
        Ok(unprocessed)
    }

    async fn park(&self, key: &RowKey, edits: Option<u64>, mark: &Parked) -> Result<(), CallError> {
        let by = self.actor();
        let is_unconditional = self.has(Mutant::UnconditionalPark);
        let edits = edits.filter(|_| !self.has(Mutant::IgnoreEdits));
        let now = self.world.now();
        let park = |state: &mut State, _| {
            if is_unconditional && !state.rows.contains_key(key) {
                state.resurrect(key, mark);
            }
            if state.park(key, edits, mark, by) {
                state.add_stream_record("MODIFY", key, now);
            }
            self.world.page();
        };
        self.call(Operation::UpdateItem, park).await
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        let sweeps_parked = self.has(Mutant::SweepParkedRows);
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

/// Returns the first page of these rows.
fn page<'s>(rows: impl Iterator<Item = (&'s RowKey, &'s Row)>) -> Page {
    let rows: Vec<StoredRow> = rows.take(PAGE).map(stored).collect();
    let last = rows.last().filter(|_| rows.len() == PAGE);
    let next = last.map(|last| last.candidate.key.clone());
    Page { rows, next }
}

/// Returns a row as the table returns it.
pub(crate) fn stored((key, row): (&RowKey, &Row)) -> StoredRow {
    StoredRow {
        candidate: Candidate {
            key: key.clone(),
            row: with_parked_mark(row),
            written_at: None,
        },
        parked: row.parked.clone(),
    }
}

/// Returns the row with its parked mark, which is an attribute of the item, too.
fn with_parked_mark(row: &Row) -> Result<Arc<OutboxRow>, Unreadable> {
    let mut marked = row.row.clone()?;
    if row.parked.is_some() {
        Arc::make_mut(&mut marked).parked.clone_from(&row.parked);
    }
    Ok(marked)
}

/// Rejects a whole request of too many keys, as DynamoDB does.
fn check_key_count(most: usize, keys: &[RowKey]) -> Result<(), CallError> {
    if keys.len() > most {
        return Err(CallError::Configuration("ValidationException".into()));
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
            self.see(by, &row.candidate.key);
        }
    }

    /// Parks a row that is gone: without a condition, DynamoDB creates it.
    fn resurrect(&mut self, key: &RowKey, mark: &Parked) {
        self.rows.insert(
            key.clone(),
            Row {
                row: Err(Unreadable::Malformed("only the parked mark".into())),
                parked: Some(mark.clone()),
            },
        );
        self.violate("created a row that was gone", Some(key));
    }
}
