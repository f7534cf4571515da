//! Reads the configuration of a deployed event source mapping.

use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, EventSourcePosition, FunctionResponseType,
};
use jiff::SignedDuration;
use stream_mapping::{Filter, Settings, StartingPosition};

use crate::error::Error;

/// Returns a value that every mapping has.
///
/// # Errors
///
/// If this one doesn't; the error names the attribute.
pub(crate) fn required<'t>(value: Option<&'t str>, name: &str) -> Result<&'t str, Error> {
    value.ok_or_else(|| Error::Mapping(format!("it has no {name}")))
}

/// Returns the settings of a stream's mapping. A setting that can't be simulated is an error,
/// so that no test passes because it was ignored.
pub(crate) fn settings(deployed: &EventSourceMappingConfiguration) -> Result<Settings, String> {
    let defaults = Settings::new(match deployed.starting_position() {
        Some(EventSourcePosition::TrimHorizon) => StartingPosition::TrimHorizon,
        Some(EventSourcePosition::Latest) => StartingPosition::Latest,
        Some(other) => return Err(format!("StartingPosition {other} is not supported")),
        None => return Err("it has no StartingPosition, which is required".to_owned()),
    });
    let patterns = deployed
        .filter_criteria()
        .map(aws_sdk_lambda::types::FilterCriteria::filters)
        .unwrap_or_default()
        .iter()
        .filter_map(|filter| filter.pattern());
    let count = |count: Option<i32>, default| {
        let count = count.and_then(|count| usize::try_from(count).ok());
        count.unwrap_or(default)
    };
    let window = deployed.maximum_batching_window_in_seconds();
    let tumbling_window = deployed.tumbling_window_in_seconds();
    let settings = Settings {
        batch_size: count(deployed.batch_size(), defaults.batch_size),
        maximum_batching_window: SignedDuration::from_secs(window.unwrap_or_default().into()),
        parallelization_factor: count(
            deployed.parallelization_factor(),
            defaults.parallelization_factor,
        ),
        // -1 means no limit.
        maximum_retry_attempts: deployed
            .maximum_retry_attempts()
            .and_then(|attempts| u32::try_from(attempts).ok()),
        maximum_record_age: deployed
            .maximum_record_age_in_seconds()
            .filter(|seconds| *seconds >= 0)
            .map(|seconds| SignedDuration::from_secs(seconds.into())),
        bisect_batch_on_function_error: deployed
            .bisect_batch_on_function_error()
            .unwrap_or_default(),
        report_batch_item_failures: deployed
            .function_response_types()
            .contains(&FunctionResponseType::ReportBatchItemFailures),
        filter: Filter::from_patterns(patterns).map_err(|error| error.to_string())?,
        tumbling_window: SignedDuration::from_secs(tumbling_window.unwrap_or_default().into()),
        ..defaults
    };
    settings.check().map_err(|error| error.to_string())?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{Filter as LambdaFilter, FilterCriteria};

    use super::*;

    #[test]
    fn settings_are_read_by_their_names() {
        let pattern = LambdaFilter::builder().pattern(r#"{"eventName":["INSERT"]}"#);
        let deployed = EventSourceMappingConfiguration::builder()
            .batch_size(10)
            .maximum_batching_window_in_seconds(5)
            .parallelization_factor(2)
            .starting_position(EventSourcePosition::Latest)
            .maximum_retry_attempts(30)
            .maximum_record_age_in_seconds(82_800)
            .bisect_batch_on_function_error(true)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .filter_criteria(FilterCriteria::builder().filters(pattern.build()).build())
            .build();
        assert_eq!(
            settings(&deployed).unwrap(),
            Settings {
                batch_size: 10,
                maximum_batching_window: SignedDuration::from_secs(5),
                parallelization_factor: 2,
                starting_position: StartingPosition::Latest,
                maximum_retry_attempts: Some(30),
                maximum_record_age: Some(SignedDuration::from_hours(23)),
                bisect_batch_on_function_error: true,
                report_batch_item_failures: true,
                filter: Filter::from_patterns([r#"{"eventName":["INSERT"]}"#]).unwrap(),
                ..Settings::new(StartingPosition::Latest)
            }
        );
        let unlimited = EventSourceMappingConfiguration::builder()
            .starting_position(EventSourcePosition::TrimHorizon)
            .maximum_retry_attempts(-1)
            .maximum_record_age_in_seconds(-1);
        let unlimited = settings(&unlimited.build()).unwrap();
        assert_eq!(unlimited.maximum_retry_attempts, None);
        assert_eq!(unlimited.maximum_record_age, None);
    }

    #[test]
    fn unsupported_settings_are_rejected() {
        let mapping = EventSourceMappingConfiguration::builder;
        for (deployed, problem) in [
            (
                mapping()
                    .starting_position(EventSourcePosition::Latest)
                    .tumbling_window_in_seconds(30),
                "TumblingWindowInSeconds 30 is not supported",
            ),
            (mapping(), "it has no StartingPosition, which is required"),
            (
                mapping().starting_position(EventSourcePosition::AtTimestamp),
                "StartingPosition AT_TIMESTAMP is not supported",
            ),
        ] {
            let said = settings(&deployed.build()).unwrap_err();
            assert!(said.starts_with(problem), "{said}");
        }
    }
}
