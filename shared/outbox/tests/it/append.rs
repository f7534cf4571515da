use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ConditionCheck, Delete, Put, Update},
};
use dynamodb_in_process::create_table;
use outbox::{
    AggregateWrite, CommitError, DomainEvent, KeySchema, Outbox, OutboxRow, Participant, Problem,
    Revision, Transaction,
};
use serde::Serialize;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

#[derive(Serialize)]
#[serde(transparent)]
struct Renamed(Value);

impl DomainEvent for Renamed {
    fn event_type(&self) -> &str {
        self.0["type"].as_str().unwrap_or("Renamed")
    }
}

struct Fixture {
    client: Client,
    outbox: Outbox,
}

impl Fixture {
    async fn start() -> Self {
        let client = dynamodb_in_process::start().await;
        create_table(&client, "things", "pk", None).await;
        create_table(&client, "outbox", "aggregateId", Some("position")).await;
        let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
        Self { client, outbox }
    }

    fn create(&self, id: &str) -> Transaction {
        self.outbox.transaction(AggregateWrite::create(
            format!("thing#{id}"),
            "things",
            things_key(),
            &json!({"pk": id, "name": "new"}),
        ))
    }

    fn replace(&self, id: &str, base: Revision) -> Transaction {
        self.outbox.transaction(AggregateWrite::replace(
            format!("thing#{id}"),
            "things",
            things_key(),
            &json!({"pk": id, "name": "changed"}),
            base,
        ))
    }

    async fn rows(&self) -> Vec<OutboxRow> {
        let items = self
            .client
            .scan()
            .table_name("outbox")
            .send()
            .await
            .unwrap();
        let mut rows: Vec<OutboxRow> = serde_dynamo::from_items(items.items.unwrap()).unwrap();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows
    }

    async fn thing(&self, id: &str) -> Option<HashMap<String, AttributeValue>> {
        let get = self.client.get_item().table_name("things");
        get.key("pk", text(id)).send().await.unwrap().item
    }

    async fn is_empty(&self) -> bool {
        let things = self.client.scan().table_name("things").send().await;
        things.unwrap().count == 0 && self.rows().await.is_empty()
    }
}

