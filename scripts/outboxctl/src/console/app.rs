//! What every page works with.

use std::sync::Arc;

use super::{live::Live, local::Local, tasks::Tasks};
use crate::{context::Context, purpose::Purpose};

/// The console of one outbox.
pub(super) struct App {
    pub(super) context: Arc<Context>,
    pub(super) live: Arc<Live>,
    pub(super) tasks: Tasks,
    /// The local stack, if it is one that can be asked.
    pub(super) local: Option<Local>,
}

impl App {
    /// Returns whether orders can be placed from the pages.
    pub(super) fn takes_orders(&self) -> bool {
        self.local.is_some() && self.context.deployment.is_of_orders
    }

    /// Returns whether a change must be confirmed with the stack's name.
    pub(super) fn must_confirm(&self) -> bool {
        self.context.deployment.purpose != Purpose::Development
    }
}
