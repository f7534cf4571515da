//! The address of a test database.

use std::{env, fmt, net::SocketAddr};

use uuid::Uuid;

/// Names the variable with the address of an Amazon `DynamoDB` Local.
const DYNAMODB_LOCAL: &str = "DYNAMODB_LOCAL";

/// The address of a database. In dynoxide each database has a port of its own; in `DynamoDB`
/// Local databases share a port and differ by account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    socket: SocketAddr,
    /// The account, if databases share the port.
    account: Option<Uuid>,
}

impl Address {
    /// Returns the address of an empty database. `DynamoDB` Local has a database for each
    /// access key and Region.
    pub(crate) fn of_a_new_database(dynamodb_local: SocketAddr) -> Self {
        Self {
            socket: dynamodb_local,
            account: Some(Uuid::now_v7()),
        }
    }

    /// Returns the access key id of every client of this database.
    pub fn access_key_id(&self) -> String {
        match self.account {
            None => "test".to_owned(),
            // DynamoDB Local accepts only letters and digits.
            Some(account) => account.simple().to_string(),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self {
            socket,
            account: None,
        }
    }
}

/// Writes the address as in a URL.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

/// Returns the address of `DynamoDB` Local, if the tests are to run on it.
pub(crate) fn dynamodb_local() -> Option<SocketAddr> {
    let text = env::var_os(DYNAMODB_LOCAL)?;
    let address = text.to_str().and_then(|text| text.parse().ok());
    let on_loopback = address.filter(|address: &SocketAddr| address.ip().is_loopback());
    let Some(address) = on_loopback else {
        panic!(
            "{DYNAMODB_LOCAL} is {}, which is not a loopback address such as 127.0.0.1:8000",
            text.display()
        );
    };
    Some(address)
}
