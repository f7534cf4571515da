//! Whether the environment asks for spans.

use std::ffi::OsString;

use http::Uri;

use super::InvalidTelemetry;

/// The variables that name a collector. The first that is set counts.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", BASE];

/// The one to which the exporter adds a path.
const BASE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The variables that choose a protocol. The first that is set counts.
const PROTOCOLS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
];

/// Returns whether spans are to be exported. The exporter reads the variables itself, so they are
/// only checked here: it would take a protocol that it doesn't know for another one, and a host
/// without a scheme for a URL.
///
/// # Errors
///
/// If they are, and a variable is invalid.
pub(super) fn wants_spans(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<bool, InvalidTelemetry> {
    let read = |name| match variable(name).map(OsString::into_string).transpose() {
        // By OpenTelemetry's specification an empty variable counts as one that is not set.
        Ok(value) => Ok(value.filter(|value| !value.is_empty())),
        Err(_) => Err(InvalidTelemetry::NotUtf8(name)),
    };
    if read("OTEL_SDK_DISABLED")?.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    let Some((name, endpoint)) = first(ENDPOINTS, read)? else {
        return Ok(false);
    };
    let Some(url) = url(&endpoint) else {
        return Err(InvalidTelemetry::Endpoint(name));
    };
    if name == BASE && url.query().is_some() {
        return Err(InvalidTelemetry::Query);
    }
    match first(PROTOCOLS, read)? {
        Some((name, value)) if value != "http/protobuf" => {
            Err(InvalidTelemetry::Protocol { name, value })
        }
        _ => Ok(true),
    }
}

/// Returns the first of these variables that is set, with its name.
fn first(
    names: [&'static str; 2],
    read: impl Fn(&'static str) -> Result<Option<String>, InvalidTelemetry>,
) -> Result<Option<(&'static str, String)>, InvalidTelemetry> {
    for name in names {
        if let Some(value) = read(name)? {
            return Ok(Some((name, value)));
        }
    }
    Ok(None)
}

fn url(text: &str) -> Option<Uri> {
    let url = text.parse::<Uri>().ok()?;
    let has_host = url.host().is_some_and(|host| !host.is_empty());
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    (has_host && is_http).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variables: &[(&str, &str)]) -> Result<bool, String> {
        let found = wants_spans(|name| {
            let variable = variables.iter().find(|(known, _)| *known == name);
            variable.map(|(_, value)| OsString::from(value))
        });
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn spans_are_wanted_once_a_collector_is_named() {
        for endpoint in ENDPOINTS {
            let named = (endpoint, "http://localhost:4318");
            assert_eq!(wanted(&[named]), Ok(true));
            assert_eq!(wanted(&[(endpoint, "https://host/a/path")]), Ok(true));
            assert_eq!(wanted(&[(endpoint, "")]), Ok(false));
            assert_eq!(wanted(&[named, ("OTEL_SDK_DISABLED", "TRUE")]), Ok(false));
            assert_eq!(wanted(&[named, ("OTEL_SDK_DISABLED", "false")]), Ok(true));
        }
        assert_eq!(wanted(&[]), Ok(false));
        assert_eq!(wanted(&[("OTEL_SERVICE_NAME", "orders")]), Ok(false));
    }

    #[test]
    fn an_endpoint_that_is_no_url_is_named_and_not_shown() {
        for endpoint in [
            "localhost:4318",
            "secret",
            "/v1/traces",
            "ftp://host",
            "http://",
            "a b",
        ] {
            for name in ENDPOINTS {
                assert_eq!(
                    wanted(&[(name, endpoint)]),
                    Err(format!(
                        "environment variable {name} is no URL of a collector, such as \
                         http://localhost:4318"
                    )),
                    "{endpoint}"
                );
            }
        }
        // It would not be used.
        let disabled = [("OTEL_SDK_DISABLED", "true"), (ENDPOINTS[0], "secret")];
        assert_eq!(wanted(&disabled), Ok(false));
    }

    #[test]
    fn a_path_is_added_only_to_a_url_without_a_query() {
        let url = "https://host/a/path?key=1";
        assert_eq!(wanted(&[(ENDPOINTS[0], url)]), Ok(true));
        assert_eq!(
            wanted(&[(BASE, url)]),
            Err(
                "environment variable OTEL_EXPORTER_OTLP_ENDPOINT has a query, and a path can't be \
                 added to it: name the whole URL in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_protocol_that_the_exporter_lacks_is_an_error() {
        let endpoint = (ENDPOINTS[0], "http://localhost:4317");
        for name in PROTOCOLS {
            let error = wanted(&[endpoint, (name, "grpc")]).unwrap_err();
            let begins = format!("environment variable {name} is \"grpc\", but");
            assert!(error.starts_with(&begins), "{error}");
            assert_eq!(wanted(&[endpoint, (name, "http/protobuf")]), Ok(true));
            assert_eq!(wanted(&[(name, "grpc")]), Ok(false));
        }
        let of_traces = (PROTOCOLS[0], "http/protobuf");
        assert_eq!(
            wanted(&[endpoint, of_traces, (PROTOCOLS[1], "grpc")]),
            Ok(true)
        );
    }
}
