//! Conditions and updates come to the same result as in DynamoDB.

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update},
};
use outbox::{KeySchema, testing::Transact};
use outbox_testing::{InMemoryAws, Item};
use serde_json::{Value, json};

const TABLE: &str = "things";

fn item(value: &Value) -> Item {
    serde_dynamo::to_item(value).unwrap()
}

fn thing() -> Item {
    item(&json!({
        "pk": "a", "count": 5, "price": 1.50, "name": "pot", "tags": ["x", "y"],
        "size": {"width": 3}, "done": false, "nothing": null,
    }))
}

fn values() -> Item {
    item(&json!({
        ":five": 5, ":six": 6, ":price": "1.5", ":pot": "pot", ":p": "po", ":x": "x", ":z": "z",
        ":false": false, ":null": null, ":N": "N", ":three": 3,
    }))
    .into_iter()
    .map(|(name, value)| match value {
        AttributeValue::S(text) if name == ":price" => (name, AttributeValue::N(text)),
        value => (name, value),
    })
    .collect()
}

/// Returns only the placeholders that an expression uses: DynamoDB rejects others.
fn used(expression: &str) -> Item {
    let mut values = values();
    values.retain(|name, _| {
        let mut words = expression.split(|c: char| !(c.is_alphanumeric() || c == ':'));
        words.any(|word| word == name)
    });
    values
}

/// DynamoDB in process and in memory, with the same item.
async fn both() -> (Client, InMemoryAws) {
    let client = dynamodb_in_process::start().await;
    dynamodb_in_process::create_table(&client, TABLE, "pk", None).await;
    let put = client.put_item().table_name(TABLE);
    put.set_item(Some(thing())).send().await.unwrap();
    let aws = InMemoryAws::new();
    aws.create_table(TABLE, KeySchema::partition_key("pk"));
    aws.with(|services| services.items.put(TABLE, thing()).unwrap());
    (client, aws)
}

/// Executes an action on both. Returns whether it was committed.
async fn transact(client: &Client, aws: &InMemoryAws, item: TransactWriteItem) -> bool {
    let token = uuid();
    let in_memory = aws.transact(vec![item.clone()], token).await;
    let in_dynamodb = client.transact_write_items().transact_items(item);
    let in_dynamodb = in_dynamodb.send().await;
    assert_eq!(in_memory.is_ok(), in_dynamodb.is_ok(), "{in_dynamodb:?}");
    in_memory.is_ok()
}

/// Returns a token that was not used before.
fn uuid() -> String {
    fastrand::u128(..).to_string()
}

#[tokio::test]
async fn conditions_hold_as_in_dynamodb() {
    let (client, aws) = both().await;
    let mut held = 0;
    for condition in [
        "attribute_exists(pk)",
        "attribute_not_exists(pk)",
        "attribute_not_exists(nowhere) AND #name = :pot",
        "#count = :five OR #count = :six",
        "NOT #count = :five",
        "#count <> :six",
        "nowhere <> :six",
        "nowhere = :six",
        "nowhere < :six",
        "#count < :six AND #count >= :five",
        "#count BETWEEN :five AND :six",
        "#count IN (:six, :five)",
        "#count > :pot",
        "price = :price",
        "begins_with(#name, :p)",
        "contains(tags, :x)",
        "contains(tags, :z)",
        "contains(#name, :p)",
        "attribute_type(#count, :N)",
        "size(#name) = :three",
        "#size.width = :three",
        "tags[0] = :x",
        "tags[7] = :x",
        "done = :false",
        "nothing = :null",
        "(#count = :six OR #name = :pot) AND NOT (done <> :false)",
    ] {
        let mut check = ConditionCheck::builder()
            .table_name(TABLE)
            .key("pk", AttributeValue::S("a".into()))
            .condition_expression(condition)
            .set_expression_attribute_values(Some(used(condition)).filter(|used| !used.is_empty()));
        for name in ["count", "name", "size"] {
            if condition.contains(&format!("#{name}")) {
                check = check.expression_attribute_names(format!("#{name}"), name);
            }
        }
        let check = check.build().unwrap();
        let action = TransactWriteItem::builder().condition_check(check).build();
        println!("{condition}");
        held += usize::from(transact(&client, &aws, action).await);
    }
    assert_eq!(held, 19);
}

#[tokio::test]
async fn updates_write_what_dynamodb_writes() {
    let (client, aws) = both().await;
    for update in [
        "SET price = :price, done = :false",
        "SET #count = #count + :six",
        "SET #count = #count - :price",
        "SET #size.height = :five, tags[1] = :z",
        "SET fresh = if_not_exists(fresh, :five), #name = if_not_exists(#name, :x)",
        "ADD #count :five, further :six",
        "REMOVE tags[0], nothing SET done = :pot",
    ] {
        let mut action = Update::builder()
            .table_name(TABLE)
            .key("pk", AttributeValue::S("a".into()))
            .update_expression(update)
            .set_expression_attribute_values(Some(used(update)));
        for name in ["count", "name", "size"] {
            if update.contains(&format!("#{name}")) {
                action = action.expression_attribute_names(format!("#{name}"), name);
            }
        }
        let action = TransactWriteItem::builder().update(action.build().unwrap());
        println!("{update}");
        assert!(transact(&client, &aws, action.build()).await);
        let read = client.get_item().table_name(TABLE);
        let read = read.key("pk", AttributeValue::S("a".into())).send().await;
        assert_eq!(aws.item(TABLE, &["a"]), read.unwrap().item);
    }
}

#[tokio::test]
#[should_panic(expected = "outbox-testing can't evaluate the expression")]
async fn a_condition_that_cannot_be_evaluated_panics() {
    let (_, aws) = both().await;
    let put = Put::builder()
        .table_name(TABLE)
        .set_item(Some(thing()))
        .condition_expression("is_odd(pk)");
    let put = TransactWriteItem::builder().put(put.build().unwrap());
    let _ = aws.transact(vec![put.build()], "1".into()).await;
}
