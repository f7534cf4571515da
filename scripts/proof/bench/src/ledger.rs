//! The requests to the services, and the outcome of each event that a function was given.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{in_memory::Services, item_size::item_bytes};

/// Counts of requests to the services, and the units that AWS bills for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// The number of requests for each action.
    pub(crate) requests: BTreeMap<String, u64>,
    /// Events as EventBridge bills them: one for each 64 KB of an entry, rounded up.
    pub(crate) billed_events: u64,
    /// DynamoDB write units.
    pub(crate) write_units: u64,
    /// DynamoDB read units.
    pub(crate) read_units: u64,
}

impl Calls {
    /// Returns the number of requests for an action.
    pub(crate) fn of(&self, action: &str) -> u64 {
        self.requests.get(action).copied().unwrap_or_default()
    }

    /// Returns the number of requests to DynamoDB.
    pub(crate) fn to_dynamodb(&self) -> u64 {
        let all: u64 = self.requests.values().sum();
        all - self.of("PutEvents") - self.of("DescribeEventBus")
    }
}

/// Counts of events that a function did not publish once, in order, and delete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowOutcomes {
    pub(crate) lost: u64,
    pub(crate) duplicates: u64,
    pub(crate) out_of_order: u64,
    pub(crate) undeleted: u64,
}

impl RowOutcomes {
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.out_of_order += other.out_of_order;
        self.undeleted += other.undeleted;
    }
}

/// The content of the services, and the requests since the last look.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    calls: Calls,
    /// How many times the bus has accepted each event of the batch.
    accepted: HashMap<String, u64>,
    /// The highest sequence of each aggregate that the bus has accepted.
    highest: HashMap<String, u64>,
    out_of_order: u64,
    /// The rows in the outbox table, by sort key.
    rows: HashMap<String, Value>,
    /// The items that transactions have written, with their tables.
    written: Vec<(String, Value)>,
}

/// The attributes of an event's detail that the ledger needs.
#[derive(Deserialize)]
pub(crate) struct Detail {
    pub(crate) id: String,
    subject: String,
    sequence: String,
}

impl Ledger {
    /// Replaces the rows in the table, and resets the outcomes.
    pub(crate) fn begin(&mut self, rows: impl Iterator<Item = Value>) {
        self.accepted.clear();
        self.highest.clear();
        self.out_of_order = 0;
        self.rows = rows.map(|row| (position(&row), row)).collect();
    }

