//! The programs of the recipes, run as they are.

use std::process::Command;

use dynamodb_in_process::{Address, create_table, items};
use outbox::{CloudEvent, OutboxRow};
use serde_json::{Value, json};

use crate::{
    claim_check::s3,
    examples::{example, lines, producer, tables, with_input},
};

/// Returns the details of the rows, as a consumer receives them, a line each.
async fn details(client: &aws_sdk_dynamodb::Client) -> String {
    let rows: Vec<OutboxRow> = items(client, "outbox").await;
    rows.into_iter().map(|row| row.detail + "\n").collect()
}

/// Returns the events of the rows, in sequence.
async fn events(client: &aws_sdk_dynamodb::Client) -> Vec<CloudEvent> {
    let mut rows: Vec<OutboxRow> = items(client, "outbox").await;
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let details = rows.iter().map(|row| row.detail.as_str());
    details
        .map(|detail| serde_json::from_str(detail).unwrap())
        .collect()
}

#[tokio::test]
async fn extensions_reach_the_consumer() {
    let (address, client) = tables().await;
    let appended = with_input(producer("extensions", address), String::new()).await;
    assert_eq!(lines(&appended), ["committed ticket#1/1"]);
    let event = &events(&client).await[0];
    assert_eq!(event.extension("urgent"), Some(&true.into()));

    let input = details(&client).await;
    let output = with_input(producer("extensions", tables().await.0), input).await;
    let received = r#"received TicketOpened of Some("t-17")"#;
    assert_eq!(lines(&output), ["committed ticket#1/1", received]);
}

#[tokio::test]
async fn a_report_that_is_larger_than_a_row_is_published_by_reference() {
    let (address, client) = tables().await;
    let (stub, objects) = s3::bucket().await;
    let command = |address| {
        let mut command = producer("claim_check", address);
        command.env("LARGE_DATA_BUCKET", "large");
        command.env("AWS_ENDPOINT_URL_S3", stub.uri());
        command
    };
    let appended = with_input(command(address), String::new()).await;
    assert_eq!(lines(&appended), ["committed report#1/1"]);
    let object = objects.all().into_values().next().unwrap();
    assert!(object.len() > 1_000_000, "{}", object.len());

    let input = details(&client).await;
    let output = with_input(command(tables().await.0), input).await;
    let received = "received 100000 rows";
    assert_eq!(lines(&output), ["committed report#1/1", received]);
}

#[tokio::test]
async fn an_item_of_a_single_table_is_adopted() {
    let (address, client) = tables().await;
    create_table(&client, "single", "pk", Some("sk")).await;
    // Another writer has counted a change already.
    let item = json!({"pk": "customer#7", "sk": "order#1", "status": "open", "version": 3});
    let item: serde_dynamo::Item = serde_dynamo::to_item(item).unwrap();
    let put = client.put_item().table_name("single");
    put.set_item(Some(item.into())).send().await.unwrap();

    let run = async || {
        let mut command = producer("adopt_items", address);
        command.env("SINGLE_TABLE", "single");
        with_input(command, String::new()).await
    };
    let first = run().await;
    assert_eq!(lines(&first), ["revision added", "committed order#1/1"]);
    let second = run().await;
    let added_before = "it has a revision, or doesn't exist";
    assert_eq!(lines(&second), [added_before, "committed order#1/2"]);
    let found: Vec<Value> = items(&client, "single").await;
    let order = found.iter().find(|item| item["sk"] == "order#1").unwrap();
    assert_eq!(order["status"], "shipped");
    assert_eq!(
        (&order["version"], &order["lastSequence"]),
        (&json!(5), &json!(2))
    );
}

#[tokio::test]
async fn a_card_is_charged_once_however_often_the_event_arrives() {
    let address = dynamodb_in_process::listen().await;
    create_table(&dynamodb_in_process::client(address), "billing", "pk", None).await;
    let event = |id: &str| {
        let event = json!({
            "specversion": "1.0", "id": id, "source": "orders", "type": "OrderCreated",
            "time": jiff::Timestamp::now(),
        });
        event.to_string() + "\n"
    };
    let mut command = example("side_effects", address);
    command.env("CONSUMER_TABLE", "billing");
    let output = with_input(command, event("1") + &event("2") + &event("1")).await;
    let expected = [
        "charged payment-1, mail sent",
        "charged payment-2, mail sent",
        "charged payment-1 before, no mail",
    ];
    assert_eq!(lines(&output), expected);
}

#[tokio::test]
async fn both_versions_of_an_event_are_published_together() {
    let (address, client) = tables().await;
    let output = with_input(producer("two_versions", address), String::new()).await;
    assert_eq!(
        lines(&output),
        ["committed order#1/1", "committed order#1/2"]
    );
    let events = events(&client).await;
    let data = events.iter().map(|event| {
        let data = event.data.as_json();
        (event.event_type.as_str(), data)
    });
    let expected = [
        ("OrderCreated", r#"{"total":39.0}"#),
        ("OrderCreated.v2", r#"{"cents":3900,"currency":"EUR"}"#),
    ];
    assert_eq!(data.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_process_manager_moves_money_once() {
    let (address, client) = tables().await;
    create_table(&client, "accounts", "pk", None).await;
    for (pk, cents) in [("account#1", 700), ("account#2", 0)] {
        let account = json!({"pk": pk, "cents": cents, "version": 1, "lastSequence": 0});
        let account: serde_dynamo::Item = serde_dynamo::to_item(account).unwrap();
        let put = client.put_item().table_name("accounts");
        put.set_item(Some(account.into())).send().await.unwrap();
    }
    let withdrawn = with_input(transfers(address), String::new()).await;
    assert_eq!(lines(&withdrawn), ["withdrawn"]);

    let input = details(&client).await;
    let output = with_input(transfers(address), input.repeat(2)).await;
    assert_eq!(lines(&output), ["deposited", "deposited before"]);
    let accounts: Vec<Value> = items(&client, "accounts").await;
    for (pk, cents) in [("account#1", 200), ("account#2", 500)] {
        let account = accounts.iter().find(|account| account["pk"] == pk);
        assert_eq!(account.unwrap()["cents"], cents);
    }
    let events = events(&client).await;
    assert_eq!(events[1].event_type, "Deposited");
    assert_eq!(
        events[1].causationid.as_deref(),
        Some(events[0].id.as_str())
    );
}

fn transfers(address: Address) -> Command {
    let mut command = producer("process_manager", address);
    command.env("ACCOUNTS_TABLE", "accounts");
    command
}
