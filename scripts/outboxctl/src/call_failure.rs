//! Errors of the AWS SDK, sorted by what an operator can do about them.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

use crate::error::Error;

/// Converts an error of the AWS SDK into ours; `what` names the call and its resource.
pub(crate) fn call_failed<E>(
    what: impl Into<String>,
) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let what = what.into();
    move |error| {
        if let Some(code) = error.code() {
            let message = error.message().unwrap_or("no reason given");
            return by_code(code, format!("{what} failed: {code}: {message}"));
        }
        let causes = causes(&error);
        // The credential provider chain lists all its providers, a line each.
        let reason = causes.last().and_then(|cause| cause.lines().next());
        let reason = reason.unwrap_or("no reason given");
        let sentence = format!("{what}: {reason}");
        match &error {
            _ if is_about_credentials(&error) => Error::NoCredentials(sentence),
            SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
                Error::Unreachable(sentence)
            }
            SdkError::TimeoutError(_) => Error::Unreachable(sentence),
            _ => Error::Aws(format!("{what} failed: {}", causes.join(": "))),
        }
    }
}

fn by_code(code: &str, sentence: String) -> Error {
    match code {
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "AuthFailure"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature" => Error::NotSignedIn(sentence),
        code if code.starts_with("AccessDenied") => Error::Denied(sentence),
        _ => Error::Aws(sentence),
    }
}

/// Returns the message of each cause, outermost first. The debug form of an SDK error
/// would fill a page.
fn causes(error: &(dyn StdError + 'static)) -> Vec<String> {
    let mut causes: Vec<String> = chain(error).map(ToString::to_string).collect();
    causes.dedup();
    causes
}

fn is_about_credentials(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(<dyn StdError>::is::<CredentialsError>)
}

fn chain<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
