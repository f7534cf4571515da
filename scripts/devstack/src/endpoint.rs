use std::{fmt, net::SocketAddr};

/// An address on this machine's loopback interface. Everything that talks to
/// AWS here talks to one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalEndpoint(SocketAddr);

/// An address others could reach, or that belongs to others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a loopback address")]
pub struct NotLoopback(SocketAddr);

impl LocalEndpoint {
    /// The endpoint at this address.
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
