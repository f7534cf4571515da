use jiff::SignedDuration;

use crate::filter::Filter;

/// The settings of an event source mapping, by AWS's names and with AWS's
/// defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `BatchSize`: records of one invocation, 1 to 10,000.
    pub batch_size: usize,
    /// `MaximumRetryAttempts`: 0 to 10,000, or `None` for "until the record
    /// expires" (AWS writes -1).
    pub maximum_retry_attempts: Option<u32>,
    /// `MaximumRecordAgeInSeconds`: 60 to 604,800 seconds, or `None` for "as
    /// long as the stream keeps it" (AWS writes -1).
    pub maximum_record_age: Option<SignedDuration>,
    /// `BisectBatchOnFunctionError`: halve a batch that failed, and retry the
    /// halves.
    pub bisect_batch_on_function_error: bool,
    /// `ReportBatchItemFailures` in `FunctionResponseTypes`: read the answer
    /// for failures instead of taking every answer for success.
    pub report_batch_item_failures: bool,
    /// `FilterCriteria`: records that match none are dropped.
    pub filter: Filter,
    /// Whether there is an `OnFailure` destination: without one, records that
    /// are given up are gone.
    pub has_on_failure_destination: bool,
}

/// A setting AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {range}, not {value}")]
pub struct InvalidSettings {
    name: &'static str,
    range: &'static str,
    value: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_size: 100,
            maximum_retry_attempts: None,
            maximum_record_age: None,
            bisect_batch_on_function_error: false,
            report_batch_item_failures: false,
            filter: Filter::default(),
            has_on_failure_destination: false,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), InvalidSettings> {
        check(
            "BatchSize",
            "1 to 10,000",
            1..=10_000,
            i64::try_from(self.batch_size).unwrap_or(i64::MAX),
        )?;
        if let Some(attempts) = self.maximum_retry_attempts {
            let range = "-1 or 0 to 10,000";
            check("MaximumRetryAttempts", range, 0..=10_000, attempts.into())?;
        }
        if let Some(age) = self.maximum_record_age {
            let range = "-1 or 60 to 604,800";
            check(
                "MaximumRecordAgeInSeconds",
                range,
                60..=604_800,
                age.as_secs(),
            )?;
        }
        Ok(())
    }
}

fn check(
    name: &'static str,
    range: &'static str,
    values: std::ops::RangeInclusive<i64>,
    value: i64,
) -> Result<(), InvalidSettings> {
    if values.contains(&value) {
        Ok(())
    } else {
        Err(InvalidSettings { name, range, value })
    }
}
