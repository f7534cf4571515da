//! The outbox table: its rows, and what the relay and operators do to them.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use aws_sdk_dynamodb::types::AttributeValue;
use outbox::{
    OutboxRow, Parked, RowKey, Unreadable,
    ports::{
        CallError, DELETE_KEYS, Decision, Discard, Edit, LOOK_UP_KEYS, Page, RowState, Segment,
        StoredRow,
    },
    testing::{discard_record, edit_record, read_decision, read_row},
};

use crate::{
    change::Change,
    fault::Fault,
    item::{InvalidItem, Item},
};

/// Where a page of DynamoDB ends, in bytes.
const PAGE_BYTES: usize = 1024 * 1024;

/// The prefix of the aggregate id of records: of discarded and edited rows.
const DISCARDED: &str = "discarded#";

/// The outbox table.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<RowKey, Row>,
    discarded: BTreeMap<RowKey, DiscardedRow>,
    /// The items of what operators decided, by their own keys.
    records: BTreeMap<RowKey, Item>,
    /// The most rows of a page.
    page: Option<usize>,
}

/// A row of the outbox table.
#[derive(Debug, Clone)]
pub struct Row {
    item: Item,
    /// The item as the relay reads it.
    stored: StoredRow,
}

/// A discarded row, as the table keeps it for 30 days.
#[derive(Debug, Clone)]
pub struct DiscardedRow {
    /// The item of the row, as it was.
    pub item: Item,
    /// Who discarded it, when, and why.
    pub discard: Discard,
}

impl Row {
    fn read(item: Item) -> Option<Self> {
        let stored = read_row(item.clone())?;
        Some(Self { item, stored })
    }

    /// Returns the item.
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// Returns the row as the relay reads it.
    pub fn stored(&self) -> &StoredRow {
        &self.stored
    }

    /// Returns the event's row; `None` if it can't be read.
    pub fn row(&self) -> Option<&OutboxRow> {
        self.stored.candidate.row.as_deref().ok()
    }

    /// Returns why the relay can't read it; `None` if it can.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        self.stored.candidate.row.as_ref().err()
    }

    /// Returns whether it is parked.
    pub fn is_parked(&self) -> bool {
        self.stored.parked.is_some()
    }

    /// Returns how often it was edited.
    pub fn edits(&self) -> u64 {
        let edits = self.item.get("edits").and_then(|edits| edits.as_n().ok());
        edits.and_then(|edits| edits.parse().ok()).unwrap_or(0)
    }

    fn state(&self) -> RowState {
        match self.edits() {
            _ if self.is_parked() => RowState::Parked,
            0 => RowState::Pending,
            edits => RowState::Edited(edits),
        }
    }

    /// Returns about how large the item is.
    fn bytes(&self) -> usize {
        let text = |value: &AttributeValue| value.as_s().map_or(8, String::len);
        let attributes = self.item.iter();
        attributes
            .map(|(name, value)| name.len() + text(value))
            .sum()
    }
}

impl Table {
    /// Returns the rows by their keys, without the discarded ones.
    pub fn rows(&self) -> impl Iterator<Item = (&RowKey, &Row)> {
        self.rows.iter()
    }

    /// Returns a row.
    pub fn row(&self, key: &RowKey) -> Option<&Row> {
        self.rows.get(key)
    }

    /// Returns a row that an operator discarded, by the key that it had.
    pub fn discarded(&self, key: &RowKey) -> Option<&DiscardedRow> {
        self.discarded.get(key)
    }

    /// Returns what operators decided about the rows of an aggregate.
    pub fn decisions(&self, aggregate_id: &str) -> Vec<Decision> {
        let decisions = self.records.values().filter_map(read_decision);
        decisions
            .filter(|decision| decision.row.aggregate_id == aggregate_id)
            .collect()
    }

    /// Sets the most rows of a page. Without it a page ends after 1 MB.
    pub fn set_page_size(&mut self, rows: usize) {
        self.page = Some(rows);
    }

    /// Writes an item as it is, without a stream record: a row, or what is left of one.
    ///
    /// # Panics
    ///
    /// If the item lacks the key of a row.
    pub fn write(&mut self, item: Item) {
        let row =
            Row::read(item).expect("an item of the outbox table has aggregateId and position");
        self.rows.insert(row.stored.candidate.key.clone(), row);
    }

    /// Removes a row, without a stream record. Returns whether it was there.
    pub fn remove(&mut self, key: &RowKey) -> bool {
        self.rows.remove(key).is_some()
    }