fn things_key() -> KeySchema {
    KeySchema::partition_key("pk")
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn put(id: &str) -> Put {
    Put::builder()
        .table_name("things")
        .item("pk", text(id))
        .build()
        .unwrap()
}

fn exists(id: &str) -> ConditionCheck {
    ConditionCheck::builder()
        .table_name("things")
        .key("pk", text(id))
        .condition_expression("attribute_exists(pk)")
        .build()
        .unwrap()
}

fn renamed() -> Renamed {
    Renamed(json!({"name": "new"}))
}

fn problems(error: CommitError) -> Vec<Problem> {
    match error {
        CommitError::Invalid(invalid) => invalid.problems,
        other => panic!("expected an invalid transaction, not {other:?}"),
    }
}

#[tokio::test]
async fn the_aggregate_and_its_events_are_written_together() {
    let fixture = Fixture::start().await;
    let committed = fixture
        .create("a")
        .event(&renamed())
        .event(&Renamed(json!({"name": "other", "type": "Renamed2"})))
        .correlation_id("request-1")
        .causation_id("command-1")
        .trace_header("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
        .commit()
        .await
        .unwrap();

    assert_eq!(
        committed.revision,
        Revision {
            version: 1,
            last_sequence: 2
        }
    );
    let thing: Revision = serde_dynamo::from_item(fixture.thing("a").await.unwrap()).unwrap();
    assert_eq!(thing, committed.revision);

    let rows = fixture.rows().await;
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    assert_eq!(keys, committed.events);
    assert_eq!(keys[1].to_string(), "thing#a/2");

    let row = &rows[0];
    assert_eq!(row.key.aggregate_id, "thing#a");
    assert_eq!(
        row.key.position,
        format!("00000000000000000001#{}", row.event_id)
    );
    let detail: Value = serde_json::from_str(&row.detail).unwrap();
    assert_eq!(
        detail,
        json!({
            "specversion": "1.0",
            "id": row.event_id.to_string(),
            "source": "things",
            "type": "Renamed",
            "subject": "thing#a",
            "time": row.committed_at.to_string(),
            "datacontenttype": "application/json",
            "sequence": "00000000000000000001",
            "traceparent": "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "correlationid": "request-1",
            "causationid": "command-1",
            "data": {"name": "new"},
        })
    );
    assert_eq!(rows[1].detail_type, "Renamed2");
}

#[tokio::test]
async fn sequences_go_on_where_the_last_change_ended() {
    let fixture = Fixture::start().await;
    let first = fixture
        .create("a")
        .event(&renamed())
        .commit()
        .await
        .unwrap();
    let second = fixture
        .replace("a", first.revision)
        .event(&renamed())
        .event(&renamed())
        .commit()
        .await
        .unwrap();

    assert_eq!(second.revision.last_sequence, 3);
    let sequences: Vec<u64> = fixture
        .rows()
        .await
        .iter()
        .map(|row| row.sequence)
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
}

#[tokio::test]
async fn of_two_writers_on_one_revision_the_second_is_told() {
    let fixture = Fixture::start().await;
    let first = fixture
        .create("a")
        .event(&renamed())
        .commit()
        .await
        .unwrap();
    let winner = fixture.replace("a", first.revision).event(&renamed());
    let loser = fixture.replace("a", first.revision).event(&renamed());
    winner.commit().await.unwrap();

    let error = loser.commit().await.unwrap_err();
    assert!(!error.is_retryable());
    let CommitError::ConditionFailed(failed) = error else {
        panic!("{error:?}");
    };
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].participant, Participant::Aggregate);
    assert_eq!(failed[0].to_string(), "aggregate things[pk=a]");
    let current: Revision = serde_dynamo::from_item(failed[0].item.clone().unwrap()).unwrap();
    assert_eq!(current.version, 2);
    assert_eq!(fixture.rows().await.len(), 2, "no event of the loser");
}

#[tokio::test]
async fn an_aggregate_is_created_once() {
    let fixture = Fixture::start().await;
    fixture.create("a").commit().await.unwrap();
    let error = fixture.create("a").event(&renamed()).commit().await;
    assert!(matches!(error, Err(CommitError::ConditionFailed(_))));
    assert!(fixture.rows().await.is_empty());
}

#[tokio::test]
async fn the_same_transaction_committed_again_is_written_once() {
    let fixture = Fixture::start().await;
    let transaction = fixture.create("a").event(&renamed());
    let first = transaction.commit().await.unwrap();
    let second = transaction.commit().await.unwrap();
    assert_eq!(first, second);
    assert_eq!(fixture.rows().await.len(), 1);
}

#[tokio::test]
async fn the_callers_actions_are_part_of_it() {
    let fixture = Fixture::start().await;
    for id in ["updated", "deleted", "checked"] {
        fixture.create(id).commit().await.unwrap();
    }
    let update = Update::builder()
        .table_name("things")
        .key("pk", text("updated"))
        .update_expression("SET #name = :name")
        .expression_attribute_names("#name", "name")
        .expression_attribute_values(":name", text("by the way"))
        .build()
        .unwrap();
    let delete = Delete::builder()
        .table_name("things")
        .key("pk", text("deleted"))
        .build()
        .unwrap();
    fixture
        .create("a")
        .put(put("also"), things_key())
        .update(update)
        .delete(delete)
        .condition_check(exists("checked"))
        .event(&renamed())
        .commit()
        .await
        .unwrap();

    assert!(fixture.thing("also").await.is_some());
    assert!(fixture.thing("deleted").await.is_none());
    let updated = fixture.thing("updated").await.unwrap();
    assert_eq!(updated["name"], text("by the way"));
}

