//! Queries of metrics, and their results.

use aws_sdk_cloudwatch::{
    operation::get_metric_data::GetMetricDataOutput,
    types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StatusCode},
};
use outbox::handlers::NAMESPACE;

/// The shortest period in which metrics have values, in seconds.
pub(crate) const MINUTE: i32 = 60;

/// A metric to query.
pub(crate) struct MetricQuery<'a> {
    pub(crate) id: &'static str,
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    pub(crate) dimension: &'static str,
    /// The dimension's value.
    pub(crate) of: &'a str,
    pub(crate) statistic: &'static str,
    /// How many seconds a value is for.
    pub(crate) period: i32,
}

/// The results of queries, by their ids.
pub(crate) struct MetricResults<'a>(&'a [MetricDataResult]);

impl<'a> MetricQuery<'a> {
    /// Returns the query for a metric that a function of the outbox with this table writes to its
    /// log.
    pub(crate) fn of_outbox(
        table: &'a str,
        (id, name, statistic): (&'static str, &'static str, &'static str),
    ) -> Self {
        Self {
            id,
            namespace: NAMESPACE,
            name,
            dimension: "Outbox",
            of: table,
            statistic,
            period: MINUTE,
        }
    }

    pub(crate) fn query(&self) -> MetricDataQuery {
        let dimension = Dimension::builder().name(self.dimension).value(self.of);
        let metric = Metric::builder()
            .namespace(self.namespace)
            .metric_name(self.name)
            .dimensions(dimension.build());
        let statistic = MetricStat::builder()
            .metric(metric.build())
            .period(self.period)
            .stat(self.statistic);
        MetricDataQuery::builder()
            .id(self.id)
            .metric_stat(statistic.build())
            .build()
    }
}

impl<'a> MetricResults<'a> {
    /// Returns the results of a request.
    ///
    /// # Errors
    ///
    /// If one of them is incomplete.
    pub(crate) fn of(output: &'a GetMetricDataOutput) -> Result<Self, String> {
        let results = output.metric_data_results();
        let incomplete = results
            .iter()
            .find(|result| result.status_code() != Some(&StatusCode::Complete));
        if let Some(result) = incomplete {
            let id = result.id().unwrap_or("a metric");
            return Err(format!("GetMetricData returned only a part of {id}"));
        }
        Ok(Self(results))
    }

    pub(crate) fn get(&self, id: &str) -> Option<&'a MetricDataResult> {
        self.0.iter().find(|result| result.id() == Some(id))
    }

    /// Returns the values of a metric, each with the minute in which its period begins, counted
    /// from 1970.
    pub(crate) fn points(&self, id: &str) -> Vec<(i64, f64)> {
        let points = self.get(id).into_iter().flat_map(|result| {
            let minutes = result.timestamps().iter();
            let minutes = minutes.map(|at| at.secs() / i64::from(MINUTE));
            minutes.zip(result.values().iter().copied())
        });
        points.collect()
    }

    /// Returns the sum of a metric's values, which are counts.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of an hour are small and whole"
    )]
    pub(crate) fn sum(&self, id: &str) -> usize {
        let values = self.get(id).map_or(&[][..], MetricDataResult::values);
        values.iter().sum::<f64>().max(0.0) as usize
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_sdk_cloudwatch::primitives::DateTime;

    use super::*;

    /// Returns a complete result with a value for each of these minutes.
    pub(crate) fn result(id: &str, points: &[(i64, f64)]) -> MetricDataResult {
        let times = points.iter().map(|(at, _)| DateTime::from_secs(at * 60));
        let values = points.iter().map(|(_, value)| *value);
        MetricDataResult::builder()
            .id(id)
            .set_timestamps(Some(times.collect()))
            .set_values(Some(values.collect()))
            .status_code(StatusCode::Complete)
            .build()
    }

    pub(crate) fn output(results: Vec<MetricDataResult>) -> GetMetricDataOutput {
        GetMetricDataOutput::builder()
            .set_metric_data_results(Some(results))
            .build()
    }

    #[test]
    fn a_partial_result_is_an_error_and_a_missing_one_is_zero() {
        let nothing = output(Vec::new());
        let nothing = MetricResults::of(&nothing).unwrap();
        assert_eq!(
            (nothing.sum("failed"), nothing.points("failed")),
            (0, vec![])
        );
        let partial = MetricDataResult::builder()
            .id("failed")
            .status_code(StatusCode::InternalError)
            .build();
        assert_eq!(
            MetricResults::of(&output(vec![partial])).err().as_deref(),
            Some("GetMetricData returned only a part of failed")
        );
    }
}
