//! The outbox table, as a process of ours calls it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use outbox::{
    Parked, RowKey,
    ports::{CallError, OutboxTable, Page, RowState, Segment},
};
use outbox_testing::{Call, Fault, OUTBOX_TABLE, Operation};
use tokio::time::Instant;

use crate::{
    caller::{Caller, Role},
    mutants::Mutant,
    oracle::{Actor, Process},
    state::State,
};

impl OutboxTable for Caller {
    fn name(&self) -> &str {
        OUTBOX_TABLE
    }

    async fn look_up(&self, keys: &[RowKey]) -> Result<HashMap<RowKey, RowState>, CallError> {
        let by = self.actor();
        let now = self.simulation.now();
        let look_up = |state: &mut State, fault: Option<&Fault>| {
            let mut found = state.services.table.look_up(keys, fault)?;
            for key in keys {
                let committed_at = state.events.get(key).map(|event| event.committed_at);
                let is_new = committed_at.is_some_and(|at| now.duration_since(at).as_secs() < 10);
                state.plant_in_look_up(key, is_new, &mut found);
                if found.get(key).is_some_and(|row| *row != RowState::Absent) {
                    state.see(by, key);
                }
            }
            Ok(found)
        };
        let call = Call::on_rows(Operation::BatchGetItem, keys);
        self.call(call, look_up).await?
    }

    async fn delete(&self, keys: &[RowKey]) -> Result<Vec<RowKey>, CallError> {
        let by = self.actor();
        // Until the response confirms the delete.
        self.simulation.with(|state| {
            for key in keys {
                if let Some(event) = state.events.get_mut(key) {
                    event.undeleted_by.insert(by);
                }
            }
        });
        let call = Call::on_rows(Operation::BatchWriteItem, keys);
        let delete = |state: &mut State, fault: Option<&Fault>| state.delete(keys, fault);
        let deleted = self.call(call, delete).await;
        let all_deleted = matches!(&deleted, Ok(Ok(unprocessed)) if unprocessed.is_empty());
        self.simulation
            .with(|state| state.actors[by as usize].has_failed_delete |= !all_deleted);
        let deleted = deleted.and_then(|deleted| deleted);
        if self.has(Mutant::DenialIsDeleted) && matches!(deleted, Err(CallError::Configuration(_)))
        {
            return Ok(Vec::new());
        }
        let unprocessed = deleted?;
        self.simulation.with(|state| {
            state.actors[by as usize].has_deleted |= unprocessed.len() < keys.len();
            for key in keys.iter().filter(|key| !unprocessed.contains(key)) {
                if let Some(event) = state.events.get_mut(key) {
                    event.undeleted_by.remove(&by);
                }
            }
        });
        Ok(unprocessed)
    }

    async fn park(
        &self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
    ) -> Result<bool, CallError> {
        let by = self.actor();
        let is_unconditional = self.has(Mutant::UnconditionalPark);
        let edits = edits.filter(|_| !self.has(Mutant::IgnoreEdits));
        let park = |state: &mut State, _: Option<&Fault>| {
            if is_unconditional && state.services.table.row(key).is_none() {
                state.resurrect(key, mark);
            }
            self.simulation.page();
            state.park(key, edits, mark, by)
        };
        let call = Call::on_rows(Operation::UpdateItem, std::slice::from_ref(key));
        let parked = self.call(call, park).await;
        self.note_unparked(key, &parked);
        parked
    }

    async fn scan(&self, segment: Segment, after: Option<&RowKey>) -> Result<Page, CallError> {
        let is_search = self.role == Role::Relay;
        if is_search && self.has(Mutant::FindNoOthers) {
            return Ok(Page::default());
        }
        let sweeps_parked = self.has(Mutant::SweepParkedRows);
        let forgets = self.has(Mutant::ForgetParkedAt);
        let by = self.actor();
        let misses_parked = self.role == Role::Sweeper && self.has(Mutant::SweepBehindParkedRows);
        let scan = |state: &mut State, fault: Option<&Fault>| {
            let mut page = state.services.table.scan(segment, after, fault);
            if misses_parked {
                page.rows.retain(|row| row.parked.is_none());
            }
            state.see_page(by, &page);
            if is_search {
                state.find_page(by, &page);
            }
            if sweeps_parked {
                page.rows.iter_mut().for_each(|row| row.parked = None);
            }
            if forgets {
                let parked = page.rows.iter_mut().filter_map(|row| row.parked.as_mut());
                parked.for_each(|parked| parked.at = Timestamp::UNIX_EPOCH);
            }
            page
        };
        self.call(Operation::Scan.into(), scan).await
    }

    async fn read_before(
        &self,
        row: &RowKey,
        after: Option<&RowKey>,
        most: usize,
    ) -> Result<Page, CallError> {
        let by = self.actor();
        let aggregate = (self.process(), row.aggregate_id.clone());
        let read = |state: &mut State, fault: Option<&Fault>| {
            let table = &state.services.table;
            let most = state.rows_before(most);
            let mut page = table.read_before(row, after, most, fault);
            state.see_page(by, &page);
            state.find_page(by, &page);
            state.plant_in_predecessors(&mut page, &aggregate);
            page
        };
        let note = |unread_at| {
            self.simulation.with(|state| {
                if let Some(event) = state.events.get_mut(row) {
                    event.unread_at = unread_at;
                }
            });
        };
        // Until there is an answer: the caller may stop waiting for it.
        note(Some(Instant::now()));
        let read = self.call(Operation::Query.into(), read).await;
        if read.is_ok() {
            note(None);
        }
        read
    }

