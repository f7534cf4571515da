//! A running console.

use std::{process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// A process that serves the console. Ends when it is dropped.
pub(crate) struct Console {
    _process: Child,
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
        Self {
            _process: process,
            address,
        }
    }

    /// Returns the address of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        let (origin, _) = self.address.split_once("/?").unwrap();
        format!("{origin}{path}")
    }
}
