//! The tables of the orders service, in memory: as much of DynamoDB as it uses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::Client;
use serde_json::{Value, json};

use crate::dynamodb;

/// Handles share the tables.
#[derive(Clone, Default)]
pub(crate) struct OrdersTables(Arc<Mutex<Items>>);

/// Items by table and key.
type Items = BTreeMap<(String, String), Value>;

impl OrdersTables {
    pub(crate) fn client(&self) -> Client {
        let tables = self.clone();
        dynamodb::client(move |operation, request| {
            let request: Value = serde_json::from_slice(request).expect("the SDK sends JSON");
            let (status, answer) = match operation {
                "TransactWriteItems" => tables.write(&request),
                "GetItem" => tables.get(&request),
                _ => panic!("nobody calls {operation}"),
            };
            (status, answer.to_string().into_bytes())
        })
    }

    pub(crate) fn clear(&self) {
        self.items().clear();
    }

    /// What is in a table.
    pub(crate) fn of(&self, table: &str) -> Vec<Value> {
        let items = self.items();
        let of_table = items.iter().filter(|((of, _), _)| of == table);
        of_table.map(|(_, item)| item.clone()).collect()
    }

    fn get(&self, request: &Value) -> (u16, Value) {
        let found = self.items().get(&place(request, &request["Key"])).cloned();
        (200, found.map_or(json!({}), |item| json!({"Item": item})))
    }

    /// All or nothing; no item is written that must not be there, and is.
    fn write(&self, request: &Value) -> (u16, Value) {
        let actions = request["TransactItems"].as_array().expect("actions");
        let puts: Vec<&Value> = actions.iter().map(|action| &action["Put"]).collect();
        let mut items = self.items();
        let reasons: Vec<Value> = puts
            .iter()
            .map(|put| {
                let condition = put["ConditionExpression"].as_str().unwrap_or_default();
                let there = items.get(&place(put, &put["Item"]));
                match there.filter(|_| condition.starts_with("attribute_not_exists")) {
                    Some(item) => json!({"Code": "ConditionalCheckFailed", "Item": item}),
                    None => json!({"Code": "None"}),
                }
            })
            .collect();
        if reasons.iter().any(|reason| reason["Code"] != "None") {
            let code = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
            return (400, json!({"__type": code, "CancellationReasons": reasons}));
        }
        for put in puts {
            items.insert(place(put, &put["Item"]), put["Item"].clone());
        }
        (200, json!({}))
    }

    fn items(&self) -> MutexGuard<'_, Items> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns table and key of an item.
fn place(request: &Value, item: &Value) -> (String, String) {
    let table = request["TableName"].as_str().expect("a table");
    let attributes: &[&str] = match table {
        "outbox" => &["aggregateId", "position"],
        _ => &["pk"],
    };
    let values = attributes.iter().map(|name| item[*name]["S"].as_str());
    let key = values.collect::<Option<Vec<&str>>>();
    let key = key.unwrap_or_else(|| panic!("an item without a key: {item}"));
    (table.to_owned(), key.join("/"))
}
