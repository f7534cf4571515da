//! The metrics of the functions that publish, as log lines.

use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use jiff::SignedDuration;
use metrique_writer::{
    Entry, Value, ValueWriter,
    format::Format,
    unit::{Millisecond, Second, UnitTag},
    value::{MetricFlags, Observation},
};
use metrique_writer_format_emf::Emf;

#[cfg(feature = "at-once")]
use crate::at_once::AtOnceReport;
use crate::handlers::{Counts, SweepReport};

/// The CloudWatch namespace of the metrics.
pub const NAMESPACE: &str = "TransactionalOutbox";

/// Writes the metrics of an outbox's functions to their log, in CloudWatch's embedded metric
/// format, from which CloudWatch makes metrics. Their only dimension is `Outbox`, the
/// table's name.
///
/// | metric of the relay | unit | meaning |
/// |---|---|---|
/// | `Published` | events | accepted by the bus |
/// | `Skipped` | records | settled before |
/// | `Parked` | rows | parked, with a dead letter |
/// | `Failed` | records | will be retried |
/// | `Undeleted` | rows | published, but not deleted |
/// | `LeftToSweeper` | rows | failed while others were accepted |
/// | `Held` | rows | behind a parked row of their aggregate |
/// | `Unanswered` | events | sent in a request without an answer: may be published twice |
/// | `Halted` | 0 or 1 | 1: nothing can be published until permissions or configuration are fixed |
/// | `CommitToPublish` | ms | from the commit of an event to its acceptance by the bus |
///
/// | metric of a function that publishes at once | unit | meaning |
/// |---|---|---|
/// | `PublishedAtOnce` | events | accepted by the bus right after the commit |
/// | `LeftToStream` | rows | committed, and left to the relay |
/// | `Unanswered` | events | as the relay's |
/// | `CommitToPublishAtOnce` | ms | from the commit of an event to its acceptance by the bus |
///
/// | metric of the sweeper | unit | meaning |
/// |---|---|---|
/// | `PendingEvents` | rows | not published yet |
/// | `OldestPendingAge` | s | age of the oldest pending row; 0 if there is none |
/// | `HeldEvents` | rows | behind a parked row of their aggregate; not counted as pending |
/// | `ParkedEvents` | rows | parked |
/// | `Swept` | events | published by the sweeper |
/// | `SweptParked` | rows | parked by the sweeper |
/// | `SweepFailed` | rows | could not be published |
/// | `SweepCutShort` | 0 or 1 | 1: the table was not read to its end, and the other numbers are lower bounds |
///
/// ```
/// use std::io::stdout;
///
/// use outbox::handlers::{Counts, Metrics};
///
/// let metrics = Metrics::of("outbox");
/// let counts = Counts { published: 3, ..Counts::default() };
/// metrics.write_batch(&mut stdout().lock(), &counts, "the request's id")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Metrics {
    /// The table's name.
    outbox: String,
}

/// The line of a batch. [`Metrics`] says what each number means.
#[derive(Entry)]
#[entry(rename_all = "PascalCase")]
struct RelayMetrics<'m> {
    #[entry(timestamp)]
    at: SystemTime,
    /// The table's name, the dimension.
    outbox: &'m str,
    /// The invocation. A property of the line, and no dimension.
    request_id: &'m str,
    published: usize,
    skipped: usize,
    parked: usize,
    failed: usize,
    undeleted: usize,
    left_to_sweeper: usize,
    held: usize,
    unanswered: usize,
    halted: bool,
    commit_to_publish: CommitToPublish,
}

/// The line of an invocation that published at once. [`Metrics`] says what each number means.
#[cfg(feature = "at-once")]
#[derive(Entry)]
#[entry(rename_all = "PascalCase")]
struct AtOnceMetrics<'m> {
    #[entry(timestamp)]
    at: SystemTime,
    /// The table's name, the dimension.
    outbox: &'m str,
    /// The invocation. A property of the line, and no dimension.
    request_id: &'m str,
    published_at_once: usize,
    left_to_stream: usize,
    unanswered: usize,
    commit_to_publish_at_once: CommitToPublish,
}

/// The line of a sweep. [`Metrics`] says what each number means.
#[derive(Entry)]
#[entry(rename_all = "PascalCase")]
struct SweeperMetrics<'m> {
    #[entry(timestamp)]
    at: SystemTime,
    /// The table's name, the dimension.
    outbox: &'m str,
    /// The invocation. A property of the line, and no dimension.
    request_id: &'m str,
    pending_events: usize,
    oldest_pending_age: Age,
    held_events: usize,
    parked_events: usize,
    swept: usize,
    swept_parked: usize,
    sweep_failed: usize,
    sweep_cut_short: bool,
}

impl Metrics {
    /// Creates the metrics of the outbox with this table. See [`Metrics`] for an example.
    pub fn of(outbox_table: impl Into<String>) -> Self {
        Self {
            outbox: outbox_table.into(),
        }
    }