#[tokio::test]
async fn a_failed_condition_of_the_caller_is_named_and_nothing_is_written() {
    let fixture = Fixture::start().await;
    let error = fixture
        .create("a")
        .put(put("also"), things_key())
        .condition_check(exists("nothing"))
        .event(&renamed())
        .commit()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a condition did not hold, nothing was written: action 1 things[pk=nothing]"
    );
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn every_broken_limit_is_reported_before_anything_is_sent() {
    let fixture = Fixture::start().await;
    let mut deep = json!("bottom");
    for _ in 0..101 {
        deep = json!([deep]);
    }
    let transaction = fixture
        .create("a")
        .event(&Renamed(json!({"type": ""})))
        .event(&Renamed(json!({"type": "T".repeat(129)})))
        .event(&Renamed(json!({"much": "x".repeat(256 * 1024)})))
        .event(&Renamed(deep))
        .event(&Renamed(json!({"number": 9_007_199_254_740_992_u64})))
        .correlation_id("");
    let problems = problems(transaction.commit().await.unwrap_err());
    assert!(
        matches!(
            problems.as_slice(),
            [
                Problem::EmptyAttribute {
                    attribute: "correlationid"
                },
                Problem::EventType { event: 0, chars: 0 },
                Problem::EventType {
                    event: 1,
                    chars: 129
                },
                Problem::EventTooLarge { event: 2, .. },
                Problem::EventTooDeep {
                    event: 3,
                    depth: 101
                },
                Problem::UnsafeInteger { event: 4, .. },
            ]
        ),
        "{problems:?}"
    );
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn an_event_may_be_as_large_as_the_bus_takes_it() {
    let fixture = Fixture::start().await;
    let one = |bytes: usize| {
        fixture
            .create("a")
            .event(&Renamed(json!("x".repeat(bytes))))
    };
    let CommitError::Invalid(invalid) = one(256 * 1024).commit().await.unwrap_err() else {
        panic!("not too large");
    };
    let [Problem::EventTooLarge { bytes, .. }] = invalid.problems[..] else {
        panic!("{invalid}");
    };
    let overhead = bytes - 256 * 1024;
    assert!(one(256 * 1024 - overhead + 1).commit().await.is_err());
    one(256 * 1024 - overhead).commit().await.unwrap();
}

#[tokio::test]
async fn a_transaction_holds_100_actions() {
    let fixture = Fixture::start().await;
    let of = |id: &str, events: usize| {
        (0..events).fold(fixture.create(id), |transaction, _| {
            transaction.event(&renamed())
        })
    };
    of("a", 99).commit().await.unwrap();
    assert_eq!(
        problems(of("b", 100).commit().await.unwrap_err()),
        [Problem::TooManyActions { count: 101 }]
    );
}

#[tokio::test]
async fn items_and_the_whole_transaction_have_a_size() {
    let fixture = Fixture::start().await;
    let large = |id: &str, bytes: usize| {
        let mut put = put(id);
        put.item.insert("text".into(), text(&"x".repeat(bytes)));
        put
    };
    let too_large = fixture
        .create("a")
        .put(large("b", 396 * 1024), things_key());
    assert!(matches!(
        problems(too_large.commit().await.unwrap_err())[..],
        [Problem::ItemTooLarge {
            participant: Participant::Action(0),
            ..
        }]
    ));

    let too_much = (0..11).fold(fixture.create("a"), |transaction, index| {
        transaction.put(large(&index.to_string(), 395 * 1024), things_key())
    });
    assert!(matches!(
        problems(too_much.commit().await.unwrap_err())[..],
        [Problem::TransactionTooLarge { .. }]
    ));
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn two_actions_on_one_item_are_named() {
    let fixture = Fixture::start().await;
    let transaction = fixture
        .create("a")
        .put(put("b"), things_key())
        .condition_check(exists("a"));
    assert_eq!(
        problems(transaction.commit().await.unwrap_err()),
        [Problem::SameItem {
            first: Participant::Aggregate,
            second: Participant::Action(1),
            item: "things[pk=a]".into(),
        }]
    );
}

#[tokio::test]
async fn an_item_without_its_key_is_named() {
    let fixture = Fixture::start().await;
    let keyless = Put::builder().table_name("things").item("a", text("b"));
    let transaction = fixture
        .create("a")
        .put(keyless.build().unwrap(), things_key());
    let problems = problems(transaction.commit().await.unwrap_err());
    assert_eq!(
        problems[0].to_string(),
        "action 0: the item lacks the key attribute \"pk\""
    );
}

#[tokio::test]
async fn a_refusal_says_so_and_is_not_retryable() {
    let client = dynamodb_in_process::start().await;
    let outbox = Outbox::new(client, "outbox", "things").unwrap();
    let fixture = Fixture {
        client: dynamodb_in_process::start().await,
        outbox,
    };
    let error = fixture
        .create("a")
        .event(&renamed())
        .commit()
        .await
        .unwrap_err();
    assert!(matches!(error, CommitError::Refused(_)), "{error:?}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn no_answer_is_an_unknown_outcome_and_retryable() {
    // A port nobody listens on: bound, and closed again.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = dynamodb_in_process::client(address);
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let fixture = Fixture { client, outbox };
    let error = fixture.create("a").commit().await.unwrap_err();
    assert!(matches!(error, CommitError::OutcomeUnknown(_)), "{error:?}");
    assert!(error.is_retryable());
}

/// Commits against a stub that answers every request alike.
async fn commit_answered_with(status: u16, answer: Value) -> CommitError {
    let stub = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(status).set_body_json(answer))
        .mount(&stub)
        .await;
    let client = dynamodb_in_process::client(*stub.address());
    let outbox = Outbox::new(client.clone(), "outbox", "things").unwrap();
    let fixture = Fixture { client, outbox };
    fixture
        .create("a")
        .event(&renamed())
        .commit()
        .await
        .unwrap_err()
}

fn canceled(codes: [&str; 2]) -> Value {
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": codes.map(|code| json!({"Code": code})),
    })
}

