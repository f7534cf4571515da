//! What the stack does, for the console: counts, batches as trees, and the journey of each event.
//!
//! Everything is built from what passes by: the functions' calls at the fault proxy, the events of
//! the stream mapping, and the deliveries to a subscriber. Nothing is read from AWS for it, and
//! all that is kept is bounded.

mod batches;
mod calls;
mod journeys;
mod past_hour;
mod recording;
mod stored_event;
mod trouble;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use devstack_api::{
    Activity, Batch, InjectedFault, Journey, MappingState, Pipeline, Publisher, PutResult, What,
};
use jiff::Timestamp;
use stream_mapping_cli::{Event, InvocationOutcome, Observer};

use self::{
    batches::{Batches, Consequence},
    calls::{Call, Meaning},
    journeys::Journeys,
    past_hour::PublishedEvents,
    stored_event::StoredEvent,
};
pub(crate) use recording::Recording;

/// The event types of the orders service.
const PLACED: &str = "OrderCreated";
const CANCELLED: &str = "OrderCancelled";

/// Records what the stack does. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    since: Timestamp,
    revision: u64,
    /// The counts. Troubles, the mapping's state, what is in flight and the past hour are added
    /// when it is read.
    pipeline: Pipeline,
    batches: Batches,
    journeys: Journeys,
    published: PublishedEvents,
    /// Whether the mapping is driven.
    is_driven: bool,
    /// Why the mapping can't read the stream now.
    mapping_trouble: Option<String>,
    /// How the last invocation of the relay failed, if it did.
    relay_trouble: Option<String>,
    /// Why functions can't be called now, by the names of their crates.
    functions: BTreeMap<String, String>,
}

impl Default for Recorder {
    fn default() -> Self {
        let state = State {
            since: Timestamp::now(),
            revision: 0,
            pipeline: Pipeline::default(),
            batches: Batches::default(),
            journeys: Journeys::default(),
            published: PublishedEvents::default(),
            is_driven: false,
            mapping_trouble: None,
            relay_trouble: None,
            functions: BTreeMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }
}

impl Recorder {
    /// Returns the counts, and what is in trouble given the active faults.
    pub(crate) fn activity(&self, faults: &[InjectedFault]) -> Activity {
        let state = self.lock();
        let mut pipeline = state.pipeline.clone();
        pipeline.mapping.batches_in_flight = state.batches.in_flight();
        pipeline.mapping.batches_to_retry = state.batches.to_retry();
        pipeline.mapping.state = state.mapping_state();
        pipeline.relay.past_hour = state.published.past_hour(Timestamp::now());
        trouble::add(&mut pipeline, &state, faults);
        Activity {
            since: state.since,
            revision: state.revision,
            pipeline,
        }
    }

    /// Returns the last batches, the newest first.
    pub(crate) fn batches(&self, limit: usize) -> Vec<Batch> {
        let state = self.lock();
        let mut batches = state.batches.list(limit);
        for batch in &mut batches {
            state.journeys.attribute(&mut batch.whole);
        }
        batches
    }

    /// Returns the journey of an event, if it is known.
    pub(crate) fn journey(&self, event_id: &str) -> Option<Journey> {
        self.lock().journeys.get(event_id)
    }

    /// Returns an observer of the stream mapping that also records its events.
    pub(crate) fn observing(&self, observer: Observer) -> Observer {
        let recorder = self.clone();
        Arc::new(move |event: &Event| {
            recorder.mapping(event, Timestamp::now());
            observer(event);
        })
    }

    /// Records that the mapping is no longer driven.
    pub(crate) fn mapping_stopped(&self) {
        self.change(|state| state.is_driven = false);
    }

    /// Records that an event was delivered by the bus.
    pub(crate) fn delivered(&self, event_id: &str) {
        self.change(|state| {
            let is_first = state.journeys.delivered(event_id, Timestamp::now());
            let bus = &mut state.pipeline.bus;
            if is_first {
                bus.delivered += 1;
            } else {
                bus.duplicates += 1;
            }
        });
    }

    /// Records that a function could be called.
    pub(crate) fn function_answered(&self, name: &str) {
        let mut state = self.lock();
        if state.functions.remove(name).is_some() {
            state.revision += 1;
        }
    }

    /// Records that a function could not be called.
    pub(crate) fn function_failed(&self, name: &str, reason: String) {
        self.change(|state| {
            state.functions.insert(name.to_owned(), reason);
        });
    }

    /// Records a change of the faults.
    pub(crate) fn faults_changed(&self) {
        self.change(|_| {});
    }

    fn mapping(&self, event: &Event, now: Timestamp) {
        self.change(|state| state.mapping(event, now));
    }

