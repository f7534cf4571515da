//! `DynamoDB` for tests, in the test's own process: an empty database on a free loopback
//! port, used through the real AWS SDK.
//!
//! With the address of an `Amazon DynamoDB Local` in `DYNAMODB_LOCAL`, the same tests run on
//! that, each in an empty database of its own: `make conformance-dynamodb-local`.

// A test without its database fails.
#![allow(clippy::missing_panics_doc)]

mod address;

pub use address::Address;
use address::dynamodb_local;
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use dynoxide::{Database, server};
use serde::de::DeserializeOwned;

/// What replaces `DynamoDB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    /// dynoxide, in the test's own process.
    Dynoxide,
    /// Amazon `DynamoDB` Local, a process of its own.
    DynamoDbLocal,
}

/// Returns what replaces `DynamoDB` in this run of the tests.
pub fn stand_in() -> StandIn {
    match dynamodb_local() {
        None => StandIn::Dynoxide,
        Some(_) => StandIn::DynamoDbLocal,
    }
}

/// Starts an empty database and returns a client; it runs as long as the test's runtime.
pub async fn start() -> Client {
    client(listen().await)
}

/// Starts an empty database and returns its address, for more than one client.
pub async fn listen() -> Address {
    if let Some(dynamodb_local) = dynamodb_local() {
        return Address::of_a_new_database(dynamodb_local);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free loopback port");
    let address = listener.local_addr().expect("a bound listener");
    let database = Database::memory().expect("an empty database");
    tokio::spawn(server::serve_on(listener, database));
    address.into()
}

/// Returns a client of any service with DynamoDB's protocol on a loopback port.
///
/// SDK retries are off: a test decides itself what is retried.
pub fn client(address: impl Into<Address>) -> Client {
    let address = address.into();
    let access_key_id = address.access_key_id();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        // Without the proxy that the environment may configure.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://{address}"))
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(access_key_id, "test", None, None, "test"))
        .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Creates a table with text keys.
pub async fn create_table(
    client: &Client,
    name: &str,
    partition_key: &str,
    sort_key: Option<&str>,
) {
    let text = |key| (key, ScalarAttributeType::S);
    create_table_with(client, name, text(partition_key), sort_key.map(text)).await;
}

/// Creates a table with keys of any type.
pub async fn create_table_with(
    client: &Client,
    name: &str,
    partition_key: (&str, ScalarAttributeType),
    sort_key: Option<(&str, ScalarAttributeType)>,
) {
    let mut table = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (key, key_type) in [
        (Some(partition_key), KeyType::Hash),
        (sort_key, KeyType::Range),
    ] {
        let Some((key, attribute_type)) = key else {
            continue;
        };
        table = table
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(key)
                    .attribute_type(attribute_type)
                    .build()
                    .expect("a complete definition"),
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name(key)
                    .key_type(key_type)
                    .build()
                    .expect("a complete key"),
            );
    }
    table.send().await.expect("a new table");
}

/// Returns all items of a table.
pub async fn items<T: DeserializeOwned>(client: &Client, table: &str) -> Vec<T> {
    let scan = client.scan().table_name(table).into_paginator().items();
    let items = scan.send().collect::<Result<Vec<_>, _>>().await;
    serde_dynamo::from_items(items.expect("a table that can be read")).expect("items of this type")
}
