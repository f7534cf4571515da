//! What the services were asked, and what the function under measurement made of the
//! events it was given.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{aws::list, item_size::item_bytes};

/// What was asked of the services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// Requests of each action.
    pub(crate) requests: BTreeMap<String, u64>,
    /// Entries as EventBridge bills them: one for each 64 KB begun.
    pub(crate) billed_events: u64,
    /// Write units, as DynamoDB bills them.
    pub(crate) write_units: u64,
    /// Read units likewise.
    pub(crate) read_units: u64,
}

impl Calls {
    pub(crate) fn of(&self, action: &str) -> u64 {
        self.requests.get(action).copied().unwrap_or_default()
    }

    pub(crate) fn to_dynamodb(&self) -> u64 {
        let all: u64 = self.requests.values().sum();
        all - self.of("PutEvents") - self.of("DescribeEventBus")
    }
}

/// What became of events that were handed to a function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    pub(crate) out_of_order: u64,
    pub(crate) undeleted: u64,
}

impl Fates {
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.twice += other.twice;
        self.out_of_order += other.out_of_order;
        self.undeleted += other.undeleted;
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    calls: Calls,
    /// How often the bus has got each event of the batch.
    got: HashMap<String, u64>,
    /// The last sequence that the bus got of each aggregate.
    reached: HashMap<String, u64>,
    out_of_order: u64,
    /// What the table holds, by sort key.
    rows: HashMap<String, Value>,
    /// What was written by transactions, by table.
    written: Vec<(String, Value)>,
}

/// What is read of an event's detail.
#[derive(Deserialize)]
struct Detail {
    id: String,
    subject: String,
    sequence: String,
}

impl Ledger {
    /// Fills the table with these rows, and forgets what was there.
    pub(crate) fn begin(&mut self, rows: impl Iterator<Item = Value>) {
        self.got.clear();
        self.reached.clear();
        self.out_of_order = 0;
        self.rows = rows.map(|row| (position(&row), row)).collect();
    }

    /// What became of the events with these ids since [`begin`](Self::begin).
    pub(crate) fn row_outcomes<'i>(&self, ids: impl Iterator<Item = &'i str>) -> Fates {
        let mut row_outcomes = Fates {
            out_of_order: self.out_of_order,
            undeleted: self.rows.len() as u64,
            ..Fates::default()
        };
        for id in ids {
            match self.got.get(id) {
                None => row_outcomes.lost += 1,
                Some(times) => row_outcomes.twice += times - 1,
            }
        }
        row_outcomes
    }

    /// What was asked since the last time.
    pub(crate) fn take_calls(&mut self) -> Calls {
        std::mem::take(&mut self.calls)
    }

    /// What transactions have put since the last time: table and item.
    pub(crate) fn take_written(&mut self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.written)
    }

    pub(crate) fn answer(&mut self, action: &str, request: Value) -> Result<Value, String> {
        *self.calls.requests.entry(action.to_owned()).or_default() += 1;
        match action {
            "DescribeEventBus" => Ok(json!({"Name": "orders"})),
            "PutEvents" => self.put_events(&request),
            "BatchGetItem" => self.batch_get_item(request),
            "BatchWriteItem" => self.batch_write_item(&request),
            "TransactWriteItems" => self.transact_write_items(&request),
            _ => Err(format!("nobody here knows the action {action:?}")),
        }
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
            *self.got.entry(detail.id).or_default() += 1;
            let sequence = detail.sequence.parse::<u64>();
            let sequence = sequence.map_err(|error| format!("sequence: {error}"))?;
            let reached = self.reached.entry(detail.subject).or_default();
            if sequence < *reached {
                self.out_of_order += 1;
            }
            *reached = sequence.max(*reached);
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
                    // A consistent read takes a unit for each 4 KB begun, of the whole item.
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
            let table = put["TableName"].as_str().ok_or("an action is no Put")?;
            // Each write of a transaction counts twice.
            self.calls.write_units += 2 * item_bytes(&put["Item"]).div_ceil(1024) as u64;
            self.written.push((table.to_owned(), put["Item"].clone()));
        }
        Ok(json!({}))
    }
}

fn position(item: &Value) -> String {
    let position = item["position"]["S"].as_str();
    position.unwrap_or_default().to_owned()
}
