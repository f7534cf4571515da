//! How wide the terminal is.

use console::Term;

/// Returns the width of standard output, or `None` if it is no terminal: programs and files get lines
/// of any length.
pub(crate) fn of_standard_output() -> Option<u16> {
    of(&Term::stdout())
}

/// Returns the width of standard error, or `None` if it is no terminal.
pub(crate) fn of_standard_error() -> Option<u16> {
    of(&Term::stderr())
}

fn of(terminal: &Term) -> Option<u16> {
    let (_, columns) = terminal.size_checked()?;
    Some(columns).filter(|columns| *columns > 0)
}
