//! Commits: what is written, and what is not.

use aws_sdk_dynamodb::types::{Delete, Update};
use outbox::{CloudEvent, CommitError, Participant, Revision, Traceparent};
use serde_json::{Value, json};

use super::fixture::*;

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
            "time": format!("{:.3}", row.committed_at),
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
async fn sequences_continue_after_the_last_change() {
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
async fn of_two_writers_on_one_revision_the_second_fails() {
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
    assert_eq!(
        failed[0].to_string(),
        "aggregate things[pk=thing#a]: it was changed since it was read, it has version 2 and \
         lastSequence 2 now"
    );
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
async fn the_callers_actions_are_part_of_the_transaction() {
    let fixture = Fixture::start().await;
    for id in ["updated", "deleted", "checked"] {
        fixture.create(id).commit().await.unwrap();
    }
    let update = Update::builder()
        .table_name("things")
        .key("pk", text("thing#updated"))
        .update_expression("SET #name = :name")
        .expression_attribute_names("#name", "name")
        .expression_attribute_values(":name", text("by the way"))
        .build()
        .unwrap();
    let delete = Delete::builder()
        .table_name("things")
        .key("pk", text("thing#deleted"))
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
        "a condition did not hold, nothing was written: action 1 things[pk=thing#nothing]: \
         its condition does not hold"
    );
    assert!(fixture.is_empty().await);
}

#[tokio::test]
async fn each_trace_format_is_derived_from_the_other() {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let other = Traceparent::parse("00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00");
    let other = other.unwrap();
    let fixture = Fixture::start().await;
    let create = |id| fixture.create(id).event(&renamed());
    for (transaction, x_ray, w3c) in [
        (
            create("a").trace_header(header),
            Some(header),
            Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"),
        ),
        (
            create("b").traceparent(other.clone()),
            Some("Root=1-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=bbbbbbbbbbbbbbbb;Sampled=0"),
            Some(other.as_str()),
        ),
        (
            create("c").trace_header(header).traceparent(other.clone()),
            Some(header),
            Some(other.as_str()),
        ),
        (create("d").trace_header("nonsense"), None, None),
    ] {
        let committed = transaction.commit().await.unwrap();
        let rows = fixture.rows().await;
        let row = rows.iter().find(|row| row.key == committed.events[0]);
        let row = row.unwrap();
        assert_eq!(row.trace_header.as_deref(), x_ray);
        let event: CloudEvent = serde_json::from_str(&row.detail).unwrap();
        assert_eq!(event.traceparent.as_ref().map(Traceparent::as_str), w3c);
    }
}
