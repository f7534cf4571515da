//! Whose requests are answered.

use lambda_http::Request;

use crate::{problem::Problem, request::caller};

/// The caller of an API without authorization.
const ANONYMOUS: &str = "anonymous";

/// Whose requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Those that IAM has identified.
    Identified,
    /// Everybody: only for the local stack, whose API has no authorization.
    Anyone,
}

impl Callers {
    /// Returns who is allowed by the value of `ALLOW_ANONYMOUS_CALLERS`. Only `true` allows
    /// everybody, so that an API that lost its authorizer rejects all requests.
    ///
    /// ```
    /// use orders_service::Callers;
    ///
    /// assert_eq!(Callers::of_variable(Some("true")), Callers::Anyone);
    /// assert_eq!(Callers::of_variable(None), Callers::Identified);
    /// ```
    pub fn of_variable(value: Option<&str>) -> Self {
        match value {
            Some("true") => Self::Anyone,
            _ => Self::Identified,
        }
    }

    /// Returns the name of a request's caller.
    ///
    /// # Errors
    ///
    /// If the request must not be answered.
    pub(crate) fn admit(self, request: &Request) -> Result<String, Problem> {
        match (caller(request), self) {
            (Some(caller), _) => Ok(caller),
            (None, Self::Anyone) => Ok(ANONYMOUS.to_owned()),
            (None, Self::Identified) => Err(Problem::unidentified_caller()),
        }
    }
}
