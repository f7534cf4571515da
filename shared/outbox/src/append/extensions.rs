//! Checks the extensions that a service sets.

use crate::{
    append::{control_character::ControlCharacter, error::Problem, transaction::Event},
    event::{ExtensionValue, extension},
};

/// An extension as it was set.
pub(super) type NamedValue = (String, ExtensionValue);

/// What is wrong with an extension that a service has set.
///
/// ```
/// use outbox::{CommitError, ExtensionFault, Problem};
///
/// /// Returns whether the value of this extension, which comes from the caller, is at fault.
/// fn is_bad_tenant(error: &CommitError) -> bool {
///     let CommitError::Invalid(invalid) = error else {
///         return false;
///     };
///     let is_tenant = |problem: &Problem| {
///         let Problem::Extension { name, fault, .. } = problem else {
///             return false;
///         };
///         let of_value = matches!(fault, ExtensionFault::Empty | ExtensionFault::ControlCharacter(_));
///         name == "tenantid" && of_value
///     };
///     invalid.problems.iter().any(is_tenant)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionFault {
    /// The name is not valid in `CloudEvents`.
    #[error("has an invalid name: 1 to 20 characters are allowed, a to z and 0 to 9")]
    Name,
    /// The name is one that `CloudEvents` or this library uses.
    #[error("has the name of an attribute that CloudEvents or the outbox library uses")]
    Reserved,
    /// The extension is set twice: twice on one event, or on the event and its transaction.
    #[error("is set twice")]
    Duplicate,
    /// The value is empty text.
    #[error("is empty, leave it out instead")]
    Empty,
    /// The value has a control character, which `CloudEvents` doesn't allow.
    #[error("has {0}")]
    ControlCharacter(ControlCharacter),
}

/// Checks the extensions of all events, and those of each.
pub(super) fn problems(of_all: &[NamedValue], events: &[Event]) -> Vec<Problem> {
    let mut problems = faults(None, &[], of_all);
    for (index, event) in events.iter().enumerate() {
        problems.extend(faults(Some(index), of_all, &event.extensions));
    }
    problems
}

/// Checks extensions that are set beside others.
fn faults(event: Option<usize>, others: &[NamedValue], set: &[NamedValue]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, (name, value)) in set.iter().enumerate() {
        let mut before = others.iter().chain(&set[..index]);
        let is_duplicate = before.any(|(other, _)| other == name);
        let found = [
            fault_of_name(name),
            is_duplicate.then_some(ExtensionFault::Duplicate),
            fault_of_value(value),
        ];
        problems.extend(found.into_iter().flatten().map(|fault| Problem::Extension {
            event,
            name: name.clone(),
            fault,
        }));
    }
    problems
}

fn fault_of_name(name: &str) -> Option<ExtensionFault> {
    if extension::is_reserved_name(name) {
        Some(ExtensionFault::Reserved)
    } else if extension::is_valid_name(name) {
        None
    } else {
        Some(ExtensionFault::Name)
    }
}

fn fault_of_value(value: &ExtensionValue) -> Option<ExtensionFault> {
    let text = value.as_str()?;
    if text.is_empty() {
        return Some(ExtensionFault::Empty);
    }
    ControlCharacter::in_name(text).map(ExtensionFault::ControlCharacter)
}
