//! The results of a whole run, as JSON for programs.

use serde::Serialize;

use crate::{commit::Commit, cost::Cost, scenario_report::ScenarioReport, start::Start};

/// The results of a whole run.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) scenarios: Vec<ScenarioReport>,
    pub(crate) starts: Vec<Start>,
    pub(crate) commit: Commit,
    pub(crate) cost: Cost,
}
