//! The metrics of an outbox in the last minutes. The local stack writes those of its
//! stream mapping to `CloudWatch`, as Lambda does on AWS.

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{MetricDataQuery, MetricDataResult},
};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::metric::{MINUTE, MetricQuery, MetricResults};
use crate::{call_failure::call_failed, context::Context};

/// How far back metrics are read. A sweep starts every 5 min, so a healthy sweeper has
/// completed one in this time.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// [`WINDOW`] in words.
pub(crate) const PAST: &str = "in the past 15 min";

/// What was counted, if CloudWatch can be asked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Recent {
    Seen(Seen),
    Unknown {
        /// Why it isn't known.
        unknown: String,
    },
}

/// The metrics of the last 15 minutes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    /// Events that Lambda handed to the relay.
    pub(crate) relayed: usize,
    /// Failed attempts of the relay and the sweeper. One event may count more than once.
    pub(crate) failed: usize,
    /// The end of the minute with the last failed attempt, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(crate) last_failure: Option<Timestamp>,
    /// Completed sweeps.
    pub(crate) sweeps: usize,
}

impl Recent {
    /// Queries `CloudWatch`. A failed query doesn't fail the command: the rest of the status
    /// is worth showing.
    pub(crate) async fn find(context: &Context, relay: Option<&str>) -> Self {
        let now = Timestamp::now();
        let found = aws_sdk_cloudwatch::Client::new(&context.config)
            .get_metric_data()
            .set_metric_data_queries(Some(queries(context, relay)))
            .start_time(DateTime::from_secs((now - WINDOW).as_second()))
            // Includes the current minute.
            .end_time(DateTime::from_secs(now.as_second() + i64::from(MINUTE)))
            .send()
            .await
            .map_err(call_failed("GetMetricData"));
        match found
            .map_err(|error| error.to_string())
            .and_then(|found| Ok(Seen::of(&MetricResults::of(&found)?)))
        {
            Ok(seen) => Self::Seen(seen),
            Err(unknown) => Self::Unknown { unknown },
        }
    }

    pub(crate) fn seen(&self) -> Option<&Seen> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Unknown { .. } => None,
        }
    }
}

impl Seen {
    fn of(results: &MetricResults<'_>) -> Self {
        let sum = |id| results.sum(id);
        // These count the same failures: for the mapping, by the relay itself (also where
        // the mapping counts none), and as failed invocations. A sum would count twice.
        let by_relay = sum("failed").max(sum("failedByRelay")).max(sum("errors"));
        let failures = [
            "failed",
            "failedByRelay",
            "errors",
            "left",
            "failedBySweeper",
        ];
        Self {
            relayed: sum("relayed"),
            // For Lambda, what is left to the sweeper has not failed.
            failed: by_relay + sum("left") + sum("failedBySweeper"),
            last_failure: failures
                .into_iter()
                .filter_map(|id| last(results.get(id)?))
                .max(),
            sweeps: sum("sweeps"),
        }
    }

    /// Returns how long ago something was, if it happened in the minute with this end.
    pub(crate) fn how_long_ago(end: Timestamp, now: Timestamp) -> String {
        let since_begin = now.duration_since(end).as_secs() + i64::from(MINUTE);
        format!("within {} min", (since_begin + 59).div_euclid(60).max(1))
    }
}

/// Returns the queries for an outbox; `relay` is the function's name, if it is known.
fn queries(context: &Context, relay: Option<&str>) -> Vec<MetricDataQuery> {
    let mapping = &context.deployment.stream_mapping;
    let table = &context.deployment.outbox_table;
    let of_lambda = |id, name, dimension, of| MetricQuery {
        id,
        namespace: "AWS/Lambda",
        name,
        dimension,
        of,
        statistic: "Sum",
        period: MINUTE,
    };
    let of_mapping = |id, name| of_lambda(id, name, "EventSourceMappingUUID", mapping);
    let of_outbox = |id, name, statistic| MetricQuery::of_outbox(table, (id, name, statistic));
    let of_relay = relay.map(|relay| of_lambda("errors", "Errors", "FunctionName", relay));
    let metrics = [
        of_mapping("relayed", "InvokedEventCount"),
        of_mapping("failed", "FailedInvokeEventCount"),
        of_outbox("failedByRelay", "Failed", "Sum"),
        of_outbox("left", "LeftToSweeper", "Sum"),
        of_outbox("failedBySweeper", "SweepFailed", "Sum"),
        // Every sweep reports it, even if it is 0: so the samples count the sweeps.
        of_outbox("sweeps", "PendingEvents", "SampleCount"),
    ];
    metrics
        .into_iter()
        .chain(of_relay)
        .map(|metric| metric.query())
        .collect()
}

/// Returns the end of the last minute with a value over 0.
fn last(result: &MetricDataResult) -> Option<Timestamp> {
    let points = result.timestamps().iter().zip(result.values());
    let started = points
        .filter(|(_, value)| **value > 0.0)
        .map(|(time, _)| time.secs())
        .max()?;
    Timestamp::from_second(started + i64::from(MINUTE)).ok()
}

#[cfg(test)]
mod tests {
    use super::{
        super::metric::tests::{output, result},
        *,
    };

    #[test]
    fn failures_are_counted_once_with_the_last_minute() {
        let output = output(vec![
            result("relayed", &[(1, 10.0), (3, 5.0)]),
            // CloudWatch returns the newest value first by default.
            result("failed", &[(3, 0.0), (2, 4.0), (1, 2.0)]),
            result("failedByRelay", &[(1, 2.0), (2, 4.0)]),
            result("left", &[(4, 2.0)]),
            result("failedBySweeper", &[(1, 1.0)]),
            result("sweeps", &[(1, 1.0), (6, 1.0)]),
        ]);
        let expected = Seen {
            relayed: 15,
            failed: 9,
            last_failure: Some(Timestamp::from_second(300).unwrap()),
            sweeps: 2,
        };
        let results = MetricResults::of(&output).unwrap();
        assert_eq!(Seen::of(&results), expected);
    }

    #[test]
    fn an_age_counts_from_the_start_of_the_minute() {
        let now: Timestamp = "2026-11-24T09:00:30Z".parse().unwrap();
        for (seconds, expected) in [
            (-30, "within 1 min"),
            (0, "within 1 min"),
            (30, "within 2 min"),
            (90, "within 3 min"),
        ] {
            let end = now - SignedDuration::from_secs(seconds);
            assert_eq!(Seen::how_long_ago(end, now), expected);
        }
    }
}
