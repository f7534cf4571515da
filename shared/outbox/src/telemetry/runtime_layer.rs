//! The span of an invocation, and the export after it.

use std::{
    task::{self, Poll},
    time::{Duration, SystemTime},
};

use futures::future::{BoxFuture, Either, FutureExt, Then};
use lambda_runtime::{
    LambdaInvocation, Service,
    layers::OpenTelemetryLayer,
    tower::{BoxError, Layer},
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::{task::spawn_blocking, time::timeout};

use super::{Trigger, http_client::MOST_TIME};

/// How long before the invocation's deadline the export ends. Lambda would report an invocation that
/// runs into its timeout as failed, although the caller has the response.
const RESERVED: Duration = Duration::from_millis(500);

/// The layer of a Lambda runtime for telemetry: see [`Telemetry::layer`](super::Telemetry::layer).
#[derive(Clone)]
pub struct TelemetryLayer {
    /// `None` while telemetry is off.
    provider: Option<SdkTracerProvider>,
    trigger: Trigger,
}

impl TelemetryLayer {
    pub(super) fn new(provider: Option<SdkTracerProvider>, trigger: Trigger) -> Self {
        Self { provider, trigger }
    }
}

/// The runtime's own layer, whose function to flush is called while the invocation waits, and so
/// does nothing here.
fn invocation_spans(trigger: Trigger) -> OpenTelemetryLayer<fn()> {
    let nothing: fn() = || {};
    OpenTelemetryLayer::new(nothing).with_trigger(trigger)
}

type Traced<S> = <OpenTelemetryLayer<fn()> as Layer<S>>::Service;

/// The service that [`TelemetryLayer`] makes: it handles an invocation, and then exports its spans.
pub struct TelemetryService<S>(Inner<S>);

enum Inner<S> {
    Off(S),
    On(Traced<S>, SdkTracerProvider),
}

impl<S> Layer<S> for TelemetryLayer {
    type Service = TelemetryService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TelemetryService(match &self.provider {
            None => Inner::Off(inner),
            Some(provider) => {
                let traced = invocation_spans(self.trigger).layer(inner);
                Inner::On(traced, provider.clone())
            }
        })
    }
}

type Responded = Result<(), BoxError>;
type Export = Box<dyn FnOnce(Responded) -> BoxFuture<'static, Responded> + Send>;

impl<S> Service<LambdaInvocation> for TelemetryService<S>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    type Response = ();
    type Error = BoxError;
    type Future = Either<
        S::Future,
        Then<
            <Traced<S> as Service<LambdaInvocation>>::Future,
            BoxFuture<'static, Responded>,
            Export,
        >,
    >;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Responded> {
        match &mut self.0 {
            Inner::Off(inner) => inner.poll_ready(context),
            Inner::On(traced, _) => traced.poll_ready(context),
        }
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        match &mut self.0 {
            Inner::Off(inner) => Either::Left(inner.call(invocation)),
            Inner::On(traced, provider) => {
                let deadline = invocation.context.deadline();
                let provider = provider.clone();
                let export: Export = Box::new(move |responded| {
                    async move {
                        // The span of the invocation has ended.
                        export(provider, time_until(deadline)).await;
                        responded
                    }
                    .boxed()
                });
                Either::Right(traced.call(invocation).then(export))
            }
        }
    }
}

/// Returns how long the export may take. `cargo lambda watch` sends a deadline in the past: it is
/// treated as unknown.
fn time_until(deadline: SystemTime) -> Duration {
    let left = deadline.duration_since(SystemTime::now());
    left.map_or(MOST_TIME, |left| {
        left.saturating_sub(RESERVED).min(MOST_TIME)
    })
}

/// Exports what has ended, and logs if that fails. Lambda freezes the process afterwards.
async fn export(provider: SdkTracerProvider, most_time: Duration) {
    // The provider waits for its thread, and would keep this one from sending the request.
    let flushed = spawn_blocking(move || provider.force_flush());
    match timeout(most_time, flushed).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(%error, "spans were not exported"),
        Ok(Err(error)) => tracing::error!(%error, "spans were not exported"),
        Err(_) => tracing::warn!(?most_time, "spans were not exported in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_export_ends_before_the_deadline() {
        let in_time = |left: Duration| time_until(SystemTime::now() + left);
        assert_eq!(in_time(Duration::from_mins(1)), MOST_TIME);
        assert_eq!(in_time(Duration::from_millis(100)), Duration::ZERO);
        let left = in_time(Duration::from_secs(1));
        assert!(left <= Duration::from_millis(500), "{left:?}");
        assert!(left > Duration::from_millis(300), "{left:?}");
        assert_eq!(time_until(SystemTime::UNIX_EPOCH), MOST_TIME);
    }
}
