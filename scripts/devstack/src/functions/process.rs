//! The process of a function.

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

/// A running function; dropping this ends it.
#[derive(Debug)]
pub(super) struct Process {
    process: ProcessGroup,
    program: Program,
}

/// A program as built at one time: a later build of the same file is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    path: PathBuf,
    built: SystemTime,
    length: u64,
}

impl Program {
    /// Returns the program that is at this path now.
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
    /// Starts a function. Its output is logged.
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

    /// Returns whether this program is running. Reaps the process if it has ended.
    pub(super) fn runs(&mut self, program: &Program) -> bool {
        self.program == *program && matches!(self.process.child.try_wait(), Ok(None))
    }

    /// Returns whether it was started from this build of the program.
    pub(super) fn is_of(&self, program: &Program) -> bool {
        self.program == *program
    }

    /// Ends it, and waits for that.
    pub(super) async fn stop(self) -> Result<(), Error> {
        self.process.stop().await
    }

    /// Waits until it ends, and returns its exit status in words.
    pub(super) async fn ended(&mut self) -> String {
        match self.process.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}
