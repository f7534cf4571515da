use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::SystemTime,
};

use tokio::process::Command;

use super::function_log::{pass_on, readable};
use crate::{error::Error, process_group::ProcessGroup};

/// A function that runs, as long as this lives.
#[derive(Debug)]
pub(super) struct Process {
    process: ProcessGroup,
    program: Program,
}

/// A program as it was built at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    path: PathBuf,
    built: SystemTime,
    length: u64,
}

impl Program {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            built: metadata.modified()?,
            length: metadata.len(),
        })
    }
}

impl Process {
    /// Starts a function. What it writes becomes part of our log.
    pub(super) fn start(
        name: &str,
        program: Program,
        environment: &[(OsString, OsString)],
        directory: &Path,
    ) -> Result<Self, Error> {
        let mut command = Command::new(&program.path);
        command
            .current_dir(directory)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = ProcessGroup::spawn(name.to_owned(), &mut command)?;
        pass_on(name, process.child.stdout.take(), readable);
        pass_on(name, process.child.stderr.take(), readable);
        Ok(Self { process, program })
    }

    /// Whether it is this program, and runs.
    pub(super) fn runs(&mut self, program: &Program) -> bool {
        self.program == *program && matches!(self.process.child.try_wait(), Ok(None))
    }

    /// Whether it was started from this program as it was built then.
    pub(super) fn is_of(&self, program: &Program) -> bool {
        self.program == *program
    }

    /// Waits until it ends, and returns how.
    pub(super) async fn ended(&mut self) -> String {
        match self.process.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}
