//! Ctrl-C during a long command.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::notes::note;

/// Whether the operator has pressed Ctrl-C.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Starts to listen: after the first Ctrl-C, the command finishes the work in flight
    /// and stops; the second ends the process.
    ///
    /// Only people are told: a program reads nothing but its result.
    pub(crate) fn listen(is_for_people: bool) -> Self {
        let interrupt = Self::default();
        let flag = Arc::clone(&interrupt.0);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            flag.store(true, Ordering::Relaxed);
            if is_for_people {
                note("stopping when the work in flight is done; press Ctrl-C again to stop now");
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
        interrupt
    }

    /// Returns whether the command should stop.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
