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
    // A set of one, because a set ends what is in it when it is dropped.
    let mut task = JoinSet::new();
    task.spawn(request.in_current_span());
    match task.join_next().await {
        Some(Ok(answer)) => answer,
        Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
        // Nobody but a runtime that shuts down ends it, and whoever waits along with it.
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

    /// Tells that it is dropped.
    struct Tells(Arc<Notify>);

    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_ended() {
        let ended = Arc::new(Notify::new());
        let tells = Tells(Arc::clone(&ended));
        let request = in_own_task(async move {
            let _tells = tells;
            sleep(Duration::from_hours(1)).await;
        });
        assert!(timeout(Duration::from_millis(1), request).await.is_err());
        timeout(Duration::from_secs(10), ended.notified())
            .await
            .expect("the task was dropped");
    }

    #[tokio::test]
    #[should_panic(expected = "as the request did")]
    async fn a_panic_is_the_panic_of_who_waits() {
        in_own_task(async { panic!("as the request did") }).await;
    }
}
