//! What DynamoDB's refusal of a transaction means.

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::CancellationReason,
};

use super::{
    check::Action,
    error::{CommitError, FailedCondition, Participant},
};

/// `unknown_before` tells that an attempt at the same transaction remained without
/// an answer. It may be carried out or done; DynamoDB does not say whether it looks
/// for that before it looks for conflicts or capacity. Of conditions it must: they
/// would fail for what the attempt has written itself.
pub(super) fn commit_error(
    error: SdkError<TransactWriteItemsError>,
    actions: &[(Participant, Action)],
    unknown_before: bool,
) -> CommitError {
    let SdkError::ServiceError(service) = &error else {
        return match error {
            SdkError::ConstructionFailure(_) if !unknown_before => {
                CommitError::Refused(error.into())
            }
            // Timeout, broken connection, unreadable answer.
            _ => CommitError::OutcomeUnknown(error.into()),
        };
    };
    if let TransactWriteItemsError::TransactionCanceledException(canceled) = service.err() {
        let reasons = canceled.cancellation_reasons();
        let failed = failed_conditions(reasons, actions);
        if !failed.is_empty() {
            return CommitError::ConditionFailed(failed);
        }
        return match worst(reasons) {
            _ if unknown_before => CommitError::OutcomeUnknown(error.into()),
            Worst::Other => CommitError::Refused(error.into()),
            Worst::Throttled => CommitError::Throttled(error.into()),
            Worst::Conflict => CommitError::Conflict(error.into()),
        };
    }
    if unknown_before || service.raw().status().is_server_error() {
        return CommitError::OutcomeUnknown(error.into());
    }
    match service.err().code() {
        // The attempt before is still being carried out.
        Some("TransactionInProgressException") => CommitError::OutcomeUnknown(error.into()),
        Some(
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException",
        ) => CommitError::Throttled(error.into()),
        _ => CommitError::Refused(error.into()),
    }
}

/// Reasons come one for each action, in their order.
fn failed_conditions(
    reasons: &[CancellationReason],
    actions: &[(Participant, Action)],
) -> Vec<FailedCondition> {
    reasons
        .iter()
        .zip(actions)
        .filter(|(reason, _)| reason.code() == Some("ConditionalCheckFailed"))
        .filter_map(|(reason, (participant, action))| {
            // Every address was found when the actions were checked.
            let address = action.address().ok()?;
            Some(FailedCondition {
                participant: *participant,
                table: address.table,
                key: address.key,
                item: reason.item().cloned(),
            })
        })
        .collect()
}

/// What has to be solved before the transaction can succeed.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Worst {
    Conflict,
    Throttled,
    Other,
}

fn worst(reasons: &[CancellationReason]) -> Worst {
    reasons
        .iter()
        .filter_map(|reason| match reason.code()? {
            "None" => None,
            "TransactionConflict" => Some(Worst::Conflict),
            "ThrottlingError" | "ProvisionedThroughputExceeded" => Some(Worst::Throttled),
            _ => Some(Worst::Other),
        })
        .max()
        .unwrap_or(Worst::Other)
}
