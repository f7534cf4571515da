//! The project that the functions are built from.

use std::{ffi::OsString, path::PathBuf};

use super::sources::Sources;
use crate::{paths::Paths, process_environment::build_environment};

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
        Self {
            root: paths.root().to_owned(),
            sources: Sources::new(paths.root()),
            environment: build_environment(std::env::vars_os()),
        }
    }
}
