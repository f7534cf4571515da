//! The outcome of an invocation, for observers.

use std::fmt;

use serde::{Serialize, Serializer};
use stream_mapping::{Consequence, Outcome};

/// The outcome of an invocation. Its text and its JSON are one line for people; programs
/// match on the variants.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvocationOutcome {
    /// The function has succeeded, and all of its records are done.
    Success,
    /// The function has returned a response after which records are retried or given up.
    FailuresReported {
        /// The response.
        response: String,
    },
    /// The function has returned an error or crashed.
    FunctionError {
        /// The error.
        error: String,
    },
    /// The function could not be invoked, or has not responded.
    NotReached {
        /// Why.
        error: String,
    },
}

impl InvocationOutcome {
    /// Returns the outcome, given what it means for the records and the error of the call.
    pub(crate) fn of(outcome: &Outcome, consequence: &Consequence, error: Option<&str>) -> Self {
        let error = error.unwrap_or_default().to_owned();
        let all_done = consequence.again.is_empty() && consequence.given_up == 0;
        match outcome {
            Outcome::Answered { .. } if all_done => Self::Success,
            Outcome::Answered { payload } => Self::FailuresReported {
                response: payload.clone(),
            },
            Outcome::FunctionError => Self::FunctionError { error },
            Outcome::NotReached => Self::NotReached { error },
        }
    }
}

impl fmt::Display for InvocationOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::FailuresReported { response } => write!(f, "failures reported: {response}"),
            Self::FunctionError { error } => write!(f, "function error: {error}"),
            Self::NotReached { error } => write!(f, "not reached: {error}"),
        }
    }
}

impl Serialize for InvocationOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_a_success_only_if_all_records_are_done() {
        let answered = || Outcome::Answered {
            payload: "{}".to_owned(),
        };
        let reported = || InvocationOutcome::FailuresReported {
            response: "{}".to_owned(),
        };
        for (again, given_up, expected) in [
            (vec![], 0, InvocationOutcome::Success),
            (vec![2], 0, reported()),
            (vec![], 1, reported()),
        ] {
            let consequence = Consequence {
                again,
                given_up,
                ..Consequence::default()
            };
            let outcome = InvocationOutcome::of(&answered(), &consequence, None);
            assert_eq!(outcome, expected);
        }
    }

    #[test]
    fn an_error_is_part_of_the_outcome_and_its_json() {
        let all_done = Consequence::default();
        for (outcome, expected) in [
            (Outcome::FunctionError, "function error: why"),
            (Outcome::NotReached, "not reached: why"),
        ] {
            let outcome = InvocationOutcome::of(&outcome, &all_done, Some("why"));
            assert_eq!(outcome.to_string(), expected);
            assert_eq!(serde_json::to_value(&outcome).unwrap(), expected);
        }
    }
}
