//! The metrics of the last hour, a value for each minute.

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat},
};
use jiff::Timestamp;
use outbox::handlers::NAMESPACE;

use crate::{call_failure::call_failed, context::Context, error::Error};

/// How many minutes.
const MINUTES: usize = 60;

/// What the relay and the sweeper have reported in the last hour.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Hour {
    /// Events that were published, by the relay and the sweeper, for each minute, the oldest
    /// first.
    pub(in super::super) published: Vec<f64>,
    /// What the last sweep has counted, if there was one.
    pub(in super::super) last_sweep: Option<Sweep>,
}

/// The counts of a sweep, which reads the whole table.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Sweep {
    /// The beginning of its minute.
    pub(in super::super) at: Timestamp,
    pub(in super::super) pending: f64,
    pub(in super::super) held: f64,
    pub(in super::super) parked: f64,
}

/// The id of a query, its metric and statistic.
const QUERIES: [(&str, &str, &str); 5] = [
    ("published", "Published", "Sum"),
    ("swept", "Swept", "Sum"),
    ("pending", "PendingEvents", "Maximum"),
    ("held", "HeldEvents", "Maximum"),
    ("parked", "ParkedEvents", "Maximum"),
];

impl Hour {
    /// Queries `CloudWatch`, with one request.
    pub(super) async fn read(context: &Context) -> Result<Self, Error> {
        let minute = Timestamp::now().as_second() / 60 + 1;
        let first = minute - i64::try_from(MINUTES).unwrap_or_default();
        let queries = QUERIES.map(|query| metric(&context.deployment.outbox_table, query));
        let found = aws_sdk_cloudwatch::Client::new(&context.config)
            .get_metric_data()
            .set_metric_data_queries(Some(queries.into()))
            .start_time(DateTime::from_secs(first * 60))
            .end_time(DateTime::from_secs(minute * 60))
            .send()
            .await
            .map_err(call_failed("GetMetricData"))?;
        Ok(Self::of(found.metric_data_results(), first))
    }

    fn of(results: &[MetricDataResult], first: i64) -> Self {
        let values = |id: &str| {
            let result = results.iter().find(|result| result.id() == Some(id));
            let points = result.into_iter().flat_map(|result| {
                let minutes = result.timestamps().iter().map(|at| at.secs() / 60);
                minutes.zip(result.values().iter().copied())
            });
            points.collect::<Vec<(i64, f64)>>()
        };
        let mut published = vec![0.0; MINUTES];
        for (minute, value) in values("published").into_iter().chain(values("swept")) {
            let index = usize::try_from(minute - first).unwrap_or(usize::MAX);
            if let Some(sum) = published.get_mut(index) {
                *sum += value;
            }
        }
        let at_minute = |id: &str, minute: i64| {
            let found = values(id).into_iter().find(|(at, _)| *at == minute);
            found.map_or(0.0, |(_, value)| value)
        };
        let last = values("pending")
            .into_iter()
            .map(|(minute, _)| minute)
            .max();
        let last_sweep = last.and_then(|minute| {
            Some(Sweep {
                at: Timestamp::from_second(minute * 60).ok()?,
                pending: at_minute("pending", minute),
                held: at_minute("held", minute),
                parked: at_minute("parked", minute),
            })
        });
        Self {
            published,
            last_sweep,
        }
    }
}

fn metric(table: &str, (id, name, statistic): (&str, &str, &str)) -> MetricDataQuery {
    let dimension = Dimension::builder().name("Outbox").value(table).build();
    let metric = Metric::builder()
        .namespace(NAMESPACE)
        .metric_name(name)
        .dimensions(dimension);
    let statistic = MetricStat::builder()
        .metric(metric.build())
        .period(60)
        .stat(statistic);
    MetricDataQuery::builder()
        .id(id)
        .metric_stat(statistic.build())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(id: &str, points: &[(i64, f64)]) -> MetricDataResult {
        let times = points.iter().map(|(at, _)| DateTime::from_secs(at * 60));
        MetricDataResult::builder()
            .id(id)
            .set_timestamps(Some(times.collect()))
            .set_values(Some(points.iter().map(|(_, value)| *value).collect()))
            .build()
    }

    #[test]
    fn minutes_without_a_value_are_zero_and_the_last_sweep_counts() {
        let hour = Hour::of(
            &[
                result("published", &[(101, 2.0), (100, 3.0)]),
                result("swept", &[(101, 1.0), (500, 9.0)]),
                result("pending", &[(105, 7.0), (110, 8.0)]),
                result("held", &[(105, 1.0), (110, 2.0)]),
                result("parked", &[(105, 4.0)]),
            ],
            100,
        );
        assert_eq!(hour.published[..3], [3.0, 3.0, 0.0]);
        assert_eq!(hour.published.len(), MINUTES);
        let sweep = hour.last_sweep.unwrap();
        assert_eq!((sweep.pending, sweep.held, sweep.parked), (8.0, 2.0, 0.0));
        assert_eq!(Hour::of(&[], 0).last_sweep, None);
    }
}
