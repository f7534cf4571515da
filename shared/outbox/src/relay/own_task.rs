//! Requests made by more than one processor.

use std::{future::Future, panic::resume_unwind};

use tokio::task::JoinSet;
use tracing::Instrument;

/// Makes a request in a task of its own: what there is to compute for the requests of
/// an invocation is then shared by the threads of the runtime. Whoever no longer waits
/// for it ends it.
pub(super) async fn in_own_task<T: Send + 'static>(
    request: impl Future<Output = T> + Send + 'static,
) -> T {
    let mut task = JoinSet::new();
    task.spawn(request.in_current_span());
    match task.join_next().await {
        Some(Ok(answer)) => answer,
        Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
        // Nobody but a runtime that shuts down ends it, and whoever waits along with it.
        _ => std::future::pending().await,
    }
}
