//! What must hold at every step.

use std::time::Duration;

use jiff::SignedDuration;
use outbox::{OutboxRow, Parked, RowKey, Unreadable, ports::Message};
use outbox_testing::Row;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    caller::Role,
    oracle::{Acceptance, Actor, ActorRecord, EventRecord, Violation},
    state::{LIMITS, State, is_before},
};

/// The relay publishes records without a look-up if they are younger than 2 s. The rest
/// is for what a batch may wait, and for skewed clocks.
const YOUNG: SignedDuration = SignedDuration::from_secs(4);

/// How long the relay attempts an event that the bus rejects for now before it leaves it to the
/// sweeper.
const ATTEMPTED_FOR: Duration = Duration::from_secs(10);

/// How long an event may wait at most because of another that fails: half a minute in which the
/// relay finds it or gives up the other, and Lambda's longest pause before it retries.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(30 + 60);

/// How many times one invocation may have an event accepted.
const MOST_COPIES: u32 = 2;

/// How long after a row was parked without proof another may be. It is less than an hour by what
/// clocks may be wrong and a dead letter may take: a row's mark says when its letter was begun.
const PARKED_WITHOUT_PROOF_EVERY: SignedDuration = SignedDuration::from_secs(3_600 - 60);

/// How many pages of the rows before another the relay reads, and most rows of one.
const PAGES_READ: usize = 4;
const ROWS_READ_AT_ONCE: usize = 25;

/// For how long the stream keeps records for certain.
const STREAM_KEEPS: SignedDuration = SignedDuration::from_hours(23);

impl State {
    /// Records that something happened that must never happen.
    pub(crate) fn violate(&mut self, what: &'static str, key: Option<&RowKey>) {
        if !self.design.is_ours() {
            // The other designs don't promise it.
            return;
        }
        let key = key.cloned();
        self.note(format!("VIOLATION: {what}: {key:?}"));
        self.violations.push(Violation { what, key });
    }

    /// The bus accepts an event.
    pub(crate) fn accept(&mut self, row: &OutboxRow, by: Actor) {
        let key = &row.key;
        let Some(event) = self.events.get(key) else {
            return self.violate("published an event that was never committed", Some(key));
        };
        let version = event.version(row.edits);
        if version.is_none_or(|version| version.detail != row.detail) {
            return self.violate(
                "published an event that differs from what was committed",
                Some(key),
            );
        }
        // Another process may have read the row before it was parked, or not look up its record
        // because that is young. Only a simulated operator decides so fast.
        let was_discarded = event.discarded_at.is_some_and(|at| at < self.seen(by, key));
        if was_discarded && !self.is_young(key, by) {
            return self.violate("published a discarded event", Some(key));
        }
        let is_outdated = row.edits < event.current().edits;
        // A young record isn't looked up. Only a simulated operator edits so fast.
        let is_known = event.is_unedited_since(self.seen(by, key)) && !self.is_young(key, by);
        if is_outdated && is_known {
            return self.violate(
                "published an outdated version of an edited event",
                Some(key),
            );
        }
        let is_parked = self.services.table.row(key).is_some_and(Row::is_parked);
        let was_parked = event.parked_at.is_some_and(|at| at < self.seen(by, key));
        if is_parked && was_parked && !self.is_young(key, by) {
            return self.violate("published a parked event", Some(key));
        }
        // A bus that is gone says so, too, and the relay can't tell.
        self.accepted_at = Some(Instant::now());
        if let Some(gone_since) = self.bus_gone_since {
            if self.may_lose(gone_since)
                && let Some(event) = self.events.get_mut(key)
            {
                event.is_loss_allowed = true;
            }
            return;
        }
        self.check_order(row, by);
        self.check_duplicate(key, by);
        self.check_delay(key);
        self.counts.accepted += 1;
        let at = self.now();
        if let Some(event) = self.events.get_mut(key) {
            event.accepted.push(Acceptance {
                by,
                at,
                // Until the actor gets the response.
                is_confirmed: false,
            });
        }
        self.deliver(row);
    }

    /// Checks that no event waits long because of another that fails, while the bus accepts it.
    fn check_delay(&mut self, key: &RowKey) {
        let Some(event) = self.events.get(key) else {
            return;
        };
        let delay = self.now().duration_since(event.committed_at);
        if event.accepted.is_empty() && delay > LONGEST_DELAY && self.must_be_in_time(key) {
            self.violate("an event waited long because of another", Some(key));
        }
    }

    /// Checks at the end of a time with bad events that no other still waits.
    pub(crate) fn check_none_waits(&mut self) {
        let now = self.now();
        let waits = self.events.iter().find(|(key, event)| {
            let age = now.duration_since(event.committed_at);
            !event.is_settled() && age > LONGEST_DELAY && self.must_be_in_time(key)
        });
        if let Some(key) = waits.map(|(key, _)| key.clone()) {
            self.violate("an event waits because of another", Some(&key));
        }
    }

