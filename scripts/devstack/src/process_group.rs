//! Child processes that are ended together with all that they started.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::error::Error;

/// How long a program may take to end itself and its children.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The same when it is dropped, which blocks the thread.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// A program and its children; dropping this ends them.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    name: String,
    pub(crate) child: Child,
}

impl ProcessGroup {
    pub(crate) fn spawn(name: impl Into<String>, command: &mut Command) -> Result<Self, Error> {
        let name = name.into();
        let child = command
            // In its own group, so that its children can be ended, too.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io(format!("starting {name}")))?;
        Ok(Self { name, child })
    }

    /// Ends the program and its children.
    ///
    /// # Errors
    ///
    /// If waiting for it fails.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        let what = format!("waiting for {} to end", self.name);
        if let Some(pid) = self.pid() {
            // First asks it to end, so that it can end its children properly.
            let _ = kill_process(pid, Signal::TERM);
            if let Ok(status) = timeout(STOP_TIMEOUT, self.child.wait()).await {
                status.map_err(Error::io(what.clone()))?;
            }
            let _ = kill_process_group(pid, Signal::KILL);
        }
        self.child.wait().await.map_err(Error::io(what))?;
        Ok(())
    }

    fn pid(&self) -> Option<Pid> {
        let id = i32::try_from(self.child.id()?).ok()?;
        Pid::from_raw(id)
    }
}

impl Drop for ProcessGroup {
    /// Ends the group after an error or an interruption. Waits for it, so that nothing is
    /// left running when this process ends.
    fn drop(&mut self) {
        let Some(pid) = self.pid() else { return };
        let _ = kill_process(pid, Signal::TERM);
        let give_up_at = Instant::now() + DROP_TIMEOUT;
        while Instant::now() < give_up_at {
            if !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None)) {
                break;
            }
            sleep(Duration::from_millis(10));
        }
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
}
