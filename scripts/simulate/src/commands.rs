//! Who commits events: a transaction writes the rows of its events, and the stream
//! tells of each row by itself, some time later.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use outbox::{OutboxRow, RowKey, relay::Unreadable};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    stream::Record,
    truth::Truth,
    world::{Row, State, World},
};

/// Commits this many events, in bursts with pauses.
pub(crate) async fn commit(world: World, events: u64) {
    let mut sequences = vec![0_u64; usize::try_from(world.between(1..40)).unwrap_or(1)];
    let mut left = events;
    while left > 0 {
        let aggregate = usize::try_from(world.between(0..sequences.len() as u64)).unwrap_or(0);
        let count = world.between(1..4).min(left);
        left -= count;
        let last = &mut sequences[aggregate];
        world.log(|| format!("commits thing#{aggregate}/{}, {count} events", *last + 1));
        let now = world.now();
        let keys = world.with(|state| {
            let keys = (1..=count).map(|n| state.commit(aggregate, *last + n, now));
            keys.collect::<Vec<RowKey>>()
        });
        *last += count;
        show(&world, keys).await;
        let pause = match world.between(0..100) {
            0..70 => Duration::ZERO,
            70..97 => Duration::from_millis(world.between(1..500)),
            97..99 => Duration::from_secs(world.between(1..120)),
            _ => Duration::from_secs(world.between(120..1_800)),
        };
        sleep(pause).await;
    }
}

/// The stream shows the rows of a transaction, in their order or another.
async fn show(world: &World, mut keys: Vec<RowKey>) {
    let shuffles = world.with(|state| !state.is_calm && state.random.u8(..4) == 0);
    if shuffles {
        world.with(|state| state.random.shuffle(&mut keys));
    }
    for key in keys {
        let now = world.now();
        world.with(|state| {
            state.tell_of("INSERT", &key, now);
            if state.random.u8(..8) == 0 {
                // Somebody has touched the row, and nothing came of it.
                state.tell_of("MODIFY", &key, now);
            }
        });
        if shuffles {
            sleep(Duration::from_millis(world.between(0..300))).await;
        }
    }
    world.tell_news();
}

impl State {
    /// Writes the row of an event.
    fn commit(&mut self, aggregate: usize, sequence: u64, now: Timestamp) -> RowKey {
        let id = self.new_id();
        // A UUIDv7 of this time.
        let time = now.as_millisecond();
        let (high, low) = (time >> 16, time & 0xffff);
        let event_id = format!("{high:08x}-{low:04x}-7000-8000-{id:012x}");
        let aggregate_id = format!("thing#{aggregate}");
        let kind = if self.is_calm {
            255
        } else {
            self.random.u8(..)
        };
        let detail = match kind {
            // Cut off, as a script would do that writes rows by hand.
            0 => "{\"specversion\"".to_owned(),
            _ => format!("{{\"id\":\"{event_id}\",\"data\":{{\"sequence\":{sequence}}}}}"),
        };
        let row: OutboxRow = serde_json::from_value(json!({
            "aggregateId": aggregate_id,
            "position": format!("{sequence:020}#{event_id}"),
            "v": 1,
            "sequence": sequence,
            "eventId": event_id,
            "source": "things",
            "detailType": "ThingHappened",
            "detail": detail,
            "committedAt": now.as_millisecond(),
        }))
        .expect("a row as this library writes it");
        let row = Arc::new(row);
        let key = row.key.clone();
        if matches!(kind, 0..3) {
            self.poisoned.insert(key.clone());
        }
        let readable = match kind {
            3 => Err(Unreadable::NewerFormat(2)),
            4 => Err(Unreadable::Malformed("\"source\" is missing".into())),
            _ => Ok(Arc::clone(&row)),
        };
        self.counts.committed += 1;
        self.events.insert(
            key.clone(),
            Truth {
                row,
                mended: None,
                committed_at: now,
                accepted: Vec::new(),
                excused: false,
                is_discarded: false,
                letters: BTreeSet::new(),
                was_released: false,
                was_refused: false,
                kept_at: None,
            },
        );
        let parked = None;
        self.rows.insert(
            key.clone(),
            Row {
                row: readable,
                parked,
            },
        );
        key
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
                "ApproximateCreationDateTime": now.as_second(),
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

    fn image(&self, key: &RowKey) -> Option<serde_json::Value> {
        let truth = self.events.get(key)?;
        let item: serde_dynamo::Item = serde_dynamo::to_item(&*truth.row).ok()?;
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

    /// A message comes to the dead-letter queue.
    pub(crate) fn send_letter(&mut self, body: String, now: Timestamp) {
        let id = format!("message-{}", self.new_id());
        self.counts.dead_letters += 1;
        self.queue.push(crate::world::Queued {
            message: outbox::replay::Message {
                id,
                receipt: String::new(),
                body,
                sent_at: Some(now),
            },
            hidden_until: None,
        });
    }
}
