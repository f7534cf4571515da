//! The options of `outboxctl console`.

use std::net::SocketAddr;

use clap::Args;

/// The options of the console.
#[derive(Debug, Args)]
pub(crate) struct ConsoleOptions {
    /// Only print the address, and open no browser.
    #[arg(long)]
    pub(crate) no_open: bool,

    /// Where to listen: an address of this machine that no other can reach. With port 0, any free
    /// port.
    #[arg(long, value_name = "127.0.0.1:PORT", default_value = "127.0.0.1:0", value_parser = loopback)]
    pub(crate) listen: SocketAddr,

    /// The management address of the local stack, which knows what AWS doesn't report.
    #[arg(long, value_name = "URL", hide = true, value_parser = loopback_url)]
    pub(crate) devstack: Option<String>,
}

/// The help of the command beside its options.
pub(crate) const HELP: &str =
    "The page shows the pipeline, the events in the outbox, and what is to be fixed. Its actions are
those of this program, and each shows its command. The page can't be reached from the network,
and on this machine only with its address, which has a token.

AWS is read only while the page is open, by your permissions. In each minute of an open page:
  Scan of the outbox table    12 requests, of 1 MB or 1,000 rows; rows that are read cost
  GetQueueAttributes          12
  GetEventSourceMapping        2, and DescribeRule 2
  GetMetricData                1, of 10 metrics
Further requests follow a click. Dead letters are received, and made visible again, by the page
'To fix'. On a local stack, everything is read every second.

A deployed stack keeps no record of attempts, deliveries and consumers: the page shows them as not
known.

Examples:
  outboxctl --env dev console
  outboxctl --env dev console --no-open --listen 127.0.0.1:8020";

fn loopback(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        _ => Err("write a loopback address with a port, as in 127.0.0.1:8020".to_owned()),
    }
}

fn loopback_url(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("http://").unwrap_or_default();
    let address = address.trim_end_matches('/');
    loopback(address).map(|address| format!("http://{address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        for text in ["127.0.0.1:0", "127.0.0.1:8020", "[::1]:8020"] {
            assert!(loopback(text).is_ok(), "{text}");
        }
        for text in [
            "0.0.0.0:8020",
            "192.0.2.1:8020",
            "[::]:1",
            "localhost:1",
            "127.0.0.1",
            "",
        ] {
            assert!(loopback(text).is_err(), "{text}");
        }
        assert_eq!(
            loopback_url("http://127.0.0.1:4570/").as_deref(),
            Ok("http://127.0.0.1:4570")
        );
        assert!(loopback_url("http://example.com").is_err());
    }
}
