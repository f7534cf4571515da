//! The ranges of settings.

use jiff::SignedDuration;
use stream_mapping::{Settings, Shard};

use super::drive::settings;

#[test]
fn settings_out_of_aws_s_ranges_are_rejected_by_name() {
    let rejection = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        Shard::new("s", "arn", "arn", settings)
            .unwrap_err()
            .to_string()
    };
    let seconds = SignedDuration::from_secs;
    assert_eq!(
        rejection(|settings| settings.batch_size = 0),
        "BatchSize must be 1 to 10,000, not 0"
    );
    assert_eq!(
        rejection(|settings| settings.batch_size = 10_001),
        "BatchSize must be 1 to 10,000, not 10001"
    );
    assert_eq!(
        rejection(|settings| settings.maximum_batching_window = SignedDuration::from_secs(301)),
        "MaximumBatchingWindowInSeconds must be 0 to 300, not 301"
    );
    assert_eq!(
        rejection(|settings| settings.parallelization_factor = 0),
        "ParallelizationFactor must be 1 to 10, not 0"
    );
    assert_eq!(
        rejection(|settings| settings.parallelization_factor = 11),
        "ParallelizationFactor must be 1 to 10, not 11"
    );
    assert_eq!(
        rejection(|settings| settings.maximum_retry_attempts = Some(10_001)),
        "MaximumRetryAttempts must be -1 or 0 to 10,000, not 10001"
    );
    assert_eq!(
        rejection(|settings| settings.maximum_record_age = Some(SignedDuration::from_secs(59))),
        "MaximumRecordAgeInSeconds must be -1 or 60 to 604,800, not 59"
    );
    let rejected_window =
        rejection(|settings| settings.tumbling_window = SignedDuration::from_secs(30));
    assert!(
        rejected_window
            .starts_with("TumblingWindowInSeconds 30 is not supported: a tumbling window"),
        "{rejected_window}"
    );
    let largest = Settings {
        batch_size: 10_000,
        maximum_batching_window: seconds(300),
        parallelization_factor: 10,
        maximum_retry_attempts: Some(10_000),
        maximum_record_age: Some(seconds(604_800)),
        ..settings()
    };
    assert_eq!(largest.check(), Ok(()));
}
