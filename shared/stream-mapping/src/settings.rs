//! The settings of a mapping, with AWS's ranges and defaults.

use jiff::SignedDuration;

use crate::filter::Filter;

/// The settings of an event source mapping, with the names, ranges and defaults of
/// [CreateEventSourceMapping][api].
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
    /// `BatchSize`: the most records of one invocation, 1 to 10,000; default 100.
    pub batch_size: usize,
    /// `MaximumBatchingWindowInSeconds`: how long to wait for a batch to fill,
    /// 0 to 300 seconds; default 0.
    pub maximum_batching_window: SignedDuration,
    /// `ParallelizationFactor`: batches of one shard that are in flight at once, 1 to
    /// 10; default 1. Records of one item stay in order.
    pub parallelization_factor: usize,
    /// `StartingPosition`: where reading the stream begins. It is required: AWS has no
    /// default.
    pub starting_position: StartingPosition,
    /// `MaximumRetryAttempts`: 0 to 10,000, or `None` for "until the record
    /// expires" (AWS writes -1, the default).
    pub maximum_retry_attempts: Option<u32>,
    /// `MaximumRecordAgeInSeconds`: 60 to 604,800 seconds, or `None` for "as
    /// long as the stream keeps it" (AWS writes -1, the default).
    pub maximum_record_age: Option<SignedDuration>,
    /// `BisectBatchOnFunctionError`: split a failed batch and retry the halves; default
    /// no.
    pub bisect_batch_on_function_error: bool,
    /// `ReportBatchItemFailures` in `FunctionResponseTypes`: read failures from the
    /// response, instead of counting every response as success; default no.
    pub report_batch_item_failures: bool,
    /// `FilterCriteria`: records that match none are dropped; default none.
    pub filter: Filter,
    /// `TumblingWindowInSeconds`: must be 0. Tumbling windows are not supported: a
    /// window passes state from one invocation to the next, with other events and
    /// responses and its own rules for retries.
    pub tumbling_window: SignedDuration,
    /// Whether `DestinationConfig` has an `OnFailure` destination. Without one, records
    /// that are given up are dropped.
    pub has_on_failure_destination: bool,
}

/// Where reading begins. (DynamoDB streams do not support `AT_TIMESTAMP`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition {
    /// `TRIM_HORIZON`: the oldest record of the stream.
    TrimHorizon,
    /// `LATEST`: records that are written from now on.
    Latest,
}

/// Why settings are invalid: AWS would reject them, or this crate does not support
/// them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSettings {
    /// A number is out of AWS's range.
    #[error("{name} must be {range}, not {value}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// The allowed values.
        range: &'static str,
        /// The given value.
        value: i64,
    },
    /// Tumbling windows are not supported.
    #[error(
        "TumblingWindowInSeconds {0} is not supported: a tumbling window passes state from one \
         invocation to the next, with other events and responses. Use 0, and test the window on \
         AWS"
    )]
    TumblingWindow(i64),
}

impl Settings {
    /// Returns AWS's defaults. The starting position has none.
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

    /// Checks that AWS would accept the settings.
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