    /// Writes the metrics of a batch, as one line. See [`Metrics`] for an example.
    ///
    /// # Errors
    ///
    /// If `to` can't be written to.
    pub fn write_batch(
        &self,
        to: &mut impl Write,
        counts: &Counts,
        request_id: &str,
    ) -> io::Result<()> {
        write(
            to,
            &RelayMetrics {
                at: SystemTime::now(),
                outbox: &self.outbox,
                request_id,
                published: counts.published,
                skipped: counts.skipped,
                parked: counts.parked,
                failed: counts.failed,
                undeleted: counts.undeleted,
                left_to_sweeper: counts.left_to_sweeper,
                held: counts.held,
                unanswered: counts.unanswered,
                halted: counts.halted,
                commit_to_publish: CommitToPublish::of(&counts.commit_to_publish),
            },
        )
    }

    /// Writes the metrics of an invocation that published at once, as one line. See [`Metrics`] for
    /// an example.
    ///
    /// # Errors
    ///
    /// If `to` can't be written to.
    #[cfg(feature = "at-once")]
    pub fn write_at_once(
        &self,
        to: &mut impl Write,
        report: &AtOnceReport,
        request_id: &str,
    ) -> io::Result<()> {
        write(
            to,
            &AtOnceMetrics {
                at: SystemTime::now(),
                outbox: &self.outbox,
                request_id,
                published_at_once: report.published,
                left_to_stream: report.left,
                unanswered: report.unanswered,
                commit_to_publish_at_once: CommitToPublish::of(&report.commit_to_publish),
            },
        )
    }

    /// Writes the metrics of a sweep, as one line. See [`Metrics`] for an example.
    ///
    /// # Errors
    ///
    /// If `to` can't be written to.
    pub fn write_sweep(
        &self,
        to: &mut impl Write,
        swept: &SweepReport,
        request_id: &str,
    ) -> io::Result<()> {
        write(
            to,
            &SweeperMetrics {
                at: SystemTime::now(),
                outbox: &self.outbox,
                request_id,
                pending_events: swept.pending,
                oldest_pending_age: Age(Duration::try_from(swept.oldest_age).unwrap_or_default()),
                held_events: swept.held,
                parked_events: swept.parked,
                swept: swept.published,
                swept_parked: swept.newly_parked,
                sweep_failed: swept.failed,
                sweep_cut_short: swept.cut_short.is_some(),
            },
        )
    }
}

/// Writes an entry as one line.
fn write(to: &mut impl Write, entry: &impl Entry) -> io::Result<()> {
    // In one write, so that no other log line gets in between.
    let dimensions = vec![vec!["Outbox".to_owned()]];
    let mut line = Vec::new();
    Emf::builder(NAMESPACE.to_owned(), dimensions)
        .build()
        .format(entry, &mut line)
        .map_err(io::Error::other)?;
    to.write_all(&line)?;
    to.flush()
}

/// An age in seconds.
struct Age(Duration);

impl Value for Age {
    fn write(&self, writer: impl ValueWriter) {
        let seconds = Observation::Floating(self.0.as_secs_f64());
        writer.metric([seconds], Second::UNIT, [], MetricFlags::empty());
    }
}

/// The most values of one metric in one line: CloudWatch's limit.
const MOST_VALUES: usize = 100;

/// Times from commit to publish, as at most [`MOST_VALUES`] values. If there are more,
/// neighbours count as the longest of them, so that no time looks shorter than it was.
struct CommitToPublish(Vec<Observation>);

impl CommitToPublish {
    fn of(times: &[SignedDuration]) -> Self {
        // A time is negative if the clocks differ.
        let duration = |time: &SignedDuration| Duration::try_from(*time).unwrap_or_default();
        let times = times.iter().map(duration);
        let mut milliseconds: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
        milliseconds.sort_by(f64::total_cmp);
        let together = milliseconds.len().div_ceil(MOST_VALUES).max(1);
        let observations = milliseconds.chunks(together).filter_map(|chunk| {
            let occurrences = chunk.len() as u64;
            let longest = chunk.last()?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "batches have at most 10,000 records"
            )]
            let total = longest * occurrences as f64;
            Some(Observation::Repeated { total, occurrences })
        });
        Self(observations.collect())
    }
}

