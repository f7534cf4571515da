use jiff::SignedDuration;

use crate::filter::Filter;

/// The settings of an event source mapping, by AWS's names, in AWS's ranges and
/// with AWS's defaults: [CreateEventSourceMapping][api].
///
/// ```
/// use stream_mapping::{Settings, StartingPosition};
///
/// let settings = Settings {
///     batch_size: 10,
///     ..Settings::new(StartingPosition::TrimHorizon)
/// };
/// assert_eq!(settings.parallelization_factor, 1);
/// ```
///
/// [api]: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `BatchSize`: most records of one invocation, 1 to 10,000; default 100.
    pub batch_size: usize,
    /// `MaximumBatchingWindowInSeconds`: how long to wait for a batch to fill,
    /// 0 to 300 seconds; default 0.
    pub maximum_batching_window: SignedDuration,
    /// `ParallelizationFactor`: batches of one shard that are with the function
    /// at once, 1 to 10; default 1. Records of one item stay in order.
    pub parallelization_factor: usize,
    /// `StartingPosition`: where a stream is read from that was not read
    /// before. It is required: AWS has no default.
    pub starting_position: StartingPosition,
    /// `MaximumRetryAttempts`: 0 to 10,000, or `None` for "until the record
    /// expires" (AWS writes -1, the default).
    pub maximum_retry_attempts: Option<u32>,
    /// `MaximumRecordAgeInSeconds`: 60 to 604,800 seconds, or `None` for "as
    /// long as the stream keeps it" (AWS writes -1, the default).
    pub maximum_record_age: Option<SignedDuration>,
    /// `BisectBatchOnFunctionError`: halve a batch that failed, and retry the
    /// halves; default no.
    pub bisect_batch_on_function_error: bool,
    /// `ReportBatchItemFailures` in `FunctionResponseTypes`: read the answer
    /// for failures instead of taking every answer for success; default no.
    pub report_batch_item_failures: bool,
    /// `FilterCriteria`: records that match none are dropped; default none.
    pub filter: Filter,
    /// `TumblingWindowInSeconds`: must be 0. Tumbling windows are not built: a
    /// window hands a state from one invocation to the next, with events and
    /// responses of another form and its own rules for retries.
    pub tumbling_window: SignedDuration,
    /// Whether `DestinationConfig` has an `OnFailure` destination: without one,
    /// records that are given up are gone.
    pub has_on_failure_destination: bool,
}

/// Where reading begins. (`AT_TIMESTAMP` is not for DynamoDB streams.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// `TRIM_HORIZON`: the oldest record the stream has.
    TrimHorizon,
    /// `LATEST`: what is written from now on.
    Latest,
}

/// A setting that AWS would refuse, or that this crate does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSettings {
    /// A number is out of AWS's range.
    #[error("{name} must be {range}, not {value}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// What it may be.
        range: &'static str,
        /// What it was.
        value: i64,
    },
    /// Tumbling windows are not built.
    #[error(
        "TumblingWindowInSeconds {0} is not supported: a tumbling window hands a state from one \
         invocation to the next, with events and responses of another form. Use 0, and test the \
         window on AWS"
    )]
    TumblingWindow(i64),
}

impl Settings {
    /// Returns AWS's defaults, for what has one.
    pub fn new(starting_position: StartingPosition) -> Self {
        Self {
            batch_size: 100,
            maximum_batching_window: SignedDuration::ZERO,
            parallelization_factor: 1,
            starting_position,
            maximum_retry_attempts: None,
            maximum_record_age: None,
            bisect_batch_on_function_error: false,
            report_batch_item_failures: false,
            filter: Filter::default(),
            tumbling_window: SignedDuration::ZERO,
            has_on_failure_destination: false,
        }
    }

    /// Makes sure AWS would accept them.
    ///
    /// # Errors
    ///
    /// The first parameter that is out of its range, or a tumbling window.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let retries = self.maximum_retry_attempts.map(i64::from);
        let age = self.maximum_record_age.map(|age| age.as_secs());
        for (name, range, values, value) in [
            (
                "BatchSize",
                "1 to 10,000",
                1..=10_000,
                Some(count(self.batch_size)),
            ),
            (
                "MaximumBatchingWindowInSeconds",
                "0 to 300",
                0..=300,
                Some(self.maximum_batching_window.as_secs()),
            ),
            (
                "ParallelizationFactor",
                "1 to 10",
                1..=10,
                Some(count(self.parallelization_factor)),
            ),
            (
                "MaximumRetryAttempts",
                "-1 or 0 to 10,000",
                0..=10_000,
                retries,
            ),
            (
                "MaximumRecordAgeInSeconds",
                "-1 or 60 to 604,800",
                60..=604_800,
                age,
            ),
        ] {
            if let Some(value) = value.filter(|value| !values.contains(value)) {
                return Err(InvalidSettings::OutOfRange { name, range, value });
            }
        }
        if !self.tumbling_window.is_zero() {
            return Err(InvalidSettings::TumblingWindow(
                self.tumbling_window.as_secs(),
            ));
        }
        Ok(())
    }
}
