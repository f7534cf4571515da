use jiff::SignedDuration;

/// What the mapping counts, in records, by the names of [Lambda's metrics][].
///
/// [Lambda's metrics]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// `PolledEventCount`: read from the stream.
    pub polled_event_count: u64,
    /// `FilteredOutEventCount`: dropped by the filter.
    pub filtered_out_event_count: u64,
    /// `InvokedEventCount`: handed to the function; again for each retry.
    pub invoked_event_count: u64,
    /// `FailedInvokeEventCount`: with an invocation that failed or did not
    /// reach the function, or reported as not done.
    pub failed_invoke_event_count: u64,
    /// `DroppedEventCount`: given up and not sent to a destination.
    pub dropped_event_count: u64,
    /// `OnFailureDestinationDeliveredEventCount`: given up, and the destination
    /// was told.
    pub on_failure_destination_delivered_event_count: u64,
    /// `IteratorAge`: how old the last record of the last batch was when the
    /// function got it.
    pub iterator_age: Option<SignedDuration>,
}
