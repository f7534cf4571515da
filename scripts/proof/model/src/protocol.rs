//! The protocol as a whole: which actions are possible in a state, and what each does.

use crate::{
    action::Action,
    mistake::Mistake,
    process::Publisher,
    state::{Row, State},
};

/// The protocol, correct or with a deliberate mistake.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    /// The most faults on one path, of any kind.
    pub faults: u8,
    /// Whether a writer publishes at once.
    pub at_once: bool,
    /// The deliberate mistake, if there is one.
    pub mistake: Option<Mistake>,
}

impl Protocol {
    /// Returns the actions that are possible in a state.
    pub(crate) fn offered(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        if !state.is_old {
            actions.push(Action::TimePasses);
        }
        state.offer_mapping(&mut actions);
        state.offer_sweep_and_replay(self.mistake, &mut actions);
        state.offer_operator_actions(&mut actions);
        if state.writer_waits {
            actions.push(Action::Begin(Publisher::Writer));
        }
        for publisher in [
            Publisher::Stream,
            Publisher::Sweeper,
            Publisher::Replay,
            Publisher::Writer,
        ] {
            state.offer_steps(publisher, self.mistake, &mut actions);
            if state.faults_left > 0 && state.process(publisher).has_memory() {
                actions.push(Action::Crash(publisher));
            }
        }
        actions
    }

    /// Returns the state after an action.
    pub(crate) fn after(&self, state: &State, action: Action) -> State {
        let mut next = state.clone();
        match action {
            Action::TimePasses => next.is_old = true,
            Action::Begin(publisher) => next.begin(publisher, self.mistake),
            Action::Continue(publisher, step) => next.continue_run(publisher, step, self.mistake),
            Action::Crash(publisher) => next.crash(publisher, self.mistake),
            Action::Expire => next.expire(),
            Action::SendPointer => next.send_pointer(),
            Action::LosePointer => next.lose_pointer(),
            Action::Edit(event) => next.edit(event),
            Action::Discard(event) => next.remove(event.into(), Row::Discarded),
            Action::Unpark(event) => next.unpark(event),
        }
        next
    }
}
