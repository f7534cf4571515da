//! Sorts the errors of the AWS SDK by what the relay does about them.

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
        _ => CallError::Transient(format!("{what}: {}", causes(error))),
    }
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
    use aws_sdk_dynamodb::operation::get_item::GetItemError;

    use super::*;

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
