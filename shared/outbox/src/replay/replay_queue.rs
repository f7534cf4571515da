//! Replays the dead-letter queue: receives letters, settles them, and deletes those that
//! are settled.

use std::{collections::HashSet, pin::pin, time::Duration};

use tokio::time::{Instant, interval_at};

use crate::{
    ports::{
        CallError, DeadLetterQueue, DeadLetters, EventBus, Message, OutboxTable, StreamReader,
    },
    relay::{Halt, patience::PATIENCE, retry::within},
    replay::replay_letter::{LetterOutcome, Progress, Replay, SettleError},
};

/// How long a message is hidden from other readers while it is settled. The time is extended
/// while that takes longer. Short, because a replay that is killed leaves its messages
/// hidden for this long.
const HIDDEN_FOR: Duration = Duration::from_secs(30);

/// The most messages of one SQS request.
const AT_ONCE: usize = 10;

/// Which dead letters to replay. By default all.
///
/// ```
/// use outbox::replay::Selection;
///
/// // To be careful, at first.
/// let ten = Selection { limit: Some(10), ..Selection::default() };
/// # assert!(ten.ids.is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Their message ids; empty for all letters.
    pub ids: HashSet<String>,
    /// The most letters.
    pub limit: Option<usize>,
}

/// The result of a replay; see [`Replay`] for an example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Letters that were settled and deleted.
    pub settled: usize,
    /// Letters that stay in the queue.
    pub left: usize,
    /// Rows that were published, including the rows before the named ones.
    pub published: usize,
    /// Why the replay ended early, if it did.
    pub halted: Option<Halt>,
}

/// Messages that a replay has received and that stay in the queue.
#[derive(Default)]
struct Kept {
    /// The messages, without their bodies.
    messages: Vec<Message>,
    /// Their ids, to recognise one that is received again.
    ids: HashSet<String>,
    /// How many of them were received again since the last new message.
    repeated: usize,
}

