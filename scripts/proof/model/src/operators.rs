//! What people decide of parked rows.

use crate::{
    action::Action,
    event::Event,
    state::{Row, State},
};

impl State {
    pub(crate) fn offer_decisions(&self, actions: &mut Vec<Action>) {
        for event in self
            .rows_that_are(Row::Parked)
            .iter()
            .filter(|_| self.is_old)
        {
            actions.extend([Action::Mend(event), Action::Discard(event)]);
            if self.troubles > 0 {
                actions.push(Action::Unpark(event));
            }
        }
    }

    pub(crate) fn mend(&mut self, event: Event) {
        self.rows[event as usize] = Row::Pending;
        self.poison -= event;
        self.edited |= event;
    }

    /// A trouble, since the row is as bad as it was.
    pub(crate) fn unpark(&mut self, event: Event) {
        self.troubles -= 1;
        self.rows[event as usize] = Row::Pending;
    }
}
