//! Converts stream records to the format of Lambda's events.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::{
    error::BoxError,
    primitives::DateTime,
    types::{AttributeValue, OperationType, Record as Read, StreamRecord, StreamViewType},
};
use serde_dynamo::Item;
use serde_json::{Value, json};
use stream_mapping::Record;

/// Converts a record.
///
/// # Errors
///
/// If a field that every record has is missing.
pub(crate) fn lambda_record(record: &Read, stream_arn: &str) -> Result<Record, BoxError> {
    let change = record.dynamodb();
    let time = change.and_then(StreamRecord::approximate_creation_date_time);
    let view = change.and_then(StreamRecord::stream_view_type);
    let mut dynamodb = json!({
        // Lambda writes a number with a point or an exponent.
        "ApproximateCreationDateTime": time.map(DateTime::as_secs_f64),
        "SequenceNumber": change.and_then(StreamRecord::sequence_number),
        // Required by the types with which functions parse records.
        "SizeBytes": change.and_then(StreamRecord::size_bytes).unwrap_or_default(),
        "StreamViewType": view.map(StreamViewType::as_str),
    });
    for (name, image) in [
        ("Keys", change.and_then(StreamRecord::keys)),
        ("NewImage", change.and_then(StreamRecord::new_image)),
        ("OldImage", change.and_then(StreamRecord::old_image)),
    ] {
        if let Some(image) = image {
            dynamodb[name] = item_json(image)?;
        }
    }
    let mut json = json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(OperationType::as_str),
        "eventVersion": record.event_version(),
        "eventSource": "aws:dynamodb",
        "eventSourceARN": stream_arn,
        "awsRegion": record.aws_region(),
        "dynamodb": dynamodb,
    });
    if let Some(identity) = record.user_identity() {
        json["userIdentity"] = json!({
            "principalId": identity.principal_id(),
            "type": identity.r#type(),
        });
    }
    Ok(Record::from_json(json)?)
}

fn item_json(item: &HashMap<String, AttributeValue>) -> Result<Value, serde_json::Error> {
    serde_json::to_value(Item::from(item.clone()))
}
