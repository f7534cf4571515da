//! The errors that responses of DynamoDB Streams mean.

use outbox::{
    aws::DynamoDbStreams,
    ports::{CallError, Place, ShardPosition, StreamError, StreamReader},
};
use serde_json::json;

use super::stubs::{responding, streams};

#[tokio::test]
async fn errors_of_a_stream_are_sorted_by_their_codes() {
    let is_gone: fn(&StreamError) -> bool = |error| matches!(error, StreamError::Gone(_));
    let is_expired: fn(&StreamError) -> bool = |error| *error == StreamError::Expired;
    let is_transient: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Transient(_)));
    let is_configuration: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Configuration(_)));
    let is_content: fn(&StreamError) -> bool =
        |error| matches!(error, StreamError::Call(CallError::Content(_)));
    for (code, is_right) in [
        ("TrimmedDataAccessException", is_gone),
        ("ResourceNotFoundException", is_gone),
        ("ExpiredIteratorException", is_expired),
        ("LimitExceededException", is_transient),
        ("InternalServerError", is_transient),
        ("AccessDeniedException", is_configuration),
        ("ValidationException", is_content),
    ] {
        let stub = responding(400, json!({"__type": format!("a#{code}"), "message": "no"})).await;
        let reader = DynamoDbStreams::new(streams(*stub.address()));
        let place = Place {
            stream_arn: "arn",
            shard_id: "shard",
            from: ShardPosition::At("100"),
        };
        for error in [
            reader.read("iterator").await.unwrap_err(),
            reader.open(&place).await.unwrap_err(),
        ] {
            assert!(is_right(&error), "{code}: {error:?}");
        }
    }
}
