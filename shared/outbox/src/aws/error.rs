//! Sorts the errors of the AWS SDK by what the relay does about them.

use std::{
    error::Error,
    io::{self, ErrorKind},
};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::{causes::causes, ports::CallError};

/// Sorts an error by its code; `what` names the call and its resource. Unknown errors are
/// transient: a retry is safe, giving up is not.
pub(crate) fn call_error<E>(what: &str, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let error = service.err();
            let code = error.code().unwrap_or("an error without a code");
            let message = match error.message() {
                Some(message) => format!("{what}: {code}: {message}"),
                None => format!("{what}: {code}"),
            };
            if service.raw().status().as_u16() == 413 || is_content(code) {
                CallError::Content(message)
            } else if is_configuration(code) {
                CallError::Configuration(message)
            } else {
                CallError::Transient(message)
            }
        }
        // Nothing was sent, for lack of credentials for example.
        SdkError::ConstructionFailure(_) => {
            CallError::Configuration(format!("{what}: {}", causes(error)))
        }
        SdkError::DispatchFailure(_) if is_unsent(error) => {
            CallError::Transient(format!("{what}: {}", causes(error)))
        }
        // A timeout, a connection that broke, or a response that can't be read.
        _ => CallError::Unanswered(format!("{what}: {}", causes(error))),
    }
}

/// Returns whether the request certainly didn't reach the service. If in doubt it may have.
fn is_unsent(failure: &(dyn Error + 'static)) -> bool {
    let mut cause = failure.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
            );
        }
        cause = error.source();
    }
    false
}

/// Returns whether the code is about the content of the request.
fn is_content(code: &str) -> bool {
    matches!(
        code,
        "ValidationException"
            | "ValidationError"
            | "SerializationException"
            | "RequestTooLarge"
            | "RequestEntityTooLarge"
            | "InvalidMessageContents"
    )
}

/// Returns whether the code is about access, accounts, missing resources or encryption keys.
pub(crate) fn is_configuration(code: &str) -> bool {
    let is_key_error = code.to_ascii_lowercase().starts_with("kms") && !code.contains("Throttl");
    is_key_error
        || matches!(
            code,
            "AccessDenied"
                | "AccessDeniedException"
                | "IncompleteSignature"
                | "InvalidAccountIdException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "NotAuthorizedForDetailTypeException"
                | "NotAuthorizedForSourceException"
                | "OptInRequired"
                | "OperationDisabledException"
                | "QueueDoesNotExist"
                | "AWS.SimpleQueueService.NonExistentQueue"
                | "ResourceNotFoundException"
                | "SignatureDoesNotMatch"
                | "UnrecognizedClientException"
        )
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{error::ConnectorError, operation::get_item::GetItemError};

    use super::*;

    /// Returns how an error of a connection is sorted.
    fn of_connection(kind: ErrorKind) -> CallError {
        let cause = ConnectorError::io(io::Error::from(kind).into());
        let error: SdkError<GetItemError, HttpResponse> = SdkError::dispatch_failure(cause);
        call_error("GetItem outbox", &error)
    }

    #[test]
    fn only_a_request_that_was_certainly_not_sent_had_no_effect() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::NetworkUnreachable] {
            let error = of_connection(kind);
            assert!(matches!(error, CallError::Transient(_)), "{error:?}");
        }
        for kind in [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe] {
            let error = of_connection(kind);
            assert!(matches!(error, CallError::Unanswered(_)), "{error:?}");
        }
        let late: SdkError<GetItemError, HttpResponse> = SdkError::timeout_error("late");
        let error = call_error("GetItem outbox", &late);
        assert!(matches!(error, CallError::Unanswered(_)), "{error:?}");
    }

    #[test]
    fn a_call_that_reached_no_server_is_described_by_its_causes() {
        let cause = std::io::Error::other("no such host");
        let error: SdkError<GetItemError, HttpResponse> = SdkError::construction_failure(cause);
        assert_eq!(
            call_error("GetItem outbox", &error),
            CallError::Configuration(
                "GetItem outbox: failed to construct request: no such host".to_owned()
            )
        );
    }
}
