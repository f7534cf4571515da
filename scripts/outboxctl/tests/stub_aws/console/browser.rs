//! What a browser does with a console, without the browser.

use std::{
    fmt::Write,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE},
    redirect::Policy,
};

use crate::stub::StubAws;

/// A console, and what a browser knows of it.
pub(super) struct Browser {
    process: Child,
    client: Client,
    /// `http://127.0.0.1:PORT`.
    pub(super) origin: String,
    /// The address with the token.
    pub(super) first_address: String,
    pub(super) cookie: String,
}

impl Browser {
    /// Starts a console and opens its first address.
    pub(super) async fn open(aws: &StubAws) -> Self {
        let mut command = aws.command(&["--stack", "mine", "console", "--no-open"]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first_address = lines.next().unwrap().unwrap();
        let (origin, _) = first_address.split_once("/?token=").unwrap();
        let client = Client::builder().redirect(Policy::none()).no_proxy();
        let mut browser = Self {
            process,
            client: client.build().unwrap(),
            origin: origin.to_owned(),
            cookie: String::new(),
            first_address,
        };
        let admitted = browser.client.get(&browser.first_address).send().await;
        let admitted = admitted.unwrap();
        assert_eq!(admitted.status(), StatusCode::SEE_OTHER);
        assert_eq!(admitted.headers()[LOCATION], "/");
        let cookie = admitted.headers()[SET_COOKIE].to_str().unwrap();
        assert!(
            cookie.contains("; HttpOnly; SameSite=Strict; Path=/"),
            "{cookie}"
        );
        cookie
            .split(';')
            .next()
            .unwrap()
            .clone_into(&mut browser.cookie);
        browser
    }

    /// Returns a request without the cookie.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}{path}", self.origin));
        request.timeout(Duration::from_mins(1))
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        let request = self.request(Method::GET, path);
        request.header(COOKIE, &self.cookie).send().await.unwrap()
    }

    /// Returns a page, which must be there.
    pub(super) async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        let status = response.status();
        let page = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        page
    }

    /// Sends a form of a page.
    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let body = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let request = self
            .request(Method::POST, path)
            .header(COOKIE, &self.cookie)
            .header(ORIGIN, &self.origin)
            .header("content-type", "application/x-www-form-urlencoded");
        let body = body.collect::<Vec<_>>().join("&");
        request.body(body).send().await.unwrap()
    }

    /// Sends a form that starts an action, and returns the page with its result.
    pub(super) async fn result(&self, path: &str, form: &[(&str, &str)]) -> String {
        let response = self.post(path, form).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        let task = response.headers()[LOCATION].to_str().unwrap().to_owned();
        for _ in 0..600 {
            let page = self.page(&task).await;
            if !page.contains("<progress") {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{task} doesn't end");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Percent-encodes a text.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        let _ = write!(encoded, "%{byte:02X}");
    }
    encoded
}
