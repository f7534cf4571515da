//! The time from the start of a process to its first poll, and the size of the program.

use std::{fs, path::Path};

use comfy_table::Table;
use miette::{Context, IntoDiagnostic, Result};
use serde::Serialize;

use crate::{
    aws::Latency,
    contestant::Contestant,
    function::Function,
    markdown,
    statistics::{Spread, milliseconds, number},
};

/// How many times each is started. A start is short, and its duration varies.
const STARTS: usize = 15;

/// The starts of a contestant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Start {
    pub(crate) contestant: Contestant,
    pub(crate) exec_to_first_poll_milliseconds: Spread,
    /// The size of the unpacked program; `None` for Node and its packages.
    pub(crate) megabytes: Option<f64>,
}

/// Starts each kind of program several times, alternating.
pub(crate) async fn measure(project: &Path) -> Result<Vec<Start>> {
    let contestants = [
        Contestant::Relay,
        Contestant::Bare,
        Contestant::NodeOneByOne,
    ];
    let mut times = vec![Vec::new(); contestants.len()];
    for _ in 0..STARTS {
        for (contestant, times) in contestants.iter().zip(&mut times) {
            let function = Function::start(*contestant, project, Latency::NONE).await?;
            times.push(milliseconds(function.exec_to_first_poll));
            function.stop().await?;
        }
    }
    let measured = contestants.into_iter().zip(times);
    measured
        .map(|(contestant, times)| {
            Ok(Start {
                contestant,
                exec_to_first_poll_milliseconds: Spread::of(times),
                megabytes: size(contestant, project)?,
            })
        })
        .collect()
}

/// Returns the table with a row for each contestant.
pub(crate) fn table(starts: &[Start]) -> Table {
    let mut table = markdown::table(["", "exec to first poll", "size"]);
    for start in starts {
        let size = start.megabytes.map_or_else(
            || "Node and its packages".to_owned(),
            |megabytes| format!("{megabytes:.1} MB"),
        );
        let time = format!("{:.1} ms", start.exec_to_first_poll_milliseconds);
        table.add_row([start.contestant.to_string(), time, size]);
    }
    table
}

/// Returns the size of the program in megabytes.
fn size(contestant: Contestant, project: &Path) -> Result<Option<f64>> {
    if contestant.is_node() {
        return Ok(None);
    }
    let file = contestant.file(project);
    let metadata = fs::metadata(&file).into_diagnostic();
    let metadata = metadata.wrap_err_with(|| format!("reading {}", file.display()))?;
    Ok(Some(number(metadata.len()) / f64::from(1 << 20)))
}
