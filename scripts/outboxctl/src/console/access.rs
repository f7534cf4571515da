//! Who may use the console: the browser that has opened the address with the token.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use super::{markup::Markup, pages::error::Forbidden};
use crate::error::Error;

/// Set by browsers alone: where the page that sends a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The secret of this run, and what belongs to the server's own address.
#[derive(Debug)]
pub(super) struct Access {
    /// 256 random bits.
    token: String,
    /// Browsers send the cookies of one port to all others of a host, so the name has the port.
    cookie: String,
    /// The values of `Host` that name this server.
    hosts: [String; 2],
}

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    /// A public name that is resolved to loopback makes a page of that name one of this server.
    Host,
    /// Another page sent it.
    Origin,
    /// Without the cookie.
    Token,
}

impl Rejection {
    /// Returns what to do.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Host => {
                "Open the address that `outboxctl console` printed, with its host as it is."
            }
            Self::Origin => "Another page sent this request. Open the console itself to do it.",
            Self::Token => {
                "Open the address that `outboxctl console` printed: it contains the token of this run."
            }
        }
    }
}

impl Access {
    /// Creates the token for a server on this address.
    ///
    /// # Errors
    ///
    /// If the operating system has no random numbers.
    pub(super) fn new(address: SocketAddr) -> Result<Self, Error> {
        let mut token = [0_u8; 32];
        getrandom::fill(&mut token)
            .map_err(|error| Error::Console(format!("no random numbers: {error}")))?;
        Ok(Self {
            token: BASE64URL_NOPAD.encode(&token),
            cookie: format!("outboxctl-{}", address.port()),
            hosts: [address.to_string(), format!("localhost:{}", address.port())],
        })
    }

    /// Returns the address to open first.
    pub(super) fn first_address(&self) -> String {
        format!("http://{}/?token={}", self.hosts[0], self.token)
    }

    fn is_token(&self, token: &str) -> bool {
        token.as_bytes().ct_eq(self.token.as_bytes()).into()
    }

    /// Checks everything but the token: it must be a request of a page of this server, or of no
    /// page at all.
    fn check_site(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        let all = |name: HeaderName| {
            let values = headers.get_all(name).into_iter();
            values.map(|value| value.to_str().unwrap_or_default())
        };
        let mut hosts = all(HOST);
        let host = hosts.next().filter(|host| self.is_own(host));
        let (Some(host), None) = (host, hosts.next()) else {
            return Err(Rejection::Host);
        };
        let is_own_page = |site: &str| matches!(site, "none" | "same-origin");
        let is_of_own_page = all(SEC_FETCH_SITE).any(|site| site == "same-origin");
        let is_same = |origin: &str| match origin.strip_prefix("http://") {
            Some(origin) => origin.eq_ignore_ascii_case(host),
            // Browsers write this for forms of a page without referrers, as ours are.
            None => origin == "null" && is_of_own_page,
        };
        if !all(ORIGIN).all(is_same) || !all(SEC_FETCH_SITE).all(is_own_page) {
            return Err(Rejection::Origin);
        }
        // A form of another page that hides where it comes from would have neither.
        let is_known = all(ORIGIN).next().is_some() || is_of_own_page;
        if method != Method::GET && method != Method::HEAD && !is_known {
            return Err(Rejection::Origin);
        }
        Ok(())
    }

    fn is_own(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Returns whether the request has the cookie of this run.
    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).into_iter();
        let pairs = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|cookies| cookies.split(';'));
        let named = pairs.filter_map(|pair| pair.trim().split_once('='));
        let mut own = named.filter(|(name, _)| *name == self.cookie);
        own.any(|(_, value)| self.is_token(value))
    }

    /// Returns the response to the first address: the cookie, and where to go on.
    fn admit(&self) -> Response {
        let cookie = format!(
            "{}={}; HttpOnly; SameSite=Strict; Path=/",
            self.cookie, self.token
        );
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::from_static("/"));
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.insert(SET_COOKIE, cookie);
        }
        response
    }
}

