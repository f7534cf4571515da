//! What holds in every state; and what occurs in some state, so that the former doesn't
//! hold only because nothing happens.

use stateright::Property;

use crate::{
    event::{Events, events_where},
    mapping::Mapping,
    process::Publisher,
    property_names::{
        COPIES_ARE_BOUNDED, DISCARDED_IS_NOT_PUBLISHED, DONE_IS_DONE, DUPLICATES_HAVE_CAUSES,
        EDITED_IS_NOT_PARKED, EVERY_PATH_DRAINS, GONE_STAYS_GONE, MESSAGES_STAY, NOTHING_IS_LOST,
        ORDER, PARKED_HAS_LETTER,
    },
    protocol::Protocol,
    run::MOST_COPIES,
    state::{Message, Row, State},
};

/// Returns the properties that hold in every state.
pub(crate) fn always() -> [Property<Protocol>; 11] {
    let always = Property::<Protocol>::always;
    [
        always(NOTHING_IS_LOST, |_, state| {
            state.rows_in(Row::Gone).is_subset(state.on_bus())
        }),
        always(GONE_STAYS_GONE, |_, state| {
            state.history.removed.is_disjoint(state.in_table())
        }),
        always(DONE_IS_DONE, |_, state| {
            let discarded = state.rows_in(Row::Discarded);
            let handed_over = state.history.handed_over | state.named_by_messages();
            let settled = state.on_bus() | discarded | handed_over;
            (state.mapping.backlog() | settled) == Events::all()
        }),
        always(PARKED_HAS_LETTER, |_, state| {
            let mut parked = state.rows_in(Row::Parked).iter();
            parked.all(|event| state.queue.contains(&Message::DeadLetter(event)))
        }),
        always(EDITED_IS_NOT_PARKED, |_, state| {
            state.rows_in(Row::Parked).is_disjoint(state.edited)
        }),
        always(DISCARDED_IS_NOT_PUBLISHED, |_, state| {
            state.rows_in(Row::Discarded).is_disjoint(state.on_bus())
        }),
        always(MESSAGES_STAY, |_, state| !state.history.has_lost_message),
        always(ORDER, |_, state| !state.history.has_disorder),
        always(COPIES_ARE_BOUNDED, |_, state| {
            let runs = state
                .processes
                .iter()
                .filter_map(|process| process.run.as_ref());
            let mut copies = runs.flat_map(|run| run.copies);
            copies.all(|copies| copies <= MOST_COPIES)
        }),
        always(DUPLICATES_HAVE_CAUSES, |_, state| {
            state.duplicates().is_subset(state.history.explained)
        }),
        // An `eventually` of stateright overlooks paths that join others.
        always(EVERY_PATH_DRAINS, |protocol, state| {
            state.is_drained() || !protocol.offered(state).is_empty()
        }),
    ]
}

/// Returns the properties that hold in some state.
pub(crate) fn sometimes() -> [Property<Protocol>; 9] {
    let sometimes = Property::<Protocol>::sometimes;
    [
        sometimes("a path without a fault ends drained", |protocol, state| {
            state.is_drained() && state.faults_left == protocol.faults
        }),
        sometimes("an event is published twice", |_, state| {
            !state.duplicates().is_empty()
        }),
        sometimes("a run puts an event on the bus twice", |_, state| {
            let runs = state
                .processes
                .iter()
                .filter_map(|process| process.run.as_ref());
            runs.flat_map(|run| run.copies)
                .any(|copies| copies == MOST_COPIES)
        }),
        sometimes(
            "a published row is pending, and no process remembers it",
            |_, state| {
                let published = state.on_bus() & state.rows_in(Row::Pending);
                !(published - state.in_flight()).is_empty()
            },
        ),
        sometimes(
            "stream and sweeper are about to put the same event",
            |_, state| {
                let [stream, sweeper] = [Publisher::Stream, Publisher::Sweeper]
                    .map(|publisher| state.process(publisher).run.as_ref());
                let both = stream.zip(sweeper);
                both.is_some_and(|(stream, sweeper)| !stream.to_put.is_disjoint(sweeper.to_put))
            },
        ),
        sometimes("a row is parked", |_, state| {
            !state.rows_in(Row::Parked).is_empty()
        }),
        sometimes("an edited event is on the bus", |_, state| {
            !state.edited.is_disjoint(state.on_bus())
        }),
        sometimes("a pointer names a pending row", |_, state| {
            let pending = state.rows_in(Row::Pending);
            let mut queue = state.queue.iter();
            queue.any(|message| match message {
                Message::DeadLetter(_) => false,
                Message::Pointer(named) => !named.is_disjoint(pending),
            })
        }),
        sometimes("a replay publishes", |_, state| {
            let replay = state.process(Publisher::Replay).run.as_ref();
            replay.is_some_and(|run| !run.accepted.is_empty())
        }),
    ]
}

/// Returns what holds in some state if a writer publishes at once.
pub(crate) fn with_writer() -> [Property<Protocol>; 2] {
    let sometimes = Property::<Protocol>::sometimes;
    [
        sometimes(
            "all is on the bus before the stream shows it",
            |_, state| {
                let is_untouched = state.mapping == Mapping::default();
                is_untouched && state.in_table().is_empty()
            },
        ),
        sometimes(
            "stream and writer are about to put the same event",
            |_, state| {
                let [stream, writer] =
                    [Publisher::Stream, Publisher::Writer].map(|publisher| state.to_put(publisher));
                !stream.is_disjoint(writer)
            },
        ),
    ]
}

impl State {
    pub(crate) fn on_bus(&self) -> Events {
        events_where(|event| self.times_accepted[event as usize] > 0)
    }

    fn to_put(&self, publisher: Publisher) -> Events {
        let run = self.process(publisher).run.as_ref();
        run.map_or(Events::empty(), |run| run.to_put)
    }

    fn duplicates(&self) -> Events {
        events_where(|event| self.times_accepted[event as usize] > 1)
    }

    /// Returns whether table and queue are empty.
    fn is_drained(&self) -> bool {
        self.in_table().is_empty() && self.queue.is_empty()
    }
}