impl Value for CommitToPublish {
    fn write(&self, writer: impl ValueWriter) {
        let observations = self.0.iter().copied();
        writer.metric(observations, Millisecond::UNIT, [], MetricFlags::empty());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::handlers::CutShort;

    fn relayed(counts: &Counts) -> Value {
        let mut line = Vec::new();
        let metrics = Metrics::of("outbox");
        metrics.write_batch(&mut line, counts, "request 1").unwrap();
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn a_batch_is_one_line_with_every_number() {
        let mut line = relayed(&Counts {
            published: 3,
            skipped: 1,
            parked: 2,
            failed: 4,
            undeleted: 5,
            left_to_sweeper: 6,
            held: 8,
            unanswered: 7,
            halted: true,
            commit_to_publish: vec![
                SignedDuration::from_millis(20),
                SignedDuration::from_millis(-5),
                SignedDuration::from_millis(30),
            ],
        });
        assert!(line["_aws"]["Timestamp"].is_u64());
        line["_aws"]["Timestamp"] = json!(0);
        let metrics = |names: &[(&str, Option<&str>)]| -> Vec<Value> {
            let metric = |(name, unit): &(&str, Option<&str>)| match unit {
                Some(unit) => json!({"Name": name, "Unit": unit}),
                None => json!({"Name": name}),
            };
            names.iter().map(metric).collect()
        };
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "CloudWatchMetrics": [{
                        "Namespace": "TransactionalOutbox",
                        "Dimensions": [["Outbox"]],
                        "Metrics": metrics(&[
                            ("Published", None),
                            ("Skipped", None),
                            ("Parked", None),
                            ("Failed", None),
                            ("Undeleted", None),
                            ("LeftToSweeper", None),
                            ("Held", None),
                            ("Unanswered", None),
                            ("Halted", None),
                            ("CommitToPublish", Some("Milliseconds")),
                        ]),
                    }],
                    "Timestamp": 0,
                },
                "Outbox": "outbox",
                "RequestId": "request 1",
                "Published": 3,
                "Skipped": 1,
                "Parked": 2,
                "Failed": 4,
                "Undeleted": 5,
                "LeftToSweeper": 6,
                "Held": 8,
                "Unanswered": 7,
                "Halted": 1,
                "CommitToPublish": {"Values": [0, 20, 30], "Counts": [1, 1, 1]},
            })
        );
    }

    #[cfg(feature = "at-once")]
    #[test]
    fn an_invocation_that_published_at_once_is_one_line() {
        let report = AtOnceReport {
            published: 2,
            left: 1,
            unanswered: 3,
            commit_to_publish: vec![SignedDuration::from_millis(9); 2],
            ..AtOnceReport::default()
        };
        let mut line = Vec::new();
        let metrics = Metrics::of("outbox");
        metrics
            .write_at_once(&mut line, &report, "request 1")
            .unwrap();
        let line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(line["Outbox"], "outbox");
        assert_eq!(line["PublishedAtOnce"], 2);
        assert_eq!(line["LeftToStream"], 1);
        assert_eq!(line["Unanswered"], 3);
        let times = json!({"Values": [9, 9], "Counts": [1, 1]});
        assert_eq!(line["CommitToPublishAtOnce"], times);
    }

    #[test]
    fn a_metric_has_at_most_a_hundred_values_and_counts_every_event() {
        for events in [1_u32, 100, 101, 250, 10_000] {
            let line = relayed(&Counts {
                commit_to_publish: (0..events)
                    .map(|time| SignedDuration::from_millis(time.into()))
                    .collect(),
                ..Counts::default()
            });
            let values = line["CommitToPublish"]["Values"].as_array().unwrap();
            assert!(values.len() <= 100, "{events}: {} values", values.len());
            let longest = values.last().unwrap().as_f64().unwrap();
            assert!((longest - f64::from(events - 1)).abs() < 1e-6);
            let counts = line["CommitToPublish"]["Counts"].as_array().unwrap();
            let counted: u64 = counts.iter().map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(counted, u64::from(events));
        }
    }

    #[test]
    fn a_sweep_writes_zeros_too_and_whether_it_was_cut_short() {
        let line = |swept: &SweepReport| -> Value {
            let mut line = Vec::new();
            let metrics = Metrics::of("outbox");
            metrics.write_sweep(&mut line, swept, "request 1").unwrap();
            serde_json::from_slice(&line).unwrap()
        };
        let empty = line(&SweepReport::default());
        for name in [
            "PendingEvents",
            "OldestPendingAge",
            "HeldEvents",
            "ParkedEvents",
            "Swept",
            "SweptParked",
            "SweepFailed",
            "SweepCutShort",
        ] {
            assert_eq!(empty[name].as_f64(), Some(0.0), "{name}");
        }
        let cut = line(&SweepReport {
            pending: 7,
            oldest_age: SignedDuration::from_mins(20),
            cut_short: Some(CutShort::OutOfTime),
            ..SweepReport::default()
        });
        assert_eq!(cut["PendingEvents"], 7);
        assert_eq!(cut["OldestPendingAge"].as_f64(), Some(1200.0));
        assert_eq!(cut["SweepCutShort"], 1);
        let metrics = cut["_aws"]["CloudWatchMetrics"][0]["Metrics"].to_string();
        assert!(metrics.contains(r#"{"Name":"OldestPendingAge","Unit":"Seconds"}"#));
    }
}
