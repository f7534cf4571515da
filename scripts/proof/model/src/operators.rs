//! The operators' actions on parked rows.

use crate::{
    action::Action,
    event::Event,
    state::{Row, State},
};

impl State {
    /// Adds what an operator can do next. No operator acts within seconds.
    pub(crate) fn offer_operator_actions(&self, actions: &mut Vec<Action>) {
        if !self.is_old {
            return;
        }
        for event in self.rows_in(Row::Parked) {
            actions.extend([Action::Edit(event), Action::Discard(event)]);
            if self.faults_left > 0 {
                actions.push(Action::Unpark(event));
            }
        }
    }

    pub(crate) fn edit(&mut self, event: Event) {
        self.rows[event as usize] = Row::Pending;
        self.poison -= event;
        self.edited |= event;
    }

    /// Makes a parked row pending. This counts as a fault, because the row is still poison.
    pub(crate) fn unpark(&mut self, event: Event) {
        self.faults_left -= 1;
        self.rows[event as usize] = Row::Pending;
    }
}
