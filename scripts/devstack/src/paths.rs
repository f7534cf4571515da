use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::Error;

/// Where things are in the project.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Of the project in this directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Of the project this program was built from.
    pub fn of_this_project() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.ancestors().nth(2).unwrap_or(manifest);
        Self::new(root)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn infra(&self) -> PathBuf {
        self.root.join("infra")
    }

    /// The emulator, of the version pinned in `scripts/requirements.txt`.
    pub(crate) fn ministack(&self) -> Result<PathBuf, Error> {
        installed(self.root.join(".venv/bin/ministack"))
    }

    /// cargo-lambda, of the version pinned in `scripts/requirements.txt`.
    pub(crate) fn cargo_lambda(&self) -> Result<PathBuf, Error> {
        installed(self.root.join(".venv/bin/cargo-lambda"))
    }

    /// The CDK's command, of the version pinned in `infra/package.json`.
    pub(crate) fn cdk(&self) -> Result<PathBuf, Error> {
        installed(self.infra().join("node_modules/.bin/cdk"))
    }

    /// The operators' tool, built along with this program.
    pub(crate) fn outboxctl(&self) -> Result<PathBuf, Error> {
        installed(self.root.join("target/lambda/local/outboxctl/bootstrap"))
    }

    /// A directory for the files of one run, gone with the run.
    pub(crate) fn run_directory(&self) -> Result<TempDir, Error> {
        let parent = self.runs()?;
        let what = format!("creating a directory in {}", parent.display());
        TempDir::new_in(parent).map_err(Error::io(what))
    }

    /// Tells other commands of the stack that is running.
    pub(crate) fn running(&self) -> Result<PathBuf, Error> {
        Ok(self.runs()?.join("running.json"))
    }

    /// What the emulator on this port has to say; of its last run.
    pub(crate) fn emulator_log(&self, port: u16) -> Result<PathBuf, Error> {
        Ok(self.runs()?.join(format!("{port}.log")))
    }

    fn runs(&self) -> Result<PathBuf, Error> {
        let runs = self.root.join("target/devstack");
        let what = format!("creating {}", runs.display());
        std::fs::create_dir_all(&runs).map_err(Error::io(what))?;
        Ok(runs)
    }
}

fn installed(path: PathBuf) -> Result<PathBuf, Error> {
    if path.exists() {
        Ok(path)
    } else {
        Err(Error::NotInstalled(path))
    }
}
