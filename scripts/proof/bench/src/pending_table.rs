//! An outbox table with many old rows, and the bus that they are published on. Rows are built
//! when they are read, so that a million of them take a few megabytes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    batch::row,
    in_memory::Services,
    item_size::item_bytes,
    ledger::{Detail, list},
};

/// The rows of each aggregate.
pub(crate) const ROWS_OF_AGGREGATE: usize = 5;

/// Where a page ends.
const PAGE_BYTES: usize = 1024 * 1024;

/// The first id, of version 7. The last twelve digits count.
const FIRST_ID: u128 = 0x019a_d0c5_0a4c_7000_8000_0000_0000_0000;

/// How long the services take to respond: as in the other benchmarks, and a page of 1 MB.
const PUT_LATENCY: Duration = Duration::from_millis(10);
const DYNAMODB_LATENCY: Duration = Duration::from_millis(4);
const SCAN_LATENCY: Duration = Duration::from_millis(40);

/// An outbox table with many old rows.
#[derive(Debug)]
pub(crate) struct PendingTable {
    committed_at: Timestamp,
    rows: Vec<RowState>,
    /// The bus rejects for now the events of one aggregate in so many; of none if it is zero.
    fails_one_in: usize,
    pub(crate) seen: Seen,
}

/// What happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowState {
    Pending,
    Accepted,
    Deleted,
}

/// What happened in the services.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Rows that scans returned.
    pub(crate) read: usize,
    /// Read units, of scans and look-ups.
    pub(crate) read_units: usize,
    /// Rows that the bus accepted for the first time.
    pub(crate) published: usize,
    /// Entries that the bus rejected.
    pub(crate) rejected: usize,
    /// Rows that the bus accepted once more, or before an earlier one of their aggregate, or
    /// that were deleted although the bus had not accepted them.
    pub(crate) mistakes: usize,
}

impl PendingTable {
    /// Creates a table with at least so many rows, which were committed an hour ago.
    pub(crate) fn new(rows: usize, fails_one_in: usize) -> Self {
        let rows = rows.next_multiple_of(ROWS_OF_AGGREGATE);
        Self {
            committed_at: Timestamp::now() - SignedDuration::from_hours(1),
            rows: vec![RowState::Pending; rows],
            fails_one_in,
            seen: Seen::default(),
        }
    }

    /// Returns how many rows it has.
    pub(crate) fn pending(&self) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| **row != RowState::Deleted).count()
    }

    fn fails(&self, number: usize) -> bool {
        self.fails_one_in > 0 && (number / ROWS_OF_AGGREGATE).is_multiple_of(self.fails_one_in)
    }

    fn item(&self, number: usize) -> Value {
        let aggregate = id(number / ROWS_OF_AGGREGATE);
        let sequence = number % ROWS_OF_AGGREGATE + 1;
        let event = id(number).to_string();
        row(aggregate, sequence, &event, self.committed_at)
    }

    fn scan(&mut self, request: &Value) -> Result<Value, String> {
        let segments = natural(&request["TotalSegments"])?;
        let start = &request["ExclusiveStartKey"];
        let (aggregate, row) = match start["aggregateId"]["S"].as_str() {
            // A position that is no row's is behind all rows.
            Some(id) => {
                let after = number_at(start).map(|row| row % ROWS_OF_AGGREGATE + 1);
                (number_of(id)?, after.unwrap_or(ROWS_OF_AGGREGATE))
            }
            None => (natural(&request["Segment"])?, 0),
        };
        let first = aggregate * ROWS_OF_AGGREGATE + row;
        let end = (aggregate + 1) * ROWS_OF_AGGREGATE;
        let others = (aggregate + segments..self.rows.len() / ROWS_OF_AGGREGATE).step_by(segments);
        let others = others.flat_map(|other| (0..ROWS_OF_AGGREGATE).map(move |row| (other, row)));
        let others = others.map(|(other, row)| other * ROWS_OF_AGGREGATE + row);
        let numbers = (first..end.min(self.rows.len())).chain(others);
        Ok(self.page(numbers))
    }

    /// Returns the page with these rows, or as many as fit.
    fn page(&mut self, numbers: impl Iterator<Item = usize>) -> Value {
        let (mut items, mut bytes) = (Vec::new(), 0);
        for number in numbers.filter(|number| self.rows[*number] != RowState::Deleted) {
            let item = self.item(number);
            bytes += item_bytes(&item);
            items.push(item);
            if bytes > PAGE_BYTES {
                break;
            }
        }
        self.seen.read += items.len();
        self.seen.read_units += bytes.div_ceil(4 * 1024).max(1);
        let last = items.last().filter(|_| bytes > PAGE_BYTES).map(key);
        let mut response = json!({"Count": items.len(), "Items": items});
        if let Some(last) = last {
            response["LastEvaluatedKey"] = last;
        }
        response
    }

    fn batch_get_item(&mut self, request: &Value) -> Result<Value, String> {
        let keys = list(request, "/RequestItems/outbox/Keys")?;
        self.seen.read_units += keys.len();
        let mut found = Vec::new();
        for key in keys {
            if *self.row(number_at(key)?)? != RowState::Deleted {
                found.push(key);
            }
        }
        Ok(json!({"Responses": {"outbox": found}, "UnprocessedKeys": {}}))
    }

    fn batch_write_item(&mut self, request: &Value) -> Result<Value, String> {
        for write in list(request, "/RequestItems/outbox")? {
            let row = self.row(number_at(&write["DeleteRequest"]["Key"])?)?;
            let before = std::mem::replace(row, RowState::Deleted);
            self.seen.mistakes += usize::from(before == RowState::Pending);
        }
        Ok(json!({"UnprocessedItems": {}}))
    }

    fn put_events(&mut self, request: &Value) -> Result<Value, String> {
        let (mut results, mut rejected) = (Vec::new(), 0);
        for entry in list(request, "/Entries")? {
            let detail = entry["Detail"].as_str().unwrap_or_default();
            let detail: Detail = serde_json::from_str(detail).map_err(|error| error.to_string())?;
            let number = number_of(&detail.id)?;
            results.push(if self.fails(number) {
                rejected += 1;
                json!({"ErrorCode": "InternalFailure", "ErrorMessage": "for now"})
            } else {
                self.accept(number)?;
                json!({"EventId": Uuid::new_v4()})
            });
        }
        self.seen.rejected += rejected;
        Ok(json!({"FailedEntryCount": rejected, "Entries": results}))
    }

    fn accept(&mut self, number: usize) -> Result<(), String> {
        let is_first = number.is_multiple_of(ROWS_OF_AGGREGATE);
        let is_in_order = is_first || *self.row(number - 1)? != RowState::Pending;
        let before = std::mem::replace(self.row(number)?, RowState::Accepted);
        let is_new = before == RowState::Pending;
        self.seen.published += usize::from(is_new);
        self.seen.mistakes += usize::from(!is_new || !is_in_order);
        Ok(())
    }

    fn row(&mut self, number: usize) -> Result<&mut RowState, String> {
        let row = self.rows.get_mut(number);
        row.ok_or_else(|| format!("there is no row {number}"))
    }
}

