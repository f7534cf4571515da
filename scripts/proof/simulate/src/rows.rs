//! The rows of the outbox table: how they come to be, and what the stream tells of
//! them.

use std::sync::Arc;

use jiff::Timestamp;
use outbox::{OutboxRow, RowKey, relay::Unreadable};
use serde_json::json;

use crate::{
    stream::Record,
    truth::Truth,
    world::{Row, State},
};

impl State {
    /// A transaction writes the row of an event. Some are spoiled on the way, as a
    /// script would do that writes rows by hand.
    pub(crate) fn insert(&mut self, mut row: OutboxRow, now: Timestamp) {
        let kind = if self.is_calm {
            255
        } else {
            self.random.u8(..)
        };
        let told = row.detail.clone();
        if kind == 0 {
            row.detail.truncate(20);
        }
        let key = row.key.clone();
        if self.events.contains_key(&key) {
            self.violate("committed twice", Some(&key));
        }
        let row = Arc::new(row);
        if matches!(kind, 0..3) {
            self.poisoned.insert((key.clone(), 0));
        }
        let readable = match kind {
            3 => Err(Unreadable::NewerFormat(2)),
            4 => Err(Unreadable::Malformed("\"source\" is missing".into())),
            _ => Ok(Arc::clone(&row)),
        };
        self.write(row, readable, told, now);
    }

    /// Writes a row, which can be read or not.
    pub(crate) fn write(
        &mut self,
        row: Arc<OutboxRow>,
        readable: Result<Arc<OutboxRow>, Unreadable>,
        told: String,
        now: Timestamp,
    ) {
        let key = row.key.clone();
        self.counts.committed += 1;
        self.keys_by_event_id
            .insert(row.event_id.to_string(), key.clone());
        self.events
            .insert(key.clone(), Truth::committed(row, told, now));
        let row = Row {
            row: readable,
            parked: None,
        };
        self.rows.insert(key, row);
    }

    /// The stream tells of a change of a row.
    pub(crate) fn tell_of(&mut self, event_name: &str, key: &RowKey, now: Timestamp) {
        let number = self.stream.next_number();
        let is_insert = event_name == "INSERT";
        let image = is_insert.then(|| self.image(key)).flatten();
        let json = json!({
            "eventID": number,
            "eventName": event_name,
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                // A number with a point or an exponent, as Lambda writes it.
                "ApproximateCreationDateTime": now.as_duration().as_secs_f64().floor(),
                "Keys": {
                    "aggregateId": {"S": key.aggregate_id},
                    "position": {"S": key.position},
                },
                "NewImage": image,
                "SequenceNumber": number,
                "StreamViewType": "NEW_IMAGE",
            },
        });
        let record = Record {
            number,
            at: now,
            key: is_insert.then(|| key.clone()),
            json,
        };
        self.stream.push(&key.aggregate_id, record);
    }

    /// The row as it was inserted.
    fn image(&self, key: &RowKey) -> Option<serde_json::Value> {
        let inserted = self.events.get(key)?.version(0)?;
        let item: serde_dynamo::Item = serde_dynamo::to_item(&**inserted).ok()?;
        let mut image = serde_json::to_value(item).ok()?;
        match self.rows.get(key).map(|row| &row.row) {
            Some(Err(Unreadable::NewerFormat(_))) => image["v"] = json!({"N": "2"}),
            Some(Err(Unreadable::Malformed(_))) => {
                image.as_object_mut()?.remove("source");
            }
            _ => {}
        }
        Some(image)
    }

    /// A newer version of the functions is deployed, which reads every row.
    pub(crate) fn read_newer_rows(&mut self) {
        for (key, row) in &mut self.rows {
            if matches!(row.row, Err(Unreadable::NewerFormat(_)))
                && let Some(truth) = self.events.get(key)
            {
                row.row = Ok(Arc::clone(truth.current()));
            }
        }
    }
}
