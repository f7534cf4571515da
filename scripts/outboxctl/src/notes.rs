//! Notes of a command besides its result, on standard error.

use std::io::{Write, stderr};

use crate::{terminal_width::of_standard_error, text::Text};

/// Writes a note. A closed standard error is ignored: a command that changes something must
/// not stop halfway because of it.
pub(crate) fn note(text: impl Into<Text>) {
    write(&text.into().fitting(of_standard_error()));
}

/// Writes JSON for programs.
pub(crate) fn note_json(json: &str) {
    write(json);
}

fn write(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}