    /// Returns whether nothing may keep an event from the bus: nothing fails but other events.
    fn must_be_in_time(&self, key: &RowKey) -> bool {
        self.has_bad_events && !self.is_over && !self.bad_aggregates.contains(&key.aggregate_id)
    }

    /// Checks that an invocation doesn't have an event accepted again and again.
    pub(crate) fn check_copies(&mut self, key: &RowKey, by: Actor) {
        let event = self.events.get_mut(key);
        let Some(attempts) = event.and_then(|event| event.attempts.get_mut(&by)) else {
            return;
        };
        attempts.copies += 1;
        if attempts.copies > MOST_COPIES {
            self.violate(
                "one invocation published an event again and again",
                Some(key),
            );
        }
    }

    /// Checks that a new process that can't delete rows has published one request at most.
    pub(crate) fn check_deletes(&mut self, by: Actor) {
        let actor = self.actors[by as usize];
        if actor.is_first && !actor.has_deleted && actor.accepted > LIMITS.entries {
            self.violate("published many events that it could not delete", None);
        }
    }

    /// Checks that a call belongs to an invocation that has not ended. Lambda freezes a process then,
    /// and what it has left to do happens hours later, or never.
    pub(crate) fn check_at_work(&mut self, by: Actor) {
        if self.actors[by as usize].ended.is_some() {
            self.violate("an invocation went on after its end", None);
        }
    }

    /// Checks that a duplicate has one of the causes that docs/guarantees.md lists.
    fn check_duplicate(&mut self, key: &RowKey, by: Actor) {
        let Some(event) = self.events.get(key) else {
            return;
        };
        let Some(before) = event.accepted.last() else {
            return;
        };
        let (ours, theirs) = (self.actors[by as usize], self.actors[before.by as usize]);
        let seen = self.seen(by, key);

        // The row was still there when this actor read it: the publisher before was about
        // to delete it, failed to, died before it could, or got no response that says
        // there is something to delete.
        let was_there = event.deleted_at.is_none_or(|deleted| deleted >= seen);
        let was_left_there = !theirs.is_over_before(seen)
            || theirs.has_died()
            || theirs.has_failed_delete
            || event.undeleted_by.contains(&before.by)
            || !before.is_confirmed;
        // A process knows what it has published itself, also if it could not delete the row.
        let is_known = before.is_confirmed && ours.process == theirs.process;
        // The row was gone, but this actor didn't look it up, because the record was young,
        // and the record was delivered twice.
        let is_read_twice = self
            .read_twice_until
            .is_some_and(|until| until > Instant::now());
        let is_found = self.found_by_search.contains(&(before.by, key.clone()));
        // A relay that keeps order remembers what it found and published.
        let is_remembered = self.order.is_kept() && ours.process == theirs.process;
        let is_from_table = theirs.is_operator() || is_found && !is_remembered;
        let is_redelivered = theirs.has_died() || is_from_table || is_read_twice;

        // An actor that got no response retries without another look-up.
        let is_retry = before.by == by && !before.is_confirmed;

        self.counts.duplicates += 1;
        let is_left = was_there && was_left_there && !is_known;
        if !(is_retry || is_left || self.is_young(key, by) && is_redelivered) {
            let line = format!("{key}, seen {seen:?}: {event:?}; we: {ours:?}, they: {theirs:?}");
            self.note(line);
            self.violate("a duplicate without a cause", Some(key));
        }
    }

    /// Returns whether a row was so young when an actor began that it wasn't looked up.
    fn is_young(&self, key: &RowKey, by: Actor) -> bool {
        let ActorRecord { role, begun_at, .. } = self.actors[by as usize];
        if self.publishes_at_once && role != Role::Service {
            // The relay looks up every record.
            return false;
        }
        let event = self.events.get(key);
        event.is_some_and(|event| begun_at.duration_since(event.committed_at) < YOUNG)
    }

    /// A row is deleted, which must have been published.
    pub(crate) fn check_deleted(&mut self, key: &RowKey) {
        let Some(event) = self.events.get_mut(key) else {
            return;
        };
        event.deleted_at = Some(Instant::now());
        if !event.is_settled() {
            self.violate("deleted the row of an unpublished event", Some(key));
        }
    }

