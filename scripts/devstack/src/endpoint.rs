//! Addresses that cannot leave this machine.

use std::{fmt, net::SocketAddr};

/// An address on this machine's loopback interface. All calls to AWS here go to such an
/// address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalEndpoint(SocketAddr);

/// The address is not on loopback: other machines could reach it, or it is another machine's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a loopback address")]
pub struct NotLoopback(SocketAddr);

impl LocalEndpoint {
    /// Returns the endpoint at this address.
    ///
    /// # Errors
    ///
    /// If the address is not on loopback.
    pub fn new(address: SocketAddr) -> Result<Self, NotLoopback> {
        if address.ip().is_loopback() {
            Ok(Self(address))
        } else {
            Err(NotLoopback(address))
        }
    }

    pub(crate) fn address(self) -> SocketAddr {
        self.0
    }
}

impl fmt::Display for LocalEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_accepted() {
        for (address, accepted) in [
            ("127.0.0.1:4566", true),
            ("[::1]:4566", true),
            ("0.0.0.0:4566", false),
            ("192.0.2.7:4566", false),
            ("[::]:4566", false),
        ] {
            let endpoint = LocalEndpoint::new(address.parse().unwrap());
            assert_eq!(endpoint.is_ok(), accepted, "{address}");
        }
    }
}
