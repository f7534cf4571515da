use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::notes::note;

/// Whether somebody wants to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on: the first Ctrl-C lets the work at hand end, the
    /// second ends the process.
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
                note("stopping after what is in flight; Ctrl-C again stops at once");
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
        interrupt
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
