//! Where the programs of functions come from.

use std::path::PathBuf;

use super::project::Project;

/// The code of a function.
pub(super) enum Code {
    /// Built from the current sources.
    Sources(Project),
    /// Built before, in this folder of cargo-lambda.
    Built(PathBuf),
}
