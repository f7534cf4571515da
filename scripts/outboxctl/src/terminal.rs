//! The operator at a terminal.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{
    interrupt::Interrupt, notes::note, operator::Operator, progress::Progress, text::Text,
};

/// Standard error, and Ctrl-C.
pub(crate) struct Terminal {
    /// Whether the output is for people. For programs, standard error has only the reason why a
    /// command failed.
    pub(crate) is_for_people: bool,
    interrupt: OnceLock<Interrupt>,
    progress: Mutex<Option<Progress>>,
}

impl Terminal {
    pub(crate) fn new(is_for_people: bool) -> Self {
        Self {
            is_for_people,
            interrupt: OnceLock::new(),
            progress: Mutex::new(None),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Option<Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operator for Terminal {
    fn note(&self, text: Text) {
        if !self.is_for_people {
            return;
        }
        match &*self.progress() {
            Some(progress) => progress.say(text),
            None => note(text),
        }
    }

    fn offer_stop(&self) {
        self.interrupt
            .get_or_init(|| Interrupt::listen(self.is_for_people));
    }

    fn is_stop_wanted(&self) -> bool {
        self.interrupt.get().is_some_and(Interrupt::is_wanted)
    }

    fn begin(&self, what: &'static str, about: usize) {
        *self.progress() = Some(Progress::of(what, about, self.is_for_people));
    }

    fn advance(&self) {
        if let Some(progress) = &mut *self.progress() {
            progress.advance();
        }
    }

    fn finish(&self) {
        if let Some(progress) = self.progress().take() {
            progress.finish();
        }
    }
}
