//! The current version writes the newest format that is kept. If one of these tests fails,
//! the format has changed: don't change the kept formats, but add a directory with the
//! new one, for later versions to read.

use std::time::Duration;

use outbox::{
    AggregateWrite, CloudEvent, DomainEvent, KeySchema, Outbox, Parked, RowKey, Transaction,
    aws::DynamoDbTable,
    inbox::{ConsumerWrites, Handled, Inbox},
    ports::{Discard, Edit, OutboxTable, ParkedRows},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::kept::{Kept, Then, database_with, stored};
use crate::memory::{Rows, in_memory, row_with_detail, start};

#[derive(Serialize)]
struct Renamed {
    name: &'static str,
    #[serde(skip)]
    schema: Option<&'static str>,
}

impl DomainEvent for Renamed {
    fn event_type(&self) -> &'static str {
        "Renamed"
    }

    fn data_schema(&self) -> Option<&str> {
        self.schema
    }
}

/// The row that append writes for an event.
async fn appended(event: Renamed, with: impl FnOnce(Transaction) -> Transaction) -> Value {
    let client = database_with("outbox", &[]).await;
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let key = KeySchema::partition_key("pk");
    let write = AggregateWrite::create("thing#a", "things", key, &json!({"pk": "thing#a"}));
    let transaction = outbox.with_clock(Then).transaction(write).event(&event);
    with(transaction).commit().await.unwrap();
    stored(&client, "outbox").await.remove(0)
}

/// Returns a row with another event id, and with its detail as JSON: the order of its members
/// is not part of the format.
fn readable(row: &Value, event_id: &Value) -> Value {
    let own_id = row["eventId"]["S"].as_str().unwrap();
    let row = row.to_string().replace(own_id, event_id.as_str().unwrap());
    let mut row: Value = serde_json::from_str(&row).unwrap();
    row["detail"] = serde_json::from_str(row["detail"]["S"].as_str().unwrap()).unwrap();
    row
}

#[tokio::test]
async fn append_writes_the_newest_kept_format() {
    let newest = Kept::newest();
    let plain = Renamed {
        name: "new",
        schema: None,
    };
    let full = Renamed {
        name: "new",
        schema: Some("urn:event-schema:things:Renamed:1"),
    };
    let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let extended = Renamed {
        name: "new",
        schema: None,
    };
    for (name, written) in [
        ("plain", appended(plain, |transaction| transaction).await),
        (
            "extended",
            appended(extended, |transaction| {
                transaction
                    .extension("tenantid", "t-17")
                    .extension("large", true)
                    .extension("weight", -7)
            })
            .await,
        ),
        (
            "full",
            appended(full, |transaction| {
                transaction
                    .trace_header(trace)
                    .correlation_id("request-1")
                    .causation_id("command-1")
            })
            .await,
        ),
    ] {
        let kept = newest.read(&format!("rows/{name}.json"));
        let event_id = &kept["eventId"]["S"];
        let kept = readable(&kept, event_id);
        assert_eq!(readable(&written, event_id), kept, "{name}");
        assert_eq!(kept["detail"], newest.read(&format!("events/{name}.json")));
    }
}

#[tokio::test]
async fn relay_and_operators_mark_rows_in_the_newest_kept_format() {
    let newest = Kept::newest();
    let plain = newest.read("rows/plain.json");
    let client = database_with("outbox", &[&plain]).await;
    let table = DynamoDbTable::new(client.clone(), "outbox");
    let text = |name: &str| plain[name]["S"].as_str().unwrap().to_owned();
    let key = RowKey {
        aggregate_id: text("aggregateId"),
        position: text("position"),
    };
    let mark = Parked {
        reason: "InvalidArgument: no".into(),
        at: start(),
    };
    let park = async || {
        table.park(&key, Some(1), &mark).await.unwrap();
        stored(&client, "outbox").await
    };
    assert_eq!(park().await, [newest.read("rows/parked.json")]);

    let edited = newest.read("rows/edited.json");
    let detail = edited["detail"]["S"].as_str().unwrap();
    let edit = Edit {
        by: "arn:aws:iam::1:user/ada".into(),
        at: start(),
        seen: text("detail"),
        detail: detail.to_owned(),
    };
    assert_eq!(table.replace_detail(&key, &edit).await, Ok(true));
    let mut both = stored(&client, "outbox").await;
    both.sort_by_key(|item| item["aggregateId"]["S"].as_str() != Some("thing#a"));
    assert_eq!(both, [edited, newest.read("rows/replaced.json")]);

    let client = database_with("outbox", &[&newest.read("rows/parked.json")]).await;
    let table = DynamoDbTable::new(client.clone(), "outbox");
    let discard = Discard::new("arn:aws:iam::1:user/ada", start(), "sent by hand").unwrap();
    assert_eq!(table.discard(&key, &discard).await, Ok(true));
    let discarded = newest.read("rows/discarded.json");
    assert_eq!(stored(&client, "outbox").await, [discarded]);
}

#[tokio::test(start_paused = true)]
async fn the_relay_sends_dead_letters_of_the_newest_kept_format() {
    let aws = in_memory();
    let damaged = aws.insert_row(row_with_detail("thing#a", 1, "[]"));
    let deadline = Instant::now() + Duration::from_mins(1);
    aws.relay().publish(vec![damaged], deadline).await;
    let letters = serde_json::to_value(aws.letters()).unwrap();
    let kept = Kept::newest().read("dead-letters/reference.json");
    assert_eq!(letters, json!([kept]));
}

#[tokio::test]
async fn the_inbox_remembers_in_the_newest_kept_format() {
    let newest = Kept::newest();
    let client = database_with("things", &[]).await;
    let key = KeySchema::partition_key("pk");
    let inbox = Inbox::new(client.clone(), "things", key, "consumer");
    let inbox = inbox.unwrap().with_clock(Then);
    let event: CloudEvent = serde_json::from_value(newest.read("events/plain.json")).unwrap();
    let handled = inbox.once(&event, ConsumerWrites::new()).await;
    assert_eq!(handled.unwrap(), Handled::Now);
    let record = newest.read("inbox-record.json");
    assert_eq!(stored(&client, "things").await, [record]);
}

#[tokio::test]
async fn the_inbox_keeps_its_progress_in_the_newest_kept_format() {
    let newest = Kept::newest();
    let client = database_with("things", &[]).await;
    let key = KeySchema::partition_key("pk");
    let inbox = Inbox::new(client.clone(), "things", key, "consumer");
    let inbox = inbox.unwrap().with_clock(Then).in_order();
    let event: CloudEvent = serde_json::from_value(newest.read("events/plain.json")).unwrap();
    let handled = inbox.once(&event, ConsumerWrites::new()).await;
    assert_eq!(handled.unwrap(), Handled::Now);
    let mut items = stored(&client, "things").await;
    items.sort_by_key(|item| item.get("subject").is_none());
    let progress = newest.read("inbox-progress.json");
    assert_eq!(items, [progress, newest.read("inbox-record.json")]);
}
