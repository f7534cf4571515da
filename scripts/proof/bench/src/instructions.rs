//! How many instructions an invocation takes, as callgrind counts them: unlike time,
//! they hardly depend on the machine's mood.

use std::{fs, path::Path, process::Command};

use miette::{Context, IntoDiagnostic, Result, bail, miette};
use serde::{Deserialize, Serialize};

/// What starting takes is taken off: a process that is invoked few times, off one that
/// is invoked often.
const FEW: u64 = 5;
const MANY: u64 = 25;

/// How much more than recorded is no accident, in percent.
const TOLERATED: u64 = 5;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Instructions {
    relaying_100_fresh_events: u64,
    placing_an_order: u64,
}

impl Instructions {
    fn count() -> Result<Self> {
        Ok(Self {
            relaying_100_fresh_events: count("relay")?,
            placing_an_order: count("create-order")?,
        })
    }
}

/// Counts anew, and records that.
pub(crate) fn record(file: &Path) -> Result<()> {
    let counted = Instructions::count()?;
    let json = serde_json::to_string_pretty(&counted).into_diagnostic()?;
    let written = fs::write(file, json + "\n").into_diagnostic();
    written.wrap_err_with(|| format!("writing {}", file.display()))?;
    println!("{counted:?} is recorded in {}", file.display());
    Ok(())
}

/// Counts anew, and fails if something takes more than was recorded.
pub(crate) fn check(file: &Path) -> Result<()> {
    let recorded = fs::read_to_string(file).into_diagnostic();
    let recorded = recorded.wrap_err_with(|| format!("reading {}", file.display()))?;
    let recorded: Instructions = serde_json::from_str(&recorded).into_diagnostic()?;
    let counted = Instructions::count()?;
    println!("counted {counted:?}, recorded are {recorded:?}");
    for (what, counted, recorded) in [
        (
            "relaying 100 events",
            counted.relaying_100_fresh_events,
            recorded.relaying_100_fresh_events,
        ),
        (
            "placing an order",
            counted.placing_an_order,
            recorded.placing_an_order,
        ),
    ] {
        if has_grown(counted, recorded) {
            bail!(
                "{what} takes over {TOLERATED} % more instructions than recorded: \
                 find out why, or record that by 'make bench-check RECORD=1'"
            );
        }
    }
    Ok(())
}

fn has_grown(counted: u64, recorded: u64) -> bool {
    counted * 100 > recorded * (100 + TOLERATED)
}

fn count(work: &str) -> Result<u64> {
    let few = count_process(work, FEW)?;
    let many = count_process(work, MANY)?;
    Ok((many - few) / (MANY - FEW))
}

fn count_process(work: &str, invocations: u64) -> Result<u64> {
    let program = std::env::current_exe().into_diagnostic()?;
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["invoke", work, &invocations.to_string()])
        .output()
        .into_diagnostic()
        .wrap_err("starting valgrind: it must be installed (Debian: valgrind)")?;
    let said = String::from_utf8_lossy(&counted.stderr);
    if !counted.status.success() {
        bail!("counting failed: {said}");
    }
    let collected = said
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    let collected = collected.and_then(|number| number.trim().parse().ok());
    collected.ok_or_else(|| miette!("callgrind does not tell what it counted: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_more_are_tolerated() {
        assert!(!has_grown(105, 100));
        assert!(has_grown(106, 100));
        assert!(!has_grown(50, 100));
    }
}
