//! What must hold in every state; and what must be seen in some, lest the former hold
//! because nothing happens.

use stateright::Property;

use crate::{
    event::{Events, events_that},
    protocol::Protocol,
    state::{Message, Publisher, Row, State},
};

/// An event is on the bus, in the table, or discarded by a person.
pub(crate) const NOTHING_IS_LOST: &str = "a row that is gone was accepted";
/// No row is written anew that was deleted or discarded.
pub(crate) const REMOVED_FOR_EVER: &str = "a row that is gone stays gone";
/// It was published, discarded, told of, or left to those who read the table.
pub(crate) const DONE_IS_DONE: &str = "a record that counts as done is done";
/// It is in the queue as long as the row is parked.
pub(crate) const PARKED_IS_TOLD: &str = "a parked row has a dead letter";
/// Nothing at all, so nothing that is pending or parked.
pub(crate) const MESSAGES_STAY: &str = "a deleted message named nothing in the table";
/// A judgement is about the row as it was read.
pub(crate) const MENDED_STAYS: &str = "what a person has mended is not set aside";
/// Nobody gives up what the bus has.
pub(crate) const DISCARDED_IS_NOT_PUBLISHED: &str = "nothing discarded is on the bus";
/// It puts nothing on the bus before what it puts later, or could not put.
pub(crate) const ORDER: &str = "a run keeps an aggregate's order";
/// A crash, a lost answer, a failed delete, or two who held the row at once.
pub(crate) const DUPLICATES_HAVE_CAUSES: &str = "a duplicate has a cause";
/// Where nothing more can happen, table and queue are empty.
pub(crate) const EVERY_PATH_DRAINS: &str = "every path ends drained";

pub(crate) fn always() -> [Property<Protocol>; 10] {
    let always = Property::<Protocol>::always;
    [
        always(NOTHING_IS_LOST, |_, state| {
            state.rows_that_are(Row::Gone).is_subset(state.on_bus())
        }),
        always(REMOVED_FOR_EVER, |_, state| {
            state.history.removed.is_disjoint(state.live())
        }),
        always(DONE_IS_DONE, |_, state| {
            let is_discarded = state.rows_that_are(Row::Discarded);
            let is_left = state.history.left | state.named();
            let is_settled = state.on_bus() | is_discarded | is_left;
            (state.mapping.backlog() | is_settled) == Events::all()
        }),
        always(PARKED_IS_TOLD, |_, state| {
            let mut parked = state.rows_that_are(Row::Parked).iter();
            parked.all(|event| state.queue.contains(&Message::Letter(event)))
        }),
        always(MENDED_STAYS, |_, state| {
            state.rows_that_are(Row::Parked).is_disjoint(state.edited)
        }),
        always(DISCARDED_IS_NOT_PUBLISHED, |_, state| {
            state
                .rows_that_are(Row::Discarded)
                .is_disjoint(state.on_bus())
        }),
        always(MESSAGES_STAY, |_, state| !state.history.has_lost_message),
        always(ORDER, |_, state| !state.history.has_disorder),
        always(DUPLICATES_HAVE_CAUSES, |_, state| {
            state.repeated().is_subset(state.history.excused)
        }),
        // An `eventually` of stateright overlooks paths that join others.
        always(EVERY_PATH_DRAINS, |protocol, state| {
            state.is_drained() || !protocol.offered(state).is_empty()
        }),
    ]
}

pub(crate) fn sometimes() -> [Property<Protocol>; 8] {
    let sometimes = Property::<Protocol>::sometimes;
    [
        sometimes("all ends well without a trouble", |protocol, state| {
            state.is_drained() && state.troubles == protocol.troubles
        }),
        sometimes("an event comes twice", |_, state| {
            !state.repeated().is_empty()
        }),
        sometimes(
            "a published row is there, and nobody remembers",
            |_, state| {
                let forgotten = (state.on_bus() & state.rows_that_are(Row::Pending)) - state.held();
                !forgotten.is_empty()
            },
        ),
        sometimes(
            "stream and sweeper are about to put the same",
            |_, state| {
                let [stream, sweeper] = [Publisher::Stream, Publisher::Sweeper]
                    .map(|publisher| state.process(publisher).run.as_ref());
                let both = stream.zip(sweeper);
                both.is_some_and(|(stream, sweeper)| !stream.to_put.is_disjoint(sweeper.to_put))
            },
        ),
        sometimes("a row is parked", |_, state| {
            !state.rows_that_are(Row::Parked).is_empty()
        }),
        sometimes("a mended event is on the bus", |_, state| {
            !state.edited.is_disjoint(state.on_bus())
        }),
        sometimes("a pointer names what is pending", |_, state| {
            let pending = state.rows_that_are(Row::Pending);
            let mut queue = state.queue.iter();
            queue.any(|message| match message {
                Message::Letter(_) => false,
                Message::Pointer(named) => !named.is_disjoint(pending),
            })
        }),
        sometimes("a replay publishes", |_, state| {
            let replay = state.process(Publisher::Replay).run.as_ref();
            replay.is_some_and(|run| !run.accepted.is_empty())
        }),
    ]
}

impl State {
    fn on_bus(&self) -> Events {
        events_that(|event| self.taken[event as usize] > 0)
    }

    fn repeated(&self) -> Events {
        events_that(|event| self.taken[event as usize] > 1)
    }

    /// Nothing is left to do for anybody.
    fn is_drained(&self) -> bool {
        self.live().is_empty() && self.queue.is_empty()
    }
}
