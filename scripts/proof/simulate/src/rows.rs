//! The rows of the outbox table: how they are written, and which stream records that
//! makes.

use std::sync::Arc;

use jiff::Timestamp;
use outbox::{OutboxRow, RowKey, Unreadable};
use serde_json::json;

use crate::{
    oracle::EventRecord,
    state::{Row, State},
    stream::Record,
};

impl State {
    /// Writes the row of an event. Some are damaged or poison, as those of a script may be
    /// that writes rows without the library.
    pub(crate) fn insert(&mut self, mut row: OutboxRow, now: Timestamp) {
        let kind = if self.is_fault_free {
            255
        } else {
            self.random.u8(..)
        };
        let intended_detail = row.detail.clone();
        if kind == 0 {
            row.detail.truncate(20);
        }
        let key = row.key.clone();
        if self.events.contains_key(&key) {
            self.violate("committed an event twice", Some(&key));
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
        self.write(row, readable, intended_detail, now);
    }

    /// Writes a row, which is readable or not.
    pub(crate) fn write(
        &mut self,
        row: Arc<OutboxRow>,
        readable: Result<Arc<OutboxRow>, Unreadable>,
        intended_detail: String,
        now: Timestamp,
    ) {
        let key = row.key.clone();
        self.counts.committed += 1;
        self.keys_by_event_id
            .insert(row.event_id.to_string(), key.clone());
        self.events.insert(
            key.clone(),
            EventRecord::committed(row, intended_detail, now),
        );
        let row = Row {
            row: readable,
            parked: None,
        };
        self.rows.insert(key, row);
    }

    /// Adds the stream record of a change of a row.
    pub(crate) fn add_stream_record(&mut self, event_name: &str, key: &RowKey, now: Timestamp) {
        let number = self.stream.next_number();
        let is_insert = event_name == "INSERT";
        let image = is_insert.then(|| self.image(key)).flatten();
        let json = json!({
            "eventID": number,
            "eventName": event_name,
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                // Lambda writes this as a floating-point number.
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

    /// Returns the image of the row as it was inserted.
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

    /// Deploys a newer version of the functions, which reads rows of newer formats.
    pub(crate) fn read_newer_rows(&mut self) {
        for (key, row) in &mut self.rows {
            if matches!(row.row, Err(Unreadable::NewerFormat(_)))
                && let Some(event) = self.events.get(key)
            {
                row.row = Ok(Arc::clone(event.current()));
            }
        }
    }
}
