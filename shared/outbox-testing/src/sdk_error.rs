//! The errors of `TransactWriteItems` and `GetItem`, in the SDK's terms.

use aws_sdk_dynamodb::{
    error::{ErrorMetadata, SdkError},
    operation::{get_item::GetItemError, transact_write_items::TransactWriteItemsError},
    types::{CancellationReason, error::TransactionCanceledException},
};
use aws_smithy_runtime_api::{
    client::{orchestrator::HttpResponse, result::ConnectorError},
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use outbox::ports::CallError;

use crate::{fault::CallFailure, transaction::TransactionRejected};

/// The SDK's error of a transaction.
pub type TransactError = SdkError<TransactWriteItemsError>;

/// Returns the SDK's error of a call that failed.
pub fn call_failed(failure: CallFailure) -> TransactError {
    match failure {
        CallFailure::NoResponse
        | CallFailure::IteratorExpired
        | CallFailure::Rejected(CallError::Unanswered(_)) => no_response(),
        CallFailure::Rejected(CallError::Transient(message)) => {
            refused("ThrottlingException", message)
        }
        CallFailure::Rejected(CallError::Configuration(message)) => {
            refused("AccessDeniedException", message)
        }
        CallFailure::Rejected(CallError::Content(message)) => {
            refused("ValidationException", message)
        }
        CallFailure::Conflict => {
            let reason = CancellationReason::builder().code("TransactionConflict");
            cancelled(vec![reason.build()])
        }
    }
}

/// Returns the SDK's error of a read that failed.
pub fn read_failed(failure: CallFailure) -> SdkError<GetItemError> {
    match failure {
        CallFailure::NoResponse
        | CallFailure::IteratorExpired
        | CallFailure::Rejected(CallError::Unanswered(_)) => no_response(),
        // A read conflicts with nothing.
        CallFailure::Conflict => read_refused("ThrottlingException", String::new()),
        CallFailure::Rejected(CallError::Transient(message)) => {
            read_refused("ThrottlingException", message)
        }
        CallFailure::Rejected(CallError::Configuration(message)) => {
            read_refused("AccessDeniedException", message)
        }
        CallFailure::Rejected(CallError::Content(message)) => {
            read_refused("ValidationException", message)
        }
    }
}

/// Returns the SDK's error of a read of a table that doesn't exist.
pub fn no_such_table(table: &str) -> SdkError<GetItemError> {
    read_refused("ResourceNotFoundException", missing_table(table))
}

fn read_refused(code: &str, message: String) -> SdkError<GetItemError> {
    let meta = ErrorMetadata::builder().code(code).message(message).build();
    SdkError::service_error(GetItemError::generic(meta), response())
}

fn missing_table(table: &str) -> String {
    format!("there is no table {table:?}: create it with InMemoryAws::create_table")
}

fn no_response<E>() -> SdkError<E> {
    SdkError::dispatch_failure(ConnectorError::io("the connection was cut".into()))
}

/// Returns the SDK's error of a transaction that was rejected.
pub fn rejected(rejected: TransactionRejected) -> TransactError {
    match rejected {
        TransactionRejected::Cancelled(reasons) => cancelled(reasons),
        TransactionRejected::MissingTable(table) => {
            refused("ResourceNotFoundException", missing_table(&table))
        }
        TransactionRejected::Invalid(message) => refused("ValidationException", message),
    }
}

fn cancelled(reasons: Vec<CancellationReason>) -> TransactError {
    let cancelled = TransactionCanceledException::builder()
        .set_cancellation_reasons(Some(reasons))
        .build();
    let error = TransactWriteItemsError::TransactionCanceledException(cancelled);
    SdkError::service_error(error, response())
}

fn refused(code: &str, message: String) -> TransactError {
    let meta = ErrorMetadata::builder().code(code).message(message).build();
    SdkError::service_error(TransactWriteItemsError::generic(meta), response())
}

fn response() -> HttpResponse {
    // 400 is a status of HTTP.
    let status = StatusCode::try_from(400).unwrap_or_else(|_| unreachable!());
    HttpResponse::new(status, SdkBody::empty())
}
