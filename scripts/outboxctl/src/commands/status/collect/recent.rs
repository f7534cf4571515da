//! The metrics of an outbox in the last minutes. The local stack writes those of its
//! stream mapping to `CloudWatch`, as Lambda does on AWS.

use aws_sdk_cloudwatch::{
    operation::get_metric_data::GetMetricDataOutput,
    primitives::DateTime,
    types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StatusCode},
};
use jiff::{SignedDuration, Timestamp};
use outbox::handlers::NAMESPACE;
use serde::Serialize;

use crate::{call_failure::call_failed, context::Context};

/// How far back metrics are read. A sweep starts every 5 min, so a healthy sweeper has
/// completed one in this time.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// [`WINDOW`] in words.
pub(crate) const PAST: &str = "in the past 15 min";

/// Lambda's metrics have a value for each minute, in seconds.
const PERIOD_SECONDS: i32 = 60;

/// What `CloudWatch` says, if it can be asked.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Recent {
    Seen(Seen),
    Unknown {
        /// Why.
        unknown: String,
    },
}

/// The metrics of the last 15 minutes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seen {
    /// Events that Lambda handed to the relay.
    pub(crate) relayed: usize,
    /// Failed attempts of the relay and the sweeper. One event may count more than once.
    pub(crate) failed: usize,
    /// The end of the minute with the last failed attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_failure: Option<Timestamp>,
    /// Completed sweeps.
    pub(crate) sweeps: usize,
}

/// A metric to query.
struct MetricQuery<'a> {
    id: &'static str,
    namespace: &'static str,
    name: &'static str,
    dimension: &'static str,
    /// The dimension's value.
    of: &'a str,
    statistic: &'static str,
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
            .end_time(DateTime::from_secs(
                now.as_second() + i64::from(PERIOD_SECONDS),
            ))
            .send()
            .await
            .map_err(call_failed("GetMetricData"));
        match found
            .map_err(|error| error.to_string())
            .and_then(|found| Seen::of(&found))
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
    fn of(output: &GetMetricDataOutput) -> Result<Self, String> {
        let results = output.metric_data_results();
        let incomplete = results
            .iter()
            .find(|result| result.status_code() != Some(&StatusCode::Complete));
        if let Some(result) = incomplete {
            let id = result.id().unwrap_or("a metric");
            return Err(format!("GetMetricData returned only a part of {id}"));
        }
        let of = |id: &str| results.iter().find(|result| result.id() == Some(id));
        let sum = |id| of(id).map_or(0, sum);
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
        Ok(Self {
            relayed: sum("relayed"),
            // For Lambda, what is left to the sweeper has not failed.
            failed: by_relay + sum("left") + sum("failedBySweeper"),
            last_failure: failures.into_iter().filter_map(|id| last(of(id)?)).max(),
            sweeps: sum("sweeps"),
        })
    }

    /// Returns how long ago something was, if it happened in the minute with this end.
    pub(crate) fn how_long_ago(end: Timestamp, now: Timestamp) -> String {
        let since_begin = now.duration_since(end).as_secs() + i64::from(PERIOD_SECONDS);
        format!("within {} min", (since_begin + 59).div_euclid(60).max(1))
    }
}

/// Returns the queries for an outbox; `relay` is the function's name, if it is known.
fn queries(context: &Context, relay: Option<&str>) -> Vec<MetricDataQuery> {
    let mapping = &context.deployment.stream_mapping;
    let table = &context.deployment.outbox_table;
    let of_mapping = |id, name| MetricQuery {
        id,
        namespace: "AWS/Lambda",
        name,
        dimension: "EventSourceMappingUUID",
        of: mapping,
        statistic: "Sum",
    };
    let of_outbox = |id, name, statistic| MetricQuery {
        id,
        namespace: NAMESPACE,
        name,
        dimension: "Outbox",
        of: table,
        statistic,
    };
    let of_relay = relay.map(|relay| MetricQuery {
        id: "errors",
        namespace: "AWS/Lambda",
        name: "Errors",
        dimension: "FunctionName",
        of: relay,
        statistic: "Sum",
    });
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

impl MetricQuery<'_> {
    fn query(&self) -> MetricDataQuery {
        let dimension = Dimension::builder().name(self.dimension).value(self.of);
        let metric = Metric::builder()
            .namespace(self.namespace)
            .metric_name(self.name)
            .dimensions(dimension.build());
        let statistic = MetricStat::builder()
            .metric(metric.build())
            .period(PERIOD_SECONDS)
            .stat(self.statistic);
        MetricDataQuery::builder()
            .id(self.id)
            .metric_stat(statistic.build())
            .build()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of 15 minutes are small and whole"
)]
fn sum(result: &MetricDataResult) -> usize {
    result.values().iter().sum::<f64>().max(0.0) as usize
}

/// Returns the end of the last minute with a value over 0.
fn last(result: &MetricDataResult) -> Option<Timestamp> {
    let points = result.timestamps().iter().zip(result.values());
    let started = points
        .filter(|(_, value)| **value > 0.0)
        .map(|(time, _)| time.secs())
        .max()?;
    Timestamp::from_second(started + i64::from(PERIOD_SECONDS)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minute: i64) -> DateTime {
        DateTime::from_secs(minute * 60)
    }

    fn result(id: &str, points: &[(i64, f64)]) -> MetricDataResult {
        let times = points.iter().map(|(at, _)| minute(*at)).collect();
        let values = points.iter().map(|(_, value)| *value).collect();
        MetricDataResult::builder()
            .id(id)
            .set_timestamps(Some(times))
            .set_values(Some(values))
            .status_code(StatusCode::Complete)
            .build()
    }

    fn output(results: Vec<MetricDataResult>) -> GetMetricDataOutput {
        GetMetricDataOutput::builder()
            .set_metric_data_results(Some(results))
            .build()
    }

    #[test]
    fn failures_are_counted_once_with_the_last_minute() {
        let seen = Seen::of(&output(vec![
            result("relayed", &[(1, 10.0), (3, 5.0)]),
            // CloudWatch returns the newest value first by default.
            result("failed", &[(3, 0.0), (2, 4.0), (1, 2.0)]),
            result("failedByRelay", &[(1, 2.0), (2, 4.0)]),
            result("left", &[(4, 2.0)]),
            result("failedBySweeper", &[(1, 1.0)]),
            result("sweeps", &[(1, 1.0), (6, 1.0)]),
        ]));
        let expected = Seen {
            relayed: 15,
            failed: 9,
            last_failure: Some(Timestamp::from_second(300).unwrap()),
            sweeps: 2,
        };
        assert_eq!(seen, Ok(expected));
    }

    #[test]
    fn a_partial_result_is_unknown_and_an_empty_one_is_zero() {
        assert_eq!(Seen::of(&output(Vec::new())), Ok(Seen::default()));
        let partial = MetricDataResult::builder()
            .id("failed")
            .status_code(StatusCode::InternalError)
            .build();
        assert_eq!(
            Seen::of(&output(vec![partial])),
            Err("GetMetricData returned only a part of failed".to_owned())
        );
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
