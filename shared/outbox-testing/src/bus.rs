//! The event bus.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use outbox::{
    OutboxRow,
    limits::{MAX_REQUEST_BYTES, entry_bytes},
    ports::{BusLimits, CallError, EntryError, Poison, PutResult},
};
use serde::de::IgnoredAny;

/// An event that the bus has accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The row, as it was put.
    pub row: Arc<OutboxRow>,
    /// When.
    pub at: Timestamp,
}

/// The event bus.
#[derive(Debug)]
pub struct Bus {
    /// Whether it exists. One that doesn't accepts events and drops them, as EventBridge does.
    pub exists: bool,
    /// The limits of one request.
    pub limits: BusLimits,
    /// The events that it has accepted, in order, duplicates included.
    pub accepted: Vec<Accepted>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            exists: true,
            limits: BusLimits {
                entries: 10,
                bytes: MAX_REQUEST_BYTES,
                several_of_aggregate: true,
            },
            accepted: Vec::new(),
        }
    }
}

impl Bus {
    /// Puts events on the bus, except those that `rejected` names by their index. Returns a
    /// result for each.
    ///
    /// # Errors
    ///
    /// If the request has too many entries or bytes; none is accepted then.
    pub fn put(
        &mut self,
        rows: &[Arc<OutboxRow>],
        rejected: &BTreeMap<usize, EntryError>,
        now: Timestamp,
    ) -> Result<Vec<PutResult>, CallError> {
        let bytes: usize = rows.iter().map(|row| entry_bytes(row)).sum();
        if rows.is_empty() || rows.len() > self.limits.entries || bytes > self.limits.bytes {
            let message = format!("ValidationException: {} entries, {bytes} bytes", rows.len());
            return Err(CallError::Content(message));
        }
        if !self.exists {
            return Ok(vec![PutResult::Accepted; rows.len()]);
        }
        let mut results = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let error = rejected.get(&index).cloned();
            if let Some(error) = error.or_else(|| fault_of(row)) {
                results.push(PutResult::Rejected(error));
            } else {
                let row = Arc::clone(row);
                self.accepted.push(Accepted { row, at: now });
                results.push(PutResult::Accepted);
            }
        }
        Ok(results)
    }
}

/// Returns why EventBridge rejects the content of an event.
fn fault_of(row: &OutboxRow) -> Option<EntryError> {
    let poison = |code: &str, message: &str| {
        EntryError::Content(Poison {
            code: code.to_owned(),
            message: message.to_owned(),
        })
    };
    if row.source.is_empty() || row.detail_type.is_empty() {
        return Some(poison("InvalidArgument", "Source or DetailType is missing"));
    }
    let is_object = row.detail.trim_start().starts_with('{');
    if !is_object || serde_json::from_str::<IgnoredAny>(&row.detail).is_err() {
        return Some(poison("MalformedDetail", "Detail is malformed"));
    }
    None
}
