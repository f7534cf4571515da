//! Where spans go, if anywhere.

use lambda_runtime::tracing::{
    Subscriber,
    subscriber::{
        EnvFilter, Layer,
        filter::{FilterExt, LevelFilter, filter_fn},
        fmt,
        layer::SubscriberExt,
        registry,
        registry::LookupSpan,
        util::SubscriberInitExt,
    },
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::subscriber::with_default;

use super::{InvalidTelemetry, TelemetryLayer, Trigger, environment::wants_spans, export, spans};

/// Whether the spans of this process are exported, and how. The [module](super) has an example.
#[derive(Debug, Clone)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Starts the log of a function, and the export of its spans if a variable names a collector;
    /// see the [module](super) for the variables.
    ///
    /// The log is that of `lambda_runtime`'s `init_default_subscriber`, with the same variables and
    /// the same lines, whether spans are exported or not. Without a collector nothing else is done.
    ///
    /// # Errors
    ///
    /// If spans are to be exported and a variable is invalid, or if it is called outside of a Tokio
    /// runtime; or if the process has a subscriber already. Whether the collector can be reached is
    /// no matter: see [`layer`](Self::layer).
    pub fn from_environment() -> Result<Self, InvalidTelemetry> {
        // With a log, because the SDK only warns about some variables that it can't use.
        let provider = with_default(registry().with(log()), || {
            // `main` shows the error as Rust has it, and not its message.
            provider().inspect_err(|error| tracing::error!(%error, "telemetry was not started"))
        })?;
        let telemetry = Self(provider);
        registry()
            .with(telemetry.subscriber_layer())
            .with(log())
            .try_init()
            .map_err(InvalidTelemetry::Subscriber)?;
        Ok(telemetry)
    }

    /// Exports the spans of a function by this provider: for an exporter, a sampler or a subscriber
    /// of your own.
    ///
    /// ```
    /// use lambda_runtime::tracing::subscriber::{layer::SubscriberExt, registry};
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    /// use outbox::telemetry::{Telemetry, Trigger};
    ///
    /// let provider = SdkTracerProvider::builder().build();
    /// let telemetry = Telemetry::of(provider);
    /// let subscriber = registry().with(telemetry.subscriber_layer());
    /// // For the runtime of the function:
    /// let layer = telemetry.layer(Trigger::Http);
    /// # let _ = (subscriber, layer);
    /// ```
    pub fn of(provider: SdkTracerProvider) -> Self {
        Self(Some(provider))
    }

    /// Returns whether spans are exported.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the layer of a Lambda runtime that creates the span of each invocation, and after its
    /// end exports what the invocation has left. While telemetry is off it does nothing.
    ///
    /// Add it last, so that it encloses the other layers: spans of what
    /// `AfterResponse` publishes after the response are exported with the others. The caller of the
    /// function has its response by then. The export takes 2 s at most, and ends 500 ms before the
    /// function's timeout. If it fails, that is logged, and the invocation has succeeded.
    ///
    /// Nothing is left for the end of the process, so Lambda's shutdown needs no handler.
    /// The [module](super) has an example.
    pub fn layer(&self, trigger: Trigger) -> TelemetryLayer {
        TelemetryLayer::new(self.0.clone(), trigger)
    }

    /// Returns the layer of a subscriber that passes spans to the provider: those with a field
    /// `otel.kind`, which are the spans of this module, and yours that have it. Log lines, and spans
    /// for log lines, are none of them. See [`of`](Self::of) for an example.
    pub fn subscriber_layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer = self.0.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("outbox"))
                .with_location(false)
                .with_target(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
        });
        // The filter of a layer that isn't there counts, too, and would turn the spans on.
        let is_on = self.is_on();
        layer.with_filter(filter_fn(move |metadata| {
            is_on && spans::is_exported(metadata)
        }))
    }
}

/// Returns the provider for the collector that the environment names, if it does.
fn provider() -> Result<Option<SdkTracerProvider>, InvalidTelemetry> {
    if wants_spans(std::env::var_os)? {
        export::provider().map(Some)
    } else {
        Ok(None)
    }
}

/// The same as `init_default_subscriber`, but as a layer, and without the spans that are exported.
fn log<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let variable = |name| std::env::var(name).ok();
    let level = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"));
    let level = level.and_then(|level| level.parse().ok());
    let filter = EnvFilter::builder()
        .with_default_directive(level.unwrap_or(LevelFilter::INFO).into())
        .from_env_lossy();
    let layer = fmt::layer().with_target(false).without_time();
    let format = variable("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    let layer = if format.eq_ignore_ascii_case("json") {
        layer.json().boxed()
    } else {
        layer.boxed()
    };
    layer.with_filter(filter.and(filter_fn(|metadata| !spans::is_exported(metadata))))
}
