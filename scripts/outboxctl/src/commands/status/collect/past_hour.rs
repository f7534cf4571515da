//! What was published in the past hour, by the way that events took to the bus.

use aws_sdk_cloudwatch::{
    operation::get_metric_data::GetMetricDataOutput, primitives::DateTime, types::MetricDataQuery,
};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::metric::{MetricQuery, MetricResults};
use crate::{age, call_failure::call_failed, context::Context, error::Error, output::count};

/// How many minutes are read.
pub(crate) const MINUTES: i64 = 60;

/// The period of an hour, in seconds: percentiles of minutes can't be summed up.
const HOUR: i32 = 3_600;

/// What was published, if CloudWatch can be asked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Published {
    Seen(PastHour),
    Unknown {
        /// Why it isn't known.
        unknown: String,
    },
}

/// The events of each way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PastHour {
    /// By functions, right after the commit; absent if no function has reported that it publishes
    /// at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at_once: Option<AtOnce>,
    /// By the relay, from the stream.
    pub(crate) relay: Way,
    /// By the sweeper.
    pub(crate) sweeper: Way,
}

/// The events of functions that publish at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AtOnce {
    #[serde(flatten)]
    pub(crate) way: Way,
    /// How many events these functions have left to the relay; null if that isn't known.
    pub(crate) left_to_stream: Option<usize>,
}

/// The events that took one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Way {
    /// How many events were published.
    pub(crate) published: usize,
    /// How long that took; null if it isn't known: the sweeper doesn't report it.
    pub(crate) commit_to_publish: Option<CommitToPublish>,
}

/// How long it took from the commit of an event to its acceptance by the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommitToPublish {
    /// For half of the events it took at most this long.
    pub(crate) p50_milliseconds: u64,
    /// For 99 % of the events it took at most this long.
    pub(crate) p99_milliseconds: u64,
}

/// A way in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WayInWords {
    pub(crate) name: &'static str,
    pub(crate) events: String,
    /// The times; empty if there were no events.
    pub(crate) times: String,
}

impl WayInWords {
    /// Returns the events and the times.
    pub(crate) fn sentence(&self) -> String {
        let separator = if self.times.is_empty() { "" } else { "; " };
        format!("{}{separator}{}", self.events, self.times)
    }
}

impl Published {
    /// Queries `CloudWatch`; `None` on the local stack, which has no such metrics. A failed query
    /// doesn't fail the command: the rest of the status is worth showing.
    pub(crate) async fn find(context: &Context) -> Option<Self> {
        if context.deployment.is_local {
            return None;
        }
        let read = PastHourMetrics::read(context, []).await;
        let seen = read
            .map_err(|error| error.to_string())
            .and_then(|metrics| Ok(PastHour::of(&MetricResults::of(&metrics.output)?)));
        Some(match seen {
            Ok(seen) => Self::Seen(seen),
            Err(unknown) => Self::Unknown { unknown },
        })
    }
}

/// The metrics of the past hour, with the current minute.
pub(crate) struct PastHourMetrics {
    pub(crate) output: GetMetricDataOutput,
    /// The first minute, counted from 1970.
    pub(crate) first_minute: i64,
}

impl PastHourMetrics {
    /// Queries `CloudWatch` with one request: for the ways of the events, and for more.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub(crate) async fn read(
        context: &Context,
        more: impl IntoIterator<Item = MetricDataQuery>,
    ) -> Result<Self, Error> {
        let (begin, end) = window(Timestamp::now());
        let mut queries = queries(&context.deployment.outbox_table);
        queries.extend(more);
        let output = aws_sdk_cloudwatch::Client::new(&context.config)
            .get_metric_data()
            .set_metric_data_queries(Some(queries))
            .start_time(begin)
            .end_time(end)
            .send()
            .await
            .map_err(call_failed("GetMetricData"))?;
        Ok(Self {
            output,
            first_minute: begin.secs() / 60,
        })
    }
}

