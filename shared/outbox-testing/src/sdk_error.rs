//! The errors of `TransactWriteItems`, in the SDK's terms.

use aws_sdk_dynamodb::{
    error::{ErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
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
        | CallFailure::Rejected(CallError::Unanswered(_)) => {
            SdkError::dispatch_failure(ConnectorError::io("the connection was cut".into()))
        }
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

/// Returns the SDK's error of a transaction that was rejected.
pub fn rejected(rejected: TransactionRejected) -> TransactError {
    match rejected {
        TransactionRejected::Cancelled(reasons) => cancelled(reasons),
        TransactionRejected::MissingTable(table) => refused(
            "ResourceNotFoundException",
            format!("there is no table {table:?}: create it with InMemoryAws::create_table"),
        ),
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
