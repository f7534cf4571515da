//! A gate for the processes of a test's function: the test decides how far they go.

use std::{ffi::OsString, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// How long a process may take to reach the gate. It may have to be built before.
const TIMEOUT: Duration = Duration::from_mins(2);

/// For the function's source: waits at the gate. The connection stays open until the process
/// ends.
pub(super) const WAIT_AT_GATE: &str = r#"
    fn wait_at_gate() {
        let mut gate = TcpStream::connect(env::var("GATE").unwrap()).unwrap();
        writeln!(gate, "{}", std::process::id()).unwrap();
        gate.read_exact(&mut [0]).unwrap();
        std::mem::forget(gate);
    }
"#;

/// Where the processes of a function wait until the test lets them pass.
pub(super) struct Gate(TcpListener);

/// A process that waits at the gate.
pub(super) struct AtGate {
    pub(super) process: u32,
    connection: BufReader<TcpStream>,
}

impl Gate {
    pub(super) async fn new() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap())
    }

    /// Returns the variables with which a function finds it.
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        let address = self.0.local_addr().unwrap().to_string();
        vec![("GATE".into(), address.into())]
    }

    /// Waits until a process has come to the gate.
    pub(super) async fn next(&self) -> AtGate {
        let accepted = timeout(TIMEOUT, self.0.accept()).await;
        let (connection, _) = accepted.expect("no process comes to the gate").unwrap();
        let mut connection = BufReader::new(connection);
        let mut process = String::new();
        connection.read_line(&mut process).await.unwrap();
        AtGate {
            process: process.trim().parse().unwrap(),
            connection,
        }
    }
}

impl AtGate {
    /// Lets the process pass.
    pub(super) async fn pass(mut self) -> Passed {
        self.connection.write_all(b".").await.unwrap();
        Passed(self.connection)
    }
}

/// A process that has passed the gate.
#[must_use = "as long as this exists, the end of the process can be observed"]
pub(super) struct Passed(BufReader<TcpStream>);

impl Passed {
    /// Waits until the process has ended.
    pub(super) async fn ended(mut self) {
        let ended = timeout(TIMEOUT, self.0.read(&mut [0])).await;
        // The connection is reset if the process is killed with unread input.
        let _ = ended.expect("the process does not end");
    }
}