#[tokio::test]
async fn conflicts_and_throttling_are_told_from_failed_conditions() {
    type IsExpected = fn(&CommitError) -> bool;
    let conflict: IsExpected = |error| matches!(error, CommitError::Conflict(_));
    let throttled: IsExpected = |error| matches!(error, CommitError::Throttled(_));
    let refused: IsExpected = |error| matches!(error, CommitError::Refused(_));
    let unknown: IsExpected = |error| matches!(error, CommitError::OutcomeUnknown(_));
    let event_0: IsExpected = |error| {
        matches!(error, CommitError::ConditionFailed(failed)
            if failed.len() == 1 && failed[0].participant == Participant::Event(0))
    };
    let other = |code: &str| json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}")});
    let cases = [
        (
            400,
            canceled(["TransactionConflict", "None"]),
            conflict,
            true,
        ),
        (
            400,
            canceled(["TransactionConflict", "ThrottlingError"]),
            throttled,
            true,
        ),
        (
            400,
            canceled(["None", "ProvisionedThroughputExceeded"]),
            throttled,
            true,
        ),
        (
            400,
            canceled(["TransactionConflict", "ConditionalCheckFailed"]),
            event_0,
            false,
        ),
        (
            400,
            canceled(["TransactionConflict", "ValidationError"]),
            refused,
            false,
        ),
        (400, other("TransactionInProgressException"), conflict, true),
        (400, other("ThrottlingException"), throttled, true),
        (400, other("RequestLimitExceeded"), throttled, true),
        (400, other("AccessDeniedException"), refused, false),
        (500, other("InternalServerError"), unknown, true),
    ];
    for (status, answer, expected, retryable) in cases {
        let error = commit_answered_with(status, answer.clone()).await;
        assert!(expected(&error), "{answer}: {error:?}");
        assert_eq!(error.is_retryable(), retryable, "{answer}");
    }
}

#[test]
fn a_source_eventbridge_refuses_is_refused_at_once() {
    let client = dynamodb_in_process::client(([127, 0, 0, 1], 9).into());
    for source in ["", "aws.orders", &"x".repeat(257)] {
        assert!(Outbox::new(client.clone(), "outbox", source).is_err());
    }
}
