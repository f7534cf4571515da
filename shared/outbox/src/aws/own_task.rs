//! Runs requests in tasks of their own, so that several processors share the work.

use std::{future::Future, panic::resume_unwind};

use tokio::task::JoinSet;
use tracing::Instrument;

/// Runs a request in a task of its own. Signing and serializing the requests of an
/// invocation is then spread over the threads of the runtime. Dropping the future aborts
/// the task.
pub(super) async fn in_own_task<T: Send + 'static>(
    request: impl Future<Output = T> + Send + 'static,
) -> T {
    // A set of one, because a set aborts its tasks when it is dropped; a task alone goes on.
    let mut task = JoinSet::new();
    task.spawn(request.in_current_span());
    match task.join_next().await {
        Some(Ok(answer)) => answer,
        Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
        // Only a runtime that shuts down aborts the task, and then it drops this future too.
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{
        sync::Notify,
        time::{sleep, timeout},
    };

    use super::*;

    /// Notifies when it is dropped.
    struct NotifyOnDrop(Arc<Notify>);

    impl Drop for NotifyOnDrop {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    #[tokio::test]
    async fn dropping_the_future_aborts_the_task() {
        let ended = Arc::new(Notify::new());
        let guard = NotifyOnDrop(Arc::clone(&ended));
        let request = in_own_task(async move {
            let _guard = guard;
            sleep(Duration::from_hours(1)).await;
        });
        assert!(timeout(Duration::from_millis(1), request).await.is_err());
        timeout(Duration::from_secs(10), ended.notified())
            .await
            .expect("the task was dropped");
    }

    #[tokio::test]
    #[should_panic(expected = "as the request did")]
    async fn a_panic_of_the_task_is_passed_on() {
        in_own_task(async { panic!("as the request did") }).await;
    }
}