/// Returns the begin and the end of the past hour, with the current minute.
fn window(now: Timestamp) -> (DateTime, DateTime) {
    let end = now.as_second().div_euclid(60) + 1;
    let at = |minute: i64| DateTime::from_secs(minute * 60);
    (at(end - MINUTES), at(end))
}

/// Returns the queries of a request for the [window] of the outbox with this table.
fn queries(table: &str) -> Vec<MetricDataQuery> {
    let counts = [
        ("atOnce", "PublishedAtOnce"),
        ("leftToStream", "LeftToStream"),
        ("relay", "Published"),
        ("sweeper", "Swept"),
    ];
    let counts = counts.map(|(id, name)| MetricQuery::of_outbox(table, (id, name, "Sum")));
    let times = [
        ("atOnceP50", "CommitToPublishAtOnce", "p50"),
        ("atOnceP99", "CommitToPublishAtOnce", "p99"),
        ("relayP50", "CommitToPublish", "p50"),
        ("relayP99", "CommitToPublish", "p99"),
    ];
    let times = times.map(|metric| MetricQuery {
        period: HOUR,
        ..MetricQuery::of_outbox(table, metric)
    });
    let all = counts.into_iter().chain(times);
    all.map(|metric| metric.query()).collect()
}

impl PastHour {
    pub(crate) fn of(results: &MetricResults<'_>) -> Self {
        // Functions that publish at once report both with each invocation that has committed,
        // even if it is 0.
        let publishes_at_once = ["atOnce", "leftToStream"]
            .iter()
            .any(|id| !results.points(id).is_empty());
        let way = |id, p50, p99| Way {
            published: results.sum(id),
            commit_to_publish: CommitToPublish::of(results, p50, p99),
        };
        Self {
            at_once: publishes_at_once.then(|| AtOnce {
                way: way("atOnce", "atOnceP50", "atOnceP99"),
                left_to_stream: Some(results.sum("leftToStream")),
            }),
            relay: way("relay", "relayP50", "relayP99"),
            sweeper: Way {
                published: results.sum("sweeper"),
                commit_to_publish: None,
            },
        }
    }

    /// Returns the ways in words. There are none if no function publishes at once: the relay
    /// publishes everything then, and the sweeper what it leaves.
    pub(crate) fn in_words(&self) -> Vec<WayInWords> {
        let Some(at_once) = &self.at_once else {
            return Vec::new();
        };
        let mut first = at_once.way.in_words("at once");
        if let Some(left) = at_once.left_to_stream.filter(|left| *left > 0) {
            first.events = format!("{}, {left} left to the stream", first.events);
        }
        vec![
            first,
            self.relay.in_words("by the relay"),
            self.sweeper.in_words("by the sweeper"),
        ]
    }
}

impl Way {
    fn in_words(self, name: &'static str) -> WayInWords {
        WayInWords {
            name,
            events: count(self.published, "event"),
            times: match self.commit_to_publish {
                _ if self.published == 0 => String::new(),
                Some(times) => format!("commit to publish {}", times.in_words()),
                None => "commit to publish not known".to_owned(),
            },
        }
    }
}

impl CommitToPublish {
    fn of(results: &MetricResults<'_>, p50: &str, p99: &str) -> Option<Self> {
        // There is one value: the window is one period. If there were more, the highest is
        // true of all.
        let value = |id| {
            let values = results.points(id).into_iter().map(|(_, value)| value);
            values.reduce(f64::max)
        };
        Some(Self {
            p50_milliseconds: milliseconds(value(p50)?),
            p99_milliseconds: milliseconds(value(p99)?),
        })
    }

    fn in_words(self) -> String {
        let time = |milliseconds: u64| {
            let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
            age::short(SignedDuration::from_millis(milliseconds))
        };
        format!(
            "p50 {}, p99 {}",
            time(self.p50_milliseconds),
            time(self.p99_milliseconds)
        )
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates"
)]
fn milliseconds(value: f64) -> u64 {
    value.round().max(0.0) as u64
}

