//! How many instructions an invocation of the relay with 100 fresh events takes, as
//! callgrind counts them: unlike time, they hardly depend on the machine's mood.

use std::{fs, path::Path, process::Command};

use miette::{Context, IntoDiagnostic, Result, bail, miette};
use serde::{Deserialize, Serialize};

/// A process that relays this many batches is taken for what starting takes...
const FEW: u64 = 5;

/// ...off one that relays this many.
const MANY: u64 = 25;

/// How much more than recorded is no accident, in percent.
const TOLERATED: u64 = 5;

#[derive(Serialize, Deserialize)]
struct Recorded {
    instructions_of_an_invocation_with_100_fresh_events: u64,
}

/// Counts anew, and records that.
pub(crate) fn record(file: &Path) -> Result<()> {
    let counted = count()?;
    let recorded = Recorded {
        instructions_of_an_invocation_with_100_fresh_events: counted,
    };
    let json = serde_json::to_string_pretty(&recorded).into_diagnostic()?;
    let written = fs::write(file, json + "\n").into_diagnostic();
    written.wrap_err_with(|| format!("writing {}", file.display()))?;
    println!(
        "{counted} instructions an invocation, recorded in {}",
        file.display()
    );
    Ok(())
}

/// Counts anew, and fails if that is more than was recorded.
pub(crate) fn check(file: &Path) -> Result<()> {
    let recorded = fs::read_to_string(file).into_diagnostic();
    let recorded = recorded.wrap_err_with(|| format!("reading {}", file.display()))?;
    let recorded: Recorded = serde_json::from_str(&recorded).into_diagnostic()?;
    let recorded = recorded.instructions_of_an_invocation_with_100_fresh_events;
    let counted = count()?;
    println!("{counted} instructions an invocation, {recorded} are recorded");
    if has_grown(counted, recorded) {
        bail!(
            "an invocation takes over {TOLERATED} % more instructions than recorded: \
             find out why, or record that by 'make bench-check RECORD=1'"
        );
    }
    Ok(())
}

fn has_grown(counted: u64, recorded: u64) -> bool {
    counted * 100 > recorded * (100 + TOLERATED)
}

fn count() -> Result<u64> {
    let few = count_process(FEW)?;
    let many = count_process(MANY)?;
    Ok((many - few) / (MANY - FEW))
}

fn count_process(invocations: u64) -> Result<u64> {
    let program = std::env::current_exe().into_diagnostic()?;
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["invoke", &invocations.to_string()])
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