impl Services for PendingTable {
    fn respond(&mut self, action: &str, request: Value) -> Result<Value, String> {
        match action {
            "DescribeEventBus" => Ok(json!({"Name": "orders"})),
            "PutEvents" => self.put_events(&request),
            "Scan" => self.scan(&request),
            "BatchGetItem" => self.batch_get_item(&request),
            "BatchWriteItem" => self.batch_write_item(&request),
            _ => Err(format!("the action {action:?} is not supported here")),
        }
    }

    fn latency(&self, action: &str) -> Duration {
        match action {
            "PutEvents" => PUT_LATENCY,
            "Scan" => SCAN_LATENCY,
            _ => DYNAMODB_LATENCY,
        }
    }
}

fn id(number: usize) -> Uuid {
    Uuid::from_u128(FIRST_ID + number as u128)
}

/// Returns the number at the end of an id.
fn number_of(id: &str) -> Result<usize, String> {
    let digits = id.rsplit('-').next().unwrap_or_default();
    usize::from_str_radix(digits, 16).map_err(|error| format!("{id}: {error}"))
}

/// Returns the number of the row with this key.
fn number_at(key: &Value) -> Result<usize, String> {
    number_of(key["position"]["S"].as_str().unwrap_or_default())
}

fn key(item: &Value) -> Value {
    json!({"aggregateId": item["aggregateId"], "position": item["position"]})
}

fn natural(value: &Value) -> Result<usize, String> {
    let number = value.as_u64().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("{value} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the numbers of the rows of a page, and the key of the next one.
    fn scan(table: &mut PendingTable, segment: u32, start: &Value) -> (Vec<usize>, Value) {
        let mut request = json!({"Segment": segment, "TotalSegments": 2});
        if !start.is_null() {
            request["ExclusiveStartKey"] = start.clone();
        }
        let page = table.scan(&request).unwrap();
        let items = page["Items"].as_array().unwrap();
        let numbers = items.iter().map(|item| number_at(item).unwrap());
        (numbers.collect(), page["LastEvaluatedKey"].clone())
    }

    #[test]
    fn pages_contain_each_row_that_is_left_once() {
        let mut table = PendingTable::new(5_000, 0);
        for number in [0, 7, 4_999] {
            table.rows[number] = RowState::Deleted;
        }
        let mut numbers = Vec::new();
        for segment in [0, 1] {
            let mut start = Value::Null;
            loop {
                let (page, next) = scan(&mut table, segment, &start);
                numbers.extend(page);
                if next.is_null() {
                    break;
                }
                start = next;
            }
        }
        numbers.sort_unstable();
        let left = (0..5_000).filter(|number| ![0, 7, 4_999].contains(number));
        assert_eq!(numbers, left.collect::<Vec<_>>());
    }

    #[test]
    fn a_scan_may_begin_behind_an_aggregate() {
        let mut table = PendingTable::new(20, 0);
        let id = format!("order#{}", id(1));
        let start = json!({"aggregateId": {"S": id}, "position": {"S": "~"}});
        let (numbers, _) = scan(&mut table, 1, &start);
        assert_eq!(numbers, [15, 16, 17, 18, 19]);
    }
}
