use std::{collections::HashSet, pin::pin, time::Duration};

use tokio::time::{Instant, interval_at};

use crate::{
    ports::{
        CallError, DeadLetterQueue, DeadLetters, EventBus, Message, OutboxTable, StreamReader,
    },
    relay::{patience::PATIENCE, retry::within},
    replay::replay_letter::{Progress, Replay, Unsettled, Verdict},
};

/// How long a message is hidden from others while it is worked on. It is
/// hidden anew as long as that takes; whoever is killed leaves it hidden so
/// long.
const HIDDEN_FOR: Duration = Duration::from_secs(30);

/// What SQS hands out at once.
const AT_ONCE: usize = 10;

/// Which dead letters are meant.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// By their message ids; all, if there are none.
    pub ids: HashSet<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// What a replay came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Letters that were settled, and deleted.
    pub settled: usize,
    /// Letters that stay.
    pub left: usize,
    /// Rows that were published, those included that came before a named one.
    pub published: usize,
    /// Why the replay ended early, if it did.
    pub halted: Option<String>,
}

/// Messages of a replay that stay in the queue.
#[derive(Default)]
struct Left {
    messages: Vec<Message>,
    ids: HashSet<String>,
    /// How many of them came again since the last new one.
    again: usize,
}

impl<B, T, D, S, Q> Replay<B, T, D, S, Q>
where
    B: EventBus,
    T: OutboxTable,
    D: DeadLetters,
    S: StreamReader,
    Q: DeadLetterQueue,
{
    /// Replays the selected letters, and tells of each what became of it. Ends
    /// between two batches when `stop` says so.
    ///
    /// Letters that stay are given back in the end.
    ///
    /// # Errors
    ///
    /// If the queue cannot be read.
    pub async fn run(
        &self,
        selection: &Selection,
        stop: impl Fn() -> bool,
        mut tell: impl FnMut(&Message, &Verdict),
    ) -> Result<Summary, CallError> {
        let mut summary = Summary::default();
        let mut progress = Progress::default();
        let mut left = Left::default();
        let result = loop {
            let handled = summary.settled + summary.left;
            if stop() || progress.halted.is_some() || !selection.wants_more(handled) {
                break Ok(());
            }
            let wanted = match self.next(selection, handled, &mut left).await {
                Ok(Some(wanted)) => wanted,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let settling = self.settle(&wanted, &mut progress);
            let verdicts = self.hidden_during(&wanted, settling).await;
            let verdicts = self.delete_settled(&wanted, verdicts).await;
            for (message, verdict) in wanted.into_iter().zip(verdicts) {
                tell(&message, &verdict);
                if matches!(verdict, Verdict::Settled { .. }) {
                    summary.settled += 1;
                } else {
                    summary.left += 1;
                    left.keep(message);
                }
            }
        };
        self.give_back(&left.messages).await;
        summary.published = progress.published;
        summary.halted = progress.halted;
        result.map(|()| summary)
    }

    /// Tells what [`run`](Self::run) would do, and gives every letter back.
    ///
    /// # Errors
    ///
    /// If the queue cannot be read.
    pub async fn dry_run(
        &self,
        selection: &Selection,
        mut tell: impl FnMut(&Message, &Verdict),
    ) -> Result<(), CallError> {
        let messages = self.peek(selection).await?;
        for batch in messages.chunks(AT_ONCE) {
            for (message, verdict) in batch.iter().zip(self.foresee(batch).await) {
                tell(message, &verdict);
            }
        }
        Ok(())
    }

    /// Looks at the selected letters, and gives every one back.
    ///
    /// # Errors
    ///
    /// If the queue cannot be read.
    pub async fn peek(&self, selection: &Selection) -> Result<Vec<Message>, CallError> {
        let mut found = Vec::new();
        let mut left = Left::default();
        let result = loop {
            if !selection.wants_more(found.len()) {
                break Ok(());
            }
            match self.next(selection, found.len(), &mut left).await {
                Ok(Some(wanted)) => {
                    for message in wanted {
                        left.keep(message.clone());
                        found.push(message);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.give_back(&left.messages).await;
        result.map(|()| found)
    }

    /// The next messages that are wanted; `None` if there are no more.
    async fn next(
        &self,
        selection: &Selection,
        handled: usize,
        left: &mut Left,
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
                if left.ids.contains(&message.id) {
                    left.again += 1;
                } else if selection.includes(&message) {
                    wanted.push(message);
                } else {
                    left.keep(message);
                }
            }
            if !wanted.is_empty() {
                left.again = 0;
                return Ok(Some(wanted));
            }
            // They come again once they are no longer hidden: after a whole round
            // of them there is nothing else.
            if left.again > left.messages.len() {
                return Ok(None);
            }
        }
    }

    /// Keeps messages hidden as long as something takes.
    async fn hidden_during<R>(&self, messages: &[Message], work: impl Future<Output = R>) -> R {
        let mut work = pin!(work);
        let period = HIDDEN_FOR / 3;
        let mut ticks = interval_at(Instant::now() + period, period);
        loop {
            tokio::select! {
                // Not by chance, so that a simulated history can be repeated.
                biased;
                done = &mut work => return done,
                _ = ticks.tick() => {
                    let hide = self.queue.hide(messages, HIDDEN_FOR);
                    if let Err(error) = within(Instant::now() + period, hide).await {
                        // Somebody else may get them too: a duplicate at worst.
                        tracing::warn!(%error, "dead letters may be seen by others");
                    }
                }
            }
        }
    }

    /// Deletes what is settled. What cannot be deleted is not settled.
    async fn delete_settled(
        &self,
        messages: &[Message],
        mut verdicts: Vec<Verdict>,
    ) -> Vec<Verdict> {
        let is_settled = |verdict: &Verdict| matches!(verdict, Verdict::Settled { .. });
        let both = messages.iter().zip(&verdicts);
        let settled: Vec<Message> = both
            .filter(|(_, verdict)| is_settled(verdict))
            .map(|(message, _)| message.clone())
            .collect();
        if settled.is_empty() {
            return verdicts;
        }
        let delete = || self.queue.delete(&settled);
        let (undeleted, reason) = match self.relay.patiently(delete).await {
            Ok(undeleted) => (undeleted, "the queue did not".to_owned()),
            Err(error) => {
                let all = settled.iter().map(|message| message.id.clone());
                (all.collect(), error.to_string())
            }
        };
        for (message, verdict) in messages.iter().zip(&mut verdicts) {
            if is_settled(verdict) && undeleted.contains(&message.id) {
                *verdict = Verdict::Unsettled(Unsettled::NotDeleted(reason.clone()));
            }
        }
        verdicts
    }

    async fn give_back(&self, messages: &[Message]) {
        for batch in messages.chunks(AT_ONCE) {
            let hide = self.queue.hide(batch, Duration::ZERO);
            // Those that are not given back are seen again soon all the same.
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

    fn most(&self, handled: usize) -> usize {
        let left = self.limit.map_or(AT_ONCE, |limit| limit - handled);
        // Among those that are taken, others may be, too.
        if self.ids.is_empty() {
            left.min(AT_ONCE)
        } else {
            AT_ONCE
        }
    }
}

impl Left {
    fn keep(&mut self, message: Message) {
        self.ids.insert(message.id.clone());
        self.messages.push(Message {
            body: String::new(),
            ..message
        });
    }
}