    /// Parks a row, if it is there, not parked yet, and not edited since it was read. Returns
    /// whether it did.
    /// The actor must have sent the dead letter before.
    pub(crate) fn park(
        &mut self,
        key: &RowKey,
        edits: Option<u64>,
        mark: &Parked,
        by: Actor,
    ) -> bool {
        if !self.services.park(key, edits, mark) {
            return false;
        }
        let row = self.services.table.row(key);
        let is_malformed = matches!(
            row.and_then(Row::unreadable),
            Some(Unreadable::Malformed(_))
        );
        let now = row.and_then(Row::row).map_or(0, |row| row.edits);
        if let Some(event) = self.events.get_mut(key) {
            event.parked_at = Some(Instant::now());
        }
        let event = self.events.get(key);
        let was_rejected_wrongly = event.is_some_and(|event| event.was_rejected_wrongly);
        let has_letter = event.is_some_and(|event| event.letters.contains(&by));
        let is_damaged = event.is_none_or(is_damaged);
        if !has_letter {
            self.violate("parked without a dead letter", Some(key));
        }
        let is_poison = is_malformed || self.poisoned.contains(&(key.clone(), now));
        if !is_poison && !was_rejected_wrongly {
            self.violate("parked an event that is no poison", Some(key));
        }
        if !is_malformed && !is_damaged && self.actors[by as usize].accepted == 0 {
            self.check_parked_without_proof(key, by);
        }
        true
    }

    /// A row is parked although the process knows of no other event that its bus accepted. Once
    /// an hour that is allowed, and more often if somebody has dealt with the last one.
    fn check_parked_without_proof(&mut self, key: &RowKey, by: Actor) {
        let now = self.now();
        self.note(format!("{now:.3} {key} is parked without proof"));
        let last = self.parked_without_proof.take();
        self.parked_without_proof = Some((key.clone(), now));
        // If it is the same row, it was made pending in between.
        let is_left = |last: &RowKey| {
            last != key && self.services.table.row(last).is_some_and(Row::is_parked)
        };
        // Sweeps at the same time don't see each other's.
        let begun = self.actors[by as usize].begun_at;
        let is_lately = |at| at < begun && now.duration_since(at) < PARKED_WITHOUT_PROOF_EVERY;
        if last.is_some_and(|(last, at)| is_left(&last) && is_lately(at)) {
            self.violate("parked two rows within an hour without proof", Some(key));
        }
    }

    /// The mapping completes a record of a batch that it handed over at `begun`. Its event
    /// must be settled, parked, or left to those that read the table.
    pub(crate) fn complete_record(&mut self, key: &RowKey, begun: Instant) {
        let row = self.services.table.row(key);
        let (Some(row), Some(event)) = (row, self.events.get(key)) else {
            return;
        };
        // An operator may release a row before the process that parked it has responded,
        // and edited events are published from the table.
        let was_released = event.released_at.is_some_and(|released| released >= begun);
        let was_edited = event.current().edits > 0;
        let is_left = was_released || was_edited || self.may_be_left(key, begun);
        if !row.is_parked() && !event.is_settled() && !is_left {
            let line = format!("{key} is completed: {row:?} of {event:?}");
            self.note(line);
            self.violate("completed the record of a pending event", Some(key));
        }
    }

    /// Returns whether an invocation that began then may leave an event to the sweeper: its own
    /// fault, or that of one before it in its aggregate, while the bus accepted others.
    fn may_be_left(&self, key: &RowKey, begun: Instant) -> bool {
        let others_accepted = self.accepted_at.is_some_and(|at| at >= begun);
        // Another process may have published the one before it meanwhile, or even before: a
        // young record isn't looked up.
        let was_there = |event: &EventRecord| {
            let mut attempts = event.attempts.values();
            event.deleted_at.is_none_or(|at| at >= begun)
                || attempts.any(|attempts| attempts.last >= begun)
        };
        let mut before = self
            .events
            .iter()
            .filter(|(earlier, _)| earlier.aggregate_id == key.aggregate_id && *earlier <= key)
            .map(|(_, event)| event)
            .filter(|event| was_there(event));
        before.any(|event| {
            let is_damaged = event.is_unreadable || is_damaged(event);
            let was_rejected = event.attempts.values().any(|attempts| {
                let is_long = attempts.last - attempts.first >= ATTEMPTED_FOR;
                attempts.last >= begun && (attempts.is_final || is_long)
            });
            event.unparked_at.is_some_and(|at| at >= begun)
                || others_accepted && (is_damaged || was_rejected)
        }) || self.order.is_kept() && self.may_be_held(key, begun)
    }

