//! Changes of the outbox table, and the stream records of them.

use jiff::Timestamp;
use outbox::RowKey;
use serde_json::{Value, json};

use crate::item::Item;

/// What has happened to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Insert,
    /// It has changed.
    Modify,
    /// It is gone.
    Remove,
}

/// A change of the outbox table that leaves a stream record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What has happened.
    pub kind: ChangeKind,
    /// The row.
    pub key: RowKey,
    /// The item after the change, unless it is gone.
    pub image: Option<Item>,
}

impl Change {
    pub(crate) fn insert(key: RowKey, image: Item) -> Self {
        Self {
            kind: ChangeKind::Insert,
            key,
            image: Some(image),
        }
    }

    /// Creates the change of a row to this item.
    pub fn modify(key: RowKey, image: Item) -> Self {
        Self {
            kind: ChangeKind::Modify,
            key,
            image: Some(image),
        }
    }

    pub(crate) fn remove(key: RowKey) -> Self {
        Self {
            kind: ChangeKind::Remove,
            key,
            image: None,
        }
    }

    /// Returns whether the row is new.
    pub fn is_insert(&self) -> bool {
        self.kind == ChangeKind::Insert
    }

    /// Returns the record of the change, as Lambda passes it to a function.
    pub fn to_record(&self, number: &str, at: Timestamp) -> Value {
        let name = match self.kind {
            ChangeKind::Insert => "INSERT",
            ChangeKind::Modify => "MODIFY",
            ChangeKind::Remove => "REMOVE",
        };
        let image = self.image.clone().map(serde_dynamo::Item::from);
        json!({
            "eventID": number,
            "eventName": name,
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                // Lambda writes this as a floating-point number.
                "ApproximateCreationDateTime": at.as_duration().as_secs_f64().floor(),
                "Keys": {
                    "aggregateId": {"S": self.key.aggregate_id},
                    "position": {"S": self.key.position},
                },
                "NewImage": image,
                "SequenceNumber": number,
                "StreamViewType": "NEW_IMAGE",
            },
        })
    }
}
