//! The output of the command: lines of text or JSON.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::exit,
    sync::Arc,
};

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;
use stream_mapping::Metrics;
use stream_mapping_cli::{Event, Observer};

/// 128 plus the number of SIGPIPE: the status that a shell reports for a program whose
/// reader has ended, as in `yes | head`.
const READER_GONE: i32 = 141;

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Log {
    /// A line of text for each event.
    Pretty,
    /// A JSON object for each event.
    Json,
}

impl Log {
    /// Returns an observer that prints each event, except that an invocation begins.
    pub(crate) fn observer(self) -> Observer {
        Arc::new(move |event: &Event| {
            // The event of its end says all of this, and more.
            if matches!(event, Event::Invoking { .. }) {
                return;
            }
            match self {
                Self::Pretty => print(format_args!(
                    "{} {event}",
                    Timestamp::now().strftime("%H:%M:%S%.3fZ")
                )),
                Self::Json => {
                    let mut line = json!(event);
                    line["time"] = json!(Timestamp::now());
                    print(line);
                }
            }
        })
    }

    /// Prints the counts.
    pub(crate) fn metrics(self, metrics: &Metrics) {
        let counts = [
            ("PolledEventCount", metrics.polled_event_count),
            ("FilteredOutEventCount", metrics.filtered_out_event_count),
            ("InvokedEventCount", metrics.invoked_event_count),
            ("FailedInvokeEventCount", metrics.failed_invoke_event_count),
            ("DroppedEventCount", metrics.dropped_event_count),
            (
                "OnFailureDestinationDeliveredEventCount",
                metrics.on_failure_destination_delivered_event_count,
            ),
        ];
        match self {
            Self::Pretty => {
                for (name, count) in counts {
                    print(format_args!("{name}: {count}"));
                }
            }
            Self::Json => {
                let counts: BTreeMap<_, _> = counts.into_iter().collect();
                print(json!({"event": "metrics", "counts": counts}));
            }
        }
    }
}

/// Prints a line. Ends the process without a message if the reader has ended, as in
/// `stream-mapping | head`.
fn print(line: impl Display) {
    print_page(format!("{line}\n").as_bytes());
}

/// Prints a page as it is, and ends the process as [`print()`] does.
pub(crate) fn print_page(page: &[u8]) {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(page).and_then(|()| stdout.flush());
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(READER_GONE),
        Err(error) => {
            // Standard error may be closed as well, and there is no other place to report to.
            writeln!(io::stderr(), "the output cannot be written: {error}").ok();
            exit(1);
        }
    }
}
