//! The most memory that a process has used.

use std::{fmt::Display, fs};

use miette::{IntoDiagnostic, Result, miette};

/// Returns the peak memory so far, in bytes, of a process by its id, or of `self`.
pub(crate) fn peak_memory(process: impl Display) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).into_diagnostic()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let kilobytes = kilobytes.ok_or_else(|| miette!("/proc has no peak memory of {process}"))?;
    Ok(kilobytes * 1024)
}