    /// Records a call that was sent at this time.
    fn call(&self, call: &Call<'_>, at: Timestamp) {
        // Parsed before the lock is taken: a request may have a megabyte.
        let meaning = call.meaning();
        if let Some(meaning) = meaning {
            self.change(|state| state.call(meaning, at));
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        state.revision += 1;
        change(&mut state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn mapping_state(&self) -> MappingState {
        match self.batches.to_retry() {
            _ if !self.is_driven => MappingState::Stopped,
            0 => MappingState::Reading,
            _ => MappingState::Retrying,
        }
    }

    fn mapping(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::Created { .. } => self.is_driven = true,
            Event::Trouble { what, reason } => {
                self.mapping_trouble = Some(format!("{what}: {reason}"));
            }
            Event::Invoking { .. } => self.mapping_trouble = None,
            Event::Invoked {
                outcome, given_up, ..
            } => {
                let mapping = &mut self.pipeline.mapping;
                mapping.invocations += 1;
                mapping.failed_invocations += u64::from(*outcome != InvocationOutcome::Success);
                mapping.given_up += *given_up as u64;
                self.relay_trouble = trouble::of_relay(outcome);
            }
            _ => {}
        }
        match self.batches.add(event, now) {
            Some(Consequence::Begun {
                batch,
                is_new,
                events,
            }) => {
                if is_new && let Event::Invoking { records, .. } = event {
                    self.pipeline.mapping.records += records.len() as u64;
                }
                for event in events {
                    self.journeys.read(event, batch, now);
                }
            }
            Some(Consequence::Ended { results }) => {
                for (id, result) in results {
                    self.journeys.read_ended(&id, result);
                }
            }
            Some(Consequence::GivenUp {
                batch,
                condition,
                events,
            }) => {
                for id in events {
                    let condition = condition.clone();
                    let what = What::GivenUp { batch, condition };
                    self.journeys.add_to(&id, what, now);
                }
            }
            None => {}
        }
    }

    fn call(&mut self, meaning: Meaning, at: Timestamp) {
        match meaning {
            Meaning::Events(events) => {
                for (event, what) in events {
                    self.count(&event, &what);
                    self.journeys.add(event, what, at);
                }
            }
            Meaning::NotCommitted(code) => {
                *self.pipeline.commands.failed.entry(code).or_default() += 1;
            }
            Meaning::Put(entries) => {
                self.pipeline.relay.requests += 1;
                let request = self.pipeline.relay.requests;
                for (event, by, result) in entries {
                    self.put(event, request, by, result, at);
                }
            }
        }
    }

    fn put(
        &mut self,
        event: Option<StoredEvent>,
        request: u64,
        by: Publisher,
        result: PutResult,
        at: Timestamp,
    ) {
        let relay = &mut self.pipeline.relay;
        match &result {
            PutResult::Accepted => {
                relay.accepted += 1;
                relay.accepted_at_once += u64::from(matches!(by, Publisher::Function(_)));
                let event = event.as_ref();
                let committed_at = event.and_then(|event| self.journeys.committed_at(&event.id));
                // Not the time of the request: the bus accepts it when it answers.
                self.published.add(&by, committed_at, Timestamp::now());
            }
            PutResult::Rejected(code) => *relay.rejected.entry(code.clone()).or_default() += 1,
            PutResult::NoAnswer => relay.unanswered += 1,
        }
        if let Some(event) = event {
            let what = What::Put {
                request,
                by,
                result,
            };
            self.journeys.add(event, what, at);
        }
    }

    /// Counts what happened to an event.
    fn count(&mut self, event: &StoredEvent, what: &What) {
        let Pipeline {
            commands,
            outbox,
            shipping,
            ..
        } = &mut self.pipeline;
        match what {
            What::Committed { .. } => {
                outbox.committed += 1;
                match event.event_type.as_deref() {
                    Some(PLACED) => commands.placed += 1,
                    Some(CANCELLED) => commands.cancelled += 1,
                    _ => {}
                }
            }
            What::Deleted { .. } => {
                let is_deleted = |what: &What| matches!(what, What::Deleted { .. });
                // A delete without an answer is repeated.
                if !self.journeys.has(&event.id, is_deleted) {
                    outbox.deleted += 1;
                }
            }
            What::Parked { .. } => outbox.parked += 1,
            What::Handled { status, .. } => match status.as_deref() {
                Some("started") => shipping.started += 1,
                Some("stopped") => shipping.stopped += 1,
                _ => shipping.ignored += 1,
            },
            What::Ignored { .. } => shipping.ignored += 1,
            What::NotHandled { code } => {
                *shipping.failed.entry(code.clone()).or_default() += 1;
            }
            What::Read { .. }
            | What::Put { .. }
            | What::Delivered { .. }
            | What::GivenUp { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
