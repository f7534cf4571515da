//! What must hold at every step.

use jiff::{SignedDuration, Timestamp};
use outbox::{OutboxRow, Parked, RowKey, relay::Unreadable};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    designs::Design,
    truth::{Accepted, Actor, Truth, Violation},
    world::{DELETED_UNNOTICED, State},
};

/// What the relay does not look up: records younger than this.
const YOUNG: SignedDuration = SignedDuration::from_secs(4);

/// How long the relay holds on to a record that keeps failing.
const LEFT_TO_SWEEPER_AFTER: SignedDuration = SignedDuration::from_secs(10 * 60 - 3);

impl State {
    pub(crate) fn violate(&mut self, what: &'static str, key: Option<&RowKey>) {
        if self.design != Design::ThisOne {
            // Nobody promises it.
            return;
        }
        let key = key.cloned();
        self.note(format!("VIOLATION: {what}: {key:?}"));
        self.violations.push(Violation { what, key });
    }

    /// The bus takes an event.
    pub(crate) fn accept(&mut self, row: &OutboxRow, by: Actor) {
        let key = &row.key;
        let Some(truth) = self.events.get(key) else {
            return self.violate("published what was never committed", Some(key));
        };
        let version = truth.version(row.edits);
        if version.is_none_or(|version| version.detail != row.detail) {
            return self.violate("published what is not what was committed", Some(key));
        }
        if truth.is_discarded {
            return self.violate("published what was discarded", Some(key));
        }
        let is_outdated = row.edits < truth.current().edits;
        if is_outdated && truth.is_unedited_since(self.seen(by, key)) {
            return self.violate("published what had been edited", Some(key));
        }
        let is_parked = self.rows.get(key).is_some_and(|row| row.parked.is_some());
        let was_parked = truth.parked_at.is_some_and(|at| at < self.seen(by, key));
        if is_parked && was_parked && !self.is_young(key, by) {
            return self.violate("published what is set aside", Some(key));
        }
        if let Some(gone_since) = self.bus_gone_since {
            if gone_since.elapsed() < DELETED_UNNOTICED
                && let Some(truth) = self.events.get_mut(key)
            {
                truth.excused = true;
            }
            return;
        }
        self.check_order(row, by);
        self.check_duplicate(key, by);
        self.counts.accepted += 1;
        let at = self.now();
        if let Some(truth) = self.events.get_mut(key) {
            truth.accepted.push(Accepted {
                by,
                at,
                // Until the process is told.
                is_answered: false,
            });
        }
        self.deliver(row);
    }

    fn check_order(&mut self, row: &OutboxRow, by: Actor) {
        let aggregate = row.key.aggregate_id.clone();
        let truth = self.events.get(&row.key);
        let is_first = truth.is_some_and(|truth| truth.accepted.is_empty());
        let latest = self.latest_on_bus.entry(aggregate).or_default();
        if is_first && *latest > row.sequence {
            self.counts.out_of_order += 1;
        }
        *latest = row.sequence.max(*latest);
        // What was set aside, or refused alone of a request, is late, and said to be;
        // what is repeated is a duplicate.
        let is_late = |truth: &Truth| truth.released_at.is_some() || truth.was_refused;
        let truth = self.events.get(&row.key);
        if truth.is_some_and(|truth| is_late(truth) || !truth.accepted.is_empty()) {
            return;
        }
        let aggregate = row.key.aggregate_id.clone();
        let last = self
            .published_by
            .insert((by, aggregate.clone()), row.sequence);
        if last.is_some_and(|last| last > row.sequence) {
            self.violate("out of order within an invocation", Some(&row.key));
        }
        let last = self.last_on_bus.insert(aggregate, row.sequence);
        if self.is_calm && last.is_some_and(|last| last > row.sequence) {
            self.violate("out of order though nothing went wrong", Some(&row.key));
        }
    }

    /// Every duplicate is owed to one of the causes that docs/guarantees.md lists.
    fn check_duplicate(&mut self, key: &RowKey, by: Actor) {
        let Some(truth) = self.events.get(key) else {
            return;
        };
        let Some(before) = truth.accepted.last() else {
            return;
        };
        let (ours, theirs) = (self.lives[by as usize], self.lives[before.by as usize]);
        let seen = self.seen(by, key);

        // The row was there when it was seen: the one before was about to delete it,
        // could not, or did not live to, or does not know that there is reason to.
        let was_there = truth.deleted_at.is_none_or(|deleted| deleted >= seen);
        let was_left_there = !theirs.is_over_before(seen)
            || theirs.has_died()
            || theirs.could_not_delete
            || truth.undeleted_by.contains(&before.by)
            || !before.is_answered;
        // It was gone, but nobody looked, because it was young, and it came again.
        let is_read_twice = self
            .read_twice_until
            .is_some_and(|until| until > Instant::now());
        let came_again = theirs.has_died() || theirs.is_by_hand || is_read_twice;

        // Whoever was not told tries again without another look.
        let tries_again = before.by == by && !before.is_answered;

        self.counts.duplicates += 1;
        if !(tries_again || was_there && was_left_there || self.is_young(key, by) && came_again) {
            let told = format!("{key}, seen {seen:?}: {truth:?}; we: {ours:?}, they: {theirs:?}");
            self.note(told);
            self.violate("a duplicate nobody can explain", Some(key));
        }
    }

