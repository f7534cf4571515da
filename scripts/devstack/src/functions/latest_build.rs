//! The last build of a function.

use std::path::PathBuf;

use super::{build::build, call_error::CallError, project::Project, sources::SourcesState};

/// The last build of a function: there is one for each change of its sources.
#[derive(Default)]
pub(super) struct LatestBuild(Option<Built>);

struct Built {
    /// The sources that were built.
    from: SourcesState,
    program: Result<PathBuf, CallError>,
}

impl LatestBuild {
    /// Returns whether the function was built before, with or without success.
    pub(super) fn exists(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the program built from the current sources. Builds it if they have changed.
    ///
    /// # Errors
    ///
    /// If they can't be built.
    pub(super) async fn program(
        &mut self,
        project: &Project,
        name: &str,
    ) -> Result<PathBuf, CallError> {
        let now = project.sources.state();
        let built = match self.0.take().filter(|built| built.from == now) {
            Some(built) => built,
            None => Built {
                from: now,
                program: build(project, name).await,
            },
        };
        self.0.insert(built).program.clone()
    }
}
