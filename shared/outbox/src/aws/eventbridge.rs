//! The bus on Amazon EventBridge.

use std::sync::Arc;

use aws_sdk_eventbridge::{
    Client,
    config::{Builder, retry::RetryConfig},
    error::ProvideErrorMetadata,
    operation::put_events::PutEventsOutput,
    primitives::DateTime,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};

use crate::{
    OutboxRow,
    aws::{
        error::{call_error, is_configuration},
        own_task::in_own_task,
    },
    limits,
    ports::{BusLimits, CallError, EntryError, EventBus, Poison, PutResult},
};

/// A custom bus of Amazon EventBridge.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

impl EventBridgeBus {
    /// Creates a bus from its name or ARN. The client's own retries are switched off: the
    /// relay retries only the failed entries, and only before its deadline.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
        }
    }

    fn entry(&self, row: &OutboxRow) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(&row.source)
            .detail_type(&row.detail_type)
            .detail(&row.detail)
            .time(DateTime::from_millis(row.committed_at.as_millisecond()))
            .set_trace_header(row.trace_header.clone())
            .build()
    }
}

fn without_retries() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

impl EventBus for EventBridgeBus {
    fn limits(&self) -> BusLimits {
        BusLimits {
            // PutEvents API reference: "Array Members: Maximum number of 10".
            entries: 10,
            bytes: limits::MAX_REQUEST_BYTES,
            // A classic bus keeps no order anyway.
            several_of_aggregate: true,
        }
    }

    fn entry_bytes(&self, row: &OutboxRow) -> usize {
        limits::entry_bytes(row)
    }

    async fn exists(&self) -> Result<bool, CallError> {
        let described = self
            .client
            .describe_event_bus()
            .name(&self.name)
            .customize()
            .config_override(without_retries())
            .send()
            .await;
        match described {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(false),
            Err(error) => Err(call_error(
                &format!("DescribeEventBus {}", self.name),
                &error,
            )),
        }
    }

    async fn put(&self, rows: &[Arc<OutboxRow>]) -> Result<Vec<PutResult>, CallError> {
        let entries = rows.iter().map(|row| self.entry(row)).collect();
        let request = self
            .client
            .put_events()
            .set_entries(Some(entries))
            .customize()
            .config_override(without_retries());
        let output = in_own_task(request.send())
            .await
            .map_err(|error| call_error(&format!("PutEvents {}", self.name), &error))?;
        Ok(results(&output))
    }
}

fn results(output: &PutEventsOutput) -> Vec<PutResult> {
    let results: Vec<PutResult> = output.entries().iter().map(result).collect();
    let refused = results
        .iter()
        .filter(|result| **result != PutResult::Accepted)
        .count();
    let counted = usize::try_from(output.failed_entry_count()).unwrap_or(0);
    if counted <= refused {
        return results;
    }
    // More entries failed than have an error: no entry is known to be accepted.
    let distrust = |result| match result {
        PutResult::Accepted => PutResult::Unanswered,
        other => other,
    };
    results.into_iter().map(distrust).collect()
}

fn result(entry: &PutEventsResultEntry) -> PutResult {
    match (entry.event_id(), entry.error_code()) {
        // Only an event id proves acceptance; its absence is never taken for one.
        (Some(id), None) if !id.is_empty() => PutResult::Accepted,
        (_, Some(code)) => {
            PutResult::Rejected(entry_error(code, entry.error_message().unwrap_or_default()))
        }
        (_, None) => PutResult::Unanswered,
    }
}

fn entry_error(code: &str, message: &str) -> EntryError {
    match code {
        "MalformedDetail" | "InvalidArgument" | "RedactionFailure" => {
            EntryError::Content(Poison::new(code, message))
        }
        code if is_configuration(code) => EntryError::Configuration(format!("{code}: {message}")),
        code => EntryError::Transient(format!("{code}: {message}")),
    }
}
