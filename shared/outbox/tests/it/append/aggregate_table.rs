//! A table of aggregates, read and written by its own type.

use std::time::Duration;

use outbox::{
    Aggregate, AggregateTable, AggregateWrite, CommitError, FindError, Participant, Problem,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;

use super::fixture::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Thing {
    id: String,
    name: String,
    /// The table's key, if the state has it as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pk: Option<String>,
}

impl Aggregate for Thing {
    fn aggregate_id(&self) -> String {
        format!("thing#{}", self.id)
    }
}

fn thing(name: &str) -> Thing {
    Thing {
        id: "1".into(),
        name: name.into(),
        pk: None,
    }
}

impl Fixture {
    fn table(&self, name: &str) -> AggregateTable<Thing> {
        AggregateTable::new(self.client.clone(), name, "pk")
    }

    async fn write(&self, write: AggregateWrite) -> Result<(), CommitError> {
        let transaction = self.outbox.transaction(write).event(&renamed());
        transaction.commit().await.map(drop)
    }
}

#[tokio::test]
async fn an_aggregate_is_found_as_it_was_written() {
    let fixture = Fixture::start().await;
    let things = fixture.table("things");
    assert_eq!(things.find("thing#1").await.unwrap(), None);

    fixture.write(things.create(&thing("new"))).await.unwrap();
    let found = things.find("thing#1").await.unwrap().unwrap();
    assert_eq!(found.state.name, "new");
    assert_eq!(found.revision.last_sequence, 1);

    let change = things.replace(&thing("changed"), found.revision);
    fixture.write(change).await.unwrap();
    let found = things.find("thing#1").await.unwrap().unwrap();
    assert_eq!(
        (found.state.name.as_str(), found.revision.version),
        ("changed", 2)
    );

    let rows = fixture.rows().await;
    let subjects: Vec<&str> = rows
        .iter()
        .map(|row| row.key.aggregate_id.as_str())
        .collect();
    assert_eq!(subjects, ["thing#1", "thing#1"]);
}

#[tokio::test]
async fn a_write_has_the_conditions_of_every_aggregate() {
    let fixture = Fixture::start().await;
    let things = fixture.table("things");
    fixture.write(things.create(&thing("new"))).await.unwrap();
    let base = things.find("thing#1").await.unwrap().unwrap().revision;
    fixture
        .write(things.replace(&thing("a"), base))
        .await
        .unwrap();

    for write in [
        things.create(&thing("b")),
        things.replace(&thing("b"), base),
    ] {
        let failed = fixture.write(write).await.unwrap_err();
        assert!(
            matches!(failed, CommitError::ConditionFailed(_)),
            "{failed}"
        );
    }
    let found = things.find("thing#1").await.unwrap().unwrap();
    assert_eq!(found.state.name, "a");
}

#[tokio::test]
async fn a_state_may_contain_its_key_and_no_other() {
    let fixture = Fixture::start().await;
    let things = fixture.table("things");
    let with_key = |pk: &str| Thing {
        pk: Some(pk.into()),
        ..thing("new")
    };
    let other = fixture.write(things.create(&with_key("thing#2"))).await;
    let expected = Problem::NotAnItem {
        participant: Participant::Aggregate,
        reason: "its attribute \"pk\" is the table's key, and must be the aggregate id".into(),
    };
    assert_eq!(problems(other.unwrap_err()), [expected]);

    let own = with_key("thing#1");
    fixture.write(things.create(&own)).await.unwrap();
    assert_eq!(things.find("thing#1").await.unwrap().unwrap().state, own);
}

#[tokio::test]
async fn what_cannot_be_read_says_why_and_whether_a_retry_can_help() {
    let fixture = Fixture::start().await;
    let foreign = json!({"pk": "thing#9", "name": "written without the library"});
    let item = serde_dynamo::to_item(foreign).unwrap();
    let put = fixture.client.put_item().table_name("things");
    put.set_item(Some(item)).send().await.unwrap();
    let found = fixture.table("things").find("thing#9").await.unwrap_err();
    assert!(matches!(found, FindError::Unreadable(_)), "{found}");

    let missing = fixture.table("none").find("thing#1").await.unwrap_err();
    assert!(matches!(missing, FindError::Rejected(_)), "{missing}");
}

#[tokio::test]
async fn a_read_without_a_response_ends_in_time() {
    // Connections are made by the system, and nobody reads from them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = dynamodb_in_process::client(silent.local_addr().unwrap());
    let things: AggregateTable<Thing> = AggregateTable::new(client, "things", "pk");
    let found = timeout(Duration::from_secs(10), things.find("thing#1")).await;
    let error = found.expect("in time").unwrap_err();
    assert!(matches!(error, FindError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_table_is_shown_without_its_client() {
    let things = Fixture::start().await.table("things");
    let shown = format!("{things:?}");
    let expected = r#"AggregateTable { table: "things", partition_key: "pk", .. }"#;
    assert_eq!(shown, expected);
}
