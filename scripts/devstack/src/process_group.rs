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

/// How long a program may take to end what it has started, and itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The same where nobody can wait for long.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// A program, and what it has started: it runs as long as this lives.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    name: String,
    pub(crate) child: Child,
}

impl ProcessGroup {
    pub(crate) fn spawn(name: impl Into<String>, command: &mut Command) -> Result<Self, Error> {
        let name = name.into();
        let child = command
            // A group of its own, to be ended with all that is in it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io(format!("starting {name}")))?;
        Ok(Self { name, child })
    }

    /// Ends the program and what it has started.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        let what = format!("waiting for {} to end", self.name);
        if let Some(pid) = self.pid() {
            // It ends what it has started itself when asked to.
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
    /// On the way out of an error or an interruption: nothing is left running,
    /// so it is waited for.
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
