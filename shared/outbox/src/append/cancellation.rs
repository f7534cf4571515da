//! Translates the error of a transaction into a [`CommitError`].

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::CancellationReason,
};

use crate::{
    append::{
        aggregate,
        check::Action,
        claim,
        error::{
            CommitError, ConditionFailure, FailedCondition, Participant, RejectedAction, Rejection,
        },
    },
    causes::causes,
};

type Actions<'a> = &'a [(Participant, Action)];

/// Returns why a transaction was not committed, or may not have been.
///
/// `unknown_before` says that the attempt before got no response. It may have been committed
/// or be in progress. AWS doesn't document whether DynamoDB checks for that before it
/// checks for conflicts and capacity, so those errors say nothing about it. A failed
/// condition does: DynamoDB must check for the attempt first, or the condition would
/// fail because of what that attempt itself has written.
pub(super) fn commit_error(
    error: SdkError<TransactWriteItemsError>,
    actions: Actions<'_>,
    unknown_before: bool,
) -> CommitError {
    let SdkError::ServiceError(service) = &error else {
        return match error {
            SdkError::ConstructionFailure(_) if !unknown_before => {
                refused(whole(&error, actions), error)
            }
            // Timeout, broken connection, unreadable response.
            _ => CommitError::OutcomeUnknown(error.into()),
        };
    };
    if let TransactWriteItemsError::TransactionCanceledException(canceled) = service.err() {
        let reasons = canceled.cancellation_reasons();
        let failed = failed_conditions(reasons, actions);
        if !failed.is_empty() {
            return CommitError::ConditionFailed(failed);
        }
        let rejection = rejection(reasons, actions);
        return match worst(reasons) {
            _ if unknown_before => CommitError::OutcomeUnknown(error.into()),
            Worst::Other => refused(rejection, error),
            Worst::Throttled => throttled(rejection, error),
            Worst::Conflict => CommitError::Conflict {
                rejection,
                source: error.into(),
            },
        };
    }
    if unknown_before || service.raw().status().is_server_error() {
        return CommitError::OutcomeUnknown(error.into());
    }
    match service.err().code() {
        // The attempt before is still in progress.
        Some("TransactionInProgressException") => CommitError::OutcomeUnknown(error.into()),
        Some(
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "ThrottlingException",
        ) => throttled(whole(&error, actions), error),
        _ => refused(whole(&error, actions), error),
    }
}

fn refused(rejection: Rejection, error: SdkError<TransactWriteItemsError>) -> CommitError {
    CommitError::Refused {
        rejection,
        source: error.into(),
    }
}

fn throttled(rejection: Rejection, error: SdkError<TransactWriteItemsError>) -> CommitError {
    CommitError::Throttled {
        rejection,
        source: error.into(),
    }
}

/// Returns the rejection of a transaction as a whole, with DynamoDB's message. For a missing
/// table the message doesn't say which, so the tables of the transaction are listed.
fn whole(error: &SdkError<TransactWriteItemsError>, actions: Actions<'_>) -> Rejection {
    let mut reason = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => causes(error),
    };
    if error.code() == Some("ResourceNotFoundException") {
        let tables: BTreeSet<&str> = actions.iter().map(|(_, action)| action.table()).collect();
        let tables: Vec<&str> = tables.into_iter().collect();
        reason = format!(
            "{reason}: one of these tables is missing in this account and Region, or still being \
             created: {}",
            tables.join(", ")
        );
    }
    Rejection {
        actions: Vec::new(),
        reason,
    }
}

/// Returns the rejection of a transaction for some of its actions.
fn rejection(reasons: &[CancellationReason], actions: Actions<'_>) -> Rejection {
    let rejected = reasons
        .iter()
        .zip(actions)
        .filter(|(reason, _)| reason.code() != Some("None"))
        .filter_map(|(reason, (participant, action))| {
            Some(RejectedAction {
                participant: *participant,
                // Every address was found when the actions were checked.
                item: action.address().ok()?.to_string(),
                code: reason.code()?.to_owned(),
                message: reason.message().unwrap_or_default().to_owned(),
            })
        });
    Rejection {
        actions: rejected.collect(),
        reason: "TransactionCanceledException".to_owned(),
    }
}

/// Returns the actions whose conditions failed. DynamoDB returns a reason for each action, in
/// their order.
fn failed_conditions(reasons: &[CancellationReason], actions: Actions<'_>) -> Vec<FailedCondition> {
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
                failure: why_condition_failed(*participant, action, reason),
                item: reason.item().cloned(),
            })
        })
        .collect()
}

fn why_condition_failed(
    participant: Participant,
    action: &Action,
    reason: &CancellationReason,
) -> ConditionFailure {
    match (participant, action) {
        (Participant::Aggregate, Action::Put(put, _)) => {
            aggregate::why_condition_failed(put, reason.item())
        }
        (Participant::Claim, _) => ConditionFailure::KeptElsewhere {
            key: reason.item().and_then(claim::claimed_for),
        },
        (Participant::Action(_), _) => ConditionFailure::Condition,
        _ => ConditionFailure::AlreadyExists,
    }
}

/// The kinds of reasons; the last one decides, since it takes the most to solve.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_not_sent_says_nothing_about_the_one_before() {
        let error = || SdkError::construction_failure("no credentials");
        let first = commit_error(error(), &[], false);
        assert!(matches!(first, CommitError::Refused { .. }), "{first:?}");
        let second = commit_error(error(), &[], true);
        assert!(
            matches!(second, CommitError::OutcomeUnknown(_)),
            "{second:?}"
        );
    }
}
