//! DynamoDB in process, which is dynoxide, or DynamoDB Local.

use dynamodb_in_process::{StandIn, stand_in};
use outbox_conformance::{
    Difference,
    aws::{DynamoDbFixture, DynamoDbStreamFixture},
    stream, table,
};

use crate::aws::stubs::streams;

#[tokio::test]
async fn the_table_conforms() {
    let begin =
        async || DynamoDbFixture::create(dynamodb_in_process::start().await, "outbox").await;
    table::conforms(begin, &[]).await;
}

/// How dynoxide differs from AWS. The stub of the streams does what AWS does.
const OF_DYNOXIDE: [Difference; 5] = [
    (
        "a_shard_that_has_ended_says_so_after_its_last_record",
        "its one shard never ends",
    ),
    (
        "a_missing_shard_is_gone",
        "it returns an iterator for any shard",
    ),
    ("what_was_trimmed_is_gone", "nothing is trimmed"),
    (
        "what_is_trimmed_under_an_iterator_is_gone",
        "nothing is trimmed",
    ),
    (
        "an_iterator_lives_for_fifteen_minutes",
        "iterators do not expire",
    ),
];

/// How AWS's DynamoDB Local differs: the checks would have to wait in real time.
const OF_DYNAMODB_LOCAL: [Difference; 3] = [
    ("what_was_trimmed_is_gone", "no day passes"),
    ("what_is_trimmed_under_an_iterator_is_gone", "no day passes"),
    (
        "an_iterator_lives_for_fifteen_minutes",
        "the check can't wait 15 minutes",
    ),
];

#[tokio::test]
async fn the_stream_of_a_table_conforms() {
    let begin = async || {
        let address = dynamodb_in_process::listen().await;
        let client = dynamodb_in_process::client(address);
        let table = DynamoDbFixture::create(client, "outbox").await;
        DynamoDbStreamFixture::new(table, streams(address))
    };
    let differences: &[Difference] = match stand_in() {
        StandIn::Dynoxide => &OF_DYNOXIDE,
        StandIn::DynamoDbLocal => &OF_DYNAMODB_LOCAL,
    };
    stream::conforms(begin, differences).await;
}