    /// Returns whether an invocation that began then may hold an event: an earlier one of its
    /// aggregate was parked, edited, or left before.
    fn may_be_held(&self, key: &RowKey, begun: Instant) -> bool {
        let others_accepted = self.accepted_at.is_some_and(|at| at >= begun);
        let mut of_aggregate = self.events.iter();
        let is_unread = of_aggregate.any(|(other, event)| {
            other.aggregate_id == key.aggregate_id && event.unread_at.is_some_and(|at| at >= begun)
        });
        if is_unread && others_accepted || self.is_behind_many(key, begun) {
            return true;
        }
        let mut earlier = self
            .events
            .iter()
            .filter(|(earlier, _)| is_before(earlier, key));
        earlier.any(|(earlier, event)| {
            let row = self.services.table.row(earlier);
            // Whatever has happened to it since then was there when the invocation read it.
            let was_there = row.is_some() || event.deleted_at.is_some_and(|at| at >= begun);
            let was_parked = event.parked_at.is_some()
                && (event.released_at.is_none_or(|at| at >= begun)
                    || row.is_some_and(Row::is_parked)
                    || event.parked_at.is_some_and(|at| at >= begun));
            let was_tried = event
                .attempts
                .values()
                .any(|attempts| attempts.last >= begun);
            let was_discarded = event.is_discarded && event.parked_at.is_some();
            was_discarded
                || was_there
                    && (was_parked
                        || event.is_unreadable
                        || event.edits() > 0
                        || others_accepted && was_tried)
        })
    }

    /// Returns whether an invocation that began then found more unpublished rows before this one
    /// than the relay reads.
    fn is_behind_many(&self, key: &RowKey, begun: Instant) -> bool {
        let read = PAGES_READ * self.rows_before(ROWS_READ_AT_ONCE);
        let was_there = |(earlier, event): &(&RowKey, &EventRecord)| {
            let is_there = self.services.table.row(earlier).is_some();
            is_before(earlier, key) && (is_there || event.deleted_at.is_some_and(|at| at >= begun))
        };
        self.events.iter().filter(was_there).count() >= read
    }

    /// A replay deletes a dead letter, whose rows must not be pending. They may be held if the
    /// stream has dropped their records, so that the replay can't know them: the parked row that
    /// holds them has a letter of its own.
    pub(crate) fn check_deleted_letter(&mut self, message: &Message) {
        let free = self.keys_of_free_rows();
        let pending = self.keys_of_rows(false);
        let now = self.now();
        let named = self.keys_named_in(&message.body);
        let is_kept = |key: &RowKey| {
            let event = self.events.get(key);
            event.is_some_and(|event| now.duration_since(event.committed_at) < STREAM_KEEPS)
        };
        let rows = if named.iter().all(is_kept) {
            pending
        } else {
            free
        };
        for key in named {
            if rows.contains(&key) {
                self.violate("deleted the dead letter of a pending event", Some(&key));
            }
        }
    }

    /// Returns the rows that a dead letter is about. Only the oracle knows those of a
    /// pointer to records that the stream has dropped.
    pub(crate) fn keys_named_in(&self, body: &str) -> Vec<RowKey> {
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            return Vec::new();
        };
        if let Ok(key) = serde_json::from_value::<RowKey>(body.clone()) {
            return vec![key];
        }
        let batch = &body["DDBStreamBatchInfo"];
        let text = |name: &str| batch[name].as_str().unwrap_or_default().to_owned();
        let number = |text: &str| text.parse::<u128>().unwrap_or_default();
        let start = number(&text("startSequenceNumber"));
        let range = start..=number(&text("endSequenceNumber"));
        let shard = self.services.stream.shards().get(&text("shardId"));
        let records = shard.into_iter().flat_map(|shard| &shard.records);
        let within = records.filter(|record| range.contains(&number(&record.number)));
        within
            .filter_map(|record| record.inserted.clone())
            .collect()
    }

    /// A consumer commits its effect of an event.
    pub(crate) fn apply_effect(&mut self, event_id: &str) {
        let Some(key) = self.keys_by_event_id.get(event_id).cloned() else {
            return self.violate("handled an event that was never committed", None);
        };
        let Some(event) = self.events.get_mut(&key) else {
            return;
        };
        event.effects += 1;
        if event.accepted.is_empty() {
            self.violate("handled an event that was never published", Some(&key));
        } else if event.effects > 1 {
            self.violate("handled an event more than once", Some(&key));
        }
    }

    /// Returns when an actor last read a row; if it didn't, when it began.
    fn seen(&self, by: Actor, key: &RowKey) -> Instant {
        let seen = self.seen.get(&(by, key.clone())).copied();
        seen.unwrap_or(self.actors[by as usize].begun)
    }

    /// An actor reads a row.
    pub(crate) fn see(&mut self, by: Actor, key: &RowKey) {
        self.seen.insert((by, key.clone()), Instant::now());
    }
}

/// Returns whether the relay sees itself that an event can't be published.
fn is_damaged(event: &EventRecord) -> bool {
    serde_json::from_str::<IgnoredAny>(&event.current().detail).is_err()
}
