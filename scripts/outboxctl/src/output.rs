//! A command's result, on standard output.

use std::io::{self, ErrorKind, Write, stdout};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    arguments::Format, context::Outcome, error::Error, json_output,
    terminal_width::of_standard_output, text::Text,
};

/// The result of a command: text for people, JSON for programs, with a schema.
pub(crate) trait Report: Serialize + JsonSchema {
    /// Returns the result for people.
    fn text(&self) -> Text;

    /// Returns whether the operator has something to do.
    fn outcome(&self) -> Outcome;
}

/// Whether standard output is still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Reads,
    /// It has closed the pipe, as `head` does.
    Gone,
}

/// Prints a report to standard output.
///
/// # Errors
///
/// If it can't be written there. A reader that has closed the pipe, as `head` does, is no
/// error: the exit status still says how the command ended.
pub(crate) fn print(report: &impl Report, format: Format) -> Result<(), Error> {
    let text = match format {
        Format::Table => report.text().fitting(of_standard_output()),
        Format::Json => json_output::pretty(report),
    };
    print_while_read(&text).map(drop)
}

/// Prints a visible text to standard output, and returns whether that is still read.
///
/// # Errors
///
/// As [`print()`].
pub(crate) fn print_while_read(text: &str) -> Result<Reader, Error> {
    write_line(&mut stdout().lock(), text).map_err(Error::Unprinted)
}

/// Prints a text to standard output.
///
/// # Errors
///
/// As [`print()`].
pub(crate) fn print_text(text: &Text) -> Result<(), Error> {
    print_while_read(&text.fitting(of_standard_output())).map(drop)
}

/// Prints to standard output what is for another program, as it is.
///
/// # Errors
///
/// As [`print()`].
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Error> {
    let written = write(&mut stdout().lock(), bytes);
    written.map(drop).map_err(Error::Unprinted)
}

fn write_line(to: &mut impl Write, text: &str) -> io::Result<Reader> {
    write(to, format!("{text}\n").as_bytes())
}

fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<Reader> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Ok(()) => Ok(Reader::Reads),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error),
    }
}

/// Returns a count with its noun: `1 row`, `2 rows`.
pub(crate) fn count(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A writer that fails with this error.
    struct Closed(ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        let closed = write_line(&mut Closed(ErrorKind::BrokenPipe), "done");
        assert_eq!(closed.unwrap(), Reader::Gone);
        let read = write_line(&mut Vec::new(), "done");
        assert_eq!(read.unwrap(), Reader::Reads);
        let failed = write_line(&mut Closed(ErrorKind::StorageFull), "done").unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::StorageFull);
    }
}
