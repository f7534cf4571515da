//! The dead-letter queue and the stream of a world.

use std::time::Duration;

use outbox::ports::{
    CallError, DeadLetterQueue, Depth, Message, Place, ShardPosition, StreamError, StreamPage,
    StreamReader, StreamRecord,
};
use tokio::time::{Instant, sleep};

use crate::fakes::{World, start};

impl World {
    /// Puts a message into the dead-letter queue.
    pub(crate) fn dead_letter(&self, body: impl Into<String>) {
        self.with(|state| {
            let message = Message {
                id: format!("message {}", state.queue.len()),
                receipt: String::new(),
                body: body.into(),
                sent_at: Some(start()),
            };
            state.queue.push((message, None));
        });
    }

    /// Returns the ids of the messages in the dead-letter queue.
    pub(crate) fn dead_letters(&self) -> Vec<String> {
        self.with(|state| {
            let messages = state.queue.iter().map(|(message, _)| message.id.clone());
            messages.collect()
        })
    }

    /// Returns whether another reader would receive every message now.
    pub(crate) fn is_all_visible(&self) -> bool {
        let now = Instant::now();
        self.with(|state| {
            let mut queue = state.queue.iter();
            queue.all(|(_, hidden)| hidden.is_none_or(|until| until <= now))
        })
    }
}

impl DeadLetterQueue for World {
    async fn receive(&self, most: usize, visibility: Duration) -> Result<Vec<Message>, CallError> {
        assert!((1..=10).contains(&most));
        sleep(Duration::from_millis(10)).await;
        let now = Instant::now();
        self.with(|state| {
            if let Some(error) = state.queue_errors.pop_front() {
                return Err(error);
            }
            let mut received = Vec::new();
            for (message, hidden) in &mut state.queue {
                if received.len() == most {
                    break;
                }
                if hidden.is_none_or(|until| until <= now) {
                    state.receipts += 1;
                    message.receipt = format!("receipt {}", state.receipts);
                    *hidden = Some(now + visibility);
                    received.push(message.clone());
                }
            }
            Ok(received)
        })
    }

    async fn hide(&self, messages: &[Message], visibility: Duration) -> Result<(), CallError> {
        assert!(messages.len() <= 10);
        let until = Instant::now() + visibility;
        self.with(|state| {
            for (message, hidden) in &mut state.queue {
                if messages.iter().any(|ours| ours.receipt == message.receipt) {
                    *hidden = Some(until);
                }
            }
        });
        Ok(())
    }

    async fn delete(&self, messages: &[Message]) -> Result<Vec<String>, CallError> {
        assert!(messages.len() <= 10);
        self.with(|state| {
            if let Some(error) = state.queue_delete_errors.pop_front() {
                return Err(error);
            }
            let ids: Vec<&String> = messages.iter().map(|message| &message.id).collect();
            state
                .queue
                .retain(|(message, _)| !ids.contains(&&message.id));
            let deleted = ids.iter().map(|id| format!("delete {id}"));
            state.log.extend(deleted);
            Ok(Vec::new())
        })
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let visible = self.with(|state| state.queue.len());
        Ok(Depth { visible, hidden: 0 })
    }
}

/// The stream of the outbox table of a world.
pub(crate) const STREAM: &str = "arn:aws:dynamodb:eu-central-1:1:table/outbox/stream/now";

impl StreamReader for World {
    async fn open(&self, place: &Place<'_>) -> Result<String, StreamError> {
        self.hang_if_told().await;
        self.with(|state| {
            if let Some(error) = state.stream_errors.pop_front() {
                return Err(error);
            }
            let gone = || StreamError::Gone("there is no such shard".into());
            if place.stream_arn != STREAM {
                return Err(gone());
            }
            let shard = state.shards.get(place.shard_id).ok_or_else(gone)?;
            let at = |number: &str| {
                shard.iter().position(|record| {
                    record
                        .as_ref()
                        .is_some_and(|record| record.sequence_number == number)
                })
            };
            let position = match place.from {
                ShardPosition::At(_) if state.iterators_begin_anywhere => Some(0),
                ShardPosition::At(number) => at(number),
                ShardPosition::After(number) => at(number).map(|position| position + 1),
            };
            let trimmed = || StreamError::Gone("trimmed".into());
            Ok(format!(
                "{} {}",
                place.shard_id,
                position.ok_or_else(trimmed)?
            ))
        })
    }

    /// Pages of two records.
    async fn read(&self, iterator: &str) -> Result<StreamPage, StreamError> {
        self.with(|state| {
            state.stream_reads += 1;
            if let Some(error) = state.stream_errors.pop_front() {
                return Err(error);
            }
            let (shard, position) = iterator.rsplit_once(' ').unwrap();
            let position: usize = position.parse().unwrap();
            let rest = &state.shards[shard][position..];
            let page = rest.iter().take(2).map_while(Clone::clone);
            let records: Vec<StreamRecord> = page.collect();
            // An empty page is one entry.
            let taken = records.len().max(1).min(rest.len());
            let ended = state.shards_ended && taken == rest.len();
            let next = (!ended).then(|| format!("{shard} {}", position + taken));
            Ok(StreamPage { records, next })
        })
    }
}
