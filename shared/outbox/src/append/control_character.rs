//! Control characters in the names of an event: its aggregate, its type and its source.
//!
//! `CloudEvents` doesn't allow them in attributes, and terminals execute them: a name with an
//! escape sequence would reach everyone who lists events.

use std::fmt;

/// A control character in a name.
///
/// ```
/// use outbox::{CommitError, Problem};
///
/// /// Returns whether the caller sent a name that no event can have.
/// fn is_hostile(error: &CommitError) -> bool {
///     let CommitError::Invalid(invalid) = error else {
///         return false;
///     };
///     let is_name = |problem: &Problem| matches!(problem, Problem::ControlCharacter { .. });
///     invalid.problems.iter().any(is_name)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlCharacter {
    /// The character: U+0000 to U+001F, or U+007F to U+009F.
    pub character: char,
    /// Its place among the characters of the name, from 0.
    pub index: usize,
}

impl ControlCharacter {
    /// Returns the first one.
    pub(crate) fn in_name(name: &str) -> Option<Self> {
        let mut characters = name.chars().enumerate();
        let (index, character) = characters.find(|(_, character)| character.is_control())?;
        Some(Self { character, index })
    }
}

impl fmt::Display for ControlCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { character, index } = *self;
        let code = u32::from(character);
        write!(f, "the control character U+{code:04X} at index {index}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_control_character_is_found() {
        for (name, expected) in [
            ("", None),
            ("order#42", None),
            ("Zoë, 東京, \u{a0}\u{200f}", None),
            ("\0", Some("the control character U+0000 at index 0")),
            (
                "ë\u{1b}]0;\u{7}",
                Some("the control character U+001B at index 1"),
            ),
            ("a\u{7f}", Some("the control character U+007F at index 1")),
            (
                "a\u{9b}31m",
                Some("the control character U+009B at index 1"),
            ),
            ("a\n", Some("the control character U+000A at index 1")),
        ] {
            let found = ControlCharacter::in_name(name).map(|found| found.to_string());
            assert_eq!(found.as_deref(), expected, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_free_of_them_or_its_first_is_found(name in any::<String>()) {
            match ControlCharacter::in_name(&name) {
                None => prop_assert!(!name.chars().any(char::is_control)),
                Some(ControlCharacter { character, index }) => {
                    prop_assert_eq!(name.chars().nth(index), Some(character));
                    prop_assert!(character.is_control());
                    prop_assert!(!name.chars().take(index).any(char::is_control));
                }
            }
        }
    }
}
