//! The span of each event that is sent to the bus.

use std::sync::Arc;

use tracing::{Level, Span, field::Empty, span};

use crate::{
    OutboxRow,
    event::of_event,
    ports::{CallError, EntryError, PutResult},
    telemetry::{TARGET, fail, place},
};

/// The spans of a request's events, in their order; none while telemetry is off.
pub(super) struct PutSpans(Vec<Span>);

impl PutSpans {
    /// Creates the spans of events that are sent now.
    pub(super) fn start(rows: &[Arc<OutboxRow>]) -> Self {
        let mut spans = Vec::new();
        for row in rows {
            let span = span(row);
            // So are the others.
            if span.is_disabled() {
                break;
            }
            place(&span, || of_event(&row.detail));
            spans.push(span);
        }
        Self(spans)
    }

    /// Ends them with the result of the request.
    pub(super) fn end(self, answer: &Result<Vec<PutResult>, CallError>) {
        for (position, span) in self.0.iter().enumerate() {
            let error = match answer {
                Ok(results) => results.get(position).map_or(Some(UNANSWERED), error_of),
                Err(error) => Some(error_of_call(error)),
            };
            if let Some(error) = error {
                fail(span, error);
            }
        }
    }
}

/// The bus may have accepted the event.
const UNANSWERED: &str = "unanswered";

fn span(row: &OutboxRow) -> Span {
    let event_id = row.key.event_id();
    span!(
        target: TARGET,
        Level::TRACE,
        "send",
        "otel.kind" = "producer",
        "otel.name" = %format_args!("send {}", row.detail_type),
        "otel.status_code" = Empty,
        "error.type" = Empty,
        "messaging.system" = "aws_eventbridge",
        "messaging.operation.name" = "send",
        "messaging.operation.type" = "send",
        "messaging.message.id" = event_id,
        "cloudevents.event_id" = event_id,
        "cloudevents.event_source" = row.source,
        "cloudevents.event_type" = row.detail_type,
    )
}

/// Returns the error of an event that the bus is not known to have accepted.
fn error_of(result: &PutResult) -> Option<&str> {
    match result {
        PutResult::Accepted => None,
        PutResult::Unanswered => Some(UNANSWERED),
        PutResult::Rejected(EntryError::Content(poison)) => Some(&poison.code),
        PutResult::Rejected(EntryError::Configuration(error)) => {
            Some(code(error).unwrap_or("configuration"))
        }
        PutResult::Rejected(EntryError::Transient(error)) => {
            Some(code(error).unwrap_or("transient"))
        }
    }
}

/// Returns the kind of error of a whole request. What it says is in the log.
fn error_of_call(error: &CallError) -> &'static str {
    match error {
        CallError::Transient(_) => "transient",
        CallError::Unanswered(_) => UNANSWERED,
        CallError::Configuration(_) => "configuration",
        CallError::Content(_) => "content",
    }
}

/// Returns the code that an error of the bus begins with, without its message.
fn code(error: &str) -> Option<&str> {
    let code = error.split_once(':').map_or(error, |(code, _)| code);
    let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Poison;

    #[test]
    fn an_event_that_is_not_accepted_has_the_code_and_no_message() {
        let rejected = |error| PutResult::Rejected(error);
        let transient = |text: &str| rejected(EntryError::Transient(text.to_owned()));
        let configuration = |text: &str| rejected(EntryError::Configuration(text.to_owned()));
        for (result, error) in [
            (PutResult::Accepted, None),
            (PutResult::Unanswered, Some("unanswered")),
            (
                rejected(EntryError::Content(Poison::new("InvalidArgument", "no"))),
                Some("InvalidArgument"),
            ),
            (
                transient("InternalFailure: try again"),
                Some("InternalFailure"),
            ),
            (
                transient("ThrottlingException"),
                Some("ThrottlingException"),
            ),
            (transient("a part of the event"), Some("transient")),
            (transient(""), Some("transient")),
            (configuration("NotAuthorized: no"), Some("NotAuthorized")),
            (configuration("no permission: put"), Some("configuration")),
        ] {
            assert_eq!(error_of(&result), error, "{result:?}");
        }
    }

    #[test]
    fn a_request_that_fails_has_the_kind_of_its_error() {
        for (error, kind) in [
            (CallError::Transient("busy".into()), "transient"),
            (CallError::Unanswered("silence".into()), "unanswered"),
            (CallError::Configuration("denied".into()), "configuration"),
            (CallError::Content("too large".into()), "content"),
        ] {
            assert_eq!(error_of_call(&error), kind);
        }
    }
}