    /// Returns the outcomes of the events with these ids since [`begin`](Self::begin).
    pub(crate) fn row_outcomes<'i>(&self, ids: impl Iterator<Item = &'i str>) -> RowOutcomes {
        let mut row_outcomes = RowOutcomes {
            out_of_order: self.out_of_order,
            undeleted: self.rows.len() as u64,
            ..RowOutcomes::default()
        };
        for id in ids {
            match self.accepted.get(id) {
                None => row_outcomes.lost += 1,
                Some(times) => row_outcomes.duplicates += times - 1,
            }
        }
        row_outcomes
    }

    /// Returns the calls since the last look.
    pub(crate) fn take_calls(&mut self) -> Calls {
        std::mem::take(&mut self.calls)
    }

    /// Returns the items that transactions have written since the last look: table and item.
    pub(crate) fn take_written(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.written)
    }

    fn put_events(&mut self, request: &Value) -> Result<Value, String> {
        let entries = list(request, "/Entries")?;
        let mut results = Vec::with_capacity(entries.len());
        for entry in entries {
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            let bytes = 14 + text("Source").len() + text("DetailType").len() + text("Detail").len();
            self.calls.billed_events += bytes.div_ceil(64 * 1024) as u64;
            let detail: Detail =
                serde_json::from_str(text("Detail")).map_err(|error| error.to_string())?;
            *self.accepted.entry(detail.id).or_default() += 1;
            let sequence = detail.sequence.parse::<u64>();
            let sequence = sequence.map_err(|error| format!("sequence: {error}"))?;
            let highest = self.highest.entry(detail.subject).or_default();
            if sequence < *highest {
                self.out_of_order += 1;
            }
            *highest = sequence.max(*highest);
            results.push(json!({"EventId": Uuid::new_v4()}));
        }
        Ok(json!({"FailedEntryCount": 0, "Entries": results}))
    }

    fn batch_get_item(&mut self, mut request: Value) -> Result<Value, String> {
        let tables = request["RequestItems"].as_object_mut();
        let mut responses = serde_json::Map::new();
        for (table, keys) in tables.into_iter().flatten() {
            let mut found = Vec::new();
            for key in list(keys, "/Keys")? {
                if let Some(row) = self.rows.get(&position(key)) {
                    // A consistent read takes a unit for each 4 KB of the whole item, rounded up.
                    self.calls.read_units += item_bytes(row).div_ceil(4 * 1024) as u64;
                    found.push(key.clone());
                } else {
                    self.calls.read_units += 1;
                }
            }
            responses.insert(table.clone(), Value::Array(found));
        }
        Ok(json!({"Responses": responses, "UnprocessedKeys": {}}))
    }

    /// Returns an aggregate's rows up to a position.
    fn query(&mut self, request: &Value) -> Result<Value, String> {
        let value = |name: &str| request["ExpressionAttributeValues"][name]["S"].as_str();
        let aggregate = value(":aggregateId").ok_or("the query has no aggregate")?;
        let through = value(":through").ok_or("the query has no end")?;
        let is_found = |row: &&Value| {
            row["aggregateId"]["S"] == aggregate && position(row).as_str() <= through
        };
        let found: Vec<&Value> = self.rows.values().filter(is_found).collect();
        // A consistent read takes a unit for each 4 KB that it finds, and at least one.
        let bytes: usize = found.iter().map(|row| item_bytes(row)).sum();
        self.calls.read_units += bytes.div_ceil(4 * 1024).max(1) as u64;
        Ok(json!({"Items": found, "Count": found.len(), "ScannedCount": found.len()}))
    }

    fn batch_write_item(&mut self, request: &Value) -> Result<Value, String> {
        let tables = request["RequestItems"].as_object();
        for (table, _) in tables.into_iter().flatten() {
            for write in list(&request["RequestItems"], &format!("/{table}"))? {
                let deleted = self.rows.remove(&position(&write["DeleteRequest"]["Key"]));
                let bytes = deleted.as_ref().map_or(0, item_bytes);
                self.calls.write_units += bytes.div_ceil(1024).max(1) as u64;
            }
        }
        Ok(json!({"UnprocessedItems": {}}))
    }

    fn transact_write_items(&mut self, request: &Value) -> Result<Value, String> {
        for action in list(request, "/TransactItems")? {
            let put = &action["Put"];
            let table = put["TableName"].as_str().ok_or("an action is not a Put")?;
            // A write in a transaction takes two units for each KB.
            self.calls.write_units += 2 * item_bytes(&put["Item"]).div_ceil(1024) as u64;
            self.written.push((table.to_owned(), put["Item"].clone()));
        }
        Ok(json!({}))
    }
}

impl Services for Ledger {
    fn respond(&mut self, action: &str, request: Value) -> Result<Value, String> {
        *self.calls.requests.entry(action.to_owned()).or_default() += 1;
        match action {
            "DescribeEventBus" => Ok(json!({"Name": "orders"})),
            "PutEvents" => self.put_events(&request),
            "BatchGetItem" => self.batch_get_item(request),
            "Query" => self.query(&request),
            "BatchWriteItem" => self.batch_write_item(&request),
            "TransactWriteItems" => self.transact_write_items(&request),
            _ => Err(format!("the action {action:?} is not supported here")),
        }
    }
}

fn position(item: &Value) -> String {
    let position = item["position"]["S"].as_str();
    position.unwrap_or_default().to_owned()
}

/// Returns the list at this place of a request.
pub(crate) fn list<'v>(request: &'v Value, pointer: &str) -> Result<&'v Vec<Value>, String> {
    let found = request.pointer(pointer).and_then(Value::as_array);
    found.ok_or_else(|| format!("the request has no list {pointer}"))
}
