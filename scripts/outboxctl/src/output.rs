//! What a command returns, on standard output.

use std::{
    fmt,
    io::{self, ErrorKind, Write, stdout},
};

use serde::Serialize;

use crate::{arguments::Format, error::Error};

/// What a command has to tell, for people by `Display` and for programs as JSON.
pub(crate) trait Report: Serialize + fmt::Display {}

impl<R: Serialize + fmt::Display> Report for R {}

/// Prints a report to standard output.
///
/// # Errors
///
/// If it can't be written there. That the reader has left, as `head` does, is
/// none: the command still ends as what it did deserves.
pub(crate) fn print(report: &impl Report, format: Format) -> Result<(), Error> {
    let text = match format {
        Format::Table => report.to_string(),
        Format::Json => {
            serde_json::to_string_pretty(report).expect("reports are strings, numbers and lists")
        }
    };
    write(&mut stdout().lock(), &text).map_err(Error::Unprinted)
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    match writeln!(to, "{text}").and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn count(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nothing can be written, for this reason.
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
    fn a_reader_that_has_left_is_no_failure_and_a_full_disk_is_one() {
        assert!(write(&mut Closed(ErrorKind::BrokenPipe), "done").is_ok());
        let failed = write(&mut Closed(ErrorKind::StorageFull), "done").unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::StorageFull);
    }
}
