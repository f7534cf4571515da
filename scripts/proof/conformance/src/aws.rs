//! Fixtures that use the AWS SDK, for every service with AWS's protocols: dynoxide, emulators,
//! stubs.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use outbox::{
    OutboxRow, RowKey,
    aws::{DynamoDbStreams, DynamoDbTable, SqsQueue},
    ports::DeadLetterQueue,
};

use crate::{dead_letters, queue, stream, table};

/// An outbox table in Amazon DynamoDB.
#[derive(Debug)]
pub struct DynamoDbFixture {
    client: aws_sdk_dynamodb::Client,
    name: String,
    table: DynamoDbTable,
    stream_arn: String,
}

impl DynamoDbFixture {
    /// Creates an outbox table, with a stream of new images.
    pub async fn create(client: aws_sdk_dynamodb::Client, name: &str) -> Self {
        let mut create = client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(
                StreamSpecification::builder()
                    .stream_enabled(true)
                    .stream_view_type(StreamViewType::NewImage)
                    .build()
                    .expect("a complete stream"),
            );
        for (key, key_type) in [("aggregateId", KeyType::Hash), ("position", KeyType::Range)] {
            let definition = AttributeDefinition::builder()
                .attribute_name(key)
                .attribute_type(ScalarAttributeType::S);
            let element = KeySchemaElement::builder()
                .attribute_name(key)
                .key_type(key_type);
            create = create
                .attribute_definitions(definition.build().expect("a complete definition"))
                .key_schema(element.build().expect("a complete key"));
        }
        let created = create.send().await.expect("a new table");
        let description = created.table_description.expect("what was created");
        Self {
            table: DynamoDbTable::new(client.clone(), name),
            name: name.to_owned(),
            stream_arn: description.latest_stream_arn.expect("a stream"),
            client,
        }
    }

    async fn put_item(&self, row: &OutboxRow, change: impl FnOnce(&mut Attributes)) {
        let mut item = serde_dynamo::to_item(row).expect("an item");
        change(&mut item);
        let put = self.client.put_item().table_name(&self.name);
        let put = put.set_item(Some(item)).send().await;
        put.expect("a row that was written");
    }
}

type Attributes = HashMap<String, AttributeValue>;

impl table::Fixture for DynamoDbFixture {
    type Table = DynamoDbTable;

    fn table(&self) -> &DynamoDbTable {
        &self.table
    }

    async fn put(&self, row: &OutboxRow) {
        self.put_item(row, |_| {}).await;
    }

    async fn put_newer(&self, row: &OutboxRow) {
        let newer = AttributeValue::N("2".to_owned());
        self.put_item(row, |item| {
            item.insert("v".to_owned(), newer);
        })
        .await;
    }

    async fn put_malformed(&self, row: &OutboxRow) {
        self.put_item(row, |item| {
            item.remove("source");
        })
        .await;
    }
}

/// The stream of an outbox table in Amazon DynamoDB.
#[derive(Debug)]
pub struct DynamoDbStreamFixture {
    table: DynamoDbFixture,
    streams: aws_sdk_dynamodbstreams::Client,
    reader: DynamoDbStreams,
}

impl DynamoDbStreamFixture {
    /// Creates the fixture of this table's stream.
    pub fn new(table: DynamoDbFixture, streams: aws_sdk_dynamodbstreams::Client) -> Self {
        Self {
            table,
            reader: DynamoDbStreams::new(streams.clone()),
            streams,
        }
    }
}

impl stream::Fixture for DynamoDbStreamFixture {
    type Reader = DynamoDbStreams;

    fn reader(&self) -> &DynamoDbStreams {
        &self.reader
    }

    fn stream_arn(&self) -> String {
        self.table.stream_arn.clone()
    }

    async fn shard_id(&self) -> String {
        let describe = self.streams.describe_stream();
        let described = describe.stream_arn(self.stream_arn()).send().await;
        let described = described.expect("a stream").stream_description;
        let shards = described.expect("a description").shards.expect("shards");
        shards[0].shard_id.clone().expect("the id of a shard")
    }

    async fn first_number(&self) -> String {
        let iterator = self
            .streams
            .get_shard_iterator()
            .stream_arn(self.stream_arn())
            .shard_id(self.shard_id().await)
            .shard_iterator_type(ShardIteratorType::TrimHorizon)
            .send()
            .await
            .expect("an iterator");
        let read = self.streams.get_records();
        let read = read.set_shard_iterator(iterator.shard_iterator).send();
        let page = read.await.expect("a page");
        let change = page.records()[0].dynamodb().expect("a change");
        change.sequence_number().expect("a number").to_owned()
    }

    async fn put(&self, row: &OutboxRow) {
        table::Fixture::put(&self.table, row).await;
    }

    async fn park(&self, key: &RowKey) {
        table::Fixture::park(&self.table, key).await;
    }

    async fn delete(&self, key: &RowKey) {
        table::Fixture::delete(&self.table, key).await;
    }

    async fn edit(&self, key: &RowKey) {
        table::Fixture::edit(&self.table, key).await;
    }

    async fn discard(&self, key: &RowKey) {
        table::Fixture::discard(&self.table, key).await;
    }

    /// "If you disable a stream, any shards that are open will be closed."
    async fn end(&self) {
        let disabled = StreamSpecification::builder().stream_enabled(false);
        let update = self.table.client.update_table();
        let update = update
            .table_name(&self.table.name)
            .stream_specification(disabled.build().expect("a complete stream"));
        update.send().await.expect("a stream that is disabled");
    }

    /// Panics: a check can't wait for a day.
    async fn pass(&self, _: Duration) {
        unimplemented!(
            "time can't be controlled here: list the checks that need it as differences"
        );
    }
}

/// A queue in Amazon SQS.
#[derive(Debug)]
pub struct SqsFixture<P> {
    client: aws_sdk_sqs::Client,
    url: String,
    queue: SqsQueue,
    pass: P,
}

impl<P: AsyncFn(Duration)> SqsFixture<P> {
    /// Creates the fixture of the empty queue with this URL; `pass` lets time pass.
    pub fn new(client: aws_sdk_sqs::Client, url: &str, pass: P) -> Self {
        Self {
            queue: SqsQueue::new(client.clone(), url),
            url: url.to_owned(),
            client,
            pass,
        }
    }
}

impl<P: AsyncFn(Duration)> dead_letters::Fixture for SqsFixture<P> {
    type DeadLetters = SqsQueue;

    fn dead_letters(&self) -> &SqsQueue {
        &self.queue
    }

    async fn bodies(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let received = self.queue.receive(10, Duration::from_hours(1)).await;
            let received = received.expect("an answer");
            if received.is_empty() {
                return bodies;
            }
            bodies.extend(received.into_iter().map(|message| message.body));
        }
    }
}

impl<P: AsyncFn(Duration)> queue::Fixture for SqsFixture<P> {
    type Queue = SqsQueue;

    fn queue(&self) -> &SqsQueue {
        &self.queue
    }

    async fn send(&self, body: &str) {
        let send = self.client.send_message().queue_url(&self.url);
        send.message_body(body).send().await.expect("a message");
    }

    async fn pass(&self, time: Duration) {
        (self.pass)(time).await;
    }
}
