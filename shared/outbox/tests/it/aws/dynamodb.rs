//! The requests to DynamoDB, and the handling of responses that a test can't make DynamoDB
//! return.

use outbox::{
    Unreadable,
    aws::DynamoDbTable,
    ports::{CallError, OutboxTable, RowState, Segment},
};
use serde_json::{Value, json};

use super::stubs::responding;
use crate::memory::row;

#[tokio::test]
async fn scans_are_consistent_and_continue_after_the_last_page() {
    let key = row("a", 1).key;
    let last = json!({"aggregateId": {"S": "a"}, "position": {"S": key.position}});
    let stub = responding(200, json!({"Items": [], "LastEvaluatedKey": last})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let segment = Segment { index: 2, of: 8 };
    let page = table.scan(segment, Some(&key)).await.unwrap();
    assert_eq!(page.next, Some(key));
    let body: Value = stub.received_requests().await.unwrap()[0]
        .body_json()
        .unwrap();
    assert_eq!(body["ConsistentRead"], json!(true));
    assert_eq!(
        (&body["Segment"], &body["TotalSegments"]),
        (&json!(2), &json!(8))
    );
    assert_eq!(body["ExclusiveStartKey"], last);
}

/// DynamoDB rejects a start key at or behind the end of the range.
#[tokio::test]
async fn no_query_starts_at_the_last_wanted_row() {
    let stub = responding(
        400,
        json!({
            "__type": "com.amazon.coral.validate#ValidationException",
            "message": "The provided starting key does not match the range key predicate",
        }),
    )
    .await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let (last, behind) = (row("a", 2).key, row("a", 3).key);
    for after in [&last, &behind] {
        let page = table.query("a", Some(after), Some(&last)).await.unwrap();
        assert!(page.rows.is_empty());
        assert_eq!(page.next, None);
    }
    assert!(stub.received_requests().await.unwrap().is_empty());
    let before = row("a", 1).key;
    assert!(table.query("a", Some(&before), Some(&last)).await.is_err());
    assert!(table.query("a", Some(&behind), None).await.is_err());
}

#[tokio::test]
async fn a_scan_ignores_attributes_of_a_newer_type() {
    let item: serde_dynamo::Item = serde_dynamo::to_item(row("a", 1)).unwrap();
    let item = serde_json::to_value(item).unwrap();
    let with = |name: &str, value: Value| {
        let mut item = item.clone();
        item[name] = value;
        item
    };
    let newer = json!({"VECTOR": [1, 2]});
    let items = [
        with("more", newer.clone()),
        with("more", json!({"M": {"deep": {"L": [newer]}}})),
        with("detail", newer.clone()),
        with("parked", newer),
    ];
    let stub = responding(200, json!({"Items": items})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let all = Segment { index: 0, of: 1 };
    let rows = table.scan(all, None).await.unwrap().rows;
    let [more, deeper, detail, parked] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(**more.candidate.row.as_ref().unwrap(), row("a", 1));
    assert_eq!(more, deeper);
    let malformed = Unreadable::Malformed("attribute \"detail\" is not text".into());
    assert_eq!(detail.candidate.row, Err(malformed));
    assert!(parked.parked.is_some());
}

#[tokio::test]
async fn look_ups_are_consistent_and_unprocessed_keys_unknown() {
    let keys = [row("a", 1).key, row("a", 2).key];
    let unprocessed = json!({"aggregateId": {"S": "a"}, "position": {"S": keys[1].position}});
    let stub = responding(
        200,
        json!({
            "Responses": {"outbox": []},
            "UnprocessedKeys": {"outbox": {"Keys": [unprocessed]}},
        }),
    )
    .await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    let states = table.look_up(&keys).await.unwrap();
    assert_eq!(states.get(&keys[0]), Some(&RowState::Absent));
    assert_eq!(states.get(&keys[1]), None);

    let request = &stub.received_requests().await.unwrap()[0];
    let body: Value = request.body_json().unwrap();
    assert_eq!(
        body["RequestItems"]["outbox"]["ConsistentRead"],
        json!(true)
    );
}

#[tokio::test]
async fn a_response_without_the_table_is_an_error() {
    let stub = responding(200, json!({})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    assert!(table.look_up(&[row("a", 1).key]).await.is_err());
}

#[tokio::test]
async fn rows_without_keys_are_not_taken_for_settled() {
    let nameless = json!({"aggregateId": {"S": "a"}});
    for answer in [
        json!({"Responses": {"outbox": []}, "UnprocessedKeys": {"outbox": {"Keys": [nameless]}}}),
        json!({"Responses": {"outbox": [nameless]}}),
        json!({"UnprocessedItems": {"outbox": [{"DeleteRequest": {"Key": nameless}}]}}),
    ] {
        let stub = responding(200, answer.clone()).await;
        let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
        let keys = [row("a", 1).key];
        let error = if answer.get("Responses").is_some() {
            table.look_up(&keys).await.unwrap_err()
        } else {
            table.delete(&keys).await.unwrap_err()
        };
        assert!(matches!(error, CallError::Unanswered(_)), "{error}");
    }
}

#[tokio::test]
async fn unprocessed_deletes_are_returned() {
    let keys = [row("a", 1).key, row("a", 2).key];
    let unprocessed = json!({"DeleteRequest": {"Key": {
        "aggregateId": {"S": "a"}, "position": {"S": keys[1].position},
    }}});
    let stub = responding(200, json!({"UnprocessedItems": {"outbox": [unprocessed]}})).await;
    let table = DynamoDbTable::new(dynamodb_in_process::client(*stub.address()), "outbox");
    assert_eq!(table.delete(&keys).await.unwrap(), keys[1..]);
}