/// Returns the token of a first address.
fn token_of(request: &Request) -> Option<&str> {
    let uri = request.uri();
    let query = uri.query().filter(|_| uri.path() == "/")?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
}

/// Lets only requests of the operator's browser through.
pub(super) async fn check(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(rejection) = access.check_site(request.method(), request.headers()) {
        return rejected(rejection);
    }
    match token_of(&request) {
        Some(token) if access.is_token(token) => access.admit(),
        None if access.has_cookie(request.headers()) => next.run(request).await,
        _ => rejected(Rejection::Token),
    }
}

fn rejected(rejection: Rejection) -> Response {
    let page = Forbidden {
        help: rejection.help(),
    };
    (StatusCode::FORBIDDEN, Markup::of(&page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            token: "t0ken".to_owned(),
            ..Access::new("127.0.0.1:8020".parse().unwrap()).unwrap()
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8020");

    #[test]
    fn tokens_are_random_and_long() {
        let address = "127.0.0.1:8020".parse().unwrap();
        let [one, other] = [(); 2].map(|()| Access::new(address).unwrap().token);
        assert_ne!(one, other);
        assert_eq!(one.len(), 43);
    }

    #[test]
    fn requests_of_own_pages_and_of_programs_pass() {
        for (method, pairs) in [
            (Method::GET, &[HOST][..]),
            (Method::GET, &[HOST, ("sec-fetch-site", "none")]),
            (Method::GET, &[("host", "LOCALHOST:8020")]),
            (Method::POST, &[HOST, ("origin", "http://127.0.0.1:8020")]),
            (Method::POST, &[HOST, ("sec-fetch-site", "same-origin")]),
            (
                Method::POST,
                &[HOST, ("origin", "null"), ("sec-fetch-site", "same-origin")],
            ),
        ] {
            let checked = access().check_site(&method, &headers(pairs));
            assert_eq!(checked, Ok(()), "{method} {pairs:?}");
        }
    }

    #[test]
    fn every_other_request_is_rejected() {
        for (method, pairs, expected) in [
            (Method::GET, &[][..], Rejection::Host),
            (
                Method::GET,
                &[("host", "attacker.example")],
                Rejection::Host,
            ),
            (Method::GET, &[("host", "127.0.0.1:8021")], Rejection::Host),
            (Method::GET, &[HOST, ("host", "a.example")], Rejection::Host),
            (Method::GET, &[HOST, ("origin", "null")], Rejection::Origin),
            (
                Method::GET,
                &[HOST, ("origin", "http://localhost:8020")],
                Rejection::Origin,
            ),
            (
                Method::POST,
                &[HOST, ("origin", "null"), ("sec-fetch-site", "cross-site")],
                Rejection::Origin,
            ),
            (
                Method::GET,
                &[HOST, ("sec-fetch-site", "cross-site")],
                Rejection::Origin,
            ),
            (
                Method::GET,
                &[HOST, ("sec-fetch-site", "same-site")],
                Rejection::Origin,
            ),
            (Method::POST, &[HOST], Rejection::Origin),
            (
                Method::POST,
                &[HOST, ("sec-fetch-site", "none")],
                Rejection::Origin,
            ),
        ] {
            let checked = access().check_site(&method, &headers(pairs));
            assert_eq!(checked, Err(expected), "{method} {pairs:?}");
        }
    }

    #[test]
    fn only_the_whole_token_is_accepted() {
        for (cookie, expected) in [
            ("outboxctl-8020=t0ken", true),
            ("other=1; outboxctl-8020=t0ken", true),
            ("outboxctl-8020=wrong; outboxctl-8020=t0ken", true),
            ("outboxctl-8020=t0ke", false),
            ("outboxctl-8020=t0ken1", false),
            ("outboxctl-8020=", false),
            ("outboxctl-8021=t0ken", false),
            ("t0ken", false),
        ] {
            let has = access().has_cookie(&headers(&[("cookie", cookie)]));
            assert_eq!(has, expected, "{cookie}");
        }
    }
}
