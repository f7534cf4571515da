//! The limits that are checked before anything is sent.

use aws_sdk_dynamodb::types::Put;
use outbox::{Participant, Problem};
use serde_json::json;

use super::fixture::*;

#[tokio::test]
async fn an_aggregate_id_must_leave_room_for_the_discarded_prefix() {
    let fixture = Fixture::start().await;
    let problems_of = async |aggregate_id: &str| {
        let item = json!({"pk": aggregate_id});
        let write = outbox::AggregateWrite::create(aggregate_id, "things", things_key(), &item);
        let transaction = fixture.outbox.transaction(write).event(&renamed());
        problems(transaction.commit().await.unwrap_err())
    };
    for (aggregate_id, message) in [
        (
            "x".repeat(2039),
            "the aggregate id must have 1 to 2038 bytes, not 2039",
        ),
        (
            "discarded#a".to_owned(),
            "the aggregate id must not begin with \"discarded#\": discarded events are kept there",
        ),
    ] {
        let problems = problems_of(&aggregate_id).await;
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(messages, [message]);
    }
    assert!(fixture.is_empty().await);
    let longest = "x".repeat(2038);
    let item = json!({"pk": "a"});
    let write = outbox::AggregateWrite::create(longest, "things", things_key(), &item);
    let transaction = fixture.outbox.transaction(write).event(&renamed());
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn an_event_may_be_as_deep_and_its_type_as_long_as_the_limit() {
    let fixture = Fixture::start().await;
    let deep = (0..100).fold(json!("bottom"), |inner, _| json!([inner]));
    let transaction = fixture
        .create("a")
        .event(&Renamed(deep))
        .event(&Renamed(json!({"type": "T".repeat(128)})));
    transaction.commit().await.unwrap();
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
                Problem::EventTooDeep {
                    event: 2,
                    depth: 101
                },
                Problem::UnsafeNumber { event: 3, .. },
            ]
        ),
        "{problems:?}"
    );
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn an_event_may_be_as_large_as_an_item() {
    let fixture = Fixture::start().await;
    let one = |bytes: usize| {
        fixture
            .create("a")
            .event(&Renamed(json!("x".repeat(bytes))))
    };
    let most = 396 * 1024;
    let problems = problems(one(most).commit().await.unwrap_err());
    let [Problem::ItemTooLarge { participant, bytes }] = problems[..] else {
        panic!("{problems:?}");
    };
    assert_eq!(participant, Participant::Event(0));
    let overhead = bytes - most;
    assert!(one(most - overhead + 1).commit().await.is_err());
    one(most - overhead).commit().await.unwrap();
}

#[tokio::test]
async fn a_transaction_may_have_100_actions() {
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
async fn items_and_transactions_have_a_maximum_size() {
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
            item: "things[pk=thing#a]".into(),
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
