//! Requests of web pages, which are rejected.
//!
//! A page in a browser on this machine can send requests to loopback: it needs no permission for
//! those that it can't read the response of. The servers here have no authorization, and run the
//! project's functions. `emulator.py` checks the requests to the emulator by the same rules.

use hyper::{
    HeaderMap,
    header::{HOST, HeaderName, ORIGIN},
};

/// Set by browsers alone: where the page that sends a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// A public name that is resolved to loopback makes a page of that name one of this server.
    #[error("its Host is not this server")]
    Host,
    #[error("its Origin is another site")]
    Origin,
    #[error("a web page of another site sent it")]
    Site,
}

/// Returns why a request is rejected, if it is.
pub(crate) fn rejection(headers: &HeaderMap) -> Option<Rejection> {
    let all = |name: HeaderName| {
        headers
            .get_all(name)
            .into_iter()
            .map(|value| value.to_str().unwrap_or_default())
    };
    let mut hosts = all(HOST);
    let host = hosts.next().filter(|host| is_own(host));
    let (Some(host), None) = (host, hosts.next()) else {
        return Some(Rejection::Host);
    };
    let is_same = |origin: &str| {
        let origin = origin.strip_prefix("http://");
        origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    };
    if !all(ORIGIN).all(is_same) {
        return Some(Rejection::Origin);
    }
    let is_own_page = |site: &str| matches!(site, "none" | "same-origin");
    (!all(SEC_FETCH_SITE).all(is_own_page)).then_some(Rejection::Site)
}

/// Returns whether a host is this server.
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    // Browsers take all names below localhost for loopback without asking a name server.
    matches!(name.as_str(), "127.0.0.1" | "[::1]" | "localhost") || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Option<Rejection> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(name, value);
                all
            });
        rejection(&headers)
    }

    #[test]
    fn programs_and_own_pages_are_answered() {
        for host in [
            "127.0.0.1:4566",
            "localhost:4566",
            "LOCALHOST",
            "[::1]:4566",
            "[::1]",
            "a1b2.execute-api.localhost:4566",
        ] {
            assert_eq!(of(&[("host", host)]), None, "{host}");
        }
        let own = [
            ("host", "127.0.0.1:4566"),
            ("origin", "http://127.0.0.1:4566"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(of(&own), None);
        assert_eq!(of(&[own[0], ("sec-fetch-site", "none")]), None);
    }

    #[test]
    fn other_names_are_rejected() {
        for host in [
            "attacker.example",
            "attacker.example:4566",
            "127.0.0.1.attacker.example:4566",
            "localhost.attacker.example",
            "notlocalhost",
            "192.0.2.1:4566",
            "",
            ":4566",
        ] {
            assert_eq!(of(&[("host", host)]), Some(Rejection::Host), "{host}");
        }
        assert_eq!(of(&[]), Some(Rejection::Host));
        let twice = [("host", "localhost"), ("host", "attacker.example")];
        assert_eq!(of(&twice), Some(Rejection::Host));
    }

    #[test]
    fn pages_of_others_are_rejected() {
        let host = ("host", "127.0.0.1:4566");
        for origin in [
            "https://attacker.example",
            "null",
            "http://127.0.0.1:8080",
            "https://127.0.0.1:4566",
            "",
        ] {
            let found = of(&[host, ("origin", origin)]);
            assert_eq!(found, Some(Rejection::Origin), "{origin}");
        }
        for site in ["cross-site", "same-site", "new"] {
            let found = of(&[host, ("sec-fetch-site", site)]);
            assert_eq!(found, Some(Rejection::Site), "{site}");
        }
    }
}
