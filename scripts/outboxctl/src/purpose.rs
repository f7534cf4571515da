//! What a stack is for: whether a mistake in it harms more than development.

use std::fmt;

use crate::environment::Environment;

/// The tag of a stack that says which environment it is.
pub(crate) const PURPOSE_TAG: &str = "environment";

/// What a stack is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is known to be for development: the local stack, or one for `dev`.
    Development,
    /// Its tag names another environment.
    Other(String),
    /// Nothing says it. It may be production.
    Unknown,
}

impl Purpose {
    /// Decides by the stack's tag, and by `--env` if the stack has no tag. A stack without
    /// both is never taken for development.
    pub(crate) fn of(environment: Option<Environment>, tag: Option<&str>) -> Self {
        // With --env local no real account can be reached.
        if environment == Some(Environment::Local) {
            return Self::Development;
        }
        match tag.or(environment.map(Environment::name)) {
            Some("dev" | "local") => Self::Development,
            Some(other) => Self::Other(other.to_owned()),
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Development => f.write_str("it is for development"),
            Self::Other(name) => write!(f, "its environment is {name}"),
            Self::Unknown => write!(
                f,
                "it has no tag {PURPOSE_TAG} that says it is for development"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_is_for_development() {
        use Environment::{Dev, Local, Prod, Staging};
        let other = |name: &str| Purpose::Other(name.to_owned());
        for (environment, tag, expected) in [
            (None, None, Purpose::Unknown),
            (None, Some("dev"), Purpose::Development),
            (None, Some("local"), Purpose::Development),
            (None, Some("prod"), other("prod")),
            (None, Some("staging"), other("staging")),
            (None, Some("Dev"), other("Dev")),
            (None, Some(""), other("")),
            (Some(Dev), None, Purpose::Development),
            (Some(Dev), Some("dev"), Purpose::Development),
            (Some(Dev), Some("prod"), other("prod")),
            (Some(Staging), None, other("staging")),
            (Some(Staging), Some("staging"), other("staging")),
            (Some(Prod), None, other("prod")),
            (Some(Local), None, Purpose::Development),
            (Some(Local), Some("prod"), Purpose::Development),
        ] {
            let purpose = Purpose::of(environment, tag);
            assert_eq!(purpose, expected, "{environment:?} {tag:?}");
        }
    }
}
