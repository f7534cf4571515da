//! The metrics of a mapping.

use jiff::SignedDuration;

/// The counts of a mapping in records, with the names of [Lambda's metrics][].
///
/// [Lambda's metrics]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// `PolledEventCount`: read from the stream.
    pub polled_event_count: u64,
    /// `FilteredOutEventCount`: dropped by the filter.
    pub filtered_out_event_count: u64,
    /// `InvokedEventCount`: sent to the function; counted again for each retry.
    pub invoked_event_count: u64,
    /// `FailedInvokeEventCount`: in an invocation that failed or did not reach the
    /// function, or reported by the function as failed.
    pub failed_invoke_event_count: u64,
    /// `DroppedEventCount`: given up and not sent to a destination.
    pub dropped_event_count: u64,
    /// `OnFailureDestinationDeliveredEventCount`: given up and sent to the
    /// destination.
    pub on_failure_destination_delivered_event_count: u64,
    /// `IteratorAge`: the age of the last record of the last batch when it was sent to
    /// the function.
    pub iterator_age: Option<SignedDuration>,
}
