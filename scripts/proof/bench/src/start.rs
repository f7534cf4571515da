//! How long a new process takes until it asks for work, and how large it is.

use std::{fs, path::Path};

use miette::{Context, IntoDiagnostic, Result};
use serde::Serialize;

use crate::{
    aws::Latency,
    contestant::Contestant,
    function::Function,
    statistics::{Spread, milliseconds, number},
};

/// How often each is started; a start is short, and its time differs much.
const STARTS: usize = 15;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Start {
    pub(crate) contestant: Contestant,
    pub(crate) exec_to_first_poll_milliseconds: Spread,
    /// What is deployed, unpacked; `None` where that is Node and its packages.
    pub(crate) megabytes: Option<f64>,
}

/// Starts those that differ, in turns.
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

fn size(contestant: Contestant, project: &Path) -> Result<Option<f64>> {
    if contestant.is_node() {
        return Ok(None);
    }
    let file = contestant.file(project);
    let metadata = fs::metadata(&file).into_diagnostic();
    let metadata = metadata.wrap_err_with(|| format!("reading {}", file.display()))?;
    Ok(Some(number(metadata.len()) / f64::from(1 << 20)))
}
