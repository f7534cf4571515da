//! Publishes once a Lambda function has returned its response.

use std::{
    io::stdout,
    sync::Arc,
    task::{self, Poll},
    time::{Duration, SystemTime},
};

use futures::future::{BoxFuture, FutureExt, Then};
use lambda_runtime::{
    Context, LambdaInvocation, Service,
    tower::{BoxError, Layer},
};
use tokio::time::Instant;

use crate::{
    HandOver,
    at_once::{AtOnce, AtOnceReport},
    aws::{DynamoDbTable, EventBridgeBus},
    handlers::Metrics,
    ports::{EventBus, OutboxTable},
    settings::{AtOnceSettings, InvalidVariable},
};

/// How long publishing may take at most. Usually it takes two round trips.
const MOST_TIME: Duration = Duration::from_secs(2);

/// How long before the invocation's deadline it ends. Lambda would report an invocation that runs
/// into its timeout as failed, although the caller has the response.
const RESERVED: Duration = Duration::from_millis(500);

/// A layer of the Lambda runtime that publishes what an invocation has committed, once its response
/// has been returned.
///
/// The runtime sends the response, and only then asks for the next invocation. In between, [Lambda
/// lets a runtime "perform additional tasks"][cleanup]: the caller has the response already, and
/// the execution environment is not frozen. So no work is left behind when it is. It needs no
/// extension, which would be a second process or task to synchronize with the runtime, and it works
/// with everything that serves functions by Lambda's Runtime API.
///
/// Publishing takes 2 s at most, and ends 500 ms before the function's timeout. Until it ends, the
/// environment takes no other invocation, and Lambda bills the time. Afterwards the function logs
/// the [metrics](Metrics) of what was published. Without permission to publish, or without a bus in
/// `EVENT_BUS_NAME`, all is left to the stream.
///
/// ```no_run
/// use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
/// use outbox::{Outbox, at_once::AfterResponse};
/// # async fn place_order(outbox: &Outbox, order: serde_json::Value) -> Result<(), Error> {
/// #     Ok(())
/// # }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     let config = aws_config::load_from_env().await;
///     let dynamodb = aws_sdk_dynamodb::Client::new(&config);
///     let events = aws_sdk_eventbridge::Client::new(&config);
///     let after_response = AfterResponse::from_environment(events, dynamodb.clone())?;
///     let outbox = Outbox::new(dynamodb, "outbox", "orders")?
///         .with_hand_over(after_response.hand_over());
///
///     let outbox = &outbox;
///     let handler = service_fn(move |event: LambdaEvent<serde_json::Value>| async move {
///         place_order(outbox, event.payload).await
///     });
///     let runtime = Runtime::new(handler).layer(TracingLayer::new());
///     runtime.layer(after_response).run().await
/// }
/// ```
///
/// [cleanup]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
pub struct AfterResponse<B = EventBridgeBus, T = DynamoDbTable>(Option<Arc<Publishing<B, T>>>);

struct Publishing<B, T> {
    at_once: AtOnce<B, T>,
    metrics: Metrics,
}

impl AfterResponse {
    /// Creates the layer for what the environment says; see [`AtOnceSettings`].
    ///
    /// # Errors
    ///
    /// If a variable is missing or invalid. `EVENT_BUS_NAME` may be missing: all is left to the
    /// stream then.
    pub fn from_environment(
        bus: aws_sdk_eventbridge::Client,
        table: aws_sdk_dynamodb::Client,
    ) -> Result<Self, InvalidVariable> {
        let settings = AtOnceSettings::from_environment()?;
        let metrics = Metrics::of(&settings.outbox_table);
        let Some(at_once) = settings.publisher(bus, table) else {
            tracing::info!("EVENT_BUS_NAME is not set: events are left to the stream");
            return Ok(Self(None));
        };
        Ok(Self::new(at_once, metrics))
    }
}

impl<B: EventBus, T: OutboxTable> AfterResponse<B, T> {
    /// Creates the layer for a publisher. [`from_environment`](AfterResponse::from_environment)
    /// creates it for a function of the CDK construct.
    pub fn new(at_once: AtOnce<B, T>, metrics: Metrics) -> Self {
        Self(Some(Arc::new(Publishing { at_once, metrics })))
    }

    /// Returns where the function's outbox hands over its rows; `None` if all are left to the
    /// stream. See [`AfterResponse`] for an example.
    pub fn hand_over(&self) -> Option<HandOver> {
        let publishing = self.0.as_ref()?;
        Some(publishing.at_once.hand_over())
    }
}

impl<B: EventBus, T: OutboxTable> Publishing<B, T> {
    async fn publish(&self, context: &Context) {
        if self.at_once.hand_over().is_empty() {
            return;
        }
        let left = context.deadline().duration_since(SystemTime::now());
        let budget = left.unwrap_or_default().saturating_sub(RESERVED);
        let deadline = Instant::now() + budget.min(MOST_TIME);
        let report = self.at_once.publish(deadline).await;
        self.report(&report, &context.request_id);
    }

    fn report(&self, report: &AtOnceReport, request_id: &str) {
        if let Some(failure) = &report.why_left {
            let left = report.left;
            tracing::warn!(%failure, left, "events are left to the stream");
        }
        let written = self
            .metrics
            .write_at_once(&mut stdout().lock(), report, request_id);
        if let Err(error) = written {
            tracing::error!(%error, "the metrics could not be written");
        }
    }
}

impl<B, T> Clone for AfterResponse<B, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, B, T> Layer<S> for AfterResponse<B, T> {
    type Service = AfterResponseService<S, B, T>;

    fn layer(&self, inner: S) -> Self::Service {
        AfterResponseService {
            inner,
            after: self.clone(),
        }
    }
}

/// The service that [`AfterResponse`] makes: it handles an invocation, and then publishes.
pub struct AfterResponseService<S, B, T> {
    /// Returns once the response was sent to Lambda.
    inner: S,
    after: AfterResponse<B, T>,
}

type Responded = Result<(), BoxError>;
type Publish = Box<dyn FnOnce(Responded) -> BoxFuture<'static, Responded> + Send>;

impl<S, B, T> Service<LambdaInvocation> for AfterResponseService<S, B, T>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
    B: EventBus + 'static,
    T: OutboxTable + 'static,
{
    type Response = ();
    type Error = BoxError;
    type Future = Then<S::Future, BoxFuture<'static, Responded>, Publish>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Responded> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let context = invocation.context.clone();
        let publishing = self.after.0.clone();
        let publish: Publish = Box::new(move |responded| {
            async move {
                // After an error, too: the function may have failed after its commit.
                if let Some(publishing) = publishing {
                    publishing.publish(&context).await;
                }
                responded
            }
            .boxed()
        });
        self.inner.call(invocation).then(publish)
    }
}
