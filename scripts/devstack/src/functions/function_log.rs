//! The output of functions, in the log of `make dev` and `make watch`.

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::log::log_line;

/// Logs the output of a process line by line, until it closes. `line` formats a line, or
/// drops it with `None`.
pub(super) fn pass_on(
    source: &str,
    output: Option<impl AsyncRead + Unpin + Send + 'static>,
    line: fn(&str) -> Option<String>,
) {
    let Some(output) = output else { return };
    let source = source.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(bytes)) = lines.next_segment().await {
            if let Some(text) = line(String::from_utf8_lossy(&bytes).trim_end()) {
                log_line(&source, text);
            }
        }
    });
}

/// Returns a line unchanged, if it is not empty.
pub(super) fn unchanged(line: &str) -> Option<String> {
    Some(line.to_owned()).filter(|line| !line.is_empty())
}

/// Formats a line of a function's JSON log for people: the message with the fields of the
/// event and its spans, but without those that the runtime adds to every line. Drops
/// metrics, which are for `CloudWatch`. Other lines, such as a panic, stay unchanged.
pub(super) fn readable(line: &str) -> Option<String> {
    let Ok(Value::Object(record)) = serde_json::from_str(line) else {
        return unchanged(line);
    };
    if record.contains_key("_aws") {
        return None;
    }
    let (Some(Value::String(level)), Some(Value::Object(fields))) =
        (record.get("level"), record.get("fields"))
    else {
        return unchanged(line);
    };
    let mut text = match level.as_str() {
        "INFO" => String::new(),
        level => format!("{level} "),
    };
    let message = fields.get("message").and_then(Value::as_str);
    text.push_str(message.unwrap_or_default());
    add(&mut text, fields);
    let spans = record.get("spans").and_then(Value::as_array);
    for span in spans.into_iter().flatten().filter_map(Value::as_object) {
        if span.get("name").and_then(Value::as_str) != Some("Lambda runtime invoke") {
            add(&mut text, span);
        }
    }
    Some(text)
}

/// Appends fields as `name=value`.
fn add(text: &mut String, fields: &Map<String, Value>) {
    for (name, value) in fields {
        if name == "message" || name == "name" {
            continue;
        }
        let value = match value {
            Value::String(value) => value.clone(),
            value => value.to_string(),
        };
        text.extend([" ", name, "=", &value]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_fields_are_kept_and_the_rest_is_dropped() {
        let runtime = r#"{"name":"Lambda runtime invoke","requestId":"r","xrayTraceId":"x"}"#;
        for (line, expected) in [
            (
                format!(
                    r#"{{"level":"INFO","fields":{{"message":"order placed","order":"42"}},"span":{{"name":"request","trace_id":"t"}},"spans":[{runtime},{{"name":"request","trace_id":"t"}}]}}"#
                ),
                Some("order placed order=42 trace_id=t"),
            ),
            (
                format!(
                    r#"{{"level":"ERROR","fields":{{"message":"parked","rows":2}},"spans":[{runtime}]}}"#
                ),
                Some("ERROR parked rows=2"),
            ),
            (
                r#"{"level":"WARN","fields":{"message":"slow"}}"#.to_owned(),
                Some("WARN slow"),
            ),
            (
                r#"{"_aws":{"CloudWatchMetrics":[]},"Published":1}"#.to_owned(),
                None,
            ),
            (String::new(), None),
            (
                "thread 'main' panicked at src/main.rs:1:1:".to_owned(),
                Some("thread 'main' panicked at src/main.rs:1:1:"),
            ),
            (r#"{"total":3}"#.to_owned(), Some(r#"{"total":3}"#)),
            ("42".to_owned(), Some("42")),
        ] {
            assert_eq!(readable(&line).as_deref(), expected, "{line}");
        }
    }
}
