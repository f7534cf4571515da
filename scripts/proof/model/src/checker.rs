//! The protocol in the form that the model checker stateright needs.

use stateright::{Model, Property};

use crate::{
    action::Action,
    event::Events,
    properties::{always, sometimes, with_writer},
    protocol::Protocol,
    state::State,
};

impl Model for Protocol {
    type State = State;
    type Action = Action;

    /// Returns a state without poison, and one with each event as poison.
    fn init_states(&self) -> Vec<State> {
        let poison = Events::all().iter().map(Events::only);
        let poison = std::iter::once(Events::empty()).chain(poison);
        poison
            .map(|poison| State::committed(poison, self.faults, self.at_once))
            .collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(self.offered(state));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.after(state, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let at_once = with_writer().into_iter().filter(|_| self.at_once);
        always()
            .into_iter()
            .chain(sometimes())
            .chain(at_once)
            .collect()
    }
}