impl<B, T, D, S, Q> Replay<B, T, D, S, Q>
where
    B: EventBus,
    T: OutboxTable,
    D: DeadLetters,
    S: StreamReader,
    Q: DeadLetterQueue,
{
    /// Replays the selected letters, and reports to `tell` what became of each. Ends after a
    /// batch if `stop` returns true.
    ///
    /// Letters that stay are made visible again at the end. See [`Replay`] for an example.
    ///
    /// # Errors
    ///
    /// If the queue can't be read.
    pub async fn run(
        &self,
        selection: &Selection,
        stop: impl Fn() -> bool,
        mut tell: impl FnMut(&Message, &LetterOutcome),
    ) -> Result<Summary, CallError> {
        let mut summary = Summary::default();
        let mut progress = Progress::default();
        let mut kept = Kept::default();
        let result = loop {
            let handled = summary.settled + summary.left;
            if stop() || progress.halted.is_some() || !selection.wants_more(handled) {
                break Ok(());
            }
            let wanted = match self.next(selection, handled, &mut kept).await {
                Ok(Some(wanted)) => wanted,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let settling = self.settle(&wanted, &mut progress);
            let outcomes = self.hidden_during(&wanted, settling).await;
            // Deleted only now: a replay that is killed before leaves the letters in the queue.
            let outcomes = self.delete_settled(&wanted, outcomes).await;
            for (message, outcome) in wanted.into_iter().zip(outcomes) {
                tell(&message, &outcome);
                if matches!(outcome, LetterOutcome::Settled { .. }) {
                    summary.settled += 1;
                } else {
                    summary.left += 1;
                    kept.add(message);
                }
            }
        };
        self.give_back(&kept.messages).await;
        summary.published = progress.published;
        summary.halted = progress.halted;
        result.map(|()| summary)
    }

    /// Reports what [`run`](Self::run) would do. No letter is changed, and all are made visible
    /// again. See [`Replay`] for an example of `run`, which also has a `stop`.
    ///
    /// # Errors
    ///
    /// If the queue can't be read.
    pub async fn dry_run(
        &self,
        selection: &Selection,
        mut tell: impl FnMut(&Message, &LetterOutcome),
    ) -> Result<(), CallError> {
        let messages = self.peek(selection).await?;
        for batch in messages.chunks(AT_ONCE) {
            for (message, outcome) in batch.iter().zip(self.foresee(batch).await) {
                tell(message, &outcome);
            }
        }
        Ok(())
    }

    /// Returns the selected letters, and makes all visible again. [`Letter::parse`] reads their
    /// bodies.
    ///
    /// [`Letter::parse`]: crate::replay::Letter::parse
    ///
    /// # Errors
    ///
    /// If the queue can't be read.
    pub async fn peek(&self, selection: &Selection) -> Result<Vec<Message>, CallError> {
        let mut found = Vec::new();
        let mut kept = Kept::default();
        let result = loop {
            if !selection.wants_more(found.len()) {
                break Ok(());
            }
            match self.next(selection, found.len(), &mut kept).await {
                Ok(Some(wanted)) => {
                    for message in wanted {
                        kept.add(message.clone());
                        found.push(message);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.give_back(&kept.messages).await;
        result.map(|()| found)
    }

    /// Returns the next selected messages; `None` if there are no more.
    async fn next(
        &self,
        selection: &Selection,
        handled: usize,
        kept: &mut Kept,
    ) -> Result<Option<Vec<Message>>, CallError> {
        loop {
            let most = selection.most(handled);
            let receive = || self.queue.receive(most, HIDDEN_FOR);
            let received = self.relay.patiently(receive).await?;
            if received.is_empty() {
                return Ok(None);
            }
            let mut wanted = Vec::new();
            for message in received {
                if kept.ids.contains(&message.id) {
                    kept.repeated += 1;
                } else if selection.includes(&message) {
                    wanted.push(message);
                } else {
                    kept.add(message);
                }
            }
            if !wanted.is_empty() {
                kept.repeated = 0;
                return Ok(Some(wanted));
            }
            // Kept messages become visible while the replay runs. Once all of them were
            // received again and nothing else, there are no other messages.
            if kept.repeated > kept.messages.len() {
                return Ok(None);
            }
        }
    }

    /// Keeps messages hidden until `work` is done.
    async fn hidden_during<R>(&self, messages: &[Message], work: impl Future<Output = R>) -> R {
        let mut work = pin!(work);
        let period = HIDDEN_FOR / 3;
        let mut ticks = interval_at(Instant::now() + period, period);
        loop {
            tokio::select! {
                // In a fixed order, so that a simulation is reproducible.
                biased;
                done = &mut work => return done,
                _ = ticks.tick() => {
                    let hide = self.queue.hide(messages, HIDDEN_FOR);
                    if let Err(error) = within(Instant::now() + period, hide).await {
                        // Another replay may receive them, too: a duplicate at worst.
                        tracing::warn!(%error, "another replay may receive the same dead letters");
                    }
                }
            }
        }
    }

    /// Deletes the settled messages. The outcome of one that can't be deleted becomes
    /// [`SettleError::NotDeleted`] or [`SettleError::Delete`].
    async fn delete_settled(
        &self,
        messages: &[Message],
        mut outcomes: Vec<LetterOutcome>,
    ) -> Vec<LetterOutcome> {
        let is_settled = |outcome: &LetterOutcome| matches!(outcome, LetterOutcome::Settled { .. });
        let both = messages.iter().zip(&outcomes);
        let settled: Vec<Message> = both
            .filter(|(_, outcome)| is_settled(outcome))
            .map(|(message, _)| message.clone())
            .collect();
        if settled.is_empty() {
            return outcomes;
        }
        let delete = || self.queue.delete(&settled);
        let (undeleted, reason) = match self.relay.patiently(delete).await {
            Ok(undeleted) => (undeleted, SettleError::NotDeleted),
            Err(error) => {
                let all = settled.iter().map(|message| message.id.clone());
                (all.collect(), SettleError::Delete(error))
            }
        };
        for (message, outcome) in messages.iter().zip(&mut outcomes) {
            if is_settled(outcome) && undeleted.contains(&message.id) {
                *outcome = LetterOutcome::Unsettled(reason.clone());
            }
        }
        outcomes
    }

    /// Makes messages visible again.
    async fn give_back(&self, messages: &[Message]) {
        for batch in messages.chunks(AT_ONCE) {
            let hide = self.queue.hide(batch, Duration::ZERO);
            // On an error they become visible anyway, after `HIDDEN_FOR`.
            let _ = within(Instant::now() + PATIENCE, hide).await;
        }
    }
}

impl Selection {
    fn includes(&self, message: &Message) -> bool {
        self.ids.is_empty() || self.ids.contains(&message.id)
    }

    fn wants_more(&self, handled: usize) -> bool {
        self.limit.is_none_or(|limit| handled < limit)
            && (self.ids.is_empty() || handled < self.ids.len())
    }

    /// Returns how many messages to receive at once.
    fn most(&self, handled: usize) -> usize {
        let left = self.limit.map_or(AT_ONCE, |limit| limit - handled);
        // Letters with other ids may be received first, so the limit doesn't bound a request.
        if self.ids.is_empty() {
            left.min(AT_ONCE)
        } else {
            AT_ONCE
        }
    }
}

impl Kept {
    fn add(&mut self, message: Message) {
        self.ids.insert(message.id.clone());
        self.messages.push(Message {
            body: String::new(),
            ..message
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_stays_is_kept_without_its_body() {
        let mut kept = Kept::default();
        kept.add(Message {
            id: "1".into(),
            receipt: "receipt".into(),
            body: "body".into(),
            sent_at: None,
        });
        assert!(kept.ids.contains("1"));
        assert_eq!(kept.messages[0].receipt, "receipt");
        assert_eq!(kept.messages[0].body, "");
    }
}