    /// Changes a row, without a stream record: to damage it, for example. Returns whether it
    /// was there.
    pub fn change(&mut self, key: &RowKey, change: impl FnOnce(&mut Item)) -> bool {
        let Some(mut row) = self.rows.remove(key) else {
            return false;
        };
        change(&mut row.item);
        self.write(row.item);
        true
    }

    /// Puts an item, as `PutItem` does.
    ///
    /// # Errors
    ///
    /// If the item lacks the key of a row.
    pub(crate) fn put(&mut self, item: Item) -> Result<Change, InvalidItem> {
        let row = Row::read(item).ok_or(InvalidItem::NotARow)?;
        let key = row.stored.candidate.key.clone();
        let image = row.item.clone();
        let replaced = self.rows.insert(key.clone(), row);
        Ok(match replaced {
            None => Change::insert(key, image),
            Some(_) => Change::modify(key, image),
        })
    }

    /// Looks up rows. Keys that the fault leaves unprocessed are missing in the result.
    ///
    /// # Errors
    ///
    /// If DynamoDB would reject the request.
    pub fn look_up(
        &self,
        keys: &[RowKey],
        fault: Option<&Fault>,
    ) -> Result<HashMap<RowKey, RowState>, CallError> {
        check_keys("BatchGetItem", keys, LOOK_UP_KEYS)?;
        let processed = keys.iter().enumerate();
        let processed = processed.filter(|(index, _)| !Fault::skips(fault, *index));
        let state = |key: &RowKey| self.rows.get(key).map_or(RowState::Absent, Row::state);
        Ok(processed
            .map(|(_, key)| (key.clone(), state(key)))
            .collect())
    }

    /// Deletes rows. Returns the keys that were not processed, and what has changed.
    pub(crate) fn delete(
        &mut self,
        keys: &[RowKey],
        fault: Option<&Fault>,
    ) -> Result<(Vec<RowKey>, Vec<Change>), CallError> {
        check_keys("BatchWriteItem", keys, DELETE_KEYS)?;
        let (mut unprocessed, mut changes) = (Vec::new(), Vec::new());
        for (index, key) in keys.iter().enumerate() {
            if Fault::skips(fault, index) {
                unprocessed.push(key.clone());
            } else if self.remove(key) {
                changes.push(Change::remove(key.clone()));
            }
        }
        Ok((unprocessed, changes))
    }

    /// Parks a row, if it is there, not parked yet, and not edited more often.
    pub(crate) fn park(
        &mut self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
    ) -> Option<Change> {
        let row = self.rows.get(key).filter(|row| !row.is_parked())?;
        if edits.is_some_and(|edits| edits < row.edits()) {
            return None;
        }
        let mark = serde_dynamo::to_attribute_value(mark).ok()?;
        Some(self.modify(key, |item| {
            item.insert("parked".to_owned(), mark);
        }))
    }

    pub(crate) fn unpark(&mut self, key: &RowKey) -> Option<Change> {
        self.rows.get(key).filter(|row| row.is_parked())?;
        Some(self.modify(key, |item| {
            item.remove("parked");
        }))
    }

    /// Replaces the detail of a row that is parked with this mark. Returns the changes of the
    /// row and of its record.
    pub(crate) fn replace_detail(
        &mut self,
        key: &RowKey,
        mark: &Parked,
        edit: &Edit,
    ) -> Option<[Change; 2]> {
        let row = self.rows.get(key)?;
        let is_as_seen = |value: &AttributeValue| value.as_s().is_ok_and(|now| *now == edit.seen);
        if row.stored.parked.as_ref() != Some(mark)
            || !row.item.get("detail").is_some_and(is_as_seen)
        {
            return None;
        }
        let record = edit_record(row.item.clone(), key, edit);
        let edits = AttributeValue::N((row.edits() + 1).to_string());
        let detail = AttributeValue::S(edit.detail.clone());
        let change = self.modify(key, |item| {
            item.insert("detail".to_owned(), detail);
            item.insert("edits".to_owned(), edits);
            item.remove("parked");
        });
        Some([self.keep(key.replaced(edit.at), record), change])
    }

    /// Keeps the record of a decision.
    fn keep(&mut self, key: RowKey, record: Item) -> Change {
        self.records.insert(key.clone(), record.clone());
        Change::insert(key, record)
    }

