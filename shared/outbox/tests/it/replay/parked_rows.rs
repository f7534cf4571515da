//! What an operator can do about a parked row, on DynamoDB in process.

use std::collections::HashMap;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use dynamodb_in_process::{create_table, items};
use jiff::Timestamp;
use outbox::{
    OutboxRow, Parked, RowKey,
    aws::DynamoDbTable,
    ports::{Discard, Edit, OutboxTable, ParkedRows, RowState, Segment},
    replay::check_detail,
};
use serde_json::{Value, json};

use crate::{
    aws::stubs::responding,
    memory::{row_with_detail, start},
};

struct Fixture {
    client: Client,
    table: DynamoDbTable,
}

impl Fixture {
    async fn start() -> Self {
        let client = dynamodb_in_process::start().await;
        create_table(&client, "outbox", "aggregateId", Some("position")).await;
        let table = DynamoDbTable::new(client.clone(), "outbox");
        Self { client, table }
    }

    async fn write(&self, row: &OutboxRow) -> RowKey {
        let item = serde_dynamo::to_item(row).unwrap();
        let put = self.client.put_item().table_name("outbox");
        put.set_item(Some(item)).send().await.unwrap();
        row.key.clone()
    }

    async fn park(&self, key: &RowKey) -> Parked {
        self.park_as_edited(key, 0).await
    }

    async fn park_as_edited(&self, key: &RowKey, edits: u64) -> Parked {
        let mark = Parked {
            reason: "MalformedDetail: detail is no JSON".into(),
            at: start(),
        };
        self.table.park(key, Some(edits), &mark).await.unwrap();
        mark
    }

    async fn items(&self) -> Vec<HashMap<String, Value>> {
        items(&self.client, "outbox").await
    }
}

fn edit(seen: &str, detail: &str) -> Edit {
    Edit {
        by: "arn:aws:iam::1:user/ada".to_owned(),
        at: start(),
        seen: seen.to_owned(),
        detail: detail.to_owned(),
    }
}

fn discard() -> Discard {
    Discard::new("arn:aws:iam::1:user/ada", start(), " sent by hand ").unwrap()
}

#[tokio::test]
async fn a_row_is_read_with_its_mark() {
    let fixture = Fixture::start().await;
    let key = fixture.write(&row_with_detail("a", 1, "{}")).await;
    let pending = fixture.table.read(&key).await.unwrap().unwrap();
    assert_eq!(pending.parked, None);
    let mark = fixture.park(&key).await;
    let parked = fixture.table.read(&key).await.unwrap().unwrap();
    assert_eq!(parked.parked, Some(mark));
    assert_eq!(parked.candidate.row.unwrap().detail, "{}");
    let gone = row_with_detail("b", 1, "{}").key;
    assert_eq!(fixture.table.read(&gone).await, Ok(None));
}

