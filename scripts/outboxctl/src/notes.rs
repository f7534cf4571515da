//! Notes of a command besides its result, on standard error.

use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Writes a line. A closed standard error is ignored: a command that changes something
/// must not stop halfway because of it.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(stderr(), "{line}");
}
