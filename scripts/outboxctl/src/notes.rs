//! What a command says besides its result, on standard error.

use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Writes a line. If nobody reads standard error, there is nobody to tell: a
/// command that changes something goes on all the same.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(stderr(), "{line}");
}
