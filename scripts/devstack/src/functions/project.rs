//! The project that the functions are built from.

use std::{ffi::OsString, path::PathBuf};

use super::sources::Sources;
use crate::{paths::Paths, process_environment::build_environment};

/// The variables by which make keeps the builds of this project together.
const BUILD_FOLDERS: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"];

/// The folder that functions are built in, and their sources.
#[derive(Clone)]
pub(super) struct Project {
    pub(super) root: PathBuf,
    pub(super) sources: Sources,
    /// The environment of cargo.
    pub(super) environment: Vec<(OsString, OsString)>,
}

impl Project {
    pub(super) fn of(paths: &Paths) -> Self {
        let mut environment = build_environment(std::env::vars_os());
        if !paths.is_orders_service() {
            // Another service keeps its builds in its own folder.
            environment.retain(|(name, _)| BUILD_FOLDERS.iter().all(|folder| name != folder));
        }
        Self {
            root: paths.service().to_owned(),
            sources: Sources::new(paths.service()),
            environment,
        }
    }
}
