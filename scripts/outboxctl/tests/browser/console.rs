//! A running console.

use std::{
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long the process may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that serves the console. Dropping this ends it, and what it has started.
pub(crate) struct Console {
    process: Child,
    /// The address with the token.
    pub(crate) address: String,
}

impl Console {
    /// Starts `outboxctl console`, or a program that starts it, and waits for its address.
    pub(crate) async fn start(command: std::process::Command, patience: Duration) -> Self {
        let mut command = Command::from(command);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let stdout = process.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout).lines();
        let address = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let mut words = line.split_whitespace();
                if let Some(address) = words.find(|word| word.contains("/?token=")) {
                    return address.to_owned();
                }
            }
            panic!("the console has ended");
        };
        let address = timeout(patience, address).await.expect("an address");
        // The rest is read so that it can be written.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { process, address }
    }

    /// Returns the address of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        let (origin, _) = self.address.split_once("/?").unwrap();
        format!("{origin}{path}")
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // Killed, it could not end the local AWS and the functions.
        let pid = self.process.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).ok();
        }
        let give_up_at = Instant::now() + PATIENCE;
        while let Ok(None) = self.process.try_wait() {
            if Instant::now() > give_up_at {
                eprintln!("the console is killed: it has not ended by itself");
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