    /// Discards a row that is parked with this mark. Returns both changes of the move.
    pub(crate) fn discard(
        &mut self,
        key: &RowKey,
        mark: &Parked,
        discard: &Discard,
    ) -> Option<[Change; 2]> {
        let row = self.rows.get(key)?;
        if row.stored.parked.as_ref() != Some(mark) {
            return None;
        }
        let row = self.rows.remove(key)?;
        let record = discard_record(row.item.clone(), key, discard);
        let kept = DiscardedRow {
            item: row.item,
            discard: discard.clone(),
        };
        self.discarded.insert(key.clone(), kept);
        Some([
            self.keep(key.discarded(), record),
            Change::remove(key.clone()),
        ])
    }

    fn modify(&mut self, key: &RowKey, change: impl FnOnce(&mut Item)) -> Change {
        self.change(key, change);
        let image = self.rows.get(key).map(|row| row.item.clone());
        Change::modify(key.clone(), image.unwrap_or_default())
    }

    /// Returns the next page of a segment.
    pub fn scan(&self, segment: Segment, after: Option<&RowKey>, fault: Option<&Fault>) -> Page {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.rows.range((begin, Bound::Unbounded));
        let is_in_segment = |key: &RowKey| segment_of(key, segment.of) == segment.index;
        self.page(
            fault,
            rows.filter(|(key, _)| is_in_segment(key)),
            usize::MAX,
        )
    }

    /// Returns the next page of an aggregate.
    pub fn query(
        &self,
        aggregate_id: &str,
        after: Option<&RowKey>,
        through: Option<&RowKey>,
        fault: Option<&Fault>,
    ) -> Page {
        let first = RowKey {
            aggregate_id: aggregate_id.to_owned(),
            position: String::new(),
        };
        let of_aggregate = self.rows.range(first..);
        let wanted = of_aggregate
            .take_while(|(key, _)| key.aggregate_id == aggregate_id)
            .filter(|(key, _)| after.is_none_or(|after| *key > after))
            .filter(|(key, _)| through.is_none_or(|through| *key <= through));
        self.page(fault, wanted, usize::MAX)
    }

    /// Returns the first rows of an aggregate before a row, `most` at most.
    pub fn read_before(
        &self,
        row: &RowKey,
        after: Option<&RowKey>,
        most: usize,
        fault: Option<&Fault>,
    ) -> Page {
        let first = RowKey {
            aggregate_id: row.aggregate_id.clone(),
            position: String::new(),
        };
        let before = self.rows.range(first..row.clone());
        let wanted = before
            .filter(|(key, _)| key.sequence() < row.sequence())
            .filter(|(key, _)| after.is_none_or(|after| *key > after));
        self.page(fault, wanted, most)
    }

    /// Returns the first page of these rows, `most` at most.
    fn page<'r>(
        &self,
        fault: Option<&Fault>,
        rows: impl Iterator<Item = (&'r RowKey, &'r Row)>,
        most: usize,
    ) -> Page {
        let of_page = Fault::page(fault).or(self.page).unwrap_or(usize::MAX);
        let most = of_page.min(most);
        let mut page = Page::default();
        let mut bytes = 0;
        for (key, row) in rows.filter(|(key, _)| !key.aggregate_id.starts_with(DISCARDED)) {
            page.rows.push(row.stored.clone());
            bytes += row.bytes();
            if page.rows.len() >= most || bytes > PAGE_BYTES {
                page.next = Some(key.clone());
                break;
            }
        }
        page
    }
}

/// Rejects a request of too many keys, or with a key that DynamoDB doesn't accept, whole.
fn check_keys(operation: &str, keys: &[RowKey], most: usize) -> Result<(), CallError> {
    let invalid = |what: String| {
        CallError::Configuration(format!("{operation} outbox: ValidationException: {what}"))
    };
    if keys.len() > most {
        return Err(invalid(format!(
            "{} keys, at most {most} are allowed",
            keys.len()
        )));
    }
    let is_possible = |key: &RowKey| {
        (1..=2048).contains(&key.aggregate_id.len()) && (1..=1024).contains(&key.position.len())
    };
    match keys.iter().find(|key| !is_possible(key)) {
        Some(key) => Err(invalid(format!("{key:?} is not a key"))),
        None => Ok(()),
    }
}

/// Returns the segment that an aggregate's rows are in.
fn segment_of(key: &RowKey, segments: u32) -> u32 {
    let sum: u32 = key.aggregate_id.bytes().map(u32::from).sum();
    sum % segments.max(1)
}