#[tokio::test]
async fn an_aggregate_is_queried_in_sequence_up_to_a_row() {
    let fixture = Fixture::start().await;
    let mut keys = Vec::new();
    for sequence in [3, 1, 12, 2] {
        keys.push(fixture.write(&row_with_detail("a", sequence, "{}")).await);
    }
    fixture.write(&row_with_detail("b", 1, "{}")).await;
    let sequences = async |after: Option<&RowKey>, through: Option<&RowKey>| {
        let page = fixture.table.query("a", after, through).await.unwrap();
        assert_eq!(page.next, None);
        let keys = page.rows.iter().map(|row| row.candidate.key.sequence());
        keys.map(Option::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(sequences(None, None).await, [1, 2, 3, 12]);
    assert_eq!(sequences(None, Some(&keys[0])).await, [1, 2, 3]);
    assert_eq!(sequences(Some(&keys[1]), Some(&keys[0])).await, [2, 3]);
}

#[tokio::test]
async fn unparking_makes_a_row_pending_once() {
    let fixture = Fixture::start().await;
    let key = fixture.write(&row_with_detail("a", 1, "{}")).await;
    assert_eq!(fixture.table.unpark(&key).await, Ok(false), "not parked");
    fixture.park(&key).await;
    assert_eq!(fixture.table.unpark(&key).await, Ok(true));
    assert_eq!(fixture.table.unpark(&key).await, Ok(false));
    let row = fixture.table.read(&key).await.unwrap().unwrap();
    assert_eq!(row.parked, None);
    let gone = row_with_detail("b", 1, "{}").key;
    assert_eq!(fixture.table.unpark(&gone).await, Ok(false));
    assert_eq!(fixture.items().await.len(), 1, "no item was created");
}

#[tokio::test]
async fn a_detail_is_replaced_only_if_it_is_as_it_was_seen() {
    let fixture = Fixture::start().await;
    let key = fixture.write(&row_with_detail("a", 1, "broken")).await;
    let table = &fixture.table;
    let replaced = table.replace_detail(&key, &edit("broken", "{}")).await;
    assert_eq!(replaced, Ok(false), "not parked");
    fixture.park(&key).await;
    let other = edit("other", "{}");
    assert_eq!(table.replace_detail(&key, &other).await, Ok(false));
    assert_eq!(fixture.items().await.len(), 1, "no record was written");
    let fixed = edit("broken", "{}");
    assert_eq!(table.replace_detail(&key, &fixed).await, Ok(true));
    let row = table.read(&key).await.unwrap().unwrap();
    assert_eq!(row.parked, None);
    let row = row.candidate.row.unwrap();
    assert_eq!((row.detail.as_str(), row.edits), ("{}", 1));
    let states = table.look_up(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(states[&key], RowState::Edited(1));

    fixture.park_as_edited(&key, 1).await;
    let states = table.look_up(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(states[&key], RowState::Parked);
    let fixed = edit("{}", "{ }");
    assert_eq!(table.replace_detail(&key, &fixed).await, Ok(true));
    let states = table.look_up(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(states[&key], RowState::Edited(2));
}

#[tokio::test]
async fn a_row_edited_since_it_was_read_is_not_parked() {
    let fixture = Fixture::start().await;
    let key = fixture.write(&row_with_detail("a", 1, "broken")).await;
    fixture.park(&key).await;
    let fixed = edit("broken", "{}");
    let replaced = fixture.table.replace_detail(&key, &fixed).await;
    assert_eq!(replaced, Ok(true));
    fixture.park(&key).await;
    let row = fixture.table.read(&key).await.unwrap().unwrap();
    assert_eq!(row.parked, None);
}

#[tokio::test]
async fn a_row_before_an_edit_is_kept_for_30_days_and_not_published() {
    let fixture = Fixture::start().await;
    let key = fixture.write(&row_with_detail("a", 1, "broken")).await;
    let mark = fixture.park(&key).await;
    let before = fixture.items().await.remove(0);
    let fixed = edit("broken", "{}");
    assert_eq!(fixture.table.replace_detail(&key, &fixed).await, Ok(true));

    let mut items = fixture.items().await;
    assert_eq!(items.len(), 2);
    items.retain(|item| item["aggregateId"] == "discarded#a");
    let mut kept = items.remove(0);
    let position = format!("{}#2026-11-24T09:00:00.500Z", key.position);
    assert_eq!(kept["position"], json!(position));
    let edited = json!({"by": "arn:aws:iam::1:user/ada", "at": "2026-11-24T09:00:00.5Z"});
    assert_eq!(kept.remove("edited"), Some(edited));
    let expires: Timestamp = "2026-12-24T09:00:00Z".parse().unwrap();
    assert_eq!(kept.remove("expiresAt"), Some(json!(expires.as_second())));
    for name in ["aggregateId", "position"] {
        kept.insert(name.to_owned(), before[name].clone());
    }
    assert_eq!(kept, before, "nothing else of the row is missing");

    let decisions = fixture.table.decisions("a").await.unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(
        (&decisions[0].row, &decisions[0].parked),
        (&key, &Some(mark))
    );
    let whole = Segment { index: 0, of: 1 };
    let rows = fixture.table.scan(whole, None).await.unwrap().rows;
    assert_eq!(rows.len(), 1, "the record is no row");
    let query = fixture.table.query("discarded#a", None, None).await;
    assert!(query.unwrap().rows.is_empty());
}

/// The row may be unparked and parked again between the read and the write.
#[tokio::test]
async fn a_row_is_edited_and_its_record_written_only_together() {
    let mark = json!({"M": {"reason": {"S": "TooLarge: no"}, "at": {"N": "1"}}});
    let key = row_with_detail("a", 1, "{}").key;
    let item = json!({
        "aggregateId": {"S": key.aggregate_id}, "position": {"S": key.position}, "parked": mark,
        "detail": {"S": "broken"},
    });
    let stub = responding(200, json!({"Item": item})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let fixed = edit("broken", "{}");
    assert_eq!(table.replace_detail(&key, &fixed).await, Ok(true));
    let requests = stub.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    let write: Value = requests[1].body_json().unwrap();
    let [put, update] = write["TransactItems"].as_array().unwrap().as_slice() else {
        panic!("{write}");
    };
    assert_eq!(put["Put"]["Item"]["detail"], json!({"S": "broken"}));
    let update = &update["Update"];
    let condition = "#parked = :mark AND #detail = :seen";
    assert_eq!(update["ConditionExpression"], condition);
    let values = &update["ExpressionAttributeValues"];
    assert_eq!(
        (&values[":mark"], &values[":seen"]["S"]),
        (&mark, &json!("broken"))
    );
}

#[tokio::test]
async fn a_discarded_row_is_kept_for_30_days_and_not_published() {
    let fixture = Fixture::start().await;
    let key = fixture.write(&row_with_detail("a", 1, "broken")).await;
    let discarded = fixture.table.discard(&key, &discard()).await;
    assert_eq!(discarded, Ok(false), "not parked");
    fixture.park(&key).await;
    assert_eq!(fixture.table.discard(&key, &discard()).await, Ok(true));
    assert_eq!(fixture.table.discard(&key, &discard()).await, Ok(false));

    let items = fixture.items().await;
    assert_eq!(items.len(), 1);
    let kept = &items[0];
    assert_eq!(kept["aggregateId"], "discarded#a");
    assert_eq!(kept["position"], json!(key.position));
    assert_eq!(kept["detail"], "broken");
    assert_eq!(
        kept["discarded"],
        json!({
            "by": "arn:aws:iam::1:user/ada",
            "at": "2026-11-24T09:00:00.5Z",
            "reason": "sent by hand",
        })
    );
    let expires: Timestamp = "2026-12-24T09:00:00Z".parse().unwrap();
    assert_eq!(kept["expiresAt"], json!(expires.as_second()));

    let whole = Segment { index: 0, of: 1 };
    assert!(
        fixture
            .table
            .scan(whole, None)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    let query = fixture.table.query("discarded#a", None, None).await;
    assert!(query.unwrap().rows.is_empty());
}

/// The row may be unparked and parked again between the read and the write.
#[tokio::test]
async fn a_row_is_discarded_only_with_the_mark_that_was_seen() {
    let mark = json!({"M": {"reason": {"S": "TooLarge: no"}, "at": {"N": "1"}}});
    let key = row_with_detail("a", 1, "{}").key;
    let item = json!({
        "aggregateId": {"S": key.aggregate_id}, "position": {"S": key.position}, "parked": mark,
    });
    let stub = responding(200, json!({"Item": item})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    assert_eq!(table.discard(&key, &discard()).await, Ok(true));
    let requests = stub.received_requests().await.unwrap();
    let write: Value = requests[1].body_json().unwrap();
    let delete = &write["TransactItems"][1]["Delete"];
    assert_eq!(delete["ConditionExpression"], "#parked = :mark");
    assert_eq!(
        delete["ExpressionAttributeNames"],
        json!({"#parked": "parked"})
    );
    assert_eq!(delete["ExpressionAttributeValues"], json!({":mark": mark}));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_can_be_discarded() {
    let fixture = Fixture::start().await;
    let key = RowKey {
        aggregate_id: "a".into(),
        position: "nonsense".into(),
    };
    let put = fixture.client.put_item().table_name("outbox");
    put.item("aggregateId", AttributeValue::S("a".into()))
        .item("position", AttributeValue::S("nonsense".into()))
        .item("parked", AttributeValue::S("no mark".into()))
        .send()
        .await
        .unwrap();
    let row = fixture.table.read(&key).await.unwrap().unwrap();
    assert_eq!(
        row.parked.unwrap().reason,
        "Unknown: the mark cannot be read"
    );
    assert_eq!(fixture.table.discard(&key, &discard()).await, Ok(true));
}

#[test]
fn a_reason_has_to_be_given_and_has_a_limit() {
    for (reason, accepted) in [
        ("", false),
        (" \n", false),
        ("x", true),
        (&"x".repeat(500), true),
        (&"x".repeat(501), false),
    ] {
        let discard = Discard::new("ada", start(), reason);
        assert_eq!(discard.is_some(), accepted, "{reason:?}");
    }
}

#[test]
fn a_new_detail_must_be_the_same_event_and_fit_its_row() {
    let row = row_with_detail("a", 1, "broken");
    let event = json!({
        "id": row.event_id, "source": "things", "type": "Renamed", "subject": "a", "data": {},
    });
    assert_eq!(check_detail(&row, &event.to_string()), Ok(()));
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event[name] = value;
        event.to_string()
    };
    for (detail, problem) in [
        (
            "{".to_owned(),
            "it is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        ("[]".to_owned(), "it is not a JSON object"),
        (
            with("id", json!("1")),
            "its \"id\" must stay \"019ad0c5-0a4c-7000-8000-000000000001\": consumers identify the event by it",
        ),
        (
            with("source", json!("others")),
            "its \"source\" must stay \"things\": consumers identify the event by it",
        ),
        (
            with("type", Value::Null),
            "its \"type\" must stay \"Renamed\": consumers identify the event by it",
        ),
        (
            with("subject", json!("b")),
            "its \"subject\" must stay \"a\": consumers identify the event by it",
        ),
    ] {
        let error = check_detail(&row, &detail).unwrap_err();
        assert_eq!(error.to_string(), problem);
    }
    let twice = event.to_string().replacen('{', r#"{"id":"other","#, 1);
    let error = check_detail(&row, &twice).unwrap_err().to_string();
    assert!(
        error.starts_with("consumers would read it differently: duplicate field `id`"),
        "{error}"
    );
    let large = |bytes: usize| with("data", json!("x".repeat(bytes)));
    let most = 392 * 1024 - large(0).len();
    assert_eq!(check_detail(&row, &large(most)), Ok(()));
    let error = check_detail(&row, &large(most + 1)).unwrap_err();
    let problem = "the event has 401409 bytes, its row takes 401408";
    assert_eq!(error.to_string(), problem);
    let mut larger = row.clone();
    larger.detail = large(most + 100);
    assert_eq!(check_detail(&larger, &large(most + 100)), Ok(()));
    assert!(check_detail(&larger, &large(most + 101)).is_err());
}

#[test]
fn a_new_detail_that_consumers_could_not_read_is_refused() {
    let row = row_with_detail("a", 1, "broken");
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let detail = |data: &str| {
        format!(
            r#"{{"id":"{}","source":"things","type":"Renamed","subject":"a","data":{data}}}"#,
            row.event_id
        )
    };
    for (data, said) in [
        (r#"["Jane Doe", "\ud800"]"#, "data[1] stands for no text"),
        (&*deep(101), "it is nested 102 deep"),
    ] {
        let error = check_detail(&row, &detail(data)).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert_eq!(check_detail(&row, &detail(&deep(100))), Ok(()));
}

#[test]
fn a_new_detail_may_have_numbers_of_any_size_and_form() {
    let row = row_with_detail("a", 1, "broken");
    for number in ["1e400", "123456789012345678901234567890", "1.0", "-0"] {
        let detail = format!(
            r#"{{"id":"{}","source":"things","type":"Renamed","subject":"a","data":{{"n":{number},"n":1}}}}"#,
            row.event_id
        );
        assert_eq!(check_detail(&row, &detail), Ok(()), "{number}");
    }
}
