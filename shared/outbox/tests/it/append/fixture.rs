//! The aggregates of these tests: things with names.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ConditionCheck, Put},
};
use dynamodb_in_process::{create_table, items};
use outbox::{
    AggregateWrite, CommitError, DomainEvent, KeySchema, Outbox, OutboxRow, Problem, Revision,
    Transaction,
};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Renamed(pub(super) Value);

impl DomainEvent for Renamed {
    fn event_type(&self) -> &str {
        self.0["type"].as_str().unwrap_or("Renamed")
    }
}

pub(super) struct Fixture {
    pub(super) client: Client,
    pub(super) outbox: Outbox,
}

impl Fixture {
    pub(super) async fn start() -> Self {
        let client = dynamodb_in_process::start().await;
        create_table(&client, "things", "pk", None).await;
        create_table(&client, "outbox", "aggregateId", Some("position")).await;
        let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
        Self { client, outbox }
    }

    pub(super) fn create(&self, id: &str) -> Transaction {
        self.outbox.transaction(AggregateWrite::create(
            format!("thing#{id}"),
            "things",
            things_key(),
            &json!({"pk": format!("thing#{id}"), "name": "new"}),
        ))
    }

    pub(super) fn replace(&self, id: &str, base: Revision) -> Transaction {
        self.outbox.transaction(AggregateWrite::replace(
            format!("thing#{id}"),
            "things",
            things_key(),
            &json!({"pk": format!("thing#{id}"), "name": "changed"}),
            base,
        ))
    }

    pub(super) async fn rows(&self) -> Vec<OutboxRow> {
        let mut rows: Vec<OutboxRow> = items(&self.client, "outbox").await;
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows
    }

    pub(super) async fn thing(&self, id: &str) -> Option<HashMap<String, AttributeValue>> {
        let get = self.client.get_item().table_name("things");
        let pk = text(&format!("thing#{id}"));
        get.key("pk", pk).send().await.unwrap().item
    }

    pub(super) async fn is_empty(&self) -> bool {
        let things: Vec<Value> = items(&self.client, "things").await;
        things.is_empty() && self.rows().await.is_empty()
    }
}

pub(super) fn things_key() -> KeySchema {
    KeySchema::partition_key("pk")
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn put(id: &str) -> Put {
    Put::builder()
        .table_name("things")
        .item("pk", text(&format!("thing#{id}")))
        .build()
        .unwrap()
}

pub(super) fn exists(id: &str) -> ConditionCheck {
    ConditionCheck::builder()
        .table_name("things")
        .key("pk", text(&format!("thing#{id}")))
        .condition_expression("attribute_exists(pk)")
        .build()
        .unwrap()
}

pub(crate) fn renamed() -> Renamed {
    Renamed(json!({"name": "new"}))
}

pub(super) fn problems(error: CommitError) -> Vec<Problem> {
    match error {
        CommitError::Invalid(invalid) => invalid.problems,
        other => panic!("expected an invalid transaction, not {other:?}"),
    }
}
