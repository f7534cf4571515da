//! Where a database is.

use std::{env, fmt, net::SocketAddr};

use uuid::Uuid;

/// Names the variable with the address of an Amazon `DynamoDB` Local.
const DYNAMODB_LOCAL: &str = "DYNAMODB_LOCAL";

/// Where a database is, and whose it is: a loopback port is enough for a database that
/// has one to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    socket: SocketAddr,
    account: Option<Uuid>,
}

impl Address {
    /// `DynamoDB` Local keeps a database for each access key and Region.
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
            // DynamoDB Local takes letters and digits alone.
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

/// As it stands in a URL.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket.fmt(f)
    }
}

/// Returns where `DynamoDB` Local is, if the tests are to run on it.
pub(crate) fn dynamodb_local() -> Option<SocketAddr> {
    let text = env::var_os(DYNAMODB_LOCAL)?;
    let address = text.to_str().and_then(|text| text.parse().ok());
    let on_loopback = address.filter(|address: &SocketAddr| address.ip().is_loopback());
    let Some(address) = on_loopback else {
        panic!(
            "{DYNAMODB_LOCAL} is {}, and not a loopback address as 127.0.0.1:8000",
            text.display()
        );
    };
    Some(address)
}