    async fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
    ) -> Result<Page, CallError> {
        let by = self.actor();
        let query = |state: &mut State, fault: Option<&Fault>| {
            let table = &state.services.table;
            let page = table.query(aggregate_id, after, through, fault);
            state.see_page(by, &page);
            page
        };
        let page = self.call(Operation::Query.into(), query).await?;
        Ok(self.plant_in_command(page))
    }
}

impl Caller {
    /// Returns what an operator's command reads of an aggregate, as the planted mistake reads it.
    fn plant_in_command(&self, mut page: Page) -> Page {
        if self.role == Role::Operator && self.has(Mutant::PublishOneRow) {
            page.rows.truncate(1);
            page.next = None;
        }
        page
    }

    /// Records that a row could not be parked, or its dead letter not be sent.
    pub(crate) fn note_unparked<T>(&self, key: &RowKey, result: &Result<T, CallError>) {
        self.simulation.with(|state| {
            if let (Some(event), Err(_)) = (state.events.get_mut(key), result) {
                event.unparked_at = Some(Instant::now());
            }
        });
    }
}

impl State {
    /// Returns how many rows before another a page has if this many are asked for.
    pub(crate) fn rows_before(&self, most: usize) -> usize {
        // A page may have fewer rows than asked for.
        if self.has_small_pages {
            most.min(3)
        } else {
            most
        }
    }

    /// Changes the state of a looked-up row as the planted mistake reads it.
    fn plant_in_look_up(&self, key: &RowKey, is_new: bool, found: &mut HashMap<RowKey, RowState>) {
        let edits = self
            .services
            .table
            .row(key)
            .map_or(0, outbox_testing::Row::edits);
        let read = found.get(key).copied();
        let misread = match (self.mutant, read) {
            (Some(Mutant::EventuallyConsistentLookUp), Some(_)) if is_new => RowState::Absent,
            (Some(Mutant::UnprocessedIsAbsent), None) => RowState::Absent,
            (Some(Mutant::SweepParkedRows), Some(RowState::Parked)) if edits > 0 => {
                RowState::Edited(edits)
            }
            (Some(Mutant::SweepParkedRows), Some(RowState::Parked))
            | (Some(Mutant::IgnoreEdits), Some(RowState::Edited(_))) => RowState::Pending,
            _ => return,
        };
        found.insert(key.clone(), misread);
    }

    /// Changes what a relay reads before a row as the planted mistake reads it.
    fn plant_in_predecessors(&self, page: &mut Page, aggregate: &(Process, String)) {
        let now = self.now();
        page.rows.retain(|row| match self.mutant {
            Some(Mutant::EventuallyConsistentPredecessors) => {
                let event = self.events.get(&row.candidate.key);
                event.is_none_or(|event| now.duration_since(event.committed_at).as_secs() >= 10)
            }
            Some(Mutant::TrustOldAcceptance) => !self.known_to.contains(aggregate),
            _ => true,
        });
    }

    /// Deletes rows, which must have been published. Returns those that were not processed.
    pub(crate) fn delete(
        &mut self,
        keys: &[RowKey],
        fault: Option<&Fault>,
    ) -> Result<Vec<RowKey>, CallError> {
        let is_there = |key: &&RowKey| self.services.table.row(key).is_some();
        let there: Vec<RowKey> = keys.iter().filter(is_there).cloned().collect();
        let unprocessed = self.services.delete(keys, fault)?;
        for key in there.iter().filter(|key| !unprocessed.contains(key)) {
            self.check_deleted(key);
        }
        Ok(unprocessed)
    }

    fn see_page(&mut self, by: Actor, page: &Page) {
        for row in &page.rows {
            let key = &row.candidate.key;
            // A relay goes on with the row as its batch shows it.
            let event = self.events.get(key);
            let is_in_batch = event.is_some_and(|event| event.attempts.contains_key(&by));
            if !is_in_batch {
                self.see(by, key);
            }
        }
    }

    /// A relay finds rows in the table, beside its batch.
    fn find_page(&mut self, by: Actor, page: &Page) {
        for row in &page.rows {
            let key = &row.candidate.key;
            let event = self.events.get(key);
            if event.is_some_and(|event| !event.attempts.contains_key(&by)) {
                self.found_by_search.insert((by, key.clone()));
            }
        }
    }

    /// Parks a row that is gone: without a condition, DynamoDB creates it.
    fn resurrect(&mut self, key: &RowKey, mark: &Parked) {
        let text = |text: &String| AttributeValue::S(text.clone());
        let mark = serde_dynamo::to_attribute_value(mark);
        let mut item = HashMap::from([
            ("aggregateId".to_owned(), text(&key.aggregate_id)),
            ("position".to_owned(), text(&key.position)),
        ]);
        item.extend(mark.ok().map(|mark| ("parked".to_owned(), mark)));
        self.services.table.write(item);
        self.violate("created a row that was gone", Some(key));
    }
}