    /// Whether it was so young when a process began that it need not look it up.
    fn is_young(&self, key: &RowKey, by: Actor) -> bool {
        let begun_at = self.lives[by as usize].begun_at;
        let truth = self.events.get(key);
        truth.is_some_and(|truth| begun_at.duration_since(truth.committed_at) < YOUNG)
    }

    /// A row leaves the table for good.
    pub(crate) fn delete(&mut self, key: &RowKey) {
        if self.rows.remove(key).is_none() {
            return;
        }
        let Some(truth) = self.events.get_mut(key) else {
            return;
        };
        truth.deleted_at = Some(Instant::now());
        if !truth.is_settled() {
            self.violate("deleted what was not published", Some(key));
        }
    }

    /// A process sets a row aside, which it has sent a dead letter of before. Answers
    /// whether the row was there to be set aside.
    pub(crate) fn park(
        &mut self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
        by: Actor,
    ) -> bool {
        let Some(row) = self.rows.get_mut(key).filter(|row| row.parked.is_none()) else {
            return false;
        };
        let now = row.row.as_ref().map_or(0, |row| row.edits);
        if edits.is_some_and(|edits| edits < now) {
            return false;
        }
        row.parked = Some(mark.clone());
        let is_malformed = matches!(row.row, Err(Unreadable::Malformed(_)));
        if let Some(truth) = self.events.get_mut(key) {
            truth.parked_at = Some(Instant::now());
        }
        let truth = self.events.get(key);
        let was_wronged = truth.is_some_and(|truth| truth.was_wronged);
        let has_letter = truth.is_some_and(|truth| truth.letters.contains(&by));
        if !has_letter {
            self.violate("parked without a dead letter", Some(key));
        }
        let is_poison = is_malformed || self.poisoned.contains(&(key.clone(), now));
        if !is_poison && !was_wronged {
            self.violate("parked what is no poison", Some(key));
        }
        true
    }

    /// The mapping counts a record as done, of a batch it handed over at `begun`.
    pub(crate) fn count_as_done(&mut self, key: &RowKey, begun: Instant, now: Timestamp) {
        let (Some(row), Some(truth)) = (self.rows.get(key), self.events.get(key)) else {
            return;
        };
        let is_old = now.duration_since(truth.committed_at) >= LEFT_TO_SWEEPER_AFTER;
        // A person may make a row pending again before the process that has set it
        // aside has answered, and what was edited is published from the table.
        let was_released = truth.released_at.is_some_and(|released| released >= begun);
        let was_edited = truth.current().edits > 0;
        let is_left = is_old || was_released || was_edited;
        if row.parked.is_none() && !truth.is_settled() && !is_left {
            let told = format!("{key} counts as done: {row:?} of {truth:?}");
            self.note(told);
            self.violate("counted as done what is still pending", Some(key));
        }
    }

    /// A person's replay takes a dead letter for settled.
    pub(crate) fn delete_letter(&mut self, id: &str) {
        let Some(index) = self.queue.iter().position(|queued| queued.message.id == id) else {
            return;
        };
        let queued = self.queue.remove(index);
        for key in self.named_by(&queued.message.body) {
            if self.rows.get(&key).is_some_and(|row| row.parked.is_none()) {
                self.violate("deleted a dead letter of what is still pending", Some(&key));
            }
        }
    }

    /// The rows a dead letter names, as only an onlooker knows them.
    pub(crate) fn named_by(&self, body: &str) -> Vec<RowKey> {
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            return Vec::new();
        };
        if let Ok(key) = serde_json::from_value::<RowKey>(body.clone()) {
            return vec![key];
        }
        let batch = &body["DDBStreamBatchInfo"];
        let text = |name: &str| batch[name].as_str().unwrap_or_default().to_owned();
        let shard = text("shardId");
        self.stream.between(
            &shard,
            &text("startSequenceNumber"),
            &text("endSequenceNumber"),
        )
    }

    /// A consumer writes what it makes of an event.
    pub(crate) fn take_effect(&mut self, event_id: &str) {
        let Some(key) = self.keys_by_event_id.get(event_id).cloned() else {
            return self.violate("handled what was never committed", None);
        };
        let Some(truth) = self.events.get_mut(&key) else {
            return;
        };
        truth.effects += 1;
        if truth.accepted.is_empty() {
            self.violate("handled what was never published", Some(&key));
        } else if truth.effects > 1 {
            self.violate("handled more than once", Some(&key));
        }
    }

    /// When a process last saw that a row was there; when it began, if it did not
    /// look.
    fn seen(&self, by: Actor, key: &RowKey) -> Instant {
        let seen = self.seen.get(&(by, key.clone())).copied();
        seen.unwrap_or(self.lives[by as usize].begun)
    }

    /// A process sees that a row is there.
    pub(crate) fn see(&mut self, by: Actor, key: &RowKey) {
        self.seen.insert((by, key.clone()), Instant::now());
    }
}
