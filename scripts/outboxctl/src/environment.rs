//! The environments of the orders service.

use clap::ValueEnum;

/// An environment that `--env` accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Environment {
    Dev,
    Staging,
    Prod,
    /// The stack of `make dev`, which `AWS_ENDPOINT_URL` points to.
    Local,
}

impl Environment {
    /// Returns the name that ends the stack's name, as in `orders-dev`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
            Self::Local => "local",
        }
    }
}
