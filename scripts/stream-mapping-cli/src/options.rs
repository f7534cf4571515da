//! The command's options, with the names of `aws lambda
//! create-event-source-mapping`.

#![allow(clippy::doc_link_with_quotes)]

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};
use stream_mapping::{Filter, Settings, StartingPosition};

#[derive(Args)]
pub(crate) struct Mapping {
    /// The stream: LatestStreamArn of its table.
    #[arg(long, value_name = "ARN")]
    pub(crate) event_source_arn: String,

    /// The function: a name or an ARN; for cargo lambda watch, the name of the
    /// binary.
    #[arg(long, value_name = "NAME")]
    pub(crate) function_name: String,

    /// The most records of one invocation: 1 to 10,000.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    batch_size: usize,

    /// How long a batch waits to fill: 0 to 300.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    maximum_batching_window_in_seconds: u32,

    /// Batches of one shard that are in flight at once: 1 to 10.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    parallelization_factor: usize,

    /// Where reading begins; AWS has no default.
    #[arg(long, value_enum, value_name = "POSITION")]
    starting_position: Position,

    /// Must be 0: tumbling windows are not supported.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    tumbling_window_in_seconds: u32,

    /// Split a failed batch and retry the halves.
    #[arg(long, overrides_with = "no_bisect_batch_on_function_error")]
    bisect_batch_on_function_error: bool,

    /// Retry a failed batch as it is (the default).
    #[arg(long, overrides_with = "bisect_batch_on_function_error")]
    no_bisect_batch_on_function_error: bool,

    /// Read failures from the function's response.
    #[arg(long, value_enum, num_args = 0.., value_name = "TYPE")]
    function_response_types: Vec<ResponseType>,

    /// How often a batch is retried: 0 to 10,000; -1 for no limit.
    #[arg(long, value_name = "COUNT", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i64).range(-1..))]
    maximum_retry_attempts: i64,

    /// The age up to which a record is retried: 60 to 604,800; -1 for no limit.
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i64).range(-1..))]
    maximum_record_age_in_seconds: i64,

    /// Which records the function receives, as JSON or file://PATH:
    /// {"Filters": [{"Pattern": "{\"eventName\": [\"INSERT\"]}"}]}.
    #[arg(long, value_name = "JSON", value_parser = json_or_file::<FilterCriteria>)]
    filter_criteria: Option<FilterCriteria>,

    /// The queue, topic or bucket for records that are given up, as JSON or
    /// file://PATH: {"OnFailure": {"Destination": "arn:aws:sqs:..."}}.
    #[arg(long, value_name = "JSON", value_parser = json_or_file::<DestinationConfig>)]
    destination_config: Option<DestinationConfig>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum Position {
    /// The oldest record of the stream.
    TrimHorizon,
    /// Records that are written from now on.
    Latest,
}

#[derive(Clone, Copy, ValueEnum)]
enum ResponseType {
    #[value(name = "ReportBatchItemFailures")]
    ReportBatchItemFailures,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterCriteria {
    filters: Option<Vec<FilterPattern>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterPattern {
    pattern: String,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationConfig {
    on_failure: Option<OnFailure>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OnFailure {
    destination: Option<String>,
}

impl Mapping {
    /// Returns the settings, checked against AWS's ranges.
    pub(crate) fn settings(&self) -> Result<Settings, Box<dyn std::error::Error>> {
        let patterns = self.filter_criteria.iter().flat_map(|criteria| {
            let patterns = criteria.filters.iter().flatten();
            patterns.map(|filter| filter.pattern.as_str())
        });
        let settings = Settings {
            batch_size: self.batch_size,
            maximum_batching_window: SignedDuration::from_secs(
                self.maximum_batching_window_in_seconds.into(),
            ),
            parallelization_factor: self.parallelization_factor,
            starting_position: match self.starting_position {
                Position::TrimHorizon => StartingPosition::TrimHorizon,
                Position::Latest => StartingPosition::Latest,
            },
            // A number that does not fit is above AWS's range, so the check rejects it.
            maximum_retry_attempts: limit(self.maximum_retry_attempts)
                .map(|attempts| u32::try_from(attempts).unwrap_or(u32::MAX)),
            maximum_record_age: limit(self.maximum_record_age_in_seconds)
                .map(SignedDuration::from_secs),
            bisect_batch_on_function_error: self.bisect_batch_on_function_error,
            report_batch_item_failures: !self.function_response_types.is_empty(),
            filter: Filter::from_patterns(patterns)?,
            tumbling_window: SignedDuration::from_secs(self.tumbling_window_in_seconds.into()),
            has_on_failure_destination: self.on_failure().is_some(),
        };
        settings.check()?;
        Ok(settings)
    }

    pub(crate) fn on_failure(&self) -> Option<&str> {
        let config = self.destination_config.as_ref()?;
        let arn = config.on_failure.as_ref()?.destination.as_deref()?;
        // To AWS an empty ARN means no destination.
        Some(arn).filter(|arn| !arn.is_empty())
    }
}

/// Converts -1 to no limit.
fn limit(number: i64) -> Option<i64> {
    (number >= 0).then_some(number)
}

fn json_or_file<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let json = match text.strip_prefix("file://") {
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        mapping: Mapping,
    }

    fn mapping(option: &str, value: &str) -> Mapping {
        let arguments = [
            "stream-mapping",
            "--event-source-arn",
            "arn",
            "--function-name",
            "function",
            "--starting-position",
            "LATEST",
            option,
            value,
        ];
        Only::try_parse_from(arguments).unwrap().mapping
    }

    #[test]
    fn filter_criteria_without_filters_let_everything_pass() {
        for criteria in ["{}", r#"{"Filters": []}"#, r#"{"Filters": null}"#, " { } "] {
            let settings = mapping("--filter-criteria", criteria).settings().unwrap();
            assert_eq!(settings.filter, Filter::default(), "{criteria}");
        }
    }

    #[test]
    fn a_destination_config_may_name_no_destination() {
        for config in [
            "{}",
            r#"{"OnFailure": {}}"#,
            r#"{"OnFailure": null}"#,
            r#"{"OnFailure": {"Destination": null}}"#,
            r#"{"OnFailure": {"Destination": ""}}"#,
        ] {
            let mapping = mapping("--destination-config", config);
            assert_eq!(mapping.on_failure(), None, "{config}");
            let settings = mapping.settings().unwrap();
            assert!(!settings.has_on_failure_destination, "{config}");
        }
        let config = r#"{"OnFailure": {"Destination": "arn:aws:s3:::bucket"}}"#;
        let mapping = mapping("--destination-config", config);
        assert_eq!(mapping.on_failure(), Some("arn:aws:s3:::bucket"));
        assert!(mapping.settings().unwrap().has_on_failure_destination);
    }

    #[test]
    fn the_starting_position_is_taken_from_the_option() {
        let settings = mapping("--batch-size", "1").settings().unwrap();
        assert_eq!(settings.starting_position, StartingPosition::Latest);
    }
}
