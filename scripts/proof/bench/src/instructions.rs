//! The number of instructions of an invocation, counted by callgrind. Unlike time, it
//! hardly depends on the machine and its load.

use std::{fs, path::Path, process::Command};

use miette::{Context, IntoDiagnostic, Result, bail, miette};
use serde::{Deserialize, Serialize};

/// The numbers of invocations of two processes. The difference of their instructions
/// leaves out the start of the process.
const FEW: u64 = 5;
const MANY: u64 = 25;

/// How many more instructions than recorded are tolerated, in percent.
const TOLERATED: u64 = 5;

/// Instructions per invocation.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Instructions {
    publish_100_fresh_events: u64,
    look_up_and_publish_100_events: u64,
    create_order: u64,
}

impl Instructions {
    fn count() -> Result<Self> {
        Ok(Self {
            publish_100_fresh_events: count("relay")?,
            look_up_and_publish_100_events: count("relay-looking-up")?,
            create_order: count("create-order")?,
        })
    }
}

/// Counts the instructions, and records them in the file.
pub(crate) fn record(file: &Path) -> Result<()> {
    let counted = Instructions::count()?;
    let json = serde_json::to_string_pretty(&counted).into_diagnostic()?;
    let written = fs::write(file, json + "\n").into_diagnostic();
    written.wrap_err_with(|| format!("writing {}", file.display()))?;
    println!("recorded in {}: {counted:?}", file.display());
    Ok(())
}

/// Counts the instructions.
///
/// # Errors
///
/// If there are over 5 % more than recorded in the file.
pub(crate) fn check(file: &Path) -> Result<()> {
    let recorded = fs::read_to_string(file).into_diagnostic();
    let recorded = recorded.wrap_err_with(|| format!("reading {}", file.display()))?;
    let recorded: Instructions = serde_json::from_str(&recorded).into_diagnostic()?;
    let counted = Instructions::count()?;
    println!("counted: {counted:?}\nrecorded: {recorded:?}");
    for (what, counted, recorded) in [
        (
            "to publish 100 events",
            counted.publish_100_fresh_events,
            recorded.publish_100_fresh_events,
        ),
        (
            "to look up and publish 100 events",
            counted.look_up_and_publish_100_events,
            recorded.look_up_and_publish_100_events,
        ),
        (
            "to create an order",
            counted.create_order,
            recorded.create_order,
        ),
    ] {
        if has_grown(counted, recorded) {
            bail!(
                "{what} takes over {TOLERATED} % more instructions than recorded: \
                 find out why, or record the new number: make bench-check RECORD=1"
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
    let output = String::from_utf8_lossy(&counted.stderr);
    if !counted.status.success() {
        bail!("valgrind failed: {output}");
    }
    let collected = output
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    let collected = collected.and_then(|number| number.trim().parse().ok());
    collected.ok_or_else(|| miette!("callgrind has reported no count: {output}"))
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