impl From<&devstack_api::PastHour> for PastHour {
    fn from(local: &devstack_api::PastHour) -> Self {
        let way = |way: &devstack_api::Way| Way {
            published: usize::try_from(way.events).unwrap_or(usize::MAX),
            commit_to_publish: way.commit_to_publish.map(|times| CommitToPublish {
                p50_milliseconds: times.p50_milliseconds,
                p99_milliseconds: times.p99_milliseconds,
            }),
        };
        Self {
            at_once: local.at_once.as_ref().map(|at_once| AtOnce {
                way: way(at_once),
                left_to_stream: None,
            }),
            relay: way(&local.relay),
            sweeper: way(&local.sweeper),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::metric::tests::{output, result},
        *,
    };

    fn past_hour(results: &[(&str, &[(i64, f64)])]) -> PastHour {
        let results = results.iter().map(|(id, points)| result(id, points));
        let output = output(results.collect());
        PastHour::of(&MetricResults::of(&output).unwrap())
    }

    fn words(past_hour: &PastHour) -> Vec<String> {
        let words = past_hour.in_words().into_iter();
        let words = words.map(|way| format!("{}: {}", way.name, way.sentence()));
        words.collect()
    }

    #[test]
    fn each_way_has_its_events_and_times() {
        let seen = past_hour(&[
            ("atOnce", &[(1, 10.0), (7, 108.0)]),
            ("leftToStream", &[(1, 0.0), (7, 2.0)]),
            ("relay", &[(2, 12.0)]),
            ("sweeper", &[(3, 1.0)]),
            ("atOnceP50", &[(1, 37.6)]),
            ("atOnceP99", &[(1, 112.0)]),
            ("relayP50", &[(1, 210.0)]),
            // The hour may be cut in two.
            ("relayP99", &[(1, 900.0), (61, 1_250.0)]),
        ]);
        assert_eq!(
            words(&seen),
            [
                "at once: 118 events, 2 left to the stream; commit to publish p50 38 ms, p99 112 ms",
                "by the relay: 12 events; commit to publish p50 210 ms, p99 1.2 s",
                "by the sweeper: 1 event; commit to publish not known",
            ]
        );
        assert_eq!(
            serde_json::to_value(&seen).unwrap(),
            serde_json::json!({
                "atOnce": {
                    "published": 118,
                    "commitToPublish": {"p50Milliseconds": 38, "p99Milliseconds": 112},
                    "leftToStream": 2,
                },
                "relay": {
                    "published": 12,
                    "commitToPublish": {"p50Milliseconds": 210, "p99Milliseconds": 1250},
                },
                "sweeper": {"published": 1, "commitToPublish": null},
            })
        );
    }

    #[test]
    fn without_publishing_at_once_there_is_no_such_way() {
        let seen = past_hour(&[("relay", &[(2, 12.0)]), ("atOnce", &[])]);
        assert_eq!(seen.relay.published, 12);
        assert_eq!(words(&seen), Vec::<String>::new());
        let json = serde_json::to_value(&seen).unwrap();
        assert_eq!(json.get("atOnce"), None);
    }

    #[test]
    fn functions_that_left_everything_to_the_stream_are_shown() {
        let seen = past_hour(&[("atOnce", &[(1, 0.0)]), ("leftToStream", &[(1, 3.0)])]);
        assert_eq!(
            words(&seen),
            [
                "at once: 0 events, 3 left to the stream",
                "by the relay: 0 events",
                "by the sweeper: 0 events",
            ]
        );
    }

    #[test]
    fn the_window_is_an_hour_with_the_current_minute() {
        let now = "2026-11-24T09:00:30Z".parse().unwrap();
        let (begin, end) = window(now);
        assert_eq!(end.secs(), now.as_second() + 30);
        assert_eq!(end.secs() - begin.secs(), i64::from(HOUR));
    }
}
