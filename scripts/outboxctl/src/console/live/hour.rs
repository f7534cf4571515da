//! The metrics of the last hour, a value for each minute.

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use jiff::Timestamp;

use crate::{
    commands::status::{MetricQuery, MetricResults, PastHour, PastHourMetrics},
    context::Context,
    error::Error,
};

/// How many minutes.
const MINUTES: usize = 60;

/// What the functions that publish have reported in the last hour.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Hour {
    /// Events that were published, for each minute, the oldest first.
    pub(in super::super) published: Vec<f64>,
    /// The same for the whole hour, by the way that the events took.
    pub(in super::super) ways: PastHour,
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

/// What the sweeper counts: the id of a query, its metric and statistic.
const SWEPT: [(&str, &str, &str); 3] = [
    ("pending", "PendingEvents", "Maximum"),
    ("held", "HeldEvents", "Maximum"),
    ("parked", "ParkedEvents", "Maximum"),
];

impl Hour {
    /// Queries `CloudWatch`, with one request.
    pub(super) async fn read(context: &Context) -> Result<Self, Error> {
        let table = &context.deployment.outbox_table;
        let swept = SWEPT.map(|metric| MetricQuery::of_outbox(table, metric).query());
        let metrics = PastHourMetrics::read(context, swept).await?;
        Self::of(&metrics.output, metrics.first_minute).map_err(Error::Aws)
    }

    fn of(output: &GetMetricDataOutput, first: i64) -> Result<Self, String> {
        let results = MetricResults::of(output)?;
        let mut published = vec![0.0; MINUTES];
        let ways = ["atOnce", "relay", "sweeper"].into_iter();
        for (minute, value) in ways.flat_map(|way| results.points(way)) {
            let index = usize::try_from(minute - first).unwrap_or(usize::MAX);
            if let Some(sum) = published.get_mut(index) {
                *sum += value;
            }
        }
        Ok(Self {
            published,
            ways: PastHour::of(&results),
            last_sweep: Sweep::last(&results),
        })
    }
}

impl Sweep {
    fn last(results: &MetricResults<'_>) -> Option<Self> {
        let at_minute = |id: &str, minute: i64| {
            let mut points = results.points(id).into_iter();
            let found = points.find(|(at, _)| *at == minute);
            found.map_or(0.0, |(_, value)| value)
        };
        let sweeps = results.points("pending").into_iter();
        let minute = sweeps.map(|(minute, _)| minute).max()?;
        Some(Self {
            at: Timestamp::from_second(minute * 60).ok()?,
            pending: at_minute("pending", minute),
            held: at_minute("held", minute),
            parked: at_minute("parked", minute),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::status::{output, result};

    #[test]
    fn minutes_without_a_value_are_zero_and_the_last_sweep_counts() {
        let results = output(vec![
            result("relay", &[(101, 2.0), (100, 3.0)]),
            result("sweeper", &[(101, 1.0), (500, 9.0)]),
            result("atOnce", &[(102, 4.0)]),
            result("pending", &[(105, 7.0), (110, 8.0)]),
            result("held", &[(105, 1.0), (110, 2.0)]),
            result("parked", &[(105, 4.0)]),
        ]);
        let hour = Hour::of(&results, 100).unwrap();
        assert_eq!(hour.published[..4], [3.0, 3.0, 4.0, 0.0]);
        assert_eq!(hour.published.len(), MINUTES);
        assert_eq!(hour.ways.relay.published, 5);
        let sweep = hour.last_sweep.unwrap();
        assert_eq!((sweep.pending, sweep.held, sweep.parked), (8.0, 2.0, 0.0));
        let nothing = Hour::of(&output(Vec::new()), 0).unwrap();
        assert_eq!(nothing.last_sweep, None);
    }
}
