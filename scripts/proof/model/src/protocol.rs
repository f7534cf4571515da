use stateright::{Model, Property};

use crate::{
    action::Action,
    event::Events,
    mistake::Mistake,
    properties::{always, sometimes},
    state::{Publisher, Row, State},
};

/// The protocol, as it is or with a mistake.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// How much may go wrong on one path, of any kind.
    pub troubles: u8,
    /// What is done wrong, if anything is.
    pub mistake: Option<Mistake>,
}

impl Protocol {
    /// What can happen now.
    pub(crate) fn offered(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        if !state.is_old {
            actions.push(Action::GrowOld);
        }
        state.offer_mapping(&mut actions);
        state.offer_sweep_and_replay(self.mistake, &mut actions);
        state.offer_decisions(&mut actions);
        for publisher in [Publisher::Stream, Publisher::Sweeper, Publisher::Replay] {
            state.offer_steps(publisher, self.mistake, &mut actions);
            if state.troubles > 0 && state.process(publisher).has_something_to_lose() {
                actions.push(Action::Crash(publisher));
            }
        }
        actions
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    /// One event at most is poison.
    fn init_states(&self) -> Vec<State> {
        let poison = Events::all().iter().map(Events::only);
        let poison = std::iter::once(Events::empty()).chain(poison);
        poison
            .map(|poison| State::committed(poison, self.troubles))
            .collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(self.offered(state));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::GrowOld => next.is_old = true,
            Action::Begin(publisher) => next.begin(publisher, self.mistake),
            Action::Go(publisher, step) => next.go(publisher, step, self.mistake),
            Action::Crash(publisher) => next.crash(publisher),
            Action::Expire => next.expire(),
            Action::SendPointer => next.send_pointer(),
            Action::LosePointer => next.lose_pointer(),
            Action::Mend(event) => next.mend(event),
            Action::Discard(event) => next.remove(event.into(), Row::Discarded),
            Action::Unpark(event) => next.unpark(event),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        always().into_iter().chain(sometimes()).collect()
    }
}
