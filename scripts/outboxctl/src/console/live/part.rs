//! A part of a reading, which keeps its last value when AWS can't be read.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Error;

/// What is known of one thing.
#[derive(Debug)]
pub(in super::super) struct Part<T> {
    /// The last value that was read.
    pub(in super::super) value: Option<Arc<T>>,
    /// When it was read.
    pub(in super::super) read_at: Option<Timestamp>,
    /// Why the last attempt to read it failed, if it did.
    pub(in super::super) failure: Option<Failure>,
}

/// Why something can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Failure {
    pub(in super::super) kind: FailureKind,
    pub(in super::super) message: String,
}

/// What an operator can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum FailureKind {
    /// A permission is missing.
    Denied,
    /// There is no connection, or there are no credentials.
    Unreachable,
    Other,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self {
            value: None,
            read_at: None,
            failure: None,
        }
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            read_at: self.read_at,
            failure: self.failure.clone(),
        }
    }
}

impl<T> Part<T> {
    /// Takes the result of an attempt.
    pub(super) fn take(&mut self, read: Result<T, Error>) {
        match read {
            Ok(value) => {
                self.value = Some(Arc::new(value));
                self.read_at = Some(Timestamp::now());
                self.failure = None;
            }
            Err(error) => self.failure = Some(Failure::of(&error)),
        }
    }

    /// Takes the result of an attempt to ask the local stack.
    pub(in super::super) fn take_told(&mut self, read: Result<T, String>) {
        self.take(read.map_err(Error::Unreachable));
    }

    pub(in super::super) fn get(&self) -> Option<&T> {
        self.value.as_deref()
    }

    /// Returns whether it is time for another attempt.
    pub(super) fn is_due(&self, after: std::time::Duration) -> bool {
        self.failure.is_some()
            || self
                .read_at
                .is_none_or(|at| Timestamp::now().duration_since(at).unsigned_abs() >= after)
    }
}

impl Failure {
    fn of(error: &Error) -> Self {
        let kind = match error {
            Error::Denied(_) => FailureKind::Denied,
            Error::Unreachable(_) | Error::NoCredentials(_) | Error::NotSignedIn(_) => {
                FailureKind::Unreachable
            }
            _ => FailureKind::Other,
        };
        Self {
            kind,
            message: error.to_string(),
        }
    }
}
